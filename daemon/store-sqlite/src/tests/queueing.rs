//! The embedded queue: durable, idempotent, with retries that end.

use domain::backoff::Backoff;
use domain::ports::Sale;
use domain::ports::desk::CommandError;
use protocol::{EpochMs, OrderStatus, Reason};

use super::deciding::POISON;
use super::{Fixture, PROD, bare, order, outgoing, phone};
use crate::sale::waiting::Taken;

const BACKOFF: Backoff = Backoff { first_ms: 1_000, max_ms: 3_000 };

async fn take(fixture: &Fixture) -> Taken {
    fixture.store.decide_from_queue(10, 3, BACKOFF).await.unwrap()
}

#[tokio::test]
async fn what_is_queued_is_placed_and_gone() {
    let fixture = Fixture::with_stock(5);
    let mut queued = fixture.store.queued();
    fixture.store.enqueue(vec![outgoing("a", 1), outgoing("b", 2)]).await.unwrap();
    assert!(queued.has_changed().unwrap());
    queued.mark_unchanged();
    let pending = fixture.store.pending().await.unwrap();
    assert_eq!(pending.len(), 2);
    assert_eq!((&*pending[0].order_id.text(), pending[0].asked_at.0), ("a", 900_000));
    assert_eq!((pending[1].prod_id.as_str(), &pending[1].phone), (PROD, &phone(2)));
    let lag = fixture.store.embedded_lag().await.unwrap();
    assert_eq!((lag.messages, lag.oldest_age_ms), (2, Some(100_000)));
    let taken = take(&fixture).await;
    assert_eq!((taken.taken, taken.outcomes.placed, taken.next_due), (2, 2, None));
    let lag = fixture.store.embedded_lag().await.unwrap();
    assert_eq!((lag.messages, lag.oldest_age_ms), (0, None));
    assert!(!queued.has_changed().unwrap());
    assert!(fixture.balance().await.holds());
}

#[tokio::test]
async fn an_order_id_is_queued_once_and_never_after_it_is_decided() {
    let fixture = Fixture::with_stock(5);
    for _ in 0..2 {
        fixture.store.enqueue(vec![outgoing("a", 1), outgoing("a", 1)]).await.unwrap();
        assert_eq!(fixture.store.pending().await.unwrap().len(), 1);
    }
    take(&fixture).await;
    fixture.decide(vec![order("duplicate", 1)]).await;
    fixture.store.enqueue(vec![outgoing("a", 1), outgoing("duplicate", 1)]).await.unwrap();
    assert_eq!(fixture.store.pending().await.unwrap(), []);
}

#[tokio::test]
async fn a_batch_takes_the_oldest_and_no_more_than_it_may() {
    let fixture = Fixture::with_stock(5);
    let orders = (0..5).map(|user| outgoing(&user.to_string(), user)).collect();
    fixture.store.enqueue(orders).await.unwrap();
    let taken = fixture.store.decide_from_queue(3, 3, BACKOFF).await.unwrap();
    assert_eq!(taken.taken, 3);
    let left = fixture.store.pending().await.unwrap();
    let left: Vec<_> = left.into_iter().map(|order| order.order_id).collect();
    assert_eq!(left, ["3", "4"]);
}

#[tokio::test]
async fn an_order_that_fails_by_itself_is_retried_with_growing_waits_and_then_set_aside() {
    let fixture = Fixture::with_stock(5);
    fixture.sql(POISON).await;
    fixture.store.enqueue(vec![outgoing("poison", 1), outgoing("a", 2)]).await.unwrap();
    let taken = take(&fixture).await;
    assert_eq!((taken.taken, taken.outcomes.placed, taken.put_off), (2, 1, 1));
    assert_eq!(taken.next_due, Some(EpochMs(1_001_000)));
    assert_eq!(take(&fixture).await.taken, 0);
    assert_eq!(fixture.store.embedded_lag().await.unwrap().messages, 1);
    fixture.pass_ms(1_000);
    let taken = take(&fixture).await;
    assert_eq!((taken.taken, taken.next_due), (1, Some(EpochMs(1_003_000))));
    fixture.pass_ms(2_000);
    let taken = take(&fixture).await;
    assert_eq!((taken.outcomes.dead_lettered, taken.next_due), (1, None));
    assert_eq!(fixture.store.dead_letter_count().await.unwrap(), 1);
    assert_eq!(fixture.store.pending().await.unwrap(), []);
    let row = fixture.store.find(&PROD.into(), &phone(1)).await.unwrap().unwrap();
    assert_eq!(row.status, OrderStatus::Queued);
    assert!(fixture.balance().await.holds());
}

#[tokio::test]
async fn a_retry_is_not_put_off_for_ever_when_the_clock_is_set_back() {
    let fixture = Fixture::with_stock(5);
    fixture.sql(POISON).await;
    fixture.store.enqueue(vec![outgoing("poison", 1)]).await.unwrap();
    take(&fixture).await;
    fixture.pass_ms(-500_000);
    assert_eq!(take(&fixture).await.taken, 1);
}

#[tokio::test]
async fn an_unreadable_row_is_set_aside_at_once() {
    let fixture = Fixture::with_stock(5);
    fixture.store.enqueue(vec![outgoing("a", 1), outgoing("b", 2)]).await.unwrap();
    fixture.sql("UPDATE seckill_queue SET body = x'00' WHERE order_id = 'a'").await;
    let taken = take(&fixture).await;
    assert_eq!((taken.outcomes.placed, taken.outcomes.dead_lettered), (1, 1));
    assert_eq!(fixture.store.pending().await.unwrap(), []);
    // Its buyer, who was answered "queueing", isn't answered that there is no such order.
    let row = fixture.store.find(&PROD.into(), &phone(1)).await.unwrap().unwrap();
    assert_eq!((&*row.order_id.text(), row.status), ("a", OrderStatus::Queued));
    let undecided = fixture.store.undecided().await.unwrap();
    assert_eq!((undecided.len(), &*undecided[0].order_id.text()), (1, "a"));
    let refused = fixture.store.resend_dead_letter(bare("r1"), 1).await;
    assert!(matches!(refused, Err(CommandError::Refused(_))), "{refused:?}");
    fixture.store.discard_dead_letter(bare("r1"), 1).await.unwrap();
    let row = fixture.store.find(&PROD.into(), &phone(1)).await.unwrap().unwrap();
    assert_eq!((row.status, row.reason), (OrderStatus::Failed, Some(Reason::Discarded)));
    assert_eq!(fixture.store.undecided().await.unwrap(), []);
}
