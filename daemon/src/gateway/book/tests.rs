//! Tests of the book: each event on each standing.

use protocol::{ChargeOutcome, Decision, EpochMs, Money, Outcome, Reason, Terms};

use super::*;

const PHONE: &str = "15200008881";

fn product() -> ProductState {
    ProductState {
        prod_id: "pid_0001".into(),
        prod_name: "iphoneX2019新款".to_owned(),
        terms: Terms { on_shelf: true, ..Terms::at(Money::from_milli(5_999_000)) },
        initial: 100,
        added: 0,
        stock: 100,
        sold: 0,
        version: 0,
        terms_version: 2,
        terms_set: None,
    }
}

fn entry() -> BookEntry {
    let entry = BookEntry::new(&product(), Instant::now());
    entry.stock.refresh(100, 0);
    entry
}

fn undecided(id: &str) -> Undecided {
    Undecided { id: id.into(), asked_at: EpochMs(1) }
}

fn claim(entry: &BookEntry, id: &str) -> Result<OrderId, Buyer> {
    entry.claim(&PHONE.into(), EpochMs(1), &Arc::default(), |_| id.into())
}

fn publish(entry: &BookEntry, id: &str) {
    claim(entry, id).unwrap();
    entry.hold(&PHONE.into(), &id.into(), protocol::PreheatRatio::NONE).unwrap();
}

fn decision(order_id: &str, outcome: Outcome) -> Decision {
    Decision {
        seq: protocol::Seq(1),
        order_id: order_id.into(),
        prod_id: "pid_0001".into(),
        phone: PHONE.into(),
        outcome,
        reason: (outcome == Outcome::Failed).then_some(Reason::SoldOut),
        live_order_id: (outcome == Outcome::Duplicate).then(|| "live".into()),
    }
}

fn standing(entry: &BookEntry) -> Option<String> {
    entry.buyer(&PHONE.into()).map(|buyer| match buyer.standing {
        Standing::Open => format!("open after {}", buyer.failures),
        Standing::Claimed(order, _) => format!("claimed {}", order.id),
        Standing::Publishing(order, _) => format!("publishing {}", order.id),
        Standing::Queued(order) => format!("queued {}", order.id),
        Standing::Unconfirmed(order) => format!("unconfirmed {}", order.id),
        Standing::Live(id) => format!("live {id}"),
    })
}

#[test]
fn a_second_claim_finds_the_first() {
    let entry = entry();
    claim(&entry, "a").unwrap();
    let found = claim(&entry, "b").unwrap_err();
    assert_eq!(found.standing.undecided(), Some(&undecided("a")));
}

#[test]
fn a_definite_failure_gives_the_unit_back_and_leaves_no_trace() {
    let entry = entry();
    publish(&entry, "a");
    assert_eq!(entry.stock.figures().held, 1);
    entry.abandon(&PHONE.into(), &"a".into());
    assert_eq!(standing(&entry), None);
    assert_eq!(entry.stock.figures().held, 0);
    // A second report of the same failure gives nothing back.
    entry.abandon(&PHONE.into(), &"a".into());
    assert_eq!(entry.stock.figures().free(protocol::PreheatRatio::NONE), 100);
}

#[test]
fn stored_then_placed() {
    let entry = entry();
    publish(&entry, "a");
    entry.confirm(&PHONE.into(), &"a".into());
    assert_eq!(standing(&entry).as_deref(), Some("queued a"));
    assert!(entry.decide(&decision("a", Outcome::Placed)));
    assert_eq!(standing(&entry).as_deref(), Some("live a"));
    assert!(!entry.decide(&decision("a", Outcome::Placed)), "a hold ends once");
}

#[test]
fn decided_before_the_acknowledgement_stays_decided() {
    let entry = entry();
    publish(&entry, "a");
    assert!(entry.decide(&decision("a", Outcome::Placed)));
    entry.confirm(&PHONE.into(), &"a".into());
    assert!(!entry.mark_unconfirmed(&PHONE.into(), &"a".into()));
    entry.abandon(&PHONE.into(), &"a".into());
    assert_eq!(standing(&entry).as_deref(), Some("live a"));
}

#[test]
fn an_unknown_result_holds_until_confirmed_or_decided() {
    let entry = entry();
    publish(&entry, "a");
    assert!(entry.mark_unconfirmed(&PHONE.into(), &"a".into()));
    assert!(entry.is_unconfirmed(&PHONE.into(), &"a".into()));
    entry.confirm(&PHONE.into(), &"a".into());
    assert_eq!(standing(&entry).as_deref(), Some("queued a"));
    assert!(!entry.is_unconfirmed(&PHONE.into(), &"a".into()));
}

#[test]
fn a_failed_buyer_tries_again_under_the_next_number() {
    let entry = entry();
    publish(&entry, "a");
    assert!(entry.decide(&decision("a", Outcome::Failed)));
    assert_eq!(standing(&entry).as_deref(), Some("open after 1"));
    let next = entry.claim(&PHONE.into(), EpochMs(1), &Arc::default(), |attempt| {
        assert_eq!(attempt, 1);
        "b".into()
    });
    next.unwrap();
    entry.abandon(&PHONE.into(), &"b".into());
    assert_eq!(standing(&entry).as_deref(), Some("open after 1"));
}

#[test]
fn an_outcome_of_another_version_ends_the_hold_and_the_attempt() {
    let entry = entry();
    publish(&entry, "a");
    entry.confirm(&PHONE.into(), &"a".into());
    assert!(entry.decide(&decision("a", Outcome::Other)), "the unit isn't held for ever");
    assert_eq!(standing(&entry).as_deref(), Some("open after 1"));
}

#[test]
fn somebody_elses_decision_leaves_our_hold() {
    let entry = entry();
    publish(&entry, "a");
    entry.confirm(&PHONE.into(), &"a".into());
    assert!(!entry.decide(&decision("java", Outcome::Placed)));
    assert_eq!(standing(&entry).as_deref(), Some("queued a"));
    assert!(entry.decide(&decision("a", Outcome::Duplicate)));
    assert_eq!(standing(&entry).as_deref(), Some("live live"));
}

#[test]
fn an_order_found_at_start_holds_its_unit_once() {
    let entry = entry();
    assert!(entry.adopt(&PHONE.into(), &undecided("a"), Found::Queued));
    assert!(!entry.adopt(&PHONE.into(), &undecided("a"), Found::Unconfirmed));
    assert_eq!(entry.stock.figures().held, 1);
    assert_eq!(standing(&entry).as_deref(), Some("queued a"));
}

#[test]
fn a_new_database_forgets_the_decided_only() {
    let entry = entry();
    entry.decide(&decision("a", Outcome::Placed));
    entry.forget_decided();
    assert_eq!(standing(&entry), None);
    assert!(entry.adopt(&PHONE.into(), &undecided("a"), Found::Queued));
    entry.forget_decided();
    assert_eq!(standing(&entry).as_deref(), Some("queued a"));
}

#[test]
fn shelves_appear_and_change_with_the_products() {
    let book = Book::new(OrderIdKey::new(vec![1; 32]));
    assert!(book.entry(&"pid_0001".into()).is_none());
    book.renew_cards(&[product()]);
    let entry = book.entry(&"pid_0001".into()).unwrap();
    assert_eq!(entry.terms(), Terms { on_shelf: true, ..Terms::at(Money::from_milli(5_999_000)) });
    book.renew_cards(&[ProductState {
        terms: Terms { on_shelf: false, ..product().terms },
        ..product()
    }]);
    assert_eq!(entry.terms(), Terms::at(Money::from_milli(5_999_000)));
}

#[test]
fn a_claim_that_finds_nothing_free_holds_nothing() {
    let entry = entry();
    entry.stock.refresh(0, 0);
    claim(&entry, "a").unwrap();
    assert_eq!(
        entry.hold(&PHONE.into(), &"a".into(), protocol::PreheatRatio::NONE),
        Err(NotHeld::SoldOut)
    );
    entry.abandon(&PHONE.into(), &"a".into());
    assert_eq!(standing(&entry), None);
    assert_eq!(entry.stock.figures().held, 0);
}

#[test]
fn decided_elsewhere_between_claim_and_hold_costs_no_unit() {
    let entry = entry();
    claim(&entry, "a").unwrap();
    assert!(!entry.decide(&decision("a", Outcome::Placed)), "a claim holds no unit to settle");
    assert_eq!(
        entry.hold(&PHONE.into(), &"a".into(), protocol::PreheatRatio::NONE),
        Err(NotHeld::Decided)
    );
    assert_eq!(entry.stock.figures().held, 0);
    assert_eq!(standing(&entry).as_deref(), Some("live a"));
}

/// A product of this number, on the shelf or off.
fn numbered(number: usize, on_shelf: bool) -> ProductState {
    ProductState {
        prod_id: format!("p{number:03}").into(),
        terms: Terms { on_shelf, ..product().terms },
        ..product()
    }
}

fn charge(book: &Book, prod_id: &str, outcome: ChargeOutcome) {
    book.count(book.look().get(&prod_id.into()).map(Arc::as_ref), outcome);
}

fn counted(book: &Book, prod_id: &str, outcome: ChargeOutcome) -> Option<u64> {
    Some(book.entry(&prod_id.into())?.outcomes()?.total(outcome))
}

#[test]
fn charges_are_counted_by_product_while_it_is_on_the_shelf() {
    use ChargeOutcome::{SoldOut, UnknownProduct, WrongPrice};
    let book = Book::new(OrderIdKey::new(vec![1; 32]));
    book.renew_cards(&[numbered(1, true), numbered(2, true)]);
    assert_eq!(counted(&book, "p002", SoldOut), Some(0), "from 0, before anybody asks");
    charge(&book, "p001", SoldOut);
    charge(&book, "p001", WrongPrice);
    charge(&book, "nobody's", UnknownProduct);
    assert_eq!(counted(&book, "p001", SoldOut), Some(1));
    assert_eq!(counted(&book, "p002", SoldOut), Some(0));
    assert_eq!(book.elsewhere().total(UnknownProduct), 1);
    // What leaves the shelf is shown no more, and nothing that was counted goes elsewhere.
    book.renew_cards(&[numbered(1, false), numbered(2, true)]);
    assert_eq!(counted(&book, "p001", SoldOut), None);
    assert_eq!(book.charges(&"p001".into()), None);
    assert_eq!(book.elsewhere().total(SoldOut), 0);
    charge(&book, "p001", ChargeOutcome::OffTheShelf);
    assert_eq!(book.elsewhere().total(ChargeOutcome::OffTheShelf), 1);
    // Back on it, it goes on where it was: a counter never falls.
    book.renew_cards(&[numbered(1, true), numbered(2, true)]);
    charge(&book, "p001", SoldOut);
    assert_eq!(counted(&book, "p001", SoldOut), Some(2));
    assert_eq!(book.charges(&"p001".into()).unwrap().all().total, 3);
}

#[test]
fn a_hundred_products_are_counted_apart_and_whoever_is_stays_it() {
    let book = Book::new(OrderIdKey::new(vec![1; 32]));
    let all = |on_shelf: &dyn Fn(usize) -> bool| {
        (0..150).map(|number| numbered(number, on_shelf(number))).collect::<Vec<_>>()
    };
    let apart = || {
        let entries = book.entries();
        let apart = entries.iter().filter(|entry| entry.outcomes().is_some());
        let mut ids: Vec<String> = apart.map(|entry| entry.prod_id().to_string()).collect();
        ids.sort();
        ids
    };
    // The first ten are off the shelf.
    book.renew_cards(&all(&|number| 10 <= number));
    let first = apart();
    assert_eq!((first.len(), first[0].as_str(), first[99].as_str()), (100, "p010", "p109"));
    charge(&book, "p149", ChargeOutcome::SoldOut);
    assert_eq!(book.elsewhere().total(ChargeOutcome::SoldOut), 1);
    // Those that come later take nobody's place, though their ids are lower.
    book.renew_cards(&all(&|_| true));
    assert_eq!(apart(), first);
    // A place that gets free is taken.
    book.renew_cards(&all(&|number| number != 50));
    let now = apart();
    assert_eq!((now.len(), now[0].as_str()), (100, "p000"));
    assert!(!now.contains(&"p050".to_owned()));
}

#[test]
fn a_product_that_is_called_other_is_one_of_them() {
    let book = Book::new(OrderIdKey::new(vec![1; 32]));
    book.renew_cards(&[ProductState { prod_id: OTHER.into(), ..product() }]);
    charge(&book, OTHER, ChargeOutcome::SoldOut);
    assert_eq!(counted(&book, OTHER, ChargeOutcome::SoldOut), None);
    assert_eq!(book.elsewhere().total(ChargeOutcome::SoldOut), 1);
}
