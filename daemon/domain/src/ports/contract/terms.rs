//! What an operator's desk owes where it changes a product's terms: all that are named or none, in
//! one entry of the audit log, and a version of theirs that no sale raises.

use protocol::{Money, ProductView, Terms, TermsFault, TermsPatch};
use serde_json::{Value, json};

use super::desk::{Rig, change, done, log, product_of, refused, state, stock};
use super::sale::{PROD, order};
use crate::ports::desk::{Operation, Refusal};
use crate::product::{self, Change, Seen};

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
    let patch = TermsPatch { price: Some(price), on_shelf: Some(false) };
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
    let half = TermsPatch { price: Some(free), on_shelf: Some(true) };
    let fault = product::Refusal::Terms(TermsFault::Price(free));
    assert_eq!(refused(rig, "r2", given(half, 1)).await, Refusal::Product(fault));
    assert_eq!(product_of(rig, PROD).await, stored);
    assert!(!changes.has_changed().unwrap() && log(rig).await.len() == 1);
    done(rig, "r2", given(back, 1)).await;
    assert_eq!(product_of(rig, PROD).await.terms, before.terms);
}
