//! A producer that sends nothing while this process's database isn't at its path. Unconfirmed
//! orders are kept in that database, and must be found after a restart.

use std::sync::Arc;

use domain::ports::notebook::DataFile;
use domain::ports::{Blame, BoxFuture, Cause, Outgoing, Producer, Published};

/// The producer with that condition. The file is known by its type, as every charge asks for it.
pub(super) struct InPlace<F> {
    producer: Arc<dyn Producer>,
    file: F,
}

impl<F: DataFile> InPlace<F> {
    pub(super) fn new(producer: Arc<dyn Producer>, file: F) -> Self {
        Self { producer, file }
    }
}

impl<F: DataFile> Producer for InPlace<F> {
    fn publish(&self, batch: Arc<Vec<Outgoing>>) -> BoxFuture<'_, Vec<Published>> {
        match self.file.displaced() {
            None => self.producer.publish(batch),
            Some(cause) => {
                let refused = Published::Rejected(Blame::Queue, cause);
                Box::pin(std::future::ready(vec![refused; batch.len()]))
            }
        }
    }

    fn ready(&self) -> Result<(), Cause> {
        self.file.displaced().map_or_else(|| self.producer.ready(), Err)
    }

    fn batches_in_flight_max(&self) -> usize {
        self.producer.batches_in_flight_max()
    }

    fn batch_min_beside_another(&self) -> usize {
        self.producer.batch_min_beside_another()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use store_sqlite::testing::{Fixture, outgoing};

    use super::{Blame, BoxFuture, Cause, InPlace, Outgoing, Producer, Published};

    /// A broker that takes everything.
    #[derive(Default)]
    struct Broker(AtomicUsize);

    impl Producer for Broker {
        fn publish(&self, batch: Arc<Vec<Outgoing>>) -> BoxFuture<'_, Vec<Published>> {
            self.0.fetch_add(batch.len(), Ordering::SeqCst);
            Box::pin(std::future::ready(vec![Published::Stored; batch.len()]))
        }

        fn ready(&self) -> Result<(), Cause> {
            Ok(())
        }

        fn batches_in_flight_max(&self) -> usize {
            3
        }
    }

    /// A gateway over a broker has its own database, in which unknown sends are kept.
    #[tokio::test]
    async fn nothing_goes_to_a_broker_while_the_gateways_database_is_elsewhere() {
        let fixture = Fixture::with_stock(5);
        let broker = Arc::new(Broker::default());
        let producer = InPlace::new(Arc::clone(&broker) as _, fixture.store.clone());
        let batch = Arc::new(vec![outgoing("a", 1)]);
        assert_eq!(producer.publish(Arc::clone(&batch)).await, [Published::Stored]);
        assert_eq!((producer.ready(), producer.batches_in_flight_max()), (Ok(()), 3));

        let mut place = fixture.store.watch_place();
        let away = fixture.folder.path().join("away");
        fs::rename(fixture.path(), &away).unwrap();
        place.wait_for(Option::is_some).await.unwrap();
        assert!(producer.ready().is_err());
        let published = producer.publish(Arc::clone(&batch)).await;
        assert!(
            matches!(published.as_slice(), [Published::Rejected(Blame::Queue, _)]),
            "{published:?}"
        );
        assert_eq!(broker.0.load(Ordering::SeqCst), 1);

        fs::rename(&away, fixture.path()).unwrap();
        place.wait_for(Option::is_none).await.unwrap();
        assert_eq!(producer.publish(batch).await, [Published::Stored]);
    }
}
