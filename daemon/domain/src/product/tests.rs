//! What an operator may do to a product, rule by rule.

use proptest::prelude::*;
use protocol::{Money, ProdId, ProductView};

use super::{Change, NewProduct, Refusal, STOCK_MAX, Shelf, change, create, known, units};

fn product(stock: u64) -> ProductView {
    ProductView {
        prod_id: prod_id(),
        prod_name: "P".to_owned(),
        price: Money::from_milli(9_900),
        on_shelf: true,
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
        charges: None,
    }
}

fn new(prod_id: &str, prod_name: &str, price: i64) -> NewProduct {
    NewProduct {
        prod_id: prod_id.into(),
        prod_name: prod_name.to_owned(),
        price: Money::from_milli(price),
        stock: 7,
        shelf: Shelf::Off,
    }
}

fn stock(delta: i64) -> Change {
    Change::Stock(units(delta).unwrap())
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
        let price = Money::from_milli(0);
        assert_eq!(create(&new("p", "P", 0), found), Err(Refusal::Price(price)));
    }
}

#[test]
fn only_a_product_that_is_there_and_as_it_was_seen_is_changed() {
    assert_eq!(known(&prod_id(), None), Err(Refusal::Unknown { prod_id: prod_id() }));
    for wanted in [stock(-9), Change::Shelf(Shelf::On), Change::Price(Money::from_milli(0))] {
        let stale = Refusal::Stale { prod_id: prod_id(), current: 7, seen: 6 };
        assert_eq!(change(&product(1), wanted, Some(6)), Err(stale), "the version comes first");
    }
    assert_eq!(change(&product(1), stock(1), Some(7)), Ok(Some(stock(1))));
}

#[test]
fn what_is_so_already_changes_nothing() {
    let there = product(1);
    for shelf in [Shelf::On, Shelf::Off] {
        let wanted = Change::Shelf(shelf);
        let changed = (shelf == Shelf::Off).then_some(wanted);
        assert_eq!(change(&there, wanted, None), Ok(changed));
    }
    assert_eq!(change(&there, Change::Price(there.price), None), Ok(None));
    let other = Change::Price(Money::from_milli(1));
    assert_eq!(change(&there, other, None), Ok(Some(other)));
    for price in [0, -1].map(Money::from_milli) {
        assert_eq!(change(&there, Change::Price(price), None), Err(Refusal::Price(price)));
    }
}

#[test]
fn units_are_there_to_be_withdrawn_and_have_room_to_be_added() {
    assert_eq!(units(0), Err(Refusal::NoUnits));
    let (few, many) = (product(2), product(STOCK_MAX - 1));
    let not_enough = Err(Refusal::NotEnough { prod_id: prod_id(), unsold: 2 });
    assert_eq!(change(&few, stock(-2), None), Ok(Some(stock(-2))));
    assert_eq!(change(&few, stock(-3), None), not_enough);
    assert_eq!(change(&few, stock(i64::MIN), None), not_enough);
    let too_many = Err(Refusal::TooMany { prod_id: prod_id(), unsold: STOCK_MAX - 1 });
    assert_eq!(change(&many, stock(1), None), Ok(Some(stock(1))));
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
