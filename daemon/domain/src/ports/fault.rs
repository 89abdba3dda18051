//! How a write or a read at a port ends without a result. A write says on which side of its commit
//! it failed: not done, or unknown. The texts are for people; who decides goes by the variant.

use super::Cause;

/// Why a write has no result to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// Not done: nothing was stored, and nothing of it will turn up later.
    #[error("not stored: {0}")]
    Rejected(Cause),
    /// Unknown: the commit itself failed, for instance in fsync, and what was written may be found
    /// again after a crash, or may not. Only repeating the write under the same id settles it.
    #[error("it is not known whether this was stored: {0}")]
    Unknown(Cause),
    /// Not done: as many jobs as may wait (`store.writes_waiting_max`) are waiting already.
    #[error("too many writes are waiting for the database")]
    Overloaded,
    /// Not done: the store is closed, or its writer has died.
    #[error("the database is closed")]
    Closed,
}

/// Why a query has no answer. It is then unknown, not empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The database failed.
    #[error("reading the database failed: {0}")]
    Failed(Cause),
    /// The store is closed.
    #[error("the database is closed")]
    Closed,
}

impl From<WriteError> for Cause {
    fn from(error: WriteError) -> Self {
        Self(error.to_string())
    }
}

impl From<ReadError> for Cause {
    fn from(error: ReadError) -> Self {
        Self(error.to_string())
    }
}
