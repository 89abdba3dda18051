//! Tests of the publisher's signs of life. What it does for orders is tested with the charge.

use domain::order_id::OrderIdKey;
use instruments::signs_of_life::Vitals;

use super::*;
use crate::gateway::book::Book;
use crate::gateway::testing::{FakeQueue, FakeUnconfirmed};

#[tokio::test]
async fn a_publisher_whose_turns_panic_is_not_shown_as_resting_until_one_gets_on() {
    let book = Arc::new(Book::new(OrderIdKey::new(vec![7; 32])));
    let unconfirmed = Arc::new(UnconfirmedOrders::new(book, Arc::<FakeUnconfirmed>::default()));
    let (vitals, pulse) = (Vitals::default(), Arc::<Pulse>::default());
    vitals.watch("publisher", Arc::clone(&pulse));
    let (_desk, claims) = mpsc::channel(1);
    let mut publisher =
        Publisher::new(claims, FakeQueue::new(), unconfirmed, 4_usize.into(), pulse);
    assert_eq!(vitals.stuck(Duration::ZERO), None);
    for _ in 0..2 {
        publisher.recover(Panicked("as the test asked".to_owned())).await;
    }
    // The second panic doesn't begin the time again.
    assert!(vitals.stuck(REST_AFTER_PANIC * 3 / 2).is_some());
    let one_look = tokio::time::timeout(Duration::ZERO, publisher.turn()).await;
    assert!(one_look.is_err(), "there is nothing to send");
    assert_eq!(vitals.stuck(Duration::ZERO), None);
}
