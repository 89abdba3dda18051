//! Orders that go past the embedded queue: only where nothing waits ahead and nothing is paused.

use std::sync::Arc;

use domain::ports::{Consuming, Sale};
use protocol::{OrderStatus, Reason};

use super::deciding::POISON;
use super::{Fixture, PROD, order, outgoing, phone};

async fn accept(fixture: &Fixture, orders: &[(&str, u32)]) {
    let orders = orders.iter().map(|(id, user)| outgoing(id, *user)).collect();
    fixture.store.accept(Arc::new(orders), || Consuming::Running).await.unwrap();
}

async fn pending(fixture: &Fixture) -> Vec<String> {
    let pending = fixture.store.pending().await.unwrap();
    pending.into_iter().map(|order| order.order_id.to_string()).collect()
}

#[tokio::test]
async fn where_nothing_waits_an_order_is_decided_in_the_commit_that_accepts_it() {
    let fixture = Fixture::with_stock(2);
    let (changes, queued) = (fixture.store.changes(), fixture.store.queued());
    accept(&fixture, &[("a", 1), ("b", 2), ("c", 3)]).await;
    assert_eq!(pending(&fixture).await, Vec::<String>::new());
    let outcomes = fixture.store.outcomes().await.unwrap();
    assert_eq!((outcomes.placed, outcomes.failed_for(Reason::SoldOut)), (2, 1));
    let row = fixture.store.find(&PROD.into(), &phone(2)).await.unwrap().unwrap();
    assert_eq!((&*row.order_id.text(), row.status), ("b", OrderStatus::Placed));
    assert!(changes.has_changed().unwrap() && !queued.has_changed().unwrap());
    assert!(fixture.balance().await.holds());
    // Published once more, because nobody knew how it went: nothing changes.
    accept(&fixture, &[("a", 1), ("c", 3)]).await;
    let again = fixture.store.outcomes().await.unwrap();
    assert_eq!((again.decided(), again.duplicate_deliveries), (3, 2));
    assert_eq!(pending(&fixture).await, Vec::<String>::new());
}

#[tokio::test]
async fn behind_others_and_in_a_pause_it_waits_its_turn() {
    let fixture = Fixture::with_stock(5);
    fixture.store.accept(Arc::new(vec![outgoing("a", 1)]), || Consuming::Paused).await.unwrap();
    accept(&fixture, &[("b", 2)]).await;
    assert_eq!(pending(&fixture).await, ["a", "b"]);
    assert_eq!(fixture.store.outcomes().await.unwrap().decided(), 0);
    assert_eq!(fixture.take().await.outcomes.placed, 2);
    accept(&fixture, &[("c", 3)]).await;
    assert_eq!(pending(&fixture).await, Vec::<String>::new());
    assert_eq!(fixture.store.outcomes().await.unwrap().placed, 3);
}

#[tokio::test]
async fn one_that_fails_by_itself_is_queued_and_the_others_are_decided() {
    let fixture = Fixture::with_stock(5);
    fixture.sql(POISON).await;
    let queued = fixture.store.queued();
    accept(&fixture, &[("a", 1), ("poison", 2), ("b", 3)]).await;
    assert_eq!(pending(&fixture).await, ["poison"]);
    assert!(queued.has_changed().unwrap());
    assert_eq!(fixture.store.outcomes().await.unwrap().placed, 2);
    assert_eq!(fixture.take().await.outcomes.dead_lettered, 1);
    // It is an operator's from now on, also where a gateway publishes it again.
    accept(&fixture, &[("poison", 2), ("c", 4)]).await;
    assert_eq!(pending(&fixture).await, Vec::<String>::new());
    let outcomes = fixture.store.outcomes().await.unwrap();
    assert_eq!((outcomes.placed, fixture.store.dead_letter_count().await.unwrap()), (3, 1));
    assert!(fixture.balance().await.holds());
}

#[tokio::test]
async fn what_a_transaction_empties_is_empty_for_those_after_it_in_the_same_one() {
    let fixture = Fixture::with_stock(5);
    fixture.store.enqueue(vec![outgoing("a", 1)]).await.unwrap();
    let (gate, closed) = std::sync::mpsc::sync_channel::<()>(1);
    let holding = fixture.write(move |_| {
        let _ = closed.recv();
        Ok(())
    });
    let release = async {
        tokio::task::yield_now().await;
        drop(gate);
    };
    let (held, taken, (), ()) =
        tokio::join!(biased; holding, fixture.take(), accept(&fixture, &[("b", 2)]), release);
    held.unwrap();
    assert_eq!(taken.outcomes.placed, 1);
    assert_eq!(pending(&fixture).await, Vec::<String>::new());
    let row = fixture.store.find(&PROD.into(), &phone(2)).await.unwrap().unwrap();
    assert_eq!(row.status, OrderStatus::Placed);
}

#[tokio::test]
async fn an_order_set_aside_for_another_of_its_buyer_stays_so() {
    let fixture = Fixture::with_stock(5);
    fixture.decide(vec![order("a", 1), order("duplicate", 1)]).await;
    let before = fixture.store.outcomes().await.unwrap();
    assert_eq!(before.duplicate_orders, 1);
    accept(&fixture, &[("duplicate", 1), ("b", 2)]).await;
    let after = fixture.store.outcomes().await.unwrap();
    assert_eq!((after.placed, after.duplicate_orders), (2, 1));
}
