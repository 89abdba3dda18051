//! One order's way, step by step.

use domain::backoff::Backoff;
use domain::ports::Cause;
use domain::ports::lists::{Happened, OrderDetail};
use protocol::{EpochMs, OrderState, StepKind};

use super::deciding::POISON;
use super::{Fixture, bare, delivery, message, order, outgoing, phone};
use crate::queue_table::unconfirmed::Unconfirmed;

async fn history(fixture: &Fixture, order_id: &str) -> OrderDetail {
    fixture.store.order_history(&order_id.into()).await.unwrap().unwrap()
}

fn steps(history: &OrderDetail) -> Vec<(StepKind, Option<i64>)> {
    history.steps.iter().map(|step| (step.what.kind(), step.at.map(|at| at.0))).collect()
}

#[tokio::test]
async fn an_order_of_the_embedded_queue_is_followed_from_the_request_to_its_unit() {
    let fixture = Fixture::with_stock(5);
    assert_eq!(fixture.store.order_history(&"a".into()).await.unwrap(), None);
    fixture.store.enqueue(vec![outgoing("a", 1)]).await.unwrap();
    let accepted = (StepKind::Accepted, Some(900_000));
    let queued = (StepKind::Queued, Some(1_000_000));
    let waiting = history(&fixture, "a").await;
    assert_eq!(
        (waiting.order.state, steps(&waiting)),
        (OrderState::Queued, vec![accepted, queued])
    );
    fixture.pass_ms(50);
    fixture.take().await;
    fixture.pass_ms(50);
    fixture.decide(vec![order("b", 1)]).await;
    let placed = history(&fixture, "a").await;
    let got = (StepKind::Placed, Some(1_000_050));
    let other = (StepKind::DuplicateSetAside, Some(1_000_100));
    assert_eq!(steps(&placed), [accepted, queued, got, other]);
    assert_eq!(placed.steps[2].what, Happened::Placed { product: "小米9SE".to_owned() });
    assert_eq!((placed.phone, placed.order.duplicates), (Some(phone(1)), 1));
    let twice = history(&fixture, "b").await;
    let wanted =
        [accepted, (StepKind::Queued, Some(910_000)), (StepKind::Duplicate, Some(1_000_100))];
    assert_eq!((steps(&twice), twice.order.state), (wanted.to_vec(), OrderState::Duplicate));
    assert_eq!(twice.steps[2].what, Happened::Duplicate("a".into()));
    fixture
        .sql(
            "UPDATE t_seckill_order SET order_status = 0, finish_time = 2000000
              WHERE order_id = 'a'",
        )
        .await;
    let finished = history(&fixture, "a").await;
    assert_eq!(steps(&finished).last(), Some(&(StepKind::Finished, Some(2_000_000))));
}

#[tokio::test]
async fn a_failed_order_says_why() {
    let fixture = Fixture::with_stock(0);
    fixture.decide(vec![order("a", 1)]).await;
    let failed = history(&fixture, "a").await;
    assert_eq!(steps(&failed).last(), Some(&(StepKind::Failed, Some(1_000_000))));
    assert_eq!(failed.steps[2].what, Happened::Failed { reason: Some("sold_out".to_owned()) });
    assert_eq!(failed.order.reason.as_deref(), Some("sold_out"));
}

#[tokio::test]
async fn what_operators_did_with_its_letters_is_told_and_so_is_the_end() {
    let fixture = Fixture::with_stock(5);
    fixture.sql(POISON).await;
    fixture.decide(vec![order("poison", 1)]).await;
    fixture.pass_ms(10);
    fixture.store.resend_dead_letter(bare("r1"), 1).await.unwrap();
    fixture.pass_ms(10);
    fixture.take().await;
    fixture.pass_ms(10);
    fixture.sql("DROP TRIGGER poison").await;
    fixture.store.discard_dead_letter(bare("r2"), 2).await.unwrap();
    let way = history(&fixture, "poison").await;
    let wanted = [
        (StepKind::Accepted, Some(900_000)),
        (StepKind::Queued, Some(910_000)),
        (StepKind::SetAside, Some(1_000_000)),
        (StepKind::Resent, Some(1_000_010)),
        (StepKind::SetAside, Some(1_000_020)),
        (StepKind::Discarded, Some(1_000_030)),
        (StepKind::Failed, Some(1_000_030)),
    ];
    assert_eq!(steps(&way), wanted);
    assert_eq!(way.order.reason.as_deref(), Some("discarded"));
}

#[tokio::test]
async fn an_order_that_fails_says_so_from_its_first_failure_on() {
    let fixture = Fixture::with_stock(5);
    fixture.sql(POISON).await;
    fixture.store.enqueue(vec![outgoing("poison", 1)]).await.unwrap();
    fixture.pass_ms(20);
    let backoff = Backoff { first_ms: 1_000, max_ms: 10_000 };
    fixture.store.decide_from_queue(10, 16, backoff).await.unwrap();
    let way = history(&fixture, "poison").await;
    assert_eq!(way.order.state, OrderState::Queued);
    assert_eq!(steps(&way).last(), Some(&(StepKind::PutOff, Some(1_000_020))));
    let Happened::PutOff { attempts, cause, next } = &way.steps.last().unwrap().what else {
        panic!("{way:?}");
    };
    assert!(*attempts == 1 && cause.contains("poisonous"), "{way:?}");
    assert!(1_000_020 < next.0 && next.0 < 1_020_000, "{way:?}");
    assert!(way.order.reason.unwrap().contains("poisonous"), "the list has the cause as well");
    fixture.sql("DROP TRIGGER poison").await;
    fixture.pass_ms(5_000);
    fixture.take().await;
    assert_eq!(history(&fixture, "poison").await.order.state, OrderState::Placed);
}

#[tokio::test]
async fn a_send_without_an_answer_is_unconfirmed_until_it_turns_up() {
    let fixture = Fixture::with_stock(5);
    let send = Unconfirmed {
        order: outgoing("a", 1),
        since: EpochMs(905_000),
        tries: 3,
        cause: Cause("no answer".to_owned()),
    };
    fixture.store.keep_unconfirmed(vec![send]).await.unwrap();
    let unknown = history(&fixture, "a").await;
    let doubt = (StepKind::Unconfirmed, Some(905_000));
    assert_eq!(unknown.order.state, OrderState::Unconfirmed);
    assert_eq!(steps(&unknown), [(StepKind::Accepted, Some(900_000)), doubt]);
    let doubted = Happened::Unconfirmed { tries: 3, cause: "no answer".to_owned() };
    assert_eq!(unknown.steps[1].what, doubted);
    fixture.decide(vec![delivery(&message("a", 1, "1"))]).await;
    let failed = history(&fixture, "a").await;
    assert_eq!((failed.order.state, steps(&failed)[1]), (OrderState::Failed, doubt));
}
