//! Tests of the follower: its rests, its panics, its signs of life.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use domain::order_id::OrderIdKey;
use domain::ports::order_side::{OrderLookup, OrderSide};
use domain::ports::{BoxFuture, Cause};
use instruments::signs_of_life::Vitals;
use protocol::{DecisionsPage, EpochMs, Outcome};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{REST, Refresh, Sync};
use crate::gateway::book::Book;
use crate::gateway::testing::{FakeOrders, PHONE, PROD};

/// An order side on which something is decided whenever it is asked, as in a sale.
struct Busy {
    orders: Arc<FakeOrders>,
    /// Counts the readings as well.
    changes: watch::Sender<u64>,
}

impl OrderSide for Busy {
    fn decisions(&self, after: u64) -> BoxFuture<'_, Result<DecisionsPage, Cause>> {
        self.changes.send_modify(|count| *count += 1);
        self.orders.decisions(after)
    }

    fn find<'a>(
        &'a self,
        prod_id: &'a str,
        user_phone: &'a str,
    ) -> BoxFuture<'a, Result<OrderLookup, Cause>> {
        self.orders.find(prod_id, user_phone)
    }

    fn changes(&self) -> Option<watch::Receiver<u64>> {
        Some(self.changes.subscribe())
    }
}

#[tokio::test]
async fn in_a_sale_a_rest_lies_between_two_readings_and_each_change_is_read() {
    const READINGS: u32 = 6;
    let busy = Arc::new(Busy { orders: FakeOrders::with_stock(1), changes: watch::Sender::new(0) });
    let book = Arc::new(Book::new(OrderIdKey::new(vec![7; 32])));
    let (mut changes, cancel) = (busy.changes.subscribe(), CancellationToken::new());
    // So long an interval that only changes wake it.
    let every = Duration::from_secs(3_600);
    let refresh = Refresh::new(book, Arc::clone(&busy) as _, every);
    let start = Instant::now();
    let running = tokio::spawn(refresh.run(cancel.clone()));
    let enough = changes.wait_for(|count| u64::from(READINGS) <= *count);
    tokio::time::timeout(Duration::from_secs(30), enough).await.unwrap().unwrap();
    assert!(REST * (READINGS - 1) <= start.elapsed());
    cancel.cancel();
    running.await.unwrap();
}

/// An order side that is out of order for some readings.
struct Unwell {
    orders: Arc<FakeOrders>,
    readings: AtomicU32,
    illness: Illness,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Illness {
    /// The third reading panics, and the fourth.
    Panics,
    /// The third reading is never answered.
    Silent,
}

impl OrderSide for Unwell {
    fn decisions(&self, after: u64) -> BoxFuture<'_, Result<DecisionsPage, Cause>> {
        let reading = 1 + self.readings.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            let is_ill = matches!(reading, 3 | 4);
            assert!(!is_ill || self.illness != Illness::Panics, "as the test asked");
            if is_ill {
                std::future::pending::<()>().await;
            }
            self.orders.decisions(after).await
        })
    }

    fn find<'a>(
        &'a self,
        prod_id: &'a str,
        user_phone: &'a str,
    ) -> BoxFuture<'a, Result<OrderLookup, Cause>> {
        self.orders.find(prod_id, user_phone)
    }

    fn changes(&self) -> Option<watch::Receiver<u64>> {
        None
    }
}

fn unwell(illness: Illness) -> (Arc<Unwell>, Arc<Book>, Refresh) {
    let orders = FakeOrders::with_stock(9);
    let unwell = Arc::new(Unwell { orders, readings: AtomicU32::new(0), illness });
    let book = Arc::new(Book::new(OrderIdKey::new(vec![7; 32])));
    let every = Duration::from_millis(1);
    let refresh = Refresh::new(Arc::clone(&book), Arc::clone(&unwell) as _, every);
    (unwell, book, refresh)
}

#[tokio::test]
async fn a_panic_ends_one_turn_and_the_book_is_shown_as_behind_until_the_next() {
    let (unwell, book, refresh) = unwell(Illness::Panics);
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
    unwell.orders.decide("a", PHONE, Outcome::Failed);
    let entry = book.entry(PROD).unwrap();
    while entry.buyer(PHONE).is_none() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    cancel.cancel();
    running.await.unwrap();
}

/// An order node that gives no answer for longer than the watchdog waits must not have the gateway
/// killed.
#[tokio::test]
async fn while_the_order_side_is_silent_the_follower_rests() {
    let (unwell, _book, refresh) = unwell(Illness::Silent);
    let (vitals, cancel) = (Vitals::default(), CancellationToken::new());
    vitals.watch("follower", refresh.pulse());
    let running = tokio::spawn(refresh.run(cancel.clone()));
    while unwell.readings.load(Ordering::SeqCst) < 3 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for _ in 0..50 {
        assert_eq!(vitals.stuck(Duration::ZERO), None);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    cancel.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_hold_that_was_ended_waits_for_the_next_stock_figure() {
    let (unwell, book, mut refresh) = unwell(Illness::Silent);
    refresh.catch_up().await.unwrap();
    let entry = book.entry(PROD).unwrap();
    entry.claim(PHONE, EpochMs(1), &Arc::default(), |_| "a".into()).unwrap();
    entry.hold(PHONE, &"a".into()).unwrap();
    unwell.orders.decide("a", PHONE, Outcome::Placed);
    let products = std::mem::take(&mut unwell.orders.page.lock().unwrap().products);
    refresh.catch_up().await.unwrap();
    assert_eq!((entry.stock.figures().stock, entry.stock.figures().held), (9, 1));
    // Readings three and four would be silent.
    unwell.readings.store(4, Ordering::SeqCst);
    unwell.orders.page.lock().unwrap().products = products;
    refresh.catch_up().await.unwrap();
    assert_eq!((entry.stock.figures().stock, entry.stock.figures().held), (8, 0));
}
