//! What every operator's desk owes: a command is done, written down and answered once. Its crate's
//! test calls [`holds`] with a rig of its own.

use std::num::NonZeroU32;

use protocol::{
    AuditEntry, ConfigChange, Controls, DeadLetterView, Money, OrderState, OrderStatus, Outcome,
    ProdId, ProductState, ProductView, Reason, ReloadState, ResentState, Seq, SwitchView, Terms,
    TermsFault,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::sale::{OTHER, PRICE, PROD, STOCK, delivery, order, phone};
use super::terms;
use crate::controls::{ControlVerb, StaleGeneration};
use crate::ports::desk::{
    Actor, Asked, Carried, Command, CommandError, Firstness, ListedSeed, Named, Note, Noted,
    Operation, OperatorDesk, Refusal, Reload,
};
use crate::ports::lists::{ListError, Lists, OrderFilter};
use crate::ports::resent::ResentLetters;
use crate::ports::{Delivery, Sale, Seed};
use crate::product::{Change, NewProduct, STOCK_MAX, Seen, units};
use crate::{letters, product};

/// A store under test: fresh, with the products of [`seeds`](super::sale::seeds).
pub trait Rig {
    /// What serves the ports of the sale.
    type Store: OperatorDesk + Lists + Sale + ResentLetters;

    /// The store itself.
    fn store(&self) -> &Self::Store;

    /// Its desk.
    fn desk(&self) -> &dyn OperatorDesk {
        self.store()
    }

    /// Its lists.
    fn lists(&self) -> &dyn Lists {
        self.store()
    }

    /// Its sale.
    fn sale(&self) -> &dyn Sale {
        self.store()
    }

    /// Its letters on their way back.
    fn resent(&self) -> &dyn ResentLetters {
        self.store()
    }

    /// Has the order decided while something of the store's own keeps just that from being done, so
    /// that it becomes a dead letter that can be read.
    fn set_aside(&self, order: Delivery) -> impl Future<Output = ()>;
}

/// Runs every case over a store of its own, which `fresh` makes.
pub async fn holds<R: Rig>(fresh: impl AsyncFn() -> R) {
    a_command_is_done_and_written_down_once(&fresh().await).await;
    a_request_id_is_one_commands_own(&fresh().await).await;
    a_refused_command_leaves_nothing_and_may_be_given_again(&fresh().await).await;
    a_product_is_made_and_changed_by_its_version(&fresh().await).await;
    terms::only_a_command_on_its_terms_raises_their_version(&fresh().await).await;
    terms::several_terms_are_changed_together_by_their_version(&fresh().await).await;
    terms::orders_are_judged_by_every_window_of_the_shelf(&fresh().await).await;
    terms::a_window_before_the_shelf_leaves_none_behind(&fresh().await).await;
    what_is_so_already_is_written_down_and_changes_nothing(&fresh().await).await;
    switches_are_turned_together_and_by_their_generation(&fresh().await).await;
    a_readable_letter_goes_back_or_is_given_up(&fresh().await).await;
    a_letter_without_an_order_can_only_be_given_up(&fresh().await).await;
    letters_go_back_together_at_a_pace(&fresh().await).await;
    a_reload_adds_what_is_lacking_and_notes_what_is_kept(&fresh().await).await;
    the_log_has_every_command_newest_first(&fresh().await).await;
}

fn asked(request_id: &str, arguments: Value) -> Asked {
    Asked {
        request_id: request_id.to_owned(),
        arguments,
        reason: Some("because".to_owned()),
        actor: Actor { uid: 1_000, user: Some("alice".to_owned()), pid: Some(42) },
    }
}

async fn give(
    rig: &impl Rig,
    request_id: &str,
    operation: Operation,
) -> Result<Carried, CommandError> {
    let asked = asked(request_id, Value::Null);
    rig.desk().carry_out(Command { asked, operation }).await
}

pub(super) async fn done(rig: &impl Rig, request_id: &str, operation: Operation) -> Carried {
    give(rig, request_id, operation).await.unwrap()
}

/// Why a command was refused.
pub(super) async fn refused(rig: &impl Rig, request_id: &str, operation: Operation) -> Refusal {
    let Err(CommandError::Refused(refusal)) = give(rig, request_id, operation).await else {
        unreachable!("{request_id} was not refused")
    };
    refusal
}

pub(super) fn state<T: DeserializeOwned>(carried: &Carried) -> T {
    serde_json::from_str(carried.state.get()).unwrap()
}

pub(super) fn change(prod_id: &str, change: Change, if_version: Option<u64>) -> Operation {
    let if_seen = if_version.map(Seen::Version);
    Operation::ChangeProduct { prod_id: prod_id.into(), change, if_seen }
}

pub(super) fn stock(delta: i64) -> Operation {
    change(PROD, Change::Stock(units(delta).unwrap()), None)
}

fn new_product(prod_id: &str) -> NewProduct {
    NewProduct {
        prod_id: prod_id.into(),
        prod_name: "新款".to_owned(),
        terms: Terms::at(Money::parse("9.900").unwrap()),
        stock: 7,
    }
}

fn note(level: &str) -> Operation {
    Operation::Note(Box::new(Note {
        noted: Noted::LogLevel,
        object: String::new(),
        before: json!("info"),
        after: json!(level),
        state: json!({ "level": level }),
    }))
}

pub(super) async fn product_of(rig: &impl Rig, prod_id: &str) -> ProductState {
    let products = rig.sale().products().await.unwrap();
    products.into_iter().find(|product| product.prod_id == prod_id).unwrap()
}

pub(super) async fn log(rig: &impl Rig) -> Vec<AuditEntry> {
    rig.desk().audit(None, 100).await.unwrap().entries
}

pub async fn a_command_is_done_and_written_down_once(rig: &impl Rig) {
    let mut changes = rig.sale().changes();
    changes.mark_unchanged();
    let command = || {
        let asked = asked("r1", json!({ "delta": 50 }));
        Command { asked, operation: stock(50) }
    };
    let named = || command().operation.named().verb;
    assert_eq!(named(), "product.stock");
    let Command { asked, operation } = command();
    assert!(rig.desk().repeated(&asked, operation.named()).await.unwrap().is_none());
    let first = rig.desk().carry_out(command()).await.unwrap();
    assert_eq!(first.first, Firstness::Now);
    assert!(changes.has_changed().unwrap());
    let product: ProductView = state(&first);
    assert_eq!((product.stock, product.added), (u64::from(STOCK) + 50, 50));
    assert!(product.balanced && product.missing == 0);
    assert_eq!((product.held, product.free), (None, None));
    done(rig, "r2", stock(1)).await;
    changes.mark_unchanged();

    let again = rig.desk().carry_out(command()).await.unwrap();
    let asked_for = rig.desk().repeated(&asked, operation.named()).await.unwrap().unwrap();
    for repeated in [again, asked_for] {
        assert_eq!(repeated.first, Firstness::Repeated);
        assert_eq!((repeated.audit_id, repeated.at), (first.audit_id, first.at));
        assert_eq!(repeated.state.get(), first.state.get(), "byte for byte");
    }
    assert!(!changes.has_changed().unwrap());
    assert_eq!(product_of(rig, PROD).await.added, 51);
    let entries = log(rig).await;
    assert_eq!(entries.len(), 2);
    let entry = &entries[1];
    assert_eq!((entry.id, entry.at), (first.audit_id, first.at));
    let who = (entry.uid, entry.user.as_deref(), entry.pid);
    assert_eq!(who, (1_000, Some("alice"), Some(42)));
    assert_eq!((entry.verb.as_str(), entry.object.as_str()), ("product.stock", PROD));
    assert_eq!((entry.reason.as_deref(), entry.request_id.as_str()), (Some("because"), "r1"));
    assert_eq!(entry.arguments, json!({ "delta": 50 }));
    assert_eq!(entry.before["stock"], json!(STOCK));
    assert_eq!(entry.after["stock"], json!(STOCK + 50));
}

pub async fn a_request_id_is_one_commands_own(rig: &impl Rig) {
    let first = done(rig, "r1", stock(5)).await;
    let reused = Refusal::RequestIdReused {
        request_id: "r1".to_owned(),
        verb: "product.stock".to_owned(),
        audit_id: first.audit_id,
    };
    let other_product = change(OTHER, Change::Stock(units(5).unwrap()), None);
    let other_verb = change(PROD, Change::shelf(false), None);
    for operation in [other_product, other_verb] {
        let asked = asked("r1", Value::Null);
        let known = rig.desk().repeated(&asked, operation.named()).await;
        assert_eq!(known.unwrap_err(), CommandError::Refused(reused.clone()));
        assert_eq!(refused(rig, "r1", operation).await, reused);
    }
    let asked = asked("r1", json!({ "delta": 6 }));
    let other_arguments = rig.desk().carry_out(Command { asked, operation: stock(6) }).await;
    assert_eq!(other_arguments.unwrap_err(), CommandError::Refused(reused));
    assert_eq!((product_of(rig, PROD).await.added, log(rig).await.len()), (5, 1));
}

pub async fn a_refused_command_leaves_nothing_and_may_be_given_again(rig: &impl Rig) {
    let before = rig.sale().products().await.unwrap();
    let mut changes = rig.sale().changes();
    changes.mark_unchanged();
    let (prod_id, unsold) = (|| ProdId::from(PROD), u64::from(STOCK));
    let too_many = i64::try_from(STOCK_MAX).unwrap();
    let nobody = || ProdId::from("pid_9999");
    let free = Money::from_milli(0);
    for (operation, why) in [
        (stock(-4), product::Refusal::NotEnough { prod_id: prod_id(), unsold }),
        (stock(i64::MIN), product::Refusal::NotEnough { prod_id: prod_id(), unsold }),
        (stock(too_many), product::Refusal::TooMany { prod_id: prod_id(), unsold }),
        (change(PROD, Change::price(free), None), product::Refusal::Terms(TermsFault::Price(free))),
        (
            change("pid_9999", Change::shelf(true), None),
            product::Refusal::Unknown { prod_id: nobody() },
        ),
        (
            Operation::CreateProduct(new_product(PROD)),
            product::Refusal::Exists { prod_id: prod_id() },
        ),
    ] {
        assert_eq!(refused(rig, "r1", operation).await, Refusal::Product(why));
    }
    let nameless = NewProduct { prod_name: String::new(), ..new_product("p") };
    let refusal = refused(rig, "r1", Operation::CreateProduct(nameless)).await;
    assert!(matches!(refusal, Refusal::Product(product::Refusal::Name { .. })), "{refusal:?}");
    assert_eq!((rig.sale().products().await.unwrap(), log(rig).await), (before, vec![]));
    assert!(!changes.has_changed().unwrap());
    assert_eq!(done(rig, "r1", stock(-3)).await.first, Firstness::Now);
    assert_eq!(product_of(rig, PROD).await.stock, 0);
}

pub async fn a_product_is_made_and_changed_by_its_version(rig: &impl Rig) {
    let made = done(rig, "r1", Operation::CreateProduct(new_product("p"))).await;
    let made: ProductView = state(&made);
    assert_eq!((made.prod_id.as_str(), made.initial, made.stock), ("p", 7, 7));
    assert!(!made.terms.on_shelf && made.balanced);
    let version = made.version;
    let on = done(rig, "r2", change("p", Change::shelf(true), Some(version))).await;
    let on: ProductView = state(&on);
    assert!(on.terms.on_shelf && version < on.version);
    let price = Money::parse("1.230").unwrap();
    let stale = product::Refusal::Stale {
        prod_id: "p".into(),
        current: on.version,
        seen: Seen::Version(version),
    };
    let late = change("p", Change::price(price), Some(version));
    assert_eq!(refused(rig, "r3", late).await, Refusal::Product(stale));
    let cheaper = done(rig, "r3", change("p", Change::price(price), Some(on.version))).await;
    let cheaper: ProductView = state(&cheaper);
    let now = product_of(rig, "p").await;
    assert_eq!(
        (now.terms, now.version),
        (Terms { on_shelf: true, ..Terms::at(price) }, cheaper.version)
    );
    // A sale is a change as well: what was seen before it is stale.
    rig.sale().decide(vec![delivery("a", 1, "p", "1.230")]).await.unwrap();
    let after = change("p", Change::Stock(units(1).unwrap()), Some(cheaper.version));
    let refusal = refused(rig, "r4", after).await;
    assert!(matches!(refusal, Refusal::Product(product::Refusal::Stale { .. })), "{refusal:?}");
}

pub async fn what_is_so_already_is_written_down_and_changes_nothing(rig: &impl Rig) {
    let before = product_of(rig, PROD).await;
    let mut changes = rig.sale().changes();
    changes.mark_unchanged();
    done(rig, "r1", change(PROD, Change::shelf(true), None)).await;
    done(rig, "r2", change(PROD, Change::price(Money::parse(PRICE).unwrap()), None)).await;
    assert_eq!(product_of(rig, PROD).await, before);
    assert!(!changes.has_changed().unwrap());
    let entries = log(rig).await;
    assert!(entries.len() == 2 && entries.iter().all(|entry| entry.before == entry.after));
}

/// Intake paused, consumption paused, drain asked for.
fn shape(controls: &Controls) -> (bool, bool, bool) {
    let paused = |switch: &Option<SwitchView>| switch.as_ref().is_some_and(|it| it.paused);
    (paused(&controls.intake), paused(&controls.consumption), controls.drain.is_some())
}

pub async fn switches_are_turned_together_and_by_their_generation(rig: &impl Rig) {
    use ControlVerb::{Drain, PauseConsumption, PauseIntake, ResumeConsumption, ResumeIntake};
    let fresh = rig.desk().controls().await.unwrap();
    assert_eq!((shape(&fresh), fresh.generation), ((false, false, false), Some(0)));
    for (number, (verb, wanted, generation)) in [
        (PauseConsumption, (false, true, false), 1),
        (PauseConsumption, (false, true, false), 1),
        (Drain, (true, false, true), 2),
        (PauseIntake, (true, false, true), 2),
        (ResumeConsumption, (true, false, true), 2),
        (PauseConsumption, (true, true, false), 3),
        (ResumeConsumption, (true, false, false), 4),
        (ResumeIntake, (false, false, false), 5),
    ]
    .into_iter()
    .enumerate()
    {
        let switch = Operation::Switch { verb, if_generation: None };
        let turned: Controls = state(&done(rig, &format!("r{number}"), switch).await);
        assert_eq!((shape(&turned), turned.generation), (wanted, Some(generation)), "{number}");
        assert_eq!(rig.desk().controls().await.unwrap(), turned, "{number}");
    }
    let pause = |if_generation| Operation::Switch { verb: PauseIntake, if_generation };
    let stale = StaleGeneration { current: 5, seen: 4 };
    assert_eq!(refused(rig, "late", pause(Some(4))).await, Refusal::Switches(stale));
    let paused: Controls = state(&done(rig, "late", pause(Some(5))).await);
    let intake = paused.intake.unwrap();
    assert!(intake.paused && intake.since.is_some());
    assert_eq!((intake.by.as_deref(), intake.reason.as_deref()), (Some("alice"), Some("because")));
}

pub(super) async fn letters_of(rig: &impl Rig) -> Vec<DeadLetterView> {
    rig.lists().dead_letters(None, 100).await.unwrap().dead_letters
}

pub(super) async fn order_state(rig: &impl Rig, order_id: &str) -> OrderState {
    rig.lists().order(&order_id.into()).await.unwrap().unwrap().order.state
}

pub async fn a_readable_letter_goes_back_or_is_given_up(rig: &impl Rig) {
    rig.set_aside(order("a", 1)).await;
    rig.set_aside(order("b", 2)).await;
    let ids: Vec<u64> = letters_of(rig).await.iter().map(|letter| letter.id).collect();
    let [first, second] = ids[..] else { unreachable!("two letters, not {ids:?}") };
    let sent: ResentState = state(&done(rig, "r1", Operation::ResendLetter(first)).await);
    assert_eq!(sent, ResentState { resent: 1, left: 1, over_ms: 0 });
    assert_eq!(order_state(rig, "a").await, OrderState::Queued);
    let given_up: DeadLetterView = state(&done(rig, "r2", Operation::DiscardLetter(second)).await);
    assert_eq!((given_up.id, given_up.order_id), (second, Some("b".into())));
    assert_eq!(letters_of(rig).await, []);
    for id in [first, second, 99] {
        let unknown = Refusal::Letter(letters::Refusal::Unknown { id });
        assert_eq!(refused(rig, "r3", Operation::ResendLetter(id)).await, unknown);
        assert_eq!(refused(rig, "r3", Operation::DiscardLetter(id)).await, unknown);
    }
    // The buyer and every gateway hear of it.
    let row = rig.sale().find(&PROD.into(), &phone(2)).await.unwrap().unwrap();
    assert_eq!((row.status, row.reason), (OrderStatus::Failed, Some(Reason::Discarded)));
    let decided = rig.sale().decisions(Seq(0), 10).await.unwrap().decisions;
    let end = decided.iter().find(|decision| decision.order_id == "b").unwrap();
    assert_eq!((end.outcome, end.reason), (Outcome::Failed, Some(Reason::Discarded)));
    assert!(rig.sale().books().await.unwrap().iter().all(crate::ports::Balance::holds));
}

pub async fn a_letter_without_an_order_can_only_be_given_up(rig: &impl Rig) {
    let nonsense = Delivery { body: b"{".to_vec(), ..order("x", 1) };
    rig.sale().decide(vec![nonsense]).await.unwrap();
    let letters = letters_of(rig).await;
    let [letter] = &letters[..] else { unreachable!("one letter, not {letters:?}") };
    assert!(!letter.resendable && letter.order_id.is_none());
    let id = letter.id;
    let why = Refusal::Letter(letters::Refusal::NotResendable { id });
    assert_eq!(refused(rig, "r1", Operation::ResendLetter(id)).await, why);
    let decided = rig.sale().decisions(Seq(0), 10).await.unwrap();
    done(rig, "r1", Operation::DiscardLetter(id)).await;
    assert_eq!(rig.sale().decisions(Seq(0), 10).await.unwrap(), decided, "it was no order");
    assert_eq!(rig.sale().dead_letter_count().await.unwrap(), 0);
}

pub async fn letters_go_back_together_at_a_pace(rig: &impl Rig) {
    rig.sale().decide(vec![Delivery { body: b"{".to_vec(), ..order("x", 9) }]).await.unwrap();
    for user in 1..=4 {
        rig.set_aside(order(&format!("o{user}"), user)).await;
    }
    let newest_but_one = letters_of(rig).await[3].id;
    let per_s = NonZeroU32::new(2).unwrap();
    let resend = |up_to| Operation::ResendLetters { per_s, up_to };
    let sent: ResentState = state(&done(rig, "r1", resend(Some(newest_but_one))).await);
    assert_eq!(sent, ResentState { resent: 3, left: 2, over_ms: 1_000 });
    // Behind those that are on their way.
    let sent: ResentState = state(&done(rig, "r2", resend(None)).await);
    assert_eq!((sent.resent, sent.left), (1, 1));
    assert!(1_000 <= sent.over_ms && sent.over_ms <= 1_500, "{sent:?}");
    let sent: ResentState = state(&done(rig, "r3", resend(None)).await);
    assert_eq!((sent.resent, sent.left), (0, 1), "nothing to put back is no error");
    let queued = OrderFilter { state: Some(OrderState::Queued), ..OrderFilter::default() };
    assert_eq!(rig.lists().orders(queued, None, 10).await.unwrap().orders.len(), 4);
}

pub async fn a_reload_adds_what_is_lacking_and_notes_what_is_kept(rig: &impl Rig) {
    let kept = product_of(rig, PROD).await;
    let listed = |prod_id: &str| ListedSeed {
        seed: Seed {
            prod_id: prod_id.into(),
            prod_name: "P".to_owned(),
            terms: Terms { on_shelf: true, ..Terms::at(Money::from_milli(1)) },
            stock: 9,
        },
        note_if_kept: format!("{prod_id} is kept"),
    };
    let changed = ConfigChange {
        key: "log.level".to_owned(),
        before: json!("info"),
        after: json!("debug"),
        source: "--set".to_owned(),
        note: None,
    };
    let reload = || Reload {
        seeds: vec![listed(PROD), listed("p")],
        before: json!({ "generation": 1 }),
        after: json!({ "generation": 2 }),
        state: ReloadState {
            generation: 2,
            changed: vec![changed.clone()],
            products_added: Vec::new(),
            notes: vec!["a note".to_owned()],
        },
    };
    let reloaded = done(rig, "r1", Operation::Reload(Box::new(reload()))).await;
    let reloaded: ReloadState = state(&reloaded);
    assert_eq!((reloaded.generation, reloaded.changed), (2, vec![changed.clone()]));
    assert_eq!(reloaded.products_added, ["p"]);
    assert_eq!(reloaded.notes, ["a note".to_owned(), format!("{PROD} is kept")]);
    assert_eq!(product_of(rig, PROD).await, kept);
    assert_eq!(product_of(rig, "p").await.stock, 9);
    let known = rig.desk().repeated(&asked("r1", Value::Null), Named::RELOAD).await;
    assert_eq!(known.unwrap().unwrap().first, Firstness::Repeated);
    let entry = log(rig).await.remove(0);
    assert_eq!((entry.verb.as_str(), entry.object.as_str()), ("reload", ""));
    assert_eq!(
        (entry.before, entry.after),
        (json!({ "generation": 1 }), json!({ "generation": 2 }))
    );
}

pub async fn the_log_has_every_command_newest_first(rig: &impl Rig) {
    for number in 1..=5 {
        let level = format!("debug{number}");
        let noted = done(rig, &format!("r{number}"), note(&level)).await;
        assert_eq!(state::<Value>(&noted), json!({ "level": level }));
    }
    let repeated = done(rig, "r1", note("debug1")).await;
    assert_eq!(repeated.first, Firstness::Repeated);
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = rig.desk().audit(after.as_deref(), 2).await.unwrap();
        assert!(page.entries.len() <= 2);
        seen.extend(page.entries.into_iter().map(|entry| entry.request_id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["r5", "r4", "r3", "r2", "r1"]);
    assert_eq!(rig.desk().audit(Some("x"), 2).await, Err(ListError::Cursor));
}
