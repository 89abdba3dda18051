//! Tests of the confirmer's own life: its panics and its signs of life. What it does for orders is
//! tested with the charge.

use std::sync::atomic::AtomicU32;

use domain::order_id::OrderIdKey;
use domain::ports::{BoxFuture, ReadError, WriteError};
use instruments::signs_of_life::Vitals;
use protocol::{EpochMs, OrderId};

use super::*;
use crate::gateway::testing::{FakeQueue, PHONE, PROD};

/// A store of one unconfirmed order, which panics when it is to be forgotten for the first time.
#[derive(Default)]
struct Frail {
    forgettings: AtomicU32,
}

impl UnconfirmedSends for Frail {
    fn keep(&self, _: Vec<(Outgoing, Cause)>) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(async { Ok(()) })
    }

    fn forget(&self, _: Vec<OrderId>) -> BoxFuture<'_, Result<(), WriteError>> {
        let forgettings = self.forgettings.fetch_add(1, Ordering::SeqCst);
        assert!(0 < forgettings, "as the test asked");
        Box::pin(async { Ok(()) })
    }

    fn load(&self) -> BoxFuture<'_, Result<Vec<Outgoing>, ReadError>> {
        let message = OrderMessage {
            order_id: "a".into(),
            phone: PHONE.into(),
            prod_id: PROD.into(),
            charge_money: "5999.000".to_owned(),
        };
        Box::pin(async { Ok(vec![Outgoing { message, asked_at: EpochMs(1) }]) })
    }
}

struct Confirmer {
    unconfirmed: Arc<UnconfirmedOrders>,
    store: Arc<Frail>,
    queue: Arc<FakeQueue>,
    cancel: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

async fn confirmer(queue: Arc<FakeQueue>) -> Confirmer {
    let book = Arc::new(Book::new(OrderIdKey::new(vec![7; 32])));
    let store = Arc::<Frail>::default();
    let unconfirmed = Arc::new(UnconfirmedOrders::new(book, Arc::clone(&store) as _));
    unconfirmed.recover().await.unwrap();
    let cancel = CancellationToken::new();
    let every = Duration::from_millis(1);
    let producer = Arc::clone(&queue) as _;
    let running =
        tokio::spawn(Arc::clone(&unconfirmed).run(producer, 4_usize, every, cancel.clone()));
    Confirmer { unconfirmed, store, queue, cancel, running }
}

async fn until(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap();
}

#[tokio::test]
async fn a_panic_in_one_round_does_not_end_the_confirmer() {
    let confirmer = confirmer(FakeQueue::new()).await;
    until(|| confirmer.store.forgettings.load(Ordering::SeqCst) == 1).await;
    // Another order comes, and is dealt with.
    confirmer.unconfirmed.recover().await.unwrap();
    until(|| confirmer.store.forgettings.load(Ordering::SeqCst) == 2).await;
    assert_eq!((confirmer.unconfirmed.count(), confirmer.queue.sent_ids().len()), (0, 2));
    assert!(!confirmer.running.is_finished());
    confirmer.cancel.cancel();
    confirmer.running.await.unwrap();
}

/// A broker that gives no answer for longer than the watchdog waits must not have the gateway
/// killed.
#[tokio::test]
async fn while_the_queue_is_silent_the_confirmer_rests() {
    let queue = FakeQueue::new();
    queue.open.send_replace(false);
    let confirmer = confirmer(queue).await;
    let vitals = Vitals::default();
    vitals.watch("confirmer", confirmer.unconfirmed.pulse());
    until(|| !confirmer.queue.sent_ids().is_empty()).await;
    for _ in 0..50 {
        assert_eq!(vitals.stuck(Duration::ZERO), None);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    confirmer.cancel.cancel();
    confirmer.running.await.unwrap();
}
