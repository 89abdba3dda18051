//! The embedded queue, for machines without a broker: rows in the database of this process, durable
//! before they are confirmed. Its table is the store's (`domain::ports::embedded`). While its
//! consumer has nothing to do, orders are decided as they are accepted. `rows`: the way in and the
//! lag; `consumer`: the loop that takes orders out.

mod consumer;
mod rows;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::ports::embedded::{Consumed, QueueTable};
use domain::ports::{
    BoxFuture, Broker, Consuming, Decider, Ended, Knowledge, LagReader, Pending, Producer, Queue,
    ReadError,
};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::warn;

pub use consumer::{Consumption, Settings};
use rows::Rows;

/// The queue in this process's store.
pub struct EmbeddedQueue<T> {
    table: Arc<T>,
    rows: Arc<Rows<T>>,
    consumption: Consumption,
    consumed: Consumed,
    consuming: watch::Sender<Consuming>,
    consumer: Mutex<Option<Consumer>>,
}

/// The consumer at work.
struct Consumer {
    task: JoinHandle<()>,
    cancel: CancellationToken,
}

impl<T: QueueTable> EmbeddedQueue<T> {
    /// The queue in `table`, which nobody consumes yet.
    #[must_use]
    pub fn new(table: Arc<T>, consumption: Consumption) -> Self {
        let consumed = Consumed::default();
        let rows = Arc::new(Rows::new(Arc::clone(&table), consumed.clone()));
        let consuming = watch::Sender::new(Consuming::Running);
        Self { table, rows, consumption, consumed, consuming, consumer: Mutex::default() }
    }

    fn consumer(&self) -> MutexGuard<'_, Option<Consumer>> {
        self.consumer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets orders past the queue while its consumer runs and isn't paused.
    fn let_past(&self, consumer: &Option<Consumer>) {
        self.consumed.set(match consumer {
            Some(_) => *self.consuming.borrow(),
            None => Consuming::Paused,
        });
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
        let mut consumer = self.consumer();
        self.consuming.send_replace(consuming);
        if consumer.is_none() {
            let (cancel, consuming) = (CancellationToken::new(), self.consuming.subscribe());
            let (table, consumption) = (Arc::clone(&self.table), self.consumption.clone());
            let running = consumer::run(table as _, consumption, consuming, cancel.clone());
            *consumer = Some(Consumer { task: tokio::spawn(running), cancel });
        }
        self.let_past(&consumer);
    }

    fn set_consuming(&self, consuming: Consuming) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let consumer = self.consumer();
            self.consuming.send_replace(consuming);
            self.let_past(&consumer);
        })
    }

    fn stop_consuming(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let running = {
                let mut consumer = self.consumer();
                let running = consumer.take();
                self.let_past(&consumer);
                running
            };
            if let Some(Consumer { task, cancel }) = running {
                cancel.cancel();
                if task.await.is_err() {
                    warn!("the consumer ended in disorder");
                }
            }
        })
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
