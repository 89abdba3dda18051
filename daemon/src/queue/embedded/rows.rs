//! The rows of the embedded queue as producers and readers of the lag see them.

use std::sync::Arc;

use domain::ports::embedded::{Consumed, QueueTable};
use domain::ports::{
    Blame, BoxFuture, Cause, Lag, LagReader, Outgoing, Producer, Published, WriteError,
};

/// Orders go into the store's table, or past it. The store is known by its type, as every charge
/// asks whether it is open.
pub(super) struct Rows<T> {
    table: Arc<T>,
    /// Whether orders are taken out of the queue at present, and may therefore go past it.
    consumed: Consumed,
}

impl<T: QueueTable> Rows<T> {
    pub(super) const fn new(table: Arc<T>, consumed: Consumed) -> Self {
        Self { table, consumed }
    }

    /// Why there was no answer in time, as far as it is known.
    fn no_answer(&self) -> Cause {
        let seconds = self.table.answered_within().as_secs();
        let known = self.table.stalled();
        let known = known.map_or_else(String::new, |cause| format!(": {cause}"));
        Cause(format!("no answer from the database within {seconds} s{known}"))
    }
}

impl<T: QueueTable> Producer for Rows<T> {
    /// A commit that takes too long leaves the result unknown; the orders are published again under
    /// the same ids, which the store takes for what they are. What only waited for another
    /// program's lock is answered earlier: it was definitely not stored.
    fn publish(&self, batch: Arc<Vec<Outgoing>>) -> BoxFuture<'_, Vec<Published>> {
        Box::pin(async move {
            let count = batch.len();
            let stored = self.table.accept(batch, self.consumed.clone());
            let published = match tokio::time::timeout(self.table.answered_within(), stored).await {
                Ok(Ok(())) => Published::Stored,
                Ok(Err(error @ WriteError::Unknown(_))) => Published::Unknown(error.into()),
                // Orders that fail by themselves go into the queue's table: what refuses the batch
                // is the database.
                Ok(Err(error)) => Published::Rejected(Blame::Queue, error.into()),
                Err(_) => Published::Unknown(self.no_answer()),
            };
            vec![published; count]
        })
    }

    fn ready(&self) -> Result<(), Cause> {
        self.table.is_open()
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

impl<T: QueueTable> LagReader for Rows<T> {
    fn read_lag(&self) -> BoxFuture<'_, Result<Lag, Cause>> {
        Box::pin(async move { Ok(self.table.lag().await?) })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::ports::{Blame, LagReader, Producer, Published};
    use store_sqlite::Store;
    use store_sqlite::testing::{Fixture, outgoing};

    use super::{Consumed, Rows};

    fn rows(fixture: &Fixture) -> Rows<Store> {
        Rows::new(Arc::new(fixture.store.clone()), Consumed::default())
    }

    #[tokio::test]
    async fn what_is_published_is_durable_counted_and_refused_once_closed() {
        let fixture = Fixture::with_stock(5);
        let queue = rows(&fixture);
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
        let queue = rows(&fixture);
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
