//! Dead letters: shown without what must not be shown, put back, given up.

use domain::letters;
use domain::ports::desk::{Carried, CommandError, Refusal};
use domain::ports::lists::{ListError, OrderFilter};
use domain::ports::resent::ResentLetters;
use domain::ports::{Delivery, Sale};
use instruments::captured_log::lines;
use protocol::{DeadLetterView, OrderState, Outcome, Reason, ResentState, Seq, StepKind};

use super::deciding::POISON;
use super::{
    Fixture, InMemoryStore, PRICE, PROD, bare, delivery, message, order, outgoing, phone, ready,
    refusal, seeds,
};
use crate::lists::order_lists::ListStage;
use crate::sale::resent;

const HEAL: &str = "DROP TRIGGER poison";

fn discarded_id(carried: &Carried) -> u64 {
    serde_json::from_str::<DeadLetterView>(carried.state.get()).unwrap().id
}

fn state(carried: &Carried) -> ResentState {
    serde_json::from_str(carried.state.get()).unwrap()
}

/// A refusal by the rules of letters.
fn of_letter(answer: Result<Carried, CommandError>) -> letters::Refusal {
    match refusal(answer) {
        Refusal::Letter(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

fn malformed(name: &str) -> Delivery {
    Delivery { body: b"{\"userPhoneNo\":\"15200001234\"".to_vec(), ..order(name, 9) }
}

/// A database whose dead letters are the order `poison` and one that can't be read.
async fn with_letters(stock: u32) -> Fixture {
    let fixture = Fixture::with_stock(stock);
    fixture.sql(POISON).await;
    let outcomes = fixture.decide(vec![malformed("x"), order("poison", 2)]).await;
    assert_eq!(outcomes.dead_lettered, 2);
    fixture
}

#[test]
fn the_log_names_the_order_of_a_letter_where_its_id_can_be_read() {
    let memory = InMemoryStore::default();
    memory.begin_history(&seeds(1));
    let body = r#"{"header":{"version":"1.0","topicName":"T"},"body":{"orderId":"ID"}}"#;
    let unsound = |id| Delivery { body: body.replace("ID", id).into_bytes(), ..order(id, 9) };
    let letters = vec![unsound("o-7"), unsound("15200001234"), malformed("x")];
    let lines = lines(|| {
        ready(memory.store.decide(letters)).unwrap();
    });
    let ids = [r#"order_id="o-7""#, r#"order_id="152****1234""#, r#"order_id="none that"#];
    assert_eq!(lines.len(), 3, "{lines:?}");
    for (line, id) in lines.iter().zip(ids) {
        assert!(line.contains(id), "{line}");
    }
}

#[tokio::test]
async fn letters_are_listed_oldest_first_with_phone_numbers_masked() {
    let fixture = with_letters(3).await;
    let page = fixture.store.dead_letters(None, 10).await.unwrap();
    assert_eq!((page.total, page.next.as_deref(), page.dead_letters.len()), (2, None, 2));
    let [unreadable, poison] = &page.dead_letters[..] else { panic!() };
    assert_eq!(
        (unreadable.resendable, &unreadable.order_id, &unreadable.user),
        (false, &None, &None)
    );
    assert_eq!(unreadable.content, "{\"userPhoneNo\":\"152****1234\"");
    assert_eq!(unreadable.content_bytes, 28);
    assert_eq!((poison.resendable, poison.order_id.clone()), (true, Some("poison".into())));
    assert_eq!(
        (poison.user.as_deref(), poison.prod_id.clone()),
        (Some("152****0002"), Some(PROD.into()))
    );
    assert_eq!((poison.asked_at.0, poison.dead_at.0), (900_000, 1_000_000));
    assert!(poison.reason.contains("poisonous") && poison.origin.starts_with("broker-a/"));
    assert!(!format!("{page:?}").contains("15200000002"));
    let first = fixture.store.dead_letters(None, 1).await.unwrap();
    assert_eq!((first.total, first.next.as_deref()), (2, Some("1")));
    let second = fixture.store.dead_letters(Some("1"), 1).await.unwrap();
    assert_eq!((second.dead_letters[0].id, second.next), (2, None));
    assert_eq!(fixture.store.dead_letter(2).await.unwrap().as_ref(), Some(poison));
    assert_eq!(fixture.store.dead_letter(0).await.unwrap(), None);
    assert_eq!(fixture.store.dead_letter(3).await.unwrap(), None);
    assert_eq!(fixture.store.dead_letters(Some("?"), 1).await, Err(ListError::Cursor));
}

#[tokio::test]
async fn a_resent_order_waits_and_is_placed_once_the_fault_is_gone() {
    let fixture = with_letters(3).await;
    let (queued, mut resent) = (fixture.store.queued(), fixture.store.resent());
    resent.mark_unchanged();
    fixture.sql(HEAL).await;
    let sent = fixture.store.resend_dead_letter(bare("r1"), 2).await.unwrap();
    assert_eq!(state(&sent), ResentState { resent: 1, left: 1, over_ms: 0 });
    assert!(resent.has_changed().unwrap() && !queued.has_changed().unwrap());
    assert_eq!(fixture.state("poison").await, Some(OrderState::Queued));
    assert_eq!(fixture.store.dead_letter(2).await.unwrap(), None);
    let taken = fixture.take().await;
    assert_eq!((taken.taken, taken.outcomes.placed, taken.next_due), (1, 1, None));
    let unknown = letters::Refusal::Unknown { id: 2 };
    assert_eq!(of_letter(fixture.store.resend_dead_letter(bare("r2"), 2).await), unknown);
    assert_eq!(of_letter(fixture.store.discard_dead_letter(bare("r2"), 2).await), unknown);
    let again = fixture.store.resend_dead_letter(bare("r1"), 2).await.unwrap();
    assert_eq!(state(&again).resent, 1, "the answer of that time");
    assert_eq!(fixture.store.pending().await.unwrap(), []);
    // The broker delivers the message once more: the order is decided, and the letter stays closed.
    assert_eq!(fixture.decide(vec![order("poison", 2)]).await.duplicate_deliveries, 1);
    assert_eq!(fixture.store.dead_letter_count().await.unwrap(), 1);
    assert!(fixture.balance().await.holds());
}

#[tokio::test]
async fn an_order_that_fails_again_becomes_another_letter() {
    let fixture = with_letters(3).await;
    fixture.store.resend_dead_letter(bare("r1"), 2).await.unwrap();
    fixture.pass_ms(5);
    assert_eq!(fixture.take().await.outcomes.dead_lettered, 1);
    let letters = fixture.store.dead_letters(None, 10).await.unwrap().dead_letters;
    assert_eq!(letters.iter().map(|letter| letter.id).collect::<Vec<_>>(), [1, 3]);
    assert_eq!((letters[1].origin.as_str(), letters[1].asked_at.0), ("letter@2", 900_000));
    let detail = fixture.store.order_history(&"poison".into()).await.unwrap().unwrap();
    let steps: Vec<_> = detail.steps.iter().map(|step| step.what.kind()).collect();
    let wanted = [
        StepKind::Accepted,
        StepKind::Queued,
        StepKind::SetAside,
        StepKind::Resent,
        StepKind::SetAside,
    ];
    assert_eq!(steps, wanted);
    // Published once more under its id, it stays where it is: with the operator.
    fixture.store.enqueue(vec![outgoing("poison", 2)]).await.unwrap();
    assert_eq!(fixture.store.pending().await.unwrap(), []);
}

#[tokio::test]
async fn what_cannot_be_read_cannot_be_resent_but_discarded() {
    let fixture = with_letters(3).await;
    let store = &fixture.store;
    let unreadable = of_letter(store.resend_dead_letter(bare("r1"), 1).await);
    assert_eq!(unreadable, letters::Refusal::NotResendable { id: 1 });
    let unknown = of_letter(store.resend_dead_letter(bare("r1"), 99).await);
    assert_eq!(unknown, letters::Refusal::Unknown { id: 99 });
    let before = store.decisions(Seq(0), 10).await.unwrap();
    let discarded = store.discard_dead_letter(bare("r1"), 1).await.unwrap();
    assert_eq!(discarded_id(&discarded), 1);
    assert_eq!(store.dead_letter_count().await.unwrap(), 1);
    assert_eq!(store.decisions(Seq(0), 10).await.unwrap(), before, "it was no order");
    // The same bytes come again: an operator has dealt with them.
    assert_eq!(fixture.decide(vec![malformed("x")]).await.dead_lettered, 0);
    assert_eq!(store.dead_letter_count().await.unwrap(), 1);
}

#[tokio::test]
async fn an_empty_message_is_listed_and_discarded_like_any_other() {
    let fixture = Fixture::with_stock(1);
    fixture.decide(vec![Delivery { body: Vec::new(), ..order("x", 9) }]).await;
    let page = fixture.store.dead_letters(None, 10).await.unwrap();
    let [letter] = &page.dead_letters[..] else { panic!("{page:?}") };
    assert_eq!((letter.content.as_str(), letter.content_bytes), ("", 0));
    let carried = fixture.store.discard_dead_letter(bare("r1"), letter.id).await.unwrap();
    assert_eq!(discarded_id(&carried), letter.id);
    assert_eq!(fixture.store.dead_letter_count().await.unwrap(), 0);
}

#[tokio::test]
async fn a_discarded_order_has_failed_and_everybody_is_told() {
    let fixture = with_letters(3).await;
    // Another message of the same order, from elsewhere.
    let copy = Delivery { origin: "msgid:7".to_owned(), ..order("poison", 2) };
    assert_eq!(fixture.decide(vec![copy]).await.dead_lettered, 1);
    fixture.sql(HEAL).await;
    let mut changes = fixture.store.changes();
    changes.mark_unchanged();
    let discarded = fixture.store.discard_dead_letter(bare("r1"), 2).await.unwrap();
    assert_eq!(discarded_id(&discarded), 2);
    assert_eq!(fixture.store.dead_letter_count().await.unwrap(), 1);
    assert!(changes.has_changed().unwrap());
    let page = fixture.store.decisions(Seq(0), 10).await.unwrap();
    let [decision] = &page.decisions[..] else { panic!("{page:?}") };
    assert_eq!((decision.seq, page.head), (Seq(1), Seq(1)));
    assert_eq!(decision.order_id, "poison");
    assert_eq!((decision.outcome, decision.reason), (Outcome::Failed, Some(Reason::Discarded)));
    let row = fixture.store.find(&PROD.into(), &phone(2)).await.unwrap().unwrap();
    assert_eq!((row.reason, row.asked_at.0), (Some(Reason::Discarded), 900_000));
    let outcomes = fixture.store.outcomes().await.unwrap();
    assert_eq!(outcomes.failed_for(Reason::Discarded), 1);
    assert_eq!(fixture.decide(vec![order("poison", 2)]).await.duplicate_deliveries, 1);
    let balance = fixture.balance().await;
    assert!(balance.holds() && balance.stock == 3, "{balance:?}");
}

#[tokio::test]
async fn a_letter_of_a_buyer_with_a_live_order_can_be_discarded() {
    let fixture = with_letters(3).await;
    fixture.sql(HEAL).await;
    fixture.decide(vec![order("live", 2)]).await;
    fixture.store.discard_dead_letter(bare("r1"), 2).await.unwrap();
    assert_eq!(fixture.state("poison").await, Some(OrderState::Failed));
    let row = fixture.store.find(&PROD.into(), &phone(2)).await.unwrap().unwrap();
    assert_eq!(row.order_id, "live");
    assert!(fixture.balance().await.holds());
}

#[tokio::test]
async fn a_letter_whose_order_was_decided_meanwhile_is_only_closed() {
    let fixture = with_letters(3).await;
    fixture.sql(HEAL).await;
    fixture.decide(vec![order("poison", 2)]).await;
    fixture.sql("UPDATE seckill_dead_letter SET resolved_at = NULL, resolution = NULL").await;
    let sent = fixture.store.resend_dead_letter(bare("r1"), 2).await.unwrap();
    assert_eq!(state(&sent), ResentState { resent: 0, left: 1, over_ms: 0 });
    assert_eq!(fixture.store.pending().await.unwrap(), []);
    fixture.sql("UPDATE seckill_dead_letter SET resolved_at = NULL, resolution = NULL").await;
    fixture.store.discard_dead_letter(bare("r2"), 2).await.unwrap();
    assert_eq!(fixture.state("poison").await, Some(OrderState::Placed));
}

#[tokio::test]
async fn a_resent_order_that_a_broker_delivers_meanwhile_is_decided_once() {
    let fixture = with_letters(3).await;
    fixture.store.resend_dead_letter(bare("r1"), 2).await.unwrap();
    // Still poisonous: the message is known, and its order waits to be decided.
    assert_eq!(fixture.decide(vec![order("poison", 2)]).await.dead_lettered, 0);
    assert_eq!(fixture.store.dead_letter_count().await.unwrap(), 1);
    fixture.sql(HEAL).await;
    assert_eq!(fixture.decide(vec![order("poison", 2)]).await.placed, 1);
    assert_eq!(fixture.state("poison").await, Some(OrderState::Placed));
    let listed = fixture.store.list_orders(OrderFilter::default(), None, 10).await.unwrap();
    assert_eq!(listed.orders.len(), 1, "{listed:?}");
    assert_eq!(fixture.take().await.outcomes.duplicate_deliveries, 1);
    assert!(fixture.balance().await.holds());
}

/// A consumer's look that finds nothing due, and the lag, which is read each second, cost as much
/// as there are letters on their way, however many there ever were.
#[tokio::test]
async fn letters_on_their_way_are_found_by_their_own_index() {
    let fixture = Fixture::with_stock(1);
    let walk = ListStage::Resent.walk();
    for (sql, index) in [
        (resent::ON_THEIR_WAY, "COVERING INDEX resent_letters"),
        (resent::DUE, "INDEX resent_letters"),
        (resent::NEXT_DUE, "COVERING INDEX resent_letters"),
        (walk, "INDEX resent_in_sequence"),
    ] {
        let plan = super::answers::plan(&fixture, sql).await;
        assert!(plan.contains(index) && !plan.contains("TEMP"), "{sql}\n{plan}");
    }
}

/// A database with `count` letters of orders `p0`, `p1`, … and one that can't be read.
async fn with_many(count: u32) -> Fixture {
    let fixture = Fixture::with_stock(1_000);
    fixture.sql(&POISON.replace("= 'poison'", "LIKE 'p%'")).await;
    let orders = (0..count).map(|user| delivery(&message(&format!("p{user}"), user, PRICE)));
    let all = orders.chain([malformed("x")]).collect();
    assert_eq!(fixture.decide(all).await.dead_lettered, u64::from(count) + 1);
    fixture.sql(HEAL).await;
    fixture
}

#[tokio::test]
async fn all_are_resent_at_the_asked_rate() {
    let fixture = with_many(25).await;
    let sent = fixture.store.resend_dead_letters(bare("r1"), 2, None).await.unwrap();
    assert_eq!(state(&sent), ResentState { resent: 25, left: 1, over_ms: 12_000 });
    // Each at its time, though the longest backoff is far shorter than the last one's wait.
    let mut placed = 0;
    for second in 0..=12 {
        let taken = fixture.take().await;
        placed += taken.outcomes.placed;
        assert_eq!(placed, (second * 2 + 1).min(25), "after {second} s");
        fixture.pass_ms(1_000);
    }
    assert_eq!(fixture.store.pending().await.unwrap(), []);
    assert!(fixture.balance().await.holds());
}

/// What was set aside after the list was looked at isn't touched.
#[tokio::test]
async fn only_those_up_to_a_number_are_resent() {
    let fixture = with_many(5).await;
    let shown = fixture.store.dead_letters(None, 2).await.unwrap();
    assert_eq!((shown.dead_letters.len(), shown.total, shown.newest), (2, 6, Some(6)));
    fixture.sql(&POISON.replace("= 'poison'", "LIKE 'p%'")).await;
    fixture.decide(vec![order("p500", 500)]).await;
    fixture.sql(HEAL).await;
    let sent = fixture.store.resend_dead_letters(bare("r1"), 1, shown.newest).await.unwrap();
    assert_eq!(state(&sent), ResentState { resent: 5, left: 2, over_ms: 4_000 });
    let sent = fixture.store.resend_dead_letters(bare("r2"), 1, Some(0)).await.unwrap();
    assert_eq!(state(&sent).resent, 0);
    let sent = fixture.store.resend_dead_letters(bare("r3"), 1, Some(u64::MAX)).await.unwrap();
    assert_eq!((state(&sent).resent, state(&sent).left), (1, 1));
    let none = Fixture::with_stock(1).store.dead_letters(None, 2).await.unwrap();
    assert_eq!(none.newest, None);
}

#[tokio::test]
async fn orders_that_come_meanwhile_do_not_wait_for_those_put_off() {
    let fixture = with_many(5).await;
    fixture.store.resend_dead_letters(bare("r1"), 1, None).await.unwrap();
    fixture.store.enqueue(vec![outgoing("fresh", 500)]).await.unwrap();
    let taken = fixture.take().await;
    assert_eq!((taken.outcomes.placed, taken.next_due.unwrap().0), (2, 1_001_000));
    assert_eq!(fixture.state("fresh").await, Some(OrderState::Placed));
}

#[tokio::test]
async fn letters_resent_later_queue_up_behind_those_on_their_way() {
    let fixture = with_many(10).await;
    fixture.store.resend_dead_letters(bare("r1"), 1, None).await.unwrap();
    fixture.sql(&POISON.replace("= 'poison'", "LIKE 'p%'")).await;
    fixture.decide(vec![order("p500", 500), order("p501", 501)]).await;
    fixture.sql(HEAL).await;
    // Of the ten, the last is due after 9 s.
    let sent = fixture.store.resend_dead_letters(bare("r2"), 1, None).await.unwrap();
    assert_eq!(state(&sent), ResentState { resent: 2, left: 1, over_ms: 11_000 });
    assert_eq!(
        state(&fixture.store.resend_dead_letters(bare("r3"), 1, None).await.unwrap()).resent,
        0
    );
}

#[tokio::test]
async fn resent_orders_are_not_put_off_for_ever_when_the_clock_is_set_back() {
    let fixture = with_many(10).await;
    fixture.store.resend_dead_letters(bare("r1"), 1, None).await.unwrap();
    fixture.pass_ms(-500_000);
    assert_eq!(fixture.take().await.taken, 10);
}
