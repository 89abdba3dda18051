//! What an operator's desk owes where it changes a product's terms: all that are named or none, in
//! one entry of the audit log, and a version of theirs that no sale raises.

use protocol::{
    Bound, EpochMs, Money, OrderStatus, ProductView, Reason, Terms, TermsFault, TermsPatch,
};
use serde_json::{Value, json};

use super::desk::{Rig, change, done, log, product_of, refused, state, stock};
use super::sale::{PRICE, PROD, STOCK, delivery, order, phone};
use crate::ports::Delivery;
use crate::ports::desk::{Operation, Refusal};
use crate::product::{self, Change, NewProduct, Seen};

pub(super) async fn only_a_command_on_its_terms_raises_their_version(rig: &impl Rig) {
    let before = product_of(rig, PROD).await;
    assert_eq!(before.terms_version, 0, "nobody has changed them yet");
    done(rig, "r1", stock(5)).await;
    rig.sale().decide(vec![order("a", 1)]).await.unwrap();
    let sold = product_of(rig, PROD).await;
    assert_eq!((sold.sold, sold.terms_version), (1, 0));
    assert_eq!(sold.version, before.version + 2);
    let off = done(rig, "r2", change(PROD, Change::shelf(false), None)).await;
    let off: ProductView = state(&off);
    assert_eq!((off.version, off.terms_version), (sold.version + 1, 1));
    assert_eq!(sold.terms_set, None, "they are as it was made");
    assert_eq!(off.terms_set.map(|set| set.by).as_deref(), Some("alice"), "who changed them");
    done(rig, "r3", change(PROD, Change::shelf(false), None)).await;
    done(rig, "r4", change(PROD, Change::price(Money::from_milli(1)), None)).await;
    assert_eq!(product_of(rig, PROD).await.terms_version, 2);
    let entry = log(rig).await.remove(0);
    assert_eq!(
        (&entry.before["terms_version"], &entry.after["terms_version"]),
        (&json!(1), &json!(2))
    );
}

pub(super) async fn several_terms_are_changed_together_by_their_version(rig: &impl Rig) {
    let price = Money::from_milli(1);
    let patch = TermsPatch { price: Some(price), on_shelf: Some(false), ..TermsPatch::default() };
    let given = |patch: TermsPatch, seen: u64| Operation::ChangeProduct {
        prod_id: PROD.into(),
        change: Change::Terms(patch),
        if_seen: Some(Seen::TermsVersion(seen)),
    };
    // A sale in between raises the row's version and not that of the terms.
    rig.sale().decide(vec![order("a", 1)]).await.unwrap();
    let before = product_of(rig, PROD).await;
    let mut changes = rig.sale().changes();
    changes.mark_unchanged();
    let after: ProductView = state(&done(rig, "r1", given(patch, 0)).await);
    assert!(changes.has_changed().unwrap());
    assert_eq!(after.terms, Terms::at(price));
    assert_eq!((after.version, after.terms_version), (before.version + 1, 1));
    let stored = product_of(rig, PROD).await;
    assert_eq!((stored.terms, stored.terms_version), (after.terms, 1));
    let entries = log(rig).await;
    assert_eq!(entries.len(), 1, "one command, one entry");
    assert_eq!((entries[0].verb.as_str(), entries[0].object.as_str()), ("product.terms", PROD));
    let logged = |terms: Terms, entry: &Value| {
        let patch = TermsPatch::from(terms);
        serde_json::from_value::<Terms>(entry.clone()).is_ok_and(|it| it.with(&patch) == it)
    };
    assert!(logged(before.terms, &entries[0].before), "{:?}", entries[0]);
    assert!(logged(after.terms, &entries[0].after), "{:?}", entries[0]);

    changes.mark_unchanged();
    let back = TermsPatch::from(before.terms);
    let stale =
        product::Refusal::Stale { prod_id: PROD.into(), current: 1, seen: Seen::TermsVersion(0) };
    assert_eq!(refused(rig, "r2", given(back, 0)).await, Refusal::Product(stale));
    // One of two that can't be keeps the other from being done.
    let free = Money::from_milli(0);
    let half = TermsPatch { price: Some(free), on_shelf: Some(true), ..TermsPatch::default() };
    let fault = product::Refusal::Terms(TermsFault::Price(free));
    assert_eq!(refused(rig, "r2", given(half, 1)).await, Refusal::Product(fault));
    assert_eq!(product_of(rig, PROD).await, stored);
    assert!(!changes.has_changed().unwrap() && log(rig).await.len() == 1);
    done(rig, "r2", given(back, 1)).await;
    assert_eq!(product_of(rig, PROD).await.terms, before.terms);
}

fn window(opens_at: Option<i64>, closes_at: Option<i64>) -> TermsPatch {
    let bound = |at: Option<i64>| Some(Bound(at.map(EpochMs)));
    let (opens_at, closes_at) = (bound(opens_at), bound(closes_at));
    TermsPatch { opens_at, closes_at, ..TermsPatch::default() }
}

fn asked_at(at: i64, delivery: Delivery) -> Delivery {
    Delivery { asked_at: EpochMs(at), ..delivery }
}

/// How an order of this buyer ended that was asked for at a moment.
async fn end(rig: &impl Rig, prod_id: &str, user: u32, at: i64) -> (OrderStatus, Option<Reason>) {
    let order = delivery(&format!("{prod_id} {user}"), user, prod_id, PRICE);
    rig.sale().decide(vec![asked_at(at, order)]).await.unwrap();
    let found = rig.sale().find(&prod_id.into(), &phone(user)).await.unwrap().unwrap();
    (found.status, found.reason)
}

const PLACED: (OrderStatus, Option<Reason>) = (OrderStatus::Placed, None);

fn failed(reason: Reason) -> (OrderStatus, Option<Reason>) {
    (OrderStatus::Failed, Some(reason))
}

/// Orders told "queueing" by a window are placed, wherever it has been moved since.
pub(super) async fn orders_are_judged_by_every_window_of_the_shelf(rig: &impl Rig) {
    let made = NewProduct {
        prod_id: "timed".into(),
        prod_name: "opens at 100".to_owned(),
        terms: Terms {
            on_shelf: true,
            opens_at: Bound::at(EpochMs(100)),
            ..Terms::at(Money::parse(PRICE).unwrap())
        },
        stock: STOCK + 2,
    };
    done(rig, "r1", Operation::CreateProduct(made)).await;
    assert_eq!(end(rig, "timed", 1, 99).await, failed(Reason::NotOpen));
    assert_eq!(end(rig, "timed", 2, 100).await, PLACED);
    let set = |patch| change("timed", Change::Terms(patch), None);
    let moved: ProductView = state(&done(rig, "r2", set(window(Some(200), Some(300)))).await);
    assert_eq!(moved.terms.closes_at, Bound::at(EpochMs(300)));
    assert_eq!(product_of(rig, "timed").await.terms, moved.terms);
    done(rig, "r3", set(window(Some(400), Some(500)))).await;
    for (user, at, ended) in [
        (3, 99, failed(Reason::NotOpen)),
        (4, 150, PLACED),
        (5, 250, PLACED),
        (6, 350, PLACED),
        (7, 499, PLACED),
    ] {
        assert_eq!(end(rig, "timed", user, at).await, ended, "{at}");
    }
    // A window that is taken away leaves what was open once.
    done(rig, "r4", set(window(None, None))).await;
    done(rig, "r5", set(window(Some(900), None))).await;
    assert_eq!(end(rig, "timed", 8, 0).await, failed(Reason::SoldOut));
}

pub(super) async fn a_window_before_the_shelf_leaves_none_behind(rig: &impl Rig) {
    let made = NewProduct {
        prod_id: "later".into(),
        prod_name: "made for the evening".to_owned(),
        terms: Terms::at(Money::parse(PRICE).unwrap()),
        stock: STOCK,
    };
    done(rig, "r1", Operation::CreateProduct(made)).await;
    let set = |patch| change("later", Change::Terms(patch), None);
    done(rig, "r2", set(window(Some(100), Some(200)))).await;
    done(rig, "r3", set(window(Some(300), Some(400)))).await;
    done(rig, "r4", change("later", Change::shelf(true), None)).await;
    for (user, at, ended) in [
        (1, 99, failed(Reason::NotOpen)),
        (2, 150, failed(Reason::NotOpen)),
        (3, 300, PLACED),
        (4, 400, failed(Reason::Closed)),
    ] {
        assert_eq!(end(rig, "later", user, at).await, ended, "{at}");
    }
    let wrong = window(Some(400), Some(400));
    let fault = TermsFault::Window { opens_at: EpochMs(400), closes_at: EpochMs(400) };
    let refusal = Refusal::Product(product::Refusal::Terms(fault));
    assert_eq!(refused(rig, "r5", set(wrong)).await, refusal);
}
