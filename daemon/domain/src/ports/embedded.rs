//! The queue's table inside of the store that decides the orders: what the embedded queue asks of
//! it. Accepting an order and deciding it may be one transaction, so only a store that has the
//! sale's data and this table in one database can implement it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use protocol::EpochMs;
use tokio::sync::watch;

use super::{
    BoxFuture, Cause, Consuming, Lag, Look, Outgoing, Pending, ReadError, TakingLimits, WriteError,
};

/// Whether the table is being consumed, shared by the queue, which sets it, and the store, which
/// asks in the transaction that accepts. Nobody consumes it at first.
#[derive(Debug, Clone, Default)]
pub struct Consumed(Arc<AtomicBool>);

impl Consumed {
    /// Says whether the consumer is at work. After [`Consuming::Paused`] no order is decided as it
    /// is accepted any more, but in a transaction that has asked already.
    pub fn set(&self, consuming: Consuming) {
        self.0.store(consuming == Consuming::Running, Ordering::SeqCst);
    }

    /// What was said last.
    #[must_use]
    pub fn get(&self) -> Consuming {
        if self.0.load(Ordering::SeqCst) { Consuming::Running } else { Consuming::Paused }
    }
}

/// The table of the embedded queue.
pub trait QueueTable: Send + Sync + 'static {
    /// Accepts the orders, all or none; durable when `Ok`, be it in the table or decided. They are
    /// decided at once where `consumed` says that the consumer is at work and none waits ahead.
    /// Repeating a call is harmless: an order whose id waits, is decided or set aside is left as it
    /// is.
    ///
    /// # Errors
    /// [`WriteError::Overloaded`] at once where too many writes wait already.
    fn accept(
        &self,
        orders: Arc<Vec<Outgoing>>,
        consumed: Consumed,
    ) -> BoxFuture<'_, Result<(), WriteError>>;

    /// Takes due orders, oldest first, decides and removes them in one transaction. An order that
    /// fails by itself waits, and becomes a dead letter in the end.
    ///
    /// # Errors
    /// The store failed: the orders stay as they were, or (`Unknown`) may be decided.
    fn decide_queued(&self, limits: TakingLimits) -> BoxFuture<'_, Result<Look, WriteError>>;

    /// How many orders wait, retries included, and the age of the oldest.
    ///
    /// # Errors
    /// It can't be read.
    fn lag(&self) -> BoxFuture<'_, Result<Lag, ReadError>>;

    /// Every order that is known here and not decided: those that wait, and those set aside, which
    /// an operator may still resend or has resent, so that they hold their units. In no sequence.
    ///
    /// # Errors
    /// They can't be read.
    fn undecided(&self) -> BoxFuture<'_, Result<Vec<Pending>, ReadError>>;

    /// Goes up with each commit that put something into the table.
    fn queued(&self) -> watch::Receiver<u64>;

    /// Whether anything can be accepted at all, as far as that is known without trying.
    ///
    /// # Errors
    /// The store is closed.
    fn is_open(&self) -> Result<(), Cause>;

    /// Why the write under way has no answer yet; `None` while none is under way, or where nothing
    /// is known.
    fn stalled(&self) -> Option<Cause>;

    /// Within which time a write is answered if it only waits for another program. One without an
    /// answer by then is at something that may take for ever.
    fn answered_within(&self) -> Duration;

    /// The moment, by the clock that says when an order is due.
    fn now(&self) -> EpochMs;
}
