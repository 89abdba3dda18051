//! Tests of the query desk: each standing against each word of the order side.

use domain::order_id::OrderIdKey;
use domain::ports::Cause;
use instruments::captured_log::lines;
use protocol::{EpochMs, Outcome, ProductState};

use super::*;
use crate::gateway::testing::{FakeOrders, PHONE, PROD, cause, found as order};

const OURS: &str = "ours";

async fn ask(
    standing: Standing,
    known: Result<OrderLookup, Cause>,
) -> (Code, Option<(String, u8)>) {
    let orders = FakeOrders::with_stock(9);
    let products: Vec<ProductState> = orders.page.lock().unwrap().products.clone();
    *orders.known.lock().unwrap() = known;
    let book = Arc::new(Book::new(OrderIdKey::new(vec![7; 32])));
    book.renew_cards(&products);
    let entry = book.entry(&PROD.into()).unwrap();
    entry.stock.refresh(9, 0);
    match standing {
        Standing::Open => {}
        Standing::Live(id) => {
            orders.decide(&id.text(), &PHONE.into(), Outcome::Placed);
            entry.decide(&orders.page.lock().unwrap().decisions[0]);
        }
        standing => come_to(&entry, &standing),
    }
    let reply = QueryDesk::new(book, orders).query(&PROD.into(), &PHONE.into()).await;
    let data = reply.data().map(|data| (data.order_id.to_string(), data.order_status.number()));
    (reply.code, data)
}

/// Brings the buyer to where an undecided order stands.
fn come_to(entry: &BookEntry, standing: &Standing) {
    let order = standing.undecided().unwrap();
    let claimed = entry.claim(&PHONE.into(), order.asked_at, &Arc::default(), |_| order.id.clone());
    entry.hold(&PHONE.into(), &claimed.unwrap(), protocol::PreheatRatio::NONE).unwrap();
    match standing {
        Standing::Queued(_) => entry.confirm(&PHONE.into(), &order.id),
        Standing::Unconfirmed(_) => assert!(entry.mark_unconfirmed(&PHONE.into(), &order.id)),
        standing => assert!(matches!(standing, Standing::Publishing(..))),
    }
}

fn ours() -> Undecided {
    Undecided { id: OURS.into(), asked_at: EpochMs(1) }
}

fn some(id: &str, status: u8) -> (Code, Option<(String, u8)>) {
    (Code::Found, Some((id.to_owned(), status)))
}

#[tokio::test]
async fn what_the_order_side_decided_is_told() {
    let placed = || Ok(order("live", OrderStatus::Placed));
    assert_eq!(ask(Standing::Open, placed()).await, some("live", 2));
    assert_eq!(ask(Standing::Queued(ours()), placed()).await, some("live", 2));
    let failed = || Ok(order(OURS, OrderStatus::Failed));
    assert_eq!(ask(Standing::Queued(ours()), failed()).await, some(OURS, 3));
    assert_eq!(ask(Standing::Open, failed()).await, some(OURS, 3));
}

#[tokio::test]
async fn a_queued_order_outranks_an_earlier_failure_and_silence() {
    let queued = || Standing::Queued(ours());
    let earlier = Ok(order("earlier", OrderStatus::Failed));
    assert_eq!(ask(queued(), earlier).await, some(OURS, 1));
    assert_eq!(ask(queued(), Ok(OrderLookup::Never)).await, some(OURS, 1));
    assert_eq!(ask(queued(), Ok(OrderLookup::NotYet)).await, some(OURS, 1));
}

#[tokio::test]
async fn an_earlier_failure_says_nothing_of_an_order_that_may_be_on_its_way() {
    let earlier = || Ok(order("earlier", OrderStatus::Failed));
    for standing in [Standing::Unconfirmed(ours()), Standing::Publishing(ours(), Arc::default())] {
        assert_eq!(ask(standing, earlier()).await, (Code::NotKnownYet, None));
    }
    let own = Ok(order(OURS, OrderStatus::Failed));
    assert_eq!(ask(Standing::Unconfirmed(ours()), own).await, some(OURS, 3));
}

#[tokio::test]
async fn never_ordered_is_said_only_when_it_is_certain() {
    let never = || Ok(OrderLookup::Never);
    assert_eq!(ask(Standing::Open, never()).await, (Code::NeverOrdered, None));
    assert_eq!(ask(Standing::Open, Ok(OrderLookup::NotYet)).await, (Code::NotKnownYet, None));
    for standing in [
        Standing::Unconfirmed(ours()),
        Standing::Publishing(ours(), Arc::default()),
        Standing::Live(OURS.into()),
    ] {
        assert_eq!(ask(standing, never()).await, (Code::NotKnownYet, None));
    }
}

#[tokio::test]
async fn an_order_side_that_cant_be_asked_is_our_fault_and_no_accepted_order_is_in_doubt() {
    let away = || Err(cause("connection refused"));
    assert_eq!(ask(Standing::Open, away()).await, (Code::ServerError, None));
    for standing in [
        Standing::Queued(ours()),
        Standing::Unconfirmed(ours()),
        Standing::Publishing(ours(), Arc::default()),
        Standing::Live(OURS.into()),
    ] {
        assert_eq!(ask(standing, away()).await, (Code::NotKnownYet, None));
    }
}

#[test]
fn of_a_row_of_queries_without_an_answer_the_first_is_told_and_the_end() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let orders = FakeOrders::with_stock(9);
    let book = Arc::new(Book::new(OrderIdKey::new(vec![7; 32])));
    let desk = QueryDesk::new(book, Arc::clone(&orders) as Arc<dyn OrderSide>);
    let away = || cause("the order node is away");
    let told = lines(|| {
        for known in
            [Ok(OrderLookup::Never), Err(away()), Err(away()), Ok(OrderLookup::Never), Err(away())]
        {
            *orders.known.lock().unwrap() = known;
            runtime.block_on(desk.query(&PROD.into(), &PHONE.into()));
        }
    });
    let [first, end, second] = told.as_slice() else { panic!("{told:#?}") };
    assert!(end.contains("INFO queries are answered again"), "{end}");
    for line in [first, second] {
        assert!(line.contains("WARN a query could not be answered"), "{line}");
        assert!(!line.contains(PHONE), "{line}");
    }
}
