//! Accepting orders on the embedded queue: durable before the buyer is answered. Where orders are
//! being consumed and none waits ahead, they are decided in the very transaction that accepts them:
//! a row that is put into the queue only to be taken out again would cost half of a sale's writing.
//! Everything else goes into the queue, and so does an order that fails by itself.

use std::borrow::Cow;
use std::sync::Arc;

use domain::batch::Candidate;
use domain::ports::{Consuming, Outgoing};

use crate::Store;
use crate::engine::error::{JobError, WriteError};
use crate::engine::tx::Tx;
use crate::queue_table::queue::{enqueue, not_aside};
use crate::sale::batches::decide_all;
use crate::sale::outcomes;

impl Store {
    /// Accepts the orders, all or none; durable when `Ok`, be it in the queue or decided. Repeating
    /// a call is harmless: an order whose id is queued, decided or set aside is left as it is.
    /// `consuming` is asked in the transaction, so that once it says [`Consuming::Paused`] nothing
    /// is decided here any more.
    ///
    /// # Errors
    /// [`WriteError::Overloaded`] at once when too many writes wait; see there for the others.
    pub(crate) async fn accept(
        &self,
        orders: Arc<Vec<Outgoing>>,
        consuming: impl Fn() -> Consuming + Send + 'static,
    ) -> Result<(), WriteError> {
        let count = orders.len();
        self.writer().try_write(count, move |tx| accept(tx, &orders, consuming())).await
    }
}

pub(crate) fn accept(
    tx: &Tx<'_>,
    orders: &[Outgoing],
    consuming: Consuming,
) -> Result<(), JobError> {
    if consuming == Consuming::Paused || !tx.queue_is_empty() {
        return enqueue(tx, orders);
    }
    let fresh = not_aside(tx, orders)?;
    let candidates: Vec<_> = fresh
        .iter()
        .map(|order| Candidate {
            message: Cow::Borrowed(&order.message),
            asked_at: order.asked_at,
            queued_at: Some(tx.now),
        })
        .collect();
    let decided = decide_all(tx, &candidates)?;
    outcomes::store(tx, &decided.outcomes)?;
    tx.note_accepted(decided.outcomes.decided());
    let at_fault = decided.at_fault.iter().filter_map(|(at, _)| fresh.get(*at).copied());
    enqueue(tx, at_fault)
}
