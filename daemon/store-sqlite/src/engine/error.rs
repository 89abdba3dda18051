//! How a write, a read or a close of the store can fail, and which side of the commit that was on.

use std::fmt;
use std::path::PathBuf;

use domain::ports::Cause;
use domain::ports::desk::Refusal;
pub(crate) use domain::ports::{ReadError, WriteError};
use rusqlite::ErrorCode;

/// What went wrong while closing; what was answered before is stored all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloseError {
    /// The last checkpoint failed: the write-ahead log stays and is read at the next start.
    #[error("the last checkpoint failed: {0}")]
    Checkpoint(Cause),
    /// The writing thread had died earlier.
    #[error("the writing thread had died")]
    WriterDied,
    /// The files that were open weren't those at their paths any more, which were left as they are.
    #[error("{cause}; {}", told_of(rescued))]
    Displaced {
        /// How that showed.
        cause: Cause,
        /// Where everything that was stored is now; the error says why it isn't anywhere.
        rescued: Result<PathBuf, String>,
    },
}

fn told_of(rescued: &Result<PathBuf, String>) -> String {
    match rescued {
        Ok(path) => {
            let path = path.display();
            format!("all that was stored is in {path}: seckilld restore {path}")
        }
        Err(why) => format!("what was stored could not be copied: {why}"),
    }
}

/// Why the work of one job didn't come to its end.
#[derive(Debug)]
pub(crate) enum JobError {
    /// SQLite, or a value in it that can't be read.
    Sqlite(rusqlite::Error),
    /// The job panicked.
    Panic(String),
    /// A command can't be carried out as it was asked.
    Refused(Box<Refusal>),
}

impl JobError {
    /// Whether the work itself is at fault, so that other work may go on without it. Everything
    /// else is the database's trouble as a whole: an unfamiliar error must not empty the queue into
    /// the dead letters.
    pub(crate) fn is_of_the_work(&self) -> bool {
        let Self::Sqlite(error) = self else { return true };
        match error.sqlite_error_code() {
            Some(code) => matches!(
                code,
                ErrorCode::ConstraintViolation
                    | ErrorCode::TooBig
                    | ErrorCode::TypeMismatch
                    | ErrorCode::ParameterOutOfRange
            ),
            None => matches!(
                error,
                rusqlite::Error::FromSqlConversionFailure(..)
                    | rusqlite::Error::ToSqlConversionFailure(..)
                    | rusqlite::Error::IntegralValueOutOfRange(..)
                    | rusqlite::Error::InvalidColumnType(..)
                    | rusqlite::Error::Utf8Error(..)
            ),
        }
    }

    /// The cause, for the log.
    pub(crate) fn cause(&self) -> Cause {
        Cause(self.to_string())
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(error) => error.fmt(f),
            Self::Panic(message) => write!(f, "a panic: {message}"),
            Self::Refused(refusal) => write!(f, "refused: {refusal:?}"),
        }
    }
}

impl From<rusqlite::Error> for JobError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}
