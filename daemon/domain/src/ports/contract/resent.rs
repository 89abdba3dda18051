//! What every store owes letters on their way back: each is decided and resolved in one
//! transaction, in its turn, and once. Its crate's test calls [`holds`] with a rig of its own.

use std::num::NonZeroU32;

use protocol::{DeadLetterView, OrderState, OrderStatus, Reason, ResentState, Seq, StepKind};

use super::desk::{self, done, letters_of, order_state, refused, state};
use super::sale::{PROD, order, phone};
use crate::backoff::Backoff;
use crate::letters;
use crate::ports::desk::{Operation, Refusal};
use crate::ports::lists::OrderFilter;
use crate::ports::resent::RESENT;
use crate::ports::{Balance, Delivery, Look, TakingLimits};

/// A store under test, and what befalls it.
pub trait Rig: desk::Rig {
    /// Has orders of this buyer fail by themselves.
    fn disturb(&self, user: u32) -> impl Future<Output = ()>;

    /// Has the next look at due letters end before its commit, as by a kill.
    fn cut_off(&self) -> impl Future<Output = ()>;

    /// Ends whatever befell it.
    fn mend(&self) -> impl Future<Output = ()>;

    /// Lets time pass.
    fn pass_ms(&self, ms: i64);
}

/// Runs every case over a store of its own, which `fresh` makes.
pub async fn holds<R: Rig>(fresh: impl AsyncFn() -> R) {
    a_resent_letter_is_decided_and_resolved_together(&fresh().await).await;
    one_that_is_cut_off_before_its_commit_is_due_as_it_was(&fresh().await).await;
    two_resends_of_an_order_are_one(&fresh().await).await;
    those_due_the_longest_come_first(&fresh().await).await;
    one_that_fails_by_itself_is_tried_again_and_then_another_letter(&fresh().await).await;
    one_whose_order_is_given_up_comes_no_more(&fresh().await).await;
    an_order_that_comes_meanwhile_is_decided_once(&fresh().await).await;
}

const LIMITS: TakingLimits = TakingLimits {
    batch_max: 10,
    deliveries_max: 2,
    backoff: Backoff { first_ms: 1_000, max_ms: 1_000 },
};

async fn look(rig: &impl Rig) -> Look {
    rig.resent().decide_due(LIMITS).await.unwrap()
}

async fn on_their_way(rig: &impl Rig) -> u64 {
    rig.resent().on_their_way().await.unwrap().messages
}

async fn resend(rig: &impl Rig, request_id: &str, letter: u64) -> ResentState {
    state(&done(rig, request_id, Operation::ResendLetter(letter)).await)
}

/// The only open letter's number.
async fn letter(rig: &impl Rig) -> u64 {
    let letters = letters_of(rig).await;
    let [letter] = &letters[..] else { unreachable!("one letter, not {letters:?}") };
    letter.id
}

async fn steps(rig: &impl Rig, order_id: &str) -> Vec<StepKind> {
    let detail = rig.lists().order(&order_id.into()).await.unwrap().unwrap();
    detail.steps.iter().map(|step| step.what.kind()).collect()
}

async fn assert_books(rig: &impl Rig) {
    assert!(rig.sale().books().await.unwrap().iter().all(Balance::holds));
}

/// The same order from another place, as a queue with repeats has it.
fn copy(order_id: &str, user: u32) -> Delivery {
    Delivery { origin: "broker-b/T/1@7".to_owned(), ..order(order_id, user) }
}

pub async fn a_resent_letter_is_decided_and_resolved_together(rig: &impl Rig) {
    let none = Look { taken: 0, decided: 0, dead_lettered: 0, put_off: 0, next_due: None };
    assert_eq!(look(rig).await, none);
    rig.set_aside(order("a", 1)).await;
    let (id, mut resent) = (letter(rig).await, rig.resent().resent());
    resent.mark_unchanged();
    assert_eq!(resend(rig, "r1", id).await, ResentState { resent: 1, left: 0, over_ms: 0 });
    assert!(resent.has_changed().unwrap());
    // It waits: nobody settles it now, its buyer is queueing, and the lag has it.
    assert_eq!(rig.sale().dead_letter_count().await.unwrap(), 0);
    let unknown = Refusal::Letter(letters::Refusal::Unknown { id });
    assert_eq!(refused(rig, "r2", Operation::ResendLetter(id)).await, unknown);
    let row = rig.sale().find(&PROD.into(), &phone(1)).await.unwrap().unwrap();
    assert_eq!((&*row.order_id.text(), row.status), ("a", OrderStatus::Queued));
    let queued = OrderFilter { state: Some(OrderState::Queued), ..OrderFilter::default() };
    for phone in [None, Some(phone(1))] {
        let filter = OrderFilter { phone, ..queued.clone() };
        let listed = rig.lists().orders(filter, None, 10).await.unwrap().orders;
        assert_eq!(listed.len(), 1, "{listed:?}");
    }
    let lag = rig.resent().on_their_way().await.unwrap();
    assert_eq!((lag.name.as_str(), lag.messages), (RESENT, 1));
    assert!(lag.oldest_age_ms.is_some());

    let mut changes = rig.sale().changes();
    changes.mark_unchanged();
    assert_eq!(look(rig).await, Look { taken: 1, decided: 1, ..none });
    assert!(changes.has_changed().unwrap());
    assert_eq!((look(rig).await, on_their_way(rig).await), (none, 0));
    let lag = rig.resent().on_their_way().await.unwrap();
    assert_eq!(lag.oldest_age_ms, None);
    assert_eq!(order_state(rig, "a").await, OrderState::Placed);
    assert_eq!(letters_of(rig).await, []);
    let way = steps(rig, "a").await;
    assert_eq!(way[2..], [StepKind::SetAside, StepKind::Resent, StepKind::Placed]);
    assert_eq!(refused(rig, "r2", Operation::ResendLetter(id)).await, unknown);
    assert_books(rig).await;
}

pub async fn one_that_is_cut_off_before_its_commit_is_due_as_it_was(rig: &impl Rig) {
    rig.set_aside(order("a", 1)).await;
    rig.set_aside(order("b", 2)).await;
    for letter in letters_of(rig).await {
        resend(rig, &format!("r{}", letter.id), letter.id).await;
    }
    rig.cut_off().await;
    assert!(rig.resent().decide_due(LIMITS).await.is_err());
    rig.mend().await;
    assert_eq!(on_their_way(rig).await, 2);
    assert!(rig.sale().decisions(Seq(0), 10).await.unwrap().decisions.is_empty());
    for order_id in ["a", "b"] {
        assert_eq!(order_state(rig, order_id).await, OrderState::Queued);
    }
    assert_eq!(rig.sale().outcomes().await.unwrap().placed, 0);
    assert_eq!(look(rig).await.decided, 2);
    let decided = rig.sale().decisions(Seq(0), 10).await.unwrap().decisions;
    assert_eq!((decided.len(), on_their_way(rig).await), (2, 0));
    assert_books(rig).await;
}

pub async fn two_resends_of_an_order_are_one(rig: &impl Rig) {
    // Two messages of one order: with one of them both are dealt with.
    rig.set_aside(order("a", 1)).await;
    rig.set_aside(copy("a", 1)).await;
    let first = letters_of(rig).await[0].id;
    assert_eq!(resend(rig, "r1", first).await, ResentState { resent: 1, left: 0, over_ms: 0 });
    // A third one, while the first is on its way.
    rig.set_aside(Delivery { origin: "broker-c/T/0@1".to_owned(), ..order("a", 1) }).await;
    assert_eq!(order_state(rig, "a").await, OrderState::Queued);
    let third = letter(rig).await;
    assert_eq!(resend(rig, "r2", third).await, ResentState { resent: 1, left: 0, over_ms: 0 });
    assert_eq!(on_their_way(rig).await, 1);
    let all = rig.lists().orders(OrderFilter::default(), None, 10).await.unwrap().orders;
    assert_eq!(all.len(), 1, "{all:?}");
    let looked = look(rig).await;
    assert_eq!((looked.taken, looked.decided, on_their_way(rig).await), (1, 1, 0));
    assert_books(rig).await;
}

pub async fn those_due_the_longest_come_first(rig: &impl Rig) {
    for user in 1..=3 {
        rig.set_aside(order(&format!("o{user}"), user)).await;
    }
    let ids: Vec<u64> = letters_of(rig).await.iter().map(|letter| letter.id).collect();
    let [first, second, third] = ids[..] else { unreachable!("three letters, not {ids:?}") };
    resend(rig, "r1", third).await;
    rig.pass_ms(5);
    let per_s = NonZeroU32::MIN;
    done(rig, "r2", Operation::ResendLetters { per_s, up_to: Some(first) }).await;
    let sent = done(rig, "r3", Operation::ResendLetters { per_s, up_to: Some(second) }).await;
    assert_eq!(state::<ResentState>(&sent).resent, 1);
    rig.pass_ms(10_000);
    let one = TakingLimits { batch_max: 1, ..LIMITS };
    for _ in 0..3 {
        assert_eq!(rig.resent().decide_due(one).await.unwrap().taken, 1);
    }
    let decided = rig.sale().decisions(Seq(0), 10).await.unwrap().decisions;
    let ids: Vec<String> = decided.iter().map(|one| one.order_id.to_string()).collect();
    assert_eq!(ids, ["o3", "o1", "o2"]);
}

pub async fn one_that_fails_by_itself_is_tried_again_and_then_another_letter(rig: &impl Rig) {
    rig.set_aside(order("a", 1)).await;
    let id = letter(rig).await;
    rig.disturb(1).await;
    resend(rig, "r1", id).await;
    let looked = look(rig).await;
    assert_eq!((looked.taken, looked.put_off, looked.dead_lettered), (1, 1, 0));
    assert_eq!(looked.next_due.map(|at| at.0 - rig.resent().now().0), Some(1_000));
    assert_eq!((look(rig).await.taken, on_their_way(rig).await), (0, 1));
    assert_eq!(steps(rig, "a").await.last(), Some(&StepKind::PutOff));
    let order = rig.lists().order(&"a".into()).await.unwrap().unwrap().order;
    assert!(order.state == OrderState::Queued && order.reason.is_some(), "{order:?}");

    rig.pass_ms(1_000);
    let looked = look(rig).await;
    assert_eq!((looked.taken, looked.put_off, looked.dead_lettered), (1, 0, 1));
    assert_eq!((looked.next_due, on_their_way(rig).await), (None, 0));
    let again: Vec<DeadLetterView> = letters_of(rig).await;
    assert_eq!((again.len(), again[0].redeliveries, id < again[0].id), (1, 1, true));
    assert_eq!(order_state(rig, "a").await, OrderState::DeadLetter);
    let way = steps(rig, "a").await;
    assert_eq!(way[2..], [StepKind::SetAside, StepKind::Resent, StepKind::SetAside]);

    rig.mend().await;
    resend(rig, "r2", again[0].id).await;
    assert_eq!(look(rig).await.decided, 1);
    assert_eq!(order_state(rig, "a").await, OrderState::Placed);
    assert_books(rig).await;
}

pub async fn one_whose_order_is_given_up_comes_no_more(rig: &impl Rig) {
    rig.set_aside(order("a", 1)).await;
    let first = letter(rig).await;
    resend(rig, "r1", first).await;
    rig.set_aside(copy("a", 1)).await;
    let second = letter(rig).await;
    done(rig, "r2", Operation::DiscardLetter(second)).await;
    assert_eq!((on_their_way(rig).await, look(rig).await.taken), (0, 0));
    let row = rig.sale().find(&PROD.into(), &phone(1)).await.unwrap().unwrap();
    assert_eq!((row.status, row.reason), (OrderStatus::Failed, Some(Reason::Discarded)));
    assert_books(rig).await;
}

pub async fn an_order_that_comes_meanwhile_is_decided_once(rig: &impl Rig) {
    rig.set_aside(order("a", 1)).await;
    let id = letter(rig).await;
    resend(rig, "r1", id).await;
    assert_eq!(rig.sale().decide(vec![copy("a", 1)]).await.unwrap().placed, 1);
    assert_eq!(order_state(rig, "a").await, OrderState::Placed);
    let looked = look(rig).await;
    assert_eq!((looked.taken, looked.decided, on_their_way(rig).await), (1, 0, 0));
    assert_eq!(rig.sale().outcomes().await.unwrap().duplicate_deliveries, 1);
    assert_books(rig).await;
}
