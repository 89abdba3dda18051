//! Commands of operators: carried out once, logged with their effect, refused without a trace.

use domain::backoff::Backoff;
use domain::controls::{ControlVerb, StaleGeneration};
use domain::ports::desk::{Actor, Carried, CommandError, Firstness, Refusal};
use domain::ports::lists::ListError;
use domain::ports::{Sale, WriteError};
use domain::product::{self, NewProduct, STOCK_MAX, Seen};
use protocol::{Controls, Money, ProductView, Reason, Seq, SwitchView, Terms, TermsFault};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Fixture, PROD, asked, bare, order, outgoing, refusal};

fn state<T: DeserializeOwned>(carried: &Carried) -> T {
    serde_json::from_str(carried.state.get()).unwrap()
}

/// A refusal by the rules of products.
fn of_product(answer: Result<Carried, CommandError>) -> product::Refusal {
    match refusal(answer) {
        Refusal::Product(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

async fn add(fixture: &Fixture, request_id: &str, delta: i64) -> Result<Carried, CommandError> {
    let asked = asked(request_id, json!({ "delta": delta }));
    fixture.store.change_stock(asked, PROD, delta, None).await
}

#[tokio::test]
async fn the_same_request_again_adds_nothing_and_gets_the_same_answer() {
    let fixture = Fixture::with_stock(3);
    fixture.decide(vec![order("a", 1)]).await;
    let mut changes = fixture.store.changes();
    changes.mark_unchanged();
    let first = add(&fixture, "r1", 50).await.unwrap();
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    assert_eq!(first.first, Firstness::Now);
    let product: ProductView = state(&first);
    assert_eq!((product.stock, product.added, product.sold, product.version), (52, 50, 1, 2));
    assert!(product.balanced && product.missing == 0 && product.held.is_none());
    fixture.pass_ms(5);
    add(&fixture, "r2", 1).await.unwrap();
    changes.mark_unchanged();
    let fixture = fixture.reopened().await;
    let again = add(&fixture, "r1", 50).await.unwrap();
    assert_eq!(again.first, Firstness::Repeated);
    assert_eq!((again.audit_id, again.at), (first.audit_id, first.at));
    assert_eq!(again.state.get(), first.state.get());
    assert_eq!(fixture.balance().await.added, 51);
    assert!(!changes.has_changed().unwrap_or(false));
    let entries = fixture.store.audit(None, 10).await.unwrap().entries;
    assert_eq!(entries.iter().map(|entry| entry.id).collect::<Vec<_>>(), [2, 1]);
    let entry = &entries[1];
    assert_eq!((entry.uid, entry.user.as_deref(), entry.pid), (1_000, None, Some(42)));
    assert_eq!((entry.verb.as_str(), entry.object.as_str()), ("product.stock", PROD));
    assert_eq!((entry.at.0, entry.reason.as_deref()), (1_000_000, Some("because")));
    assert_eq!((&entry.arguments, &entry.before["stock"]), (&json!({ "delta": 50 }), &json!(2)));
    assert_eq!((&entry.after["stock"], entry.request_id.as_str()), (&json!(52), "r1"));
}

#[tokio::test]
async fn a_request_id_of_another_command_is_refused() {
    let fixture = Fixture::with_stock(3);
    add(&fixture, "r1", 5).await.unwrap();
    let (store, five) = (&fixture.store, || asked("r1", json!({ "delta": 5 })));
    let others = [
        store.change_stock(asked("r1", json!({ "delta": 6 })), PROD, 6, None).await,
        store.change_stock(five(), "pid_0009", 5, None).await,
        store.set_shelf(five(), PROD, false, None).await,
    ];
    let (request_id, verb) = ("r1".to_owned(), "product.stock".to_owned());
    let reused = Refusal::RequestIdReused { request_id, verb, audit_id: 1 };
    for other in others {
        assert_eq!(refusal(other), reused);
    }
    assert_eq!(fixture.balance().await.added, 5);
}

#[tokio::test]
async fn a_refused_command_changes_nothing_is_not_logged_and_may_be_given_again() {
    let fixture = Fixture::with_stock(3);
    fixture.decide(vec![order("a", 1)]).await;
    let mut changes = fixture.store.changes();
    changes.mark_unchanged();
    let prod_id = || PROD.into();
    let not_enough = product::Refusal::NotEnough { prod_id: prod_id(), unsold: 2 };
    let too_many = product::Refusal::TooMany { prod_id: prod_id(), unsold: 2 };
    for (delta, why) in [
        (-3, &not_enough),
        (0, &product::Refusal::NoUnits),
        (i64::MIN, &not_enough),
        (i64::MAX, &too_many),
        (i64::from(u32::MAX) - 1, &too_many),
    ] {
        assert_eq!(&of_product(add(&fixture, "r1", delta).await), why, "{delta}");
    }
    let unknown = fixture.store.change_stock(bare("r1"), "pid_9999", 1, None).await;
    let prod_id = "pid_9999".into();
    assert_eq!(of_product(unknown), product::Refusal::Unknown { prod_id });
    let stale = fixture.store.change_stock(bare("r1"), PROD, 1, Some(7)).await;
    let prod_id = PROD.into();
    assert_eq!(
        of_product(stale),
        product::Refusal::Stale { prod_id, current: 1, seen: Seen::Version(7) }
    );
    assert!(!changes.has_changed().unwrap());
    assert_eq!(fixture.store.audit(None, 10).await.unwrap().entries, []);
    assert_eq!(add(&fixture, "r1", -2).await.unwrap().first, Firstness::Now);
    add(&fixture, "r2", i64::from(u32::MAX)).await.unwrap();
    let balance = fixture.balance().await;
    assert!(balance.holds() && u64::try_from(balance.stock) == Ok(STOCK_MAX), "{balance:?}");
}

#[tokio::test]
async fn a_command_whose_commit_fails_leaves_nothing() {
    let fixture = Fixture::with_stock(3);
    fixture
        .sql(
            "CREATE TRIGGER no BEFORE INSERT ON seckill_audit
             BEGIN SELECT RAISE(ABORT, 'no log'); END",
        )
        .await;
    let failed = add(&fixture, "r1", 5).await;
    assert!(matches!(failed, Err(CommandError::Store(WriteError::Rejected(_)))), "{failed:?}");
    assert_eq!(fixture.balance().await.added, 0);
    fixture.sql("DROP TRIGGER no").await;
    assert_eq!(add(&fixture, "r1", 5).await.unwrap().first, Firstness::Now);
    fixture.store.close().await.unwrap();
    let closed = add(&fixture, "r2", 5).await;
    assert!(matches!(closed, Err(CommandError::Store(WriteError::Closed))), "{closed:?}");
}

#[tokio::test]
async fn withdrawn_units_are_not_sold_and_added_ones_are() {
    let fixture = Fixture::with_stock(1);
    add(&fixture, "r1", -1).await.unwrap();
    assert_eq!(fixture.decide(vec![order("a", 1)]).await.decided(), 1);
    let product = fixture.store.products().await.unwrap().remove(0);
    assert_eq!((product.stock, product.sold, product.added), (0, 0, -1));
    add(&fixture, "r2", 1).await.unwrap();
    assert_eq!(fixture.decide(vec![order("b", 1)]).await.placed, 1);
    assert!(fixture.balance().await.holds());
}

fn product(prod_id: &str) -> NewProduct {
    NewProduct {
        prod_id: prod_id.into(),
        prod_name: "新款".to_owned(),
        terms: Terms::at(Money::parse("9.900").unwrap()),
        stock: 7,
    }
}

#[tokio::test]
async fn a_product_is_made_once_and_put_on_the_shelf() {
    let fixture = Fixture::with_stock(1);
    let made = fixture.store.create_product(bare("r1"), product("pid_0009")).await.unwrap();
    let view: ProductView = state(&made);
    assert_eq!((view.prod_id.as_str(), view.initial, view.stock), ("pid_0009", 7, 7));
    assert_eq!((view.terms.on_shelf, view.version, view.balanced), (false, 0, true));
    let twice = fixture.store.create_product(bare("r2"), product("pid_0009")).await;
    let prod_id = "pid_0009".into();
    assert_eq!(of_product(twice), product::Refusal::Exists { prod_id });
    let store = &fixture.store;
    let on = store.set_shelf(bare("r3"), "pid_0009", true, Some(0)).await.unwrap();
    let on: ProductView = state(&on);
    assert_eq!((on.terms.on_shelf, on.version), (true, 1));
    let on = store.set_shelf(bare("r4"), "pid_0009", true, None).await.unwrap();
    assert_eq!(state::<ProductView>(&on).version, 1, "it was there already");
    let stale = store.set_shelf(bare("r5"), "pid_0009", false, Some(0)).await;
    let stale = of_product(stale);
    assert!(
        matches!(stale, product::Refusal::Stale { current: 1, seen: Seen::Version(0), .. }),
        "{stale:?}"
    );
    store.set_shelf(bare("r6"), "pid_0009", false, None).await.unwrap();
    let products = store.decisions(Seq(0), 1).await.unwrap().products;
    assert!(!products[1].terms.on_shelf && products[1].version == 2, "{products:?}");
}

#[tokio::test]
async fn a_price_changes_and_what_waits_at_the_old_one_fails() {
    let fixture = Fixture::with_stock(9);
    let store = &fixture.store;
    let old = store.decisions(Seq(0), 1).await.unwrap().products[0].clone();
    store.enqueue(vec![outgoing("a", 1)]).await.unwrap();
    let price = Money::parse("1.230").unwrap();
    let set =
        store.set_price(bare("r1"), old.prod_id.as_str(), price, Some(old.version)).await.unwrap();
    let set: ProductView = state(&set);
    assert_eq!((set.terms.price, set.version), (price, old.version + 1));
    let again = store.set_price(bare("r2"), old.prod_id.as_str(), price, None).await.unwrap();
    assert_eq!(state::<ProductView>(&again).version, old.version + 1, "it has it already");
    let stale =
        store.set_price(bare("r3"), old.prod_id.as_str(), old.terms.price, Some(old.version)).await;
    let stale = of_product(stale);
    assert!(matches!(stale, product::Refusal::Stale { .. }), "{stale:?}");
    let nothing =
        store.set_price(bare("r4"), old.prod_id.as_str(), Money::from_milli(0), None).await;
    assert_eq!(
        of_product(nothing),
        product::Refusal::Terms(TermsFault::Price(Money::from_milli(0)))
    );

    let backoff = Backoff { first_ms: 1, max_ms: 1 };
    let taken = store.decide_from_queue(10, 3, backoff).await.unwrap();
    assert_eq!((taken.outcomes.placed, taken.outcomes.failed_for(Reason::PriceDiffers)), (0, 1));
    let now = store.decisions(Seq(0), 10).await.unwrap().products[0].clone();
    assert_eq!(now.stock, old.stock);
    let entry = store.audit(None, 1).await.unwrap();
    assert!(format!("{entry:?}").contains("1.230"), "{entry:?}");
}

#[tokio::test]
async fn products_outside_the_limits_are_refused() {
    let fixture = Fixture::with_stock(1);
    let zero = Money::parse("0").unwrap();
    let wrong = [
        product(""),
        product("a b"),
        product(&"x".repeat(65)),
        product("a\u{7}"),
        NewProduct { prod_name: " ".to_owned(), ..product("ok") },
        NewProduct { prod_name: "名".repeat(257), ..product("ok") },
        NewProduct { terms: Terms::at(zero), ..product("ok") },
    ];
    for product in wrong {
        let refused = fixture.store.create_product(bare("r1"), product.clone()).await;
        let why = of_product(refused);
        let is_of_the_limits = matches!(
            why,
            product::Refusal::Id { .. }
                | product::Refusal::Name { .. }
                | product::Refusal::Terms(_)
        );
        assert!(is_of_the_limits, "{product:?}: {why:?}");
    }
    assert_eq!(fixture.store.products().await.unwrap().len(), 1);
    // A profile may name a product so, and so may a command.
    let long = NewProduct { prod_name: "名".repeat(256), ..product("ok") };
    fixture.store.create_product(bare("r1"), long).await.unwrap();
}

async fn switch(fixture: &Fixture, request_id: &str, verb: ControlVerb) -> Controls {
    fixture.pass_ms(1);
    let carried = fixture.store.set_controls(bare(request_id), verb, None).await.unwrap();
    let controls: Controls = state(&carried);
    assert_eq!(fixture.store.controls().await.unwrap(), controls);
    controls
}

/// Intake paused, consumption paused, drain asked for.
fn shape(controls: &Controls) -> (bool, bool, bool) {
    let paused = |switch: &Option<SwitchView>| switch.as_ref().unwrap().paused;
    (paused(&controls.intake), paused(&controls.consumption), controls.drain.is_some())
}

#[tokio::test]
async fn switches_survive_a_restart_and_pausing_twice_is_fine() {
    let fixture = Fixture::with_stock(1);
    let none = fixture.store.controls().await.unwrap();
    assert_eq!((shape(&none), none.intake), ((false, false, false), Some(SwitchView::default())));
    let paused = switch(&fixture, "r1", ControlVerb::PauseIntake).await;
    assert_eq!(shape(&paused), (true, false, false));
    let intake = paused.intake.clone().unwrap();
    assert_eq!((intake.since.unwrap().0, intake.by.as_deref()), (1_000_001, Some("uid 1000")));
    assert_eq!(intake.reason.as_deref(), Some("because"));
    let fixture = fixture.reopened().await;
    assert_eq!(fixture.store.controls().await.unwrap(), paused);
    assert_eq!(switch(&fixture, "r2", ControlVerb::PauseIntake).await, paused);
    let resumed = switch(&fixture, "r3", ControlVerb::ResumeIntake).await;
    assert_eq!((shape(&resumed).0, resumed.intake.unwrap().since.unwrap().0), (false, 1_000_003));
    let entries = fixture.store.audit(None, 10).await.unwrap().entries;
    assert_eq!((&entries[0].before["intake_paused"]), &json!(true));
    assert_eq!(
        (&entries[1].before, &entries[0].after["draining"]),
        (&entries[1].after, &json!(false))
    );
    let named = Actor { user: Some("alice".to_owned()), ..bare("x").actor };
    assert_eq!(named.name(), "alice");
}

#[tokio::test]
async fn a_drain_is_intake_paused_and_consumption_on_until_it_is_undone() {
    use ControlVerb::{Drain, PauseConsumption, PauseIntake, ResumeConsumption, ResumeIntake};
    let fixture = Fixture::with_stock(1);
    let mut number = 0;
    for (verb, wanted) in [
        (PauseConsumption, (false, true, false)),
        (Drain, (true, false, true)),
        (Drain, (true, false, true)),
        (PauseIntake, (true, false, true)),
        (ResumeConsumption, (true, false, true)),
        (ResumeIntake, (false, false, false)),
        (Drain, (true, false, true)),
        (PauseConsumption, (true, true, false)),
        (ResumeConsumption, (true, false, false)),
        (ResumeIntake, (false, false, false)),
    ] {
        number += 1;
        let controls = switch(&fixture, &number.to_string(), verb).await;
        assert_eq!(shape(&controls), wanted, "{number}: {verb:?}");
        if number == 3 {
            assert_eq!(controls.drain.unwrap().since.0, 1_000_002);
        }
    }
}

/// What was asked for of the switches as they were isn't done to others: a resume that was meant
/// for a pause doesn't undo the drain that somebody began meanwhile.
#[tokio::test]
async fn switches_of_another_generation_are_left_alone() {
    use ControlVerb::{Drain, PauseIntake, ResumeIntake};
    let fixture = Fixture::with_stock(1);
    let none = fixture.store.controls().await.unwrap();
    assert_eq!(none.generation, Some(0));
    let paused = switch(&fixture, "r1", PauseIntake).await;
    assert_eq!(paused.generation, Some(1));
    assert_eq!(switch(&fixture, "r2", PauseIntake).await.generation, Some(1), "nothing changed");
    let draining = switch(&fixture, "r3", Drain).await;
    assert_eq!(draining.generation, Some(2));
    let asked = fixture.store.set_controls(bare("r4"), ResumeIntake, paused.generation).await;
    let stale = StaleGeneration { current: 2, seen: 1 };
    assert_eq!(refusal(asked), Refusal::Switches(stale));
    assert_eq!(fixture.store.controls().await.unwrap(), draining);
    let fixture = fixture.reopened().await;
    let asked = fixture.store.set_controls(bare("r5"), ResumeIntake, draining.generation).await;
    let resumed: Controls = state(&asked.unwrap());
    assert_eq!((shape(&resumed), resumed.generation), ((false, false, false), Some(3)));
    // Given again after a lost answer, it is the same command still.
    let again = fixture.store.set_controls(bare("r5"), ResumeIntake, draining.generation).await;
    assert_eq!(state::<Controls>(&again.unwrap()), resumed);
}

#[tokio::test]
async fn the_log_is_paged_and_takes_commands_of_other_parts() {
    let fixture = Fixture::with_stock(1);
    let level = json!({ "level": "debug" });
    for number in 1..=5 {
        let command = bare(&number.to_string());
        let noted = fixture.store.note_command(command, json!("info"), Value::Null, level.clone());
        let noted = noted.await.unwrap();
        assert_eq!((noted.audit_id, state::<Value>(&noted)), (number, level.clone()));
    }
    let again = fixture.store.note_command(bare("1"), json!("warn"), Value::Null, json!({})).await;
    assert_eq!(state::<Value>(&again.unwrap()), level);
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = fixture.store.audit(after.as_deref(), 2).await.unwrap();
        seen.extend(page.entries.iter().map(|entry| entry.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    assert_eq!(fixture.store.audit(Some("x"), 2).await, Err(ListError::Cursor));
}
