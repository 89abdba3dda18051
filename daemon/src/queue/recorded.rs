//! A queue's two ends with a track record: what becomes of each batch of the publisher's and the
//! confirmer's is noted, and whether deliveries can be decided. What is an order's own
//! fault says nothing of the queue.

use std::sync::Arc;

use domain::ports::{Blame, BoxFuture, Cause, Decider, Delivery, Outgoing, Producer, Published};

use crate::observe::status::Record;

/// The producer, and where its outcomes are noted.
pub struct RecordedProducer {
    producer: Arc<dyn Producer>,
    record: Arc<Record>,
}

/// A batch on its way; one that ends in a panic has failed.
struct UnderWay<'a> {
    record: &'a Record,
    orders: usize,
    doing: &'static str,
}

impl RecordedProducer {
    /// Notes what becomes of what `producer` sends.
    #[must_use]
    pub const fn new(producer: Arc<dyn Producer>, record: Arc<Record>) -> Self {
        Self { producer, record }
    }

    fn note(&self, results: &[Published], sent: usize) {
        let (mut stored, mut failed, mut why) = (0_usize, 0_usize, None);
        for result in results {
            match result {
                Published::Stored => stored += 1,
                Published::Rejected(Blame::Order, _) => {}
                Published::Rejected(Blame::Queue, cause) | Published::Unknown(cause) => {
                    failed += 1;
                    why = Some(cause.clone());
                }
            }
        }
        if results.len() < sent {
            failed += sent - results.len();
            why = why.or_else(|| Some(Cause("the queue gave no result".to_owned())));
        }
        if let Some(cause) = why {
            self.record.failed(failed, &cause);
        }
        // Last: where some of a batch went through, not all are refused.
        if 0 < stored {
            self.record.through();
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let cause = Cause(format!("{} ended in disorder; the log has the cause", self.doing));
            self.record.failed(self.orders, &cause);
        }
    }
}

impl Producer for RecordedProducer {
    fn publish(&self, batch: Arc<Vec<Outgoing>>) -> BoxFuture<'_, Vec<Published>> {
        Box::pin(async move {
            let sent = batch.len();
            let under_way = UnderWay { record: &self.record, orders: sent, doing: "publishing" };
            let results = self.producer.publish(batch).await;
            drop(under_way);
            self.note(&results, sent);
            results
        })
    }

    fn ready(&self) -> Result<(), Cause> {
        self.producer.ready()
    }

    fn batches_in_flight_max(&self) -> usize {
        self.producer.batches_in_flight_max()
    }

    fn batch_min_beside_another(&self) -> usize {
        self.producer.batch_min_beside_another()
    }
}

/// The decider, and where its outcomes are noted.
pub struct RecordedDecider<P> {
    decider: P,
    record: Arc<Record>,
}

impl<P: Decider> RecordedDecider<P> {
    /// Notes what becomes of what is placed by `decider`.
    #[must_use]
    pub const fn new(decider: P, record: Arc<Record>) -> Self {
        Self { decider, record }
    }
}

impl<P: Decider> Decider for RecordedDecider<P> {
    fn decide(&self, deliveries: Vec<Delivery>) -> Result<(), Cause> {
        let orders = deliveries.len();
        let under_way = UnderWay { record: &self.record, orders, doing: "placing" };
        let placed = self.decider.decide(deliveries);
        drop(under_way);
        match &placed {
            Ok(()) => self.record.through(),
            Err(cause) => self.record.failed(orders, cause),
        }
        placed
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::ports::{Blame, Producer, Published};
    use instruments::panics::contain;
    use protocol::TroubleState;
    use store_sqlite::testing::outgoing;

    use super::{Cause, Decider, Delivery, RecordedDecider, RecordedProducer};
    use crate::gateway::testing::{FakeQueue, cause};
    use crate::observe::status::{Part, Record, Refuses, Status, Subject};

    fn recorded() -> (Arc<FakeQueue>, RecordedProducer, Arc<Record>) {
        let what = "orders can't be sent";
        let subject = Subject { part: Part::Queue, what, refuses: Refuses::Everybody };
        let (queue, record) = (FakeQueue::new(), Status::default().record(subject));
        let producer = RecordedProducer::new(Arc::clone(&queue) as _, Arc::clone(&record));
        (queue, producer, record)
    }

    async fn send(producer: &RecordedProducer, orders: u32) {
        let batch = (0..orders).map(|user| outgoing(&user.to_string(), user)).collect::<Vec<_>>();
        producer.publish(Arc::new(batch)).await;
    }

    #[tokio::test]
    async fn refused_and_unknown_results_are_trouble_until_one_is_stored() {
        let (queue, producer, record) = recorded();
        for result in [
            Published::Rejected(Blame::Queue, cause("no permission")),
            Published::Unknown(cause("FLUSH_DISK_TIMEOUT")),
        ] {
            queue.then(result);
            send(&producer, 1).await;
            assert_eq!(record.told().unwrap().state, TroubleState::Failing);
        }
        let told = record.told().unwrap();
        assert_eq!((told.orders, told.refuses), (2, true));
        assert_eq!(told.text, "orders can't be sent: FLUSH_DISK_TIMEOUT");
        send(&producer, 1).await;
        assert_eq!(record.told(), None);
    }

    #[tokio::test]
    async fn an_order_that_is_itself_at_fault_says_nothing_of_the_queue() {
        let (queue, producer, record) = recorded();
        queue.then(Published::Rejected(Blame::Order, cause("too long")));
        send(&producer, 1).await;
        assert_eq!((record.told(), record.throughs()), (None, 0));
    }

    #[tokio::test]
    async fn a_batch_of_which_some_went_through_refuses_nobody() {
        let (queue, producer, record) = recorded();
        queue.then(Published::Stored);
        queue.then(Published::Rejected(Blame::Queue, cause("no")));
        send(&producer, 2).await;
        assert!(record.told().is_none_or(|told| !told.refuses));
    }

    #[tokio::test]
    async fn a_panic_is_a_failure() {
        let (queue, producer, record) = recorded();
        *queue.panics.lock().unwrap() = true;
        assert!(
            contain(producer.publish(Arc::new(vec![outgoing("a", 1)])).as_mut()).await.is_err()
        );
        assert!(record.told().unwrap().text.contains("in disorder"));
    }

    #[test]
    fn a_panic_while_placing_is_a_failure_too() {
        struct Panics;
        impl Decider for Panics {
            fn decide(&self, _: Vec<Delivery>) -> Result<(), Cause> {
                panic!("as asked")
            }
        }
        let what = "orders can't be placed";
        let subject = Subject { part: Part::Store, what, refuses: Refuses::Nobody };
        let record = Status::default().record(subject);
        let decider = RecordedDecider::new(Panics, Arc::clone(&record));
        let placed =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| decider.decide(vec![])));
        assert!(placed.is_err());
        assert!(record.told().unwrap().text.contains("placing ended in disorder"));
    }
}
