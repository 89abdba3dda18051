//! How an order is decided: the placing rules of contract/messages.md, as a function of what the
//! database knows about the order. Gathering the facts and storing the verdict is the store's
//! business.

use crate::terms::{self, Window};
use protocol::{EpochMs, OrderId, Reason, Terms};

/// What is known about one order at the moment of deciding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts<'k, 'o> {
    /// Whether an order of this id was decided before: placed, failed, or set aside as a duplicate.
    pub decided: bool,
    /// The id of the buyer's live order for the product, if there is one.
    pub live_order_id: Option<&'k OrderId>,
    /// The product; `None` when no product has the order's product id.
    pub product: Option<Offer<'o>>,
    /// The amount as the sender wrote it.
    pub charge_money: &'o str,
    /// When the buyer asked.
    pub asked_at: EpochMs,
}

/// The side of a product that placing looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer<'a> {
    /// What it is sold at, and when.
    pub terms: Terms,
    /// The windows that it has had on the shelf.
    pub windows: &'a [Window],
    /// Units not sold.
    pub stock: u64,
}

/// What becomes of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// The same order came again: acknowledge, change nothing.
    AlreadyDecided,
    /// Another order of a buyer who has a live one: count it at that one.
    DuplicateOrder {
        /// The buyer's live order.
        live_order_id: &'a OrderId,
    },
    /// It gets no unit and a row that says why.
    Fail(Reason),
    /// It gets a unit.
    Place,
}

/// Decides an order by the first rule that fits. The order of the rules is part of the contract: a
/// repeated message must never be judged by today's price, and a buyer who has an order must never
/// be answered "sold out".
#[must_use]
pub fn decide<'k>(facts: &Facts<'k, '_>) -> Verdict<'k> {
    if facts.decided {
        return Verdict::AlreadyDecided;
    }
    if let Some(live_order_id) = facts.live_order_id {
        return Verdict::DuplicateOrder { live_order_id };
    }
    let Some(offer) = facts.product else {
        return Verdict::Fail(Reason::UnknownProduct);
    };
    match terms::place(&offer.terms, offer.windows, facts.charge_money, facts.asked_at) {
        Err(reason) => Verdict::Fail(reason),
        Ok(()) if offer.stock < 1 => Verdict::Fail(Reason::SoldOut),
        Ok(()) => Verdict::Place,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use protocol::{Bound, EpochMs, Money, OrderId, Reason, Terms};

    use super::{Facts, Offer, Verdict, decide};

    const TERMS: Terms = Terms { on_shelf: true, ..Terms::at(Money::from_milli(2_000_000)) };

    fn placeable() -> Facts<'static, 'static> {
        Facts {
            decided: false,
            live_order_id: None,
            product: Some(Offer { terms: TERMS, windows: &[], stock: 1 }),
            charge_money: "2000.000",
            asked_at: EpochMs(0),
        }
    }

    #[test]
    fn each_rule_decides_when_no_earlier_one_fits() {
        let a = OrderId::from("a");
        let sold_out = Some(Offer { terms: TERMS, windows: &[], stock: 0 });
        let fail = Verdict::Fail;
        let last_rule_first = [
            (placeable(), Verdict::Place),
            (Facts { product: sold_out, ..placeable() }, fail(Reason::SoldOut)),
            (Facts { charge_money: "1", ..placeable() }, fail(Reason::PriceDiffers)),
            (Facts { charge_money: "-0.5", ..placeable() }, fail(Reason::PriceUnparsable)),
            (Facts { product: None, ..placeable() }, fail(Reason::UnknownProduct)),
            (
                Facts { live_order_id: Some(&a), ..placeable() },
                Verdict::DuplicateOrder { live_order_id: &a },
            ),
            (Facts { decided: true, ..placeable() }, Verdict::AlreadyDecided),
        ];
        for (facts, verdict) in last_rule_first {
            assert_eq!(decide(&facts), verdict, "{facts:?}");
        }
    }

    #[test]
    fn an_earlier_rule_wins_over_all_later_ones() {
        let a = OrderId::from("a");
        let mut facts =
            Facts { live_order_id: Some(&a), product: None, charge_money: "1E+3", ..placeable() };
        facts.decided = true;
        assert_eq!(decide(&facts), Verdict::AlreadyDecided);
        facts.decided = false;
        assert_eq!(decide(&facts), Verdict::DuplicateOrder { live_order_id: &a });
        facts.live_order_id = None;
        assert_eq!(decide(&facts), Verdict::Fail(Reason::UnknownProduct));
        let later = Terms { opens_at: Bound::at(EpochMs(1)), ..TERMS };
        facts.product = Some(Offer { terms: later, windows: &[], stock: 0 });
        assert_eq!(decide(&facts), Verdict::Fail(Reason::PriceUnparsable));
        facts.charge_money = "2000.001";
        assert_eq!(decide(&facts), Verdict::Fail(Reason::PriceDiffers));
        facts.charge_money = "2000";
        assert_eq!(decide(&facts), Verdict::Fail(Reason::NotOpen));
        facts.asked_at = EpochMs(1);
        assert_eq!(decide(&facts), Verdict::Fail(Reason::SoldOut));
    }

    #[test]
    fn prices_are_compared_as_amounts_and_never_guessed() {
        for text in ["2000", "2000.0", "2000.000", "02000.00"] {
            assert_eq!(decide(&Facts { charge_money: text, ..placeable() }), Verdict::Place);
        }
        for text in ["", "1E+3", "2E3", "-2000", "2000.", "2000.0000", "２０００", "1e3000000"]
        {
            let verdict = decide(&Facts { charge_money: text, ..placeable() });
            assert_eq!(verdict, Verdict::Fail(Reason::PriceUnparsable), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_unit_is_given_only_for_the_exact_price_while_there_is_stock(
            decided: bool, live in proptest::option::of(Just(OrderId::from("a"))), known: bool,
            price in 0_i64..3, on_shelf: bool, stock in 0_u64..3, amount in 0_i64..3,
        ) {
            let charge_money = Money::from_milli(amount).to_string();
            let product = known.then_some(Offer {
                terms: Terms { on_shelf, ..Terms::at(Money::from_milli(price)) },
                windows: &[],
                stock,
            });
            let charge_money = charge_money.as_str();
            let (live_order_id, asked_at) = (live.as_ref(), EpochMs(0));
            let facts = Facts { decided, live_order_id, product, charge_money, asked_at };
            let may = !decided && live.is_none() && known && price == amount && 0 < stock;
            prop_assert_eq!(decide(&facts) == Verdict::Place, may);
        }
    }
}
