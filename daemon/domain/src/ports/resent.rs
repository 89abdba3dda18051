//! Dead letters that an operator resent, on their way back to the order role. They belong to the
//! sale's data, whatever the kind of the queue: each was delivered once, and goes to no broker
//! again. A letter stays where it is, with the time at which it is due, until its order is decided.
//! What every store owes here is held by `contract::resent`.

use protocol::EpochMs;
use tokio::sync::watch;

use super::{BoxFuture, Look, QueueLag, ReadError, TakingLimits, WriteError};

/// What waits as [`ResentLetters`] is shown under this name among the parts of the lag.
pub const RESENT: &str = "resent dead letters";

/// The letters on their way back. The operator's desk puts them on it.
pub trait ResentLetters: Send + Sync + 'static {
    /// Takes due letters, those first that are due the longest, decides their orders and resolves
    /// the letters, all in one transaction. An order that fails by itself waits and is tried again;
    /// at its last try the letter is resolved as resent, and another one with the new reason takes
    /// its place.
    ///
    /// # Errors
    /// The store failed: the letters are due as they were, or (`Unknown`) may be decided.
    fn decide_due(&self, limits: TakingLimits) -> BoxFuture<'_, Result<Look, WriteError>>;

    /// How many are on their way, those put off included, and the age of the oldest order, as a
    /// part of the lag: [`RESENT`].
    ///
    /// # Errors
    /// They can't be read.
    fn on_their_way(&self) -> BoxFuture<'_, Result<QueueLag, ReadError>>;

    /// Goes up with each commit that put a letter on its way.
    fn resent(&self) -> watch::Receiver<u64>;

    /// The moment, by the clock that says when a letter is due.
    fn now(&self) -> EpochMs;
}
