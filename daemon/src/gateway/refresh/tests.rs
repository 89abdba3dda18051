//! Tests of the follower: its rests, its panics, its signs of life.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::order_id::OrderIdKey;
use domain::ports::order_side::{OrderLookup, OrderSide};
use domain::ports::{BoxFuture, Cause};
use instruments::signs_of_life::Vitals;
use protocol::{DecisionsPage, EpochMs, Outcome, Phone, ProdId, Seq};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{REST, Refresh, Sync};
use crate::gateway::book::Book;
use crate::gateway::testing::{FakeOrders, PHONE, PROD};

/// An order side whose readings are counted, and which behaves in its own manner.
struct Watched {
    orders: Arc<FakeOrders>,
    readings: watch::Sender<u64>,
    manner: Manner,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Something is decided whenever it is asked, as in a sale.
    Busy,
    /// The third reading panics, and the fourth.
    Panics,
    /// The third reading is never answered, nor is the fourth.
    Silent,
}

impl OrderSide for Watched {
    fn decisions(&self, after: Seq) -> BoxFuture<'_, Result<DecisionsPage, Cause>> {
        let mut reading = 0;
        self.readings.send_modify(|count| {
            *count += 1;
            reading = *count;
        });
        Box::pin(async move {
            match self.manner {
                Manner::Panics => assert!(!matches!(reading, 3 | 4), "as the test asked"),
                Manner::Silent if matches!(reading, 3 | 4) => std::future::pending().await,
                Manner::Silent | Manner::Busy => {}
            }
            self.orders.decisions(after).await
        })
    }

    fn find<'a>(
        &'a self,
        prod_id: &'a ProdId,
        phone: &'a Phone,
    ) -> BoxFuture<'a, Result<OrderLookup, Cause>> {
        self.orders.find(prod_id, phone)
    }

    fn changes(&self) -> Option<watch::Receiver<u64>> {
        (self.manner == Manner::Busy).then(|| self.readings.subscribe())
    }
}

fn follower(manner: Manner, every: Duration) -> (Arc<Watched>, Arc<Book>, Refresh) {
    let (orders, readings) = (FakeOrders::with_stock(9), watch::Sender::new(0));
    let side = Arc::new(Watched { orders, readings, manner });
    let book = Arc::new(Book::new(OrderIdKey::new(vec![7; 32])));
    let refresh = Refresh::new(Arc::clone(&book), Arc::clone(&side) as _, every);
    (side, book, refresh)
}

#[tokio::test]
async fn in_a_sale_a_rest_lies_between_two_readings_and_each_change_is_read() {
    const READINGS: u32 = 6;
    // So long an interval that only changes wake it.
    let (busy, _book, refresh) = follower(Manner::Busy, Duration::from_secs(3_600));
    let (mut readings, cancel) = (busy.readings.subscribe(), CancellationToken::new());
    let start = Instant::now();
    let running = tokio::spawn(refresh.run(cancel.clone()));
    let enough = readings.wait_for(|count| u64::from(READINGS) <= *count);
    tokio::time::timeout(Duration::from_secs(30), enough).await.unwrap().unwrap();
    assert!(REST * (READINGS - 1) <= start.elapsed());
    cancel.cancel();
    running.await.unwrap();
}

const OFTEN: Duration = Duration::from_millis(1);

#[tokio::test]
async fn a_panic_ends_one_turn_and_the_book_is_shown_as_behind_until_the_next() {
    let (side, book, refresh) = follower(Manner::Panics, OFTEN);
    let (mut state, cancel) = (refresh.state(), CancellationToken::new());
    let mut seen = Vec::new();
    let running = tokio::spawn(refresh.run(cancel.clone()));
    let look = async {
        while seen.len() < 3 {
            seen.push(state.borrow_and_update().clone());
            state.changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(30), look).await.unwrap();
    let panicked = Cause("following it panicked: as the test asked".to_owned());
    assert_eq!(seen, [Sync::Never(None), Sync::Following, Sync::Behind(panicked)]);
    assert_eq!(*state.borrow(), Sync::Following);
    side.orders.decide("a", &PHONE.into(), Outcome::Failed);
    let entry = book.entry(&PROD.into()).unwrap();
    while entry.buyer(&PHONE.into()).is_none() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    cancel.cancel();
    running.await.unwrap();
}

/// An order node that gives no answer for longer than the watchdog waits must not have the gateway
/// killed.
#[tokio::test]
async fn while_the_order_side_is_silent_the_follower_rests() {
    let (side, _book, refresh) = follower(Manner::Silent, OFTEN);
    let (vitals, cancel) = (Vitals::default(), CancellationToken::new());
    let mut third = side.readings.subscribe();
    vitals.watch("follower", refresh.pulse());
    let running = tokio::spawn(refresh.run(cancel.clone()));
    let asked = tokio::time::timeout(Duration::from_secs(30), third.wait_for(|count| 3 <= *count));
    asked.await.unwrap().unwrap();
    for _ in 0..50 {
        assert_eq!(vitals.stuck(Duration::ZERO), None);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    cancel.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_hold_that_was_ended_waits_for_the_next_stock_figure() {
    let (side, book, mut refresh) = follower(Manner::Silent, OFTEN);
    refresh.catch_up().await.unwrap();
    let entry = book.entry(&PROD.into()).unwrap();
    entry.claim(&PHONE.into(), EpochMs(1), &Arc::default(), |_| "a".into()).unwrap();
    entry.hold(&PHONE.into(), &"a".into(), protocol::PreheatRatio::NONE).unwrap();
    side.orders.decide("a", &PHONE.into(), Outcome::Placed);
    let products = std::mem::take(&mut side.orders.page.lock().unwrap().products);
    refresh.catch_up().await.unwrap();
    assert_eq!((entry.stock.figures().stock, entry.stock.figures().held), (9, 1));
    // Readings three and four would be silent.
    side.readings.send_replace(4);
    side.orders.page.lock().unwrap().products = products;
    refresh.catch_up().await.unwrap();
    assert_eq!((entry.stock.figures().stock, entry.stock.figures().held), (8, 0));
}
