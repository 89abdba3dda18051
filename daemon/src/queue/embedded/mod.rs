//! The embedded queue, for machines without a broker: rows in the database of this process, durable
//! before they are confirmed. Its rows are the store's. While `consumer` has nothing to do, orders
//! are decided as they are accepted.

pub mod consumer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::ports::{
    Blame, BoxFuture, Cause, Consuming, Lag, LagReader, Outgoing, Producer, Published,
};
use store_sqlite::{ANSWERED_WITHIN, Store, WriteError};

/// How long a publisher waits for a commit. One that takes longer leaves the result unknown; the
/// orders are published again under the same ids, which the store takes for what they are. What
/// only waited for another program's lock is answered earlier: it was definitely not stored.
const PUBLISH_TIMEOUT: Duration = ANSWERED_WITHIN;

/// Orders go into the store's queue table.
#[derive(Clone)]
pub struct EmbeddedQueue {
    store: Store,
    /// Whether orders are taken out of the queue at present, and may therefore go past it.
    consumed: Arc<AtomicBool>,
}

impl EmbeddedQueue {
    /// The queue in `store`, which nobody consumes yet.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, consumed: Arc::default() }
    }

    /// Why there was no answer in time, as far as it is known.
    fn no_answer(&self) -> Cause {
        let seconds = PUBLISH_TIMEOUT.as_secs();
        let known = self.store.stall(Duration::ZERO);
        let known = known.map_or_else(String::new, |cause| format!(": {cause}"));
        Cause(format!("no answer from the database within {seconds} s{known}"))
    }

    /// Tells it whether its consumer is at work. After [`Consuming::Paused`] no order is decided
    /// any more but those whose transaction has begun.
    pub fn set_consuming(&self, consuming: Consuming) {
        self.consumed.store(consuming == Consuming::Running, Ordering::SeqCst);
    }
}

impl Producer for EmbeddedQueue {
    fn publish(&self, batch: Arc<Vec<Outgoing>>) -> BoxFuture<'_, Vec<Published>> {
        Box::pin(async move {
            let count = batch.len();
            let consumed = Arc::clone(&self.consumed);
            let consuming = move || match consumed.load(Ordering::SeqCst) {
                true => Consuming::Running,
                false => Consuming::Paused,
            };
            let stored = self.store.accept(batch, consuming);
            let published = match tokio::time::timeout(PUBLISH_TIMEOUT, stored).await {
                Ok(Ok(())) => Published::Stored,
                Ok(Err(error @ WriteError::Unknown(_))) => {
                    Published::Unknown(Cause(error.to_string()))
                }
                // Orders that fail by themselves go into the queue's table: what refuses the batch
                // is the database.
                Ok(Err(error)) => Published::Rejected(Blame::Queue, Cause(error.to_string())),
                Err(_) => Published::Unknown(self.no_answer()),
            };
            vec![published; count]
        })
    }

    fn ready(&self) -> Result<(), Cause> {
        if self.store.is_closed() {
            return Err(Cause(WriteError::Closed.to_string()));
        }
        Ok(())
    }

    /// Two: one batch gathers in the writer's channel while the other is being committed.
    fn batches_in_flight_max(&self) -> usize {
        2
    }

    /// At half load the writer would else be handed a dozen orders at a time, and a commit costs
    /// the same for a dozen as for 60.
    fn batch_min_beside_another(&self) -> usize {
        64
    }
}

impl LagReader for EmbeddedQueue {
    fn read_lag(&self) -> BoxFuture<'_, Result<Lag, Cause>> {
        Box::pin(async move {
            self.store.embedded_lag().await.map_err(|error| Cause(error.to_string()))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::ports::{Blame, LagReader, Producer, Published};
    use store_sqlite::testing::{Fixture, outgoing};

    use super::EmbeddedQueue;

    #[tokio::test]
    async fn what_is_published_is_durable_counted_and_refused_once_closed() {
        let fixture = Fixture::with_stock(5);
        let queue = EmbeddedQueue::new(fixture.store.clone());
        let batch = [outgoing("a", 1), outgoing("b", 2)];
        assert_eq!(queue.ready(), Ok(()));
        for _ in 0..2 {
            let published = queue.publish(Arc::new(batch.clone().into())).await;
            assert_eq!(published, [Published::Stored, Published::Stored]);
        }
        let lag = queue.read_lag().await.unwrap();
        assert_eq!((lag.messages, lag.queues.len(), lag.queues[0].messages), (2, 1, 2));
        fixture.store.close().await.unwrap();
        assert!(queue.ready().is_err());
        assert!(queue.read_lag().await.is_err());
        let published = queue.publish(Arc::new(batch.clone().into())).await;
        assert!(published.iter().all(|one| matches!(one, Published::Rejected(Blame::Queue, _))));
    }

    #[tokio::test]
    async fn a_store_that_cannot_take_it_rejects_the_whole_batch() {
        let fixture = Fixture::with_stock(5);
        let queue = EmbeddedQueue::new(fixture.store.clone());
        fixture
            .sql(
                "CREATE TRIGGER no BEFORE INSERT ON seckill_queue WHEN NEW.order_id = 'b'
             BEGIN SELECT RAISE(ABORT, 'no'); END",
            )
            .await;
        let published = queue.publish(Arc::new([outgoing("a", 1), outgoing("b", 2)].into())).await;
        assert_eq!(published.len(), 2);
        assert!(published.iter().all(|one| matches!(one, Published::Rejected(Blame::Queue, _))));
        assert_eq!(fixture.store.pending().await.unwrap(), []);
    }
}
