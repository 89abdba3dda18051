//! The queue's contract over the embedded queue.

use std::sync::Arc;

use domain::ports::contract::queue as contract;
use domain::ports::{Cause, Decider, Delivery, Outgoing, Queue, Sale};
use rusqlite::Connection;
use store_sqlite::Store;
use store_sqlite::testing::{outgoing, seeds, settings};
use tempfile::TempDir;

use super::{Consumption, EmbeddedQueue};
use crate::observe::status::{Part, Refuses, Status, Subject};
use crate::queue::consumer::Settings;

/// Units for every order of a test.
const STOCK: u32 = 10_000;

struct Rig {
    queue: Arc<dyn Queue>,
    store: Store,
    /// Holds the write lock, while nothing can be stored.
    in_the_way: Option<Connection>,
    folder: TempDir,
}

/// The store decides by itself.
struct Unasked;

impl Decider for Unasked {
    fn decide(&self, _: Vec<Delivery>) -> Result<(), Cause> {
        panic!("the embedded queue asked its decider")
    }
}

impl Rig {
    fn fresh() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (queue, store) = opened(&folder);
        Self { queue, store, in_the_way: None, folder }
    }
}

fn opened(folder: &TempDir) -> (Arc<dyn Queue>, Store) {
    let store = Store::open(&settings(folder.path().join("store.db")), &seeds(STOCK)).unwrap();
    let settings = Settings {
        batch_max: 16_u32.into(),
        deliveries_max: 3_u32.into(),
        redelivery_after_ms: 1_u32.into(),
        redelivery_after_ms_max: 1_u32.into(),
    };
    let what = "orders can't be placed";
    let subject = Subject { part: Part::Store, what, refuses: Refuses::Nobody };
    let record = Status::default().record(subject);
    let consumption = Consumption { settings, pulse: Arc::default(), record };
    (Arc::new(EmbeddedQueue::new(Arc::new(store.clone()), consumption)), store)
}

impl contract::QueueRig for Rig {
    fn queue(&self) -> Arc<dyn Queue> {
        Arc::clone(&self.queue)
    }

    fn decider(&self) -> Arc<dyn Decider> {
        Arc::new(Unasked)
    }

    fn order(&self, number: u32) -> Outgoing {
        outgoing(&format!("order-{number:04}"), number)
    }

    async fn decided(&self) -> Vec<String> {
        let page = self.store.decisions(protocol::Seq(0), usize::MAX).await.unwrap();
        page.decisions.into_iter().map(|decision| decision.order_id.to_string()).collect()
    }

    async fn reopen(&mut self) {
        self.queue.stop_consuming().await;
        self.queue.shutdown().await;
        self.store.close().await.unwrap();
        (self.queue, self.store) = opened(&self.folder);
    }

    async fn disturb(&mut self) {
        let other = Connection::open(self.folder.path().join("store.db")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        self.in_the_way = Some(other);
    }

    async fn mend(&mut self) {
        self.in_the_way = None;
    }
}

#[tokio::test]
async fn stored_orders() {
    contract::what_is_stored_is_decided_once(&mut Rig::fresh(), 0).await;
}

#[tokio::test]
async fn repeated_orders() {
    contract::a_repeated_publish_is_one_order(&mut Rig::fresh(), 0).await;
}

#[tokio::test]
async fn pauses() {
    contract::a_pause_keeps_and_the_lag_counts(&mut Rig::fresh(), 0).await;
}

#[tokio::test]
async fn stops() {
    contract::a_stop_finishes_the_batch_and_the_next_start_goes_on(&mut Rig::fresh(), 0).await;
}

#[tokio::test]
async fn refusals() {
    contract::what_is_refused_is_never_decided(&mut Rig::fresh(), 0).await;
}

#[tokio::test]
async fn results() {
    contract::there_is_one_result_each_in_their_order(&mut Rig::fresh(), 0).await;
}
