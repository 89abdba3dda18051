//! The embedded queue, for machines without a broker: rows in the database of this process, durable
//! before they are confirmed. Its table is the store's (`domain::ports::embedded`). While its
//! consumer has nothing to do, orders are decided as they are accepted. `rows`: the way in and the
//! lag. The loop that takes orders out is `queue/consumer`.

mod rows;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use domain::ports::embedded::{Consumed, QueueTable};
use domain::ports::{
    BoxFuture, Broker, Consuming, Decider, Ended, Knowledge, LagReader, Look, Pending, Producer,
    Queue, ReadError, TakingLimits, WriteError,
};
use protocol::EpochMs;
use tokio::sync::watch;

use super::consumer::{Consumer, Consumption, Table};
use rows::Rows;

/// The queue in this process's store.
pub struct EmbeddedQueue<T> {
    table: Arc<T>,
    rows: Arc<Rows<T>>,
    consumer: Consumer<Waiting<T>>,
}

/// The table as its consumer sees it.
pub(super) struct Waiting<T>(pub(super) Arc<T>);

impl<T: QueueTable> Table for Waiting<T> {
    const WHAT: &'static str = "orders";

    fn take(&self, limits: TakingLimits) -> BoxFuture<'_, Result<Look, WriteError>> {
        self.0.decide_queued(limits)
    }

    fn added(&self) -> watch::Receiver<u64> {
        self.0.queued()
    }

    fn now(&self) -> EpochMs {
        self.0.now()
    }
}

impl<T: QueueTable> EmbeddedQueue<T> {
    /// The queue in `table`, which nobody consumes yet.
    #[must_use]
    pub fn new(table: Arc<T>, consumption: Consumption) -> Self {
        let consumed = Consumed::default();
        let rows = Arc::new(Rows::new(Arc::clone(&table), consumed.clone()));
        // Orders go past the queue while its consumer runs and isn't paused.
        let let_past = move |consuming| consumed.set(consuming);
        let consumer = Consumer::new(Waiting(Arc::clone(&table)), consumption, let_past);
        Self { table, rows, consumer }
    }
}

impl<T: QueueTable> Queue for EmbeddedQueue<T> {
    fn producer(&self) -> Arc<dyn Producer> {
        Arc::clone(&self.rows) as _
    }

    fn lag_reader(&self) -> Arc<dyn LagReader> {
        Arc::clone(&self.rows) as _
    }

    fn knowledge(&self) -> Knowledge {
        Knowledge::Whole
    }

    fn undecided(&self) -> BoxFuture<'_, Result<Vec<Pending>, ReadError>> {
        self.table.undecided()
    }

    /// The orders are decided in the transaction that takes them, by the store. A consumer that
    /// runs already goes on.
    fn start_consumer(&self, _: Arc<dyn Decider>, consuming: Consuming) {
        self.consumer.start(consuming);
    }

    fn set_consuming(&self, consuming: Consuming) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.consumer.set_consuming(consuming) })
    }

    fn stop_consuming(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.consumer.stop())
    }

    fn shutdown(&self) -> BoxFuture<'_, Ended> {
        Box::pin(async move {
            self.stop_consuming().await;
            Ended::Whole
        })
    }

    fn broker(&self) -> Option<&dyn Broker> {
        None
    }
}
