//! The rules of a product's terms: whether a charge is taken at them, whether an order gets its
//! unit at them, and what an operator or a profile may make them. A gateway judges the charge, and
//! the order role judges the order again, as terms may have changed in between. The terms
//! themselves are values of the contract (`protocol::Terms`).

use protocol::{ChargeOutcome, Money, Reason, Terms, TermsFault, TermsPatch};

/// Whether a charge of this amount is taken.
///
/// # Errors
/// What the buyer is answered.
pub fn charge(terms: &Terms, amount: Money) -> Result<(), ChargeOutcome> {
    if !terms.on_shelf {
        return Err(ChargeOutcome::OffTheShelf);
    }
    if terms.price != amount {
        return Err(ChargeOutcome::WrongPrice);
    }
    Ok(())
}

/// Whether an order gets a unit, where one is left. `amount` is what its sender wrote. An order for
/// a product that has left the shelf meanwhile gets its unit: it was accepted before.
///
/// # Errors
/// Why it fails.
pub fn place(terms: &Terms, amount: &str) -> Result<(), Reason> {
    match Money::parse(amount) {
        Err(_) => Err(Reason::PriceUnparsable),
        Ok(amount) if amount != terms.price => Err(Reason::PriceDiffers),
        Ok(_) => Ok(()),
    }
}

/// What a patch makes of terms; `None` where they are so already. A fault that was there before and
/// isn't in the patch doesn't count: whatever else is wrong with a product, it can be taken off the
/// shelf.
///
/// # Errors
/// A product can't have such terms.
pub fn change(terms: &Terms, patch: &TermsPatch) -> Result<Option<Terms>, TermsFault> {
    let after = terms.with(patch);
    let is_the_patchs =
        |fault: &TermsFault| terms.fault() != Some(*fault) || patch.terms().contains(&fault.term());
    match after.fault().filter(is_the_patchs) {
        Some(fault) => Err(fault),
        None => Ok((after != *terms).then_some(after)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use protocol::{ChargeOutcome, Money, Reason, Terms, TermsFault, TermsPatch};

    use super::{change, charge, place};

    const TERMS: Terms = Terms { on_shelf: true, ..Terms::at(Money::from_milli(1_200_000)) };

    fn some() -> impl Strategy<Value = Terms> {
        (-2_i64..3, any::<bool>())
            .prop_map(|(price, on_shelf)| Terms { on_shelf, ..Terms::at(Money::from_milli(price)) })
    }

    fn patch() -> impl Strategy<Value = TermsPatch> {
        (proptest::option::of(-2_i64..3), any::<Option<bool>>()).prop_map(|(price, on_shelf)| {
            TermsPatch { price: price.map(Money::from_milli), on_shelf }
        })
    }

    #[test]
    fn a_charge_is_taken_on_the_shelf_at_exactly_the_price() {
        let (right, wrong) = (TERMS.price, Money::from_milli(1));
        assert_eq!(charge(&TERMS, right), Ok(()));
        assert_eq!(charge(&TERMS, wrong), Err(ChargeOutcome::WrongPrice));
        let off = Terms { on_shelf: false, ..TERMS };
        // The shelf is judged first: nobody is told that a price is wrong that isn't asked for.
        for amount in [right, wrong] {
            assert_eq!(charge(&off, amount), Err(ChargeOutcome::OffTheShelf));
        }
    }

    #[test]
    fn a_product_with_a_price_that_none_can_have_is_taken_off_the_shelf_all_the_same() {
        let wrong = Terms { price: Money::from_milli(0), on_shelf: true };
        let off = TermsPatch { on_shelf: Some(false), ..TermsPatch::default() };
        assert_eq!(change(&wrong, &off), Ok(Some(Terms { on_shelf: false, ..wrong })));
        let same = TermsPatch { price: Some(wrong.price), ..off };
        assert_eq!(change(&wrong, &same), Err(TermsFault::Price(wrong.price)));
    }

    #[test]
    fn an_order_gets_its_unit_at_the_price_on_the_shelf_or_off_it() {
        for on_shelf in [true, false] {
            let terms = Terms { on_shelf, ..TERMS };
            assert_eq!(place(&terms, "1200"), Ok(()));
            assert_eq!(place(&terms, "1200.001"), Err(Reason::PriceDiffers));
            assert_eq!(place(&terms, "1E+3"), Err(Reason::PriceUnparsable));
        }
    }

    proptest! {
        #[test]
        fn what_was_charged_is_placed_at_the_same_terms(terms in some(), amount in 0_i64..3) {
            let amount = Money::from_milli(amount);
            if charge(&terms, amount).is_ok() {
                prop_assert_eq!(place(&terms, &amount.to_string()), Ok(()));
            }
        }

        #[test]
        fn a_change_is_another_value_that_can_be_or_none(before in some(), patch in patch()) {
            let after = before.with(&patch);
            match change(&before, &patch) {
                Ok(Some(changed)) => {
                    prop_assert_eq!(changed, after);
                    prop_assert!(changed != before);
                    prop_assert!(changed.fault().is_none() || patch.price.is_none());
                    prop_assert_eq!(change(&changed, &patch), Ok(None), "done once, done");
                }
                Ok(None) => prop_assert_eq!(after, before),
                Err(fault) => {
                    prop_assert_eq!(fault, TermsFault::Price(after.price));
                    prop_assert_eq!(patch.price, Some(after.price), "only what is given is wrong");
                }
            }
        }

        #[test]
        fn two_patches_are_one(
            before in some(), one in patch(), other in patch(),
        ) {
            prop_assert_eq!(before.with(&one).with(&other), before.with(&one.and(&other)));
        }
    }
}
