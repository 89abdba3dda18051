//! What an operator may do to a product, rule by rule.

use proptest::prelude::*;
use protocol::{Money, ProdId, ProductView, Terms, TermsFault, TermsPatch};

use super::{
    Change, NewProduct, Refusal, STOCK_MAX, Seen, Write, change, create, in_short, known,
    named_terms, units,
};

fn product(stock: u64) -> ProductView {
    ProductView {
        state: None,
        prod_id: prod_id(),
        prod_name: "P".to_owned(),
        terms: Terms { on_shelf: true, ..Terms::at(Money::from_milli(9_900)) },
        initial: stock,
        added: 0,
        stock,
        sold: 0,
        held: None,
        free: None,
        balanced: true,
        missing: 0,
        version: 7,
        terms_version: 2,
        terms_set: None,
        charges: None,
    }
}

fn new(prod_id: &str, prod_name: &str, price: i64) -> NewProduct {
    NewProduct {
        prod_id: prod_id.into(),
        prod_name: prod_name.to_owned(),
        terms: Terms::at(Money::from_milli(price)),
        stock: 7,
    }
}

fn stock(delta: i64) -> Change {
    Change::Stock(units(delta).unwrap())
}

fn stored(delta: i64) -> Write {
    Write::Stock(units(delta).unwrap())
}

fn prod_id() -> ProdId {
    "p".into()
}

#[test]
fn a_product_is_made_once_by_an_id_a_name_and_a_price() {
    assert_eq!(create(&new("p", "P", 1), None), Ok(()));
    let there = product(0);
    assert_eq!(
        create(&new("p", "P", 1), Some(&there)),
        Err(Refusal::Exists { prod_id: prod_id() })
    );
    // What it can't be is said first, whether there is one or not.
    for found in [None, Some(&there)] {
        for id in ["", "a b", "a\u{7}", &"x".repeat(65)] {
            let refused = create(&new(id, "P", 1), found);
            assert!(matches!(refused, Err(Refusal::Id { .. })), "{id:?}: {refused:?}");
        }
        for name in ["", " ", "P\n", &"名".repeat(257)] {
            let refused = create(&new("p", name, 1), found);
            assert!(matches!(refused, Err(Refusal::Name { .. })), "{name:?}: {refused:?}");
        }
        let fault = TermsFault::Price(Money::from_milli(0));
        assert_eq!(create(&new("p", "P", 0), found), Err(Refusal::Terms(fault)));
    }
}

#[test]
fn only_a_product_that_is_there_and_as_it_was_seen_is_changed() {
    assert_eq!(known(&prod_id(), None), Err(Refusal::Unknown { prod_id: prod_id() }));
    let free = Change::price(Money::from_milli(0));
    for wanted in [stock(-9), Change::shelf(true), free] {
        for (seen, current) in [(Seen::Version(6), 7), (Seen::TermsVersion(7), 2)] {
            let stale = Refusal::Stale { prod_id: prod_id(), current, seen };
            let refused = change(&product(1), wanted, Some(seen));
            assert_eq!(refused, Err(stale), "the version comes first");
        }
    }
    for seen in [Seen::Version(7), Seen::TermsVersion(2)] {
        assert_eq!(change(&product(1), stock(1), Some(seen)), Ok(Some(stored(1))));
    }
}

#[test]
fn what_is_so_already_changes_nothing() {
    let there = product(1);
    let Terms { price, .. } = there.terms;
    let off = Write::Terms(Terms::at(price));
    assert_eq!(change(&there, Change::shelf(true), None), Ok(None));
    assert_eq!(change(&there, Change::shelf(false), None), Ok(Some(off)));
    assert_eq!(change(&there, Change::price(price), None), Ok(None));
    let other = Money::from_milli(1);
    let cheaper = Write::Terms(Terms { on_shelf: true, ..Terms::at(other) });
    assert_eq!(change(&there, Change::price(other), None), Ok(Some(cheaper)));
    for price in [0, -1].map(Money::from_milli) {
        let refused = Err(Refusal::Terms(TermsFault::Price(price)));
        assert_eq!(change(&there, Change::price(price), None), refused);
    }
}

#[test]
fn terms_that_are_changed_are_named() {
    assert_eq!(named_terms(TermsPatch::default()), Err(Refusal::NoTerms));
    let patch = TermsPatch { on_shelf: Some(false), ..TermsPatch::default() };
    assert_eq!(named_terms(patch), Ok(Change::Terms(patch)));
}

/// A format of the database.
#[test]
fn the_audit_log_has_what_commands_change() {
    let text = concat!(
        r#"{"added":0,"closes_at":null,"on_shelf":true,"opens_at":null,"#,
        r#""preheat_ratio":"1.000","price":"9.900","stock":3,"terms_version":2,"version":7}"#
    );
    assert_eq!(in_short(&product(3)).to_string(), text);
}

#[test]
fn units_are_there_to_be_withdrawn_and_have_room_to_be_added() {
    assert_eq!(units(0), Err(Refusal::NoUnits));
    let (few, many) = (product(2), product(STOCK_MAX - 1));
    let not_enough = Err(Refusal::NotEnough { prod_id: prod_id(), unsold: 2 });
    assert_eq!(change(&few, stock(-2), None), Ok(Some(stored(-2))));
    assert_eq!(change(&few, stock(-3), None), not_enough);
    assert_eq!(change(&few, stock(i64::MIN), None), not_enough);
    let too_many = Err(Refusal::TooMany { prod_id: prod_id(), unsold: STOCK_MAX - 1 });
    assert_eq!(change(&many, stock(1), None), Ok(Some(stored(1))));
    assert_eq!(change(&many, stock(2), None), too_many);
    assert_eq!(change(&many, stock(i64::MAX), None), too_many);
}

proptest! {
    #[test]
    fn no_allowed_change_leaves_a_stock_that_cannot_be(unsold in 0..=STOCK_MAX, delta: i64) {
        prop_assume!(delta != 0);
        let after = i128::from(unsold) + i128::from(delta);
        let can_be = (0..=i128::from(STOCK_MAX)).contains(&after);
        prop_assert_eq!(change(&product(unsold), stock(delta), None).is_ok(), can_be);
    }
}
