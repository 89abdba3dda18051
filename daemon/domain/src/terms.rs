//! The rules of a product's terms: whether a charge is taken at them, whether an order gets its
//! unit at them, and what an operator or a profile may make them. A gateway judges the charge, and
//! the order role judges the order again, as terms may have changed in between. The terms
//! themselves are values of the contract (`protocol::Terms`).
//!
//! The window is judged by when a buyer asked, at both ends. The order role goes by all windows
//! that a product has had, as a command that moves one must not fail an order that was told
//! "queueing" while the one before was in force.

use protocol::{
    Bound, ChargeOutcome, EpochMs, Money, Reason, SaleState, Terms, TermsFault, TermsPatch,
};

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

/// Why a charge comes at the wrong time for a product on the shelf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untimely {
    /// Its sale opens later.
    NotOpen {
        /// When.
        opens_at: EpochMs,
    },
    /// Its sale is over.
    Closed,
}

/// Whether a product's sale is open to a charge that comes `now`.
///
/// # Errors
/// It isn't.
pub fn timely(terms: &Terms, now: EpochMs) -> Result<(), Untimely> {
    match (terms.opens_at.0, terms.closes_at.0) {
        (_, Some(closes_at)) if closes_at <= now => Err(Untimely::Closed),
        (Some(opens_at), _) if now < opens_at => Err(Untimely::NotOpen { opens_at }),
        _ => Ok(()),
    }
}

/// What is still to come, or going on, by the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timed {
    /// A product on the shelf is to open.
    Scheduled,
    /// A product is open, and has a bound.
    Open,
}

/// Whether a product's sale goes by the clock just now. One without a bound doesn't.
#[must_use]
pub fn timed(terms: &Terms, now: EpochMs) -> Option<Timed> {
    let has_bound = terms.opens_at.0.is_some() || terms.closes_at.0.is_some();
    match terms.state(now) {
        SaleState::Scheduled => Some(Timed::Scheduled),
        SaleState::Open if has_bound => Some(Timed::Open),
        SaleState::Open | SaleState::Off | SaleState::Closed => None,
    }
}

/// A window that a product has, or has had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// From this moment on.
    pub opens_at: Bound,
    /// Until just before this moment.
    pub closes_at: Bound,
}

impl Window {
    /// The window of these terms.
    #[must_use]
    pub const fn of(terms: &Terms) -> Self {
        Self { opens_at: terms.opens_at, closes_at: terms.closes_at }
    }

    /// Whether it is unbounded at both ends: nothing comes at the wrong time.
    #[must_use]
    pub const fn is_unbounded(&self) -> bool {
        self.opens_at.0.is_none() && self.closes_at.0.is_none()
    }

    /// Whether a moment lies in it.
    #[must_use]
    pub fn holds(&self, moment: EpochMs) -> bool {
        self.opens_at.0.is_none_or(|opens_at| opens_at <= moment)
            && self.closes_at.0.is_none_or(|closes_at| moment < closes_at)
    }
}

/// The windows to leave a record of when a product gets terms: on the shelf, orders may be told
/// "queueing" by them.
#[must_use]
pub fn window_to_keep(terms: &Terms) -> Option<Window> {
    terms.on_shelf.then(|| Window::of(terms))
}

/// Whether an order gets a unit, where one is left. `amount` is what its sender wrote, `asked_at`
/// is when its buyer asked, `earlier` are the windows that the product has had on the shelf. An
/// order for a product that has left the shelf meanwhile gets its unit: it was accepted before.
///
/// # Errors
/// Why it fails. The price is judged first, as a gateway does.
pub fn place(
    terms: &Terms,
    earlier: &[Window],
    amount: &str,
    asked_at: EpochMs,
) -> Result<(), Reason> {
    match Money::parse(amount) {
        Err(_) => return Err(Reason::PriceUnparsable),
        Ok(amount) if amount != terms.price => return Err(Reason::PriceDiffers),
        Ok(_) => {}
    }
    match timely(terms, asked_at) {
        Err(_) if earlier.iter().any(|window| window.holds(asked_at)) => Ok(()),
        Err(Untimely::NotOpen { .. }) => Err(Reason::NotOpen),
        Err(Untimely::Closed) => Err(Reason::Closed),
        Ok(()) => Ok(()),
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
    let is_the_patchs = |fault: &TermsFault| {
        patch.terms().contains(&fault.term()) || !terms.faults().any(|before| before == *fault)
    };
    match after.faults().find(is_the_patchs) {
        Some(fault) => Err(fault),
        None => Ok((after != *terms).then_some(after)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use protocol::{
        Bound, ChargeOutcome, EpochMs, Money, Reason, SaleState, Terms, TermsFault, TermsPatch,
    };

    use super::{Timed, Untimely, Window, change, charge, place, timed, timely, window_to_keep};

    const TERMS: Terms = Terms { on_shelf: true, ..Terms::at(Money::from_milli(1_200_000)) };

    fn bound() -> impl Strategy<Value = Bound> {
        proptest::option::of((0_i64..6).prop_map(EpochMs)).prop_map(Bound)
    }

    fn some() -> impl Strategy<Value = Terms> {
        (-2_i64..3, any::<bool>(), bound(), bound()).prop_map(
            |(price, on_shelf, opens_at, closes_at)| {
                let price = Money::from_milli(price);
                Terms { on_shelf, opens_at, closes_at, ..Terms::at(price) }
            },
        )
    }

    fn patch() -> impl Strategy<Value = TermsPatch> {
        use proptest::option::of;
        (of(-2_i64..3), any::<Option<bool>>(), of(bound()), of(bound())).prop_map(
            |(price, on_shelf, opens_at, closes_at)| {
                let price = price.map(Money::from_milli);
                TermsPatch { price, on_shelf, opens_at, closes_at, preheat_ratio: None }
            },
        )
    }

    fn window(opens_at: Option<i64>, closes_at: Option<i64>) -> Window {
        let bound = |at: Option<i64>| Bound(at.map(EpochMs));
        Window { opens_at: bound(opens_at), closes_at: bound(closes_at) }
    }

    fn within(Window { opens_at, closes_at }: Window) -> Terms {
        Terms { opens_at, closes_at, ..TERMS }
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
        let wrong = Terms { on_shelf: true, ..Terms::at(Money::from_milli(0)) };
        let off = TermsPatch { on_shelf: Some(false), ..TermsPatch::default() };
        assert_eq!(change(&wrong, &off), Ok(Some(Terms { on_shelf: false, ..wrong })));
        let same = TermsPatch { price: Some(wrong.price), ..off };
        assert_eq!(change(&wrong, &same), Err(TermsFault::Price(wrong.price)));
    }

    #[test]
    fn an_order_gets_its_unit_at_the_price_on_the_shelf_or_off_it() {
        for on_shelf in [true, false] {
            let place = |amount| place(&Terms { on_shelf, ..TERMS }, &[], amount, EpochMs(0));
            assert_eq!(place("1200"), Ok(()));
            assert_eq!(place("1200.001"), Err(Reason::PriceDiffers));
            assert_eq!(place("1E+3"), Err(Reason::PriceUnparsable));
        }
    }

    #[test]
    fn a_charge_is_timely_from_the_opening_until_the_close() {
        let terms = within(window(Some(10), Some(20)));
        let not_open = Err(Untimely::NotOpen { opens_at: EpochMs(10) });
        for (now, told) in [(9, not_open), (10, Ok(())), (19, Ok(())), (20, Err(Untimely::Closed))]
        {
            assert_eq!(timely(&terms, EpochMs(now)), told, "{now}");
        }
    }

    #[test]
    fn an_order_is_judged_by_when_its_buyer_asked() {
        let terms = within(window(Some(10), Some(20)));
        let place = |earlier: &[Window], at| place(&terms, earlier, "1200", EpochMs(at));
        for (at, verdict) in [(9, Err(Reason::NotOpen)), (10, Ok(())), (20, Err(Reason::Closed))] {
            assert_eq!(place(&[], at), verdict, "{at}");
            // What it is now counts whether or not it is among those that were.
            assert_eq!(place(&[Window::of(&terms)], at), verdict, "{at}");
        }
        // It was to open at 5, and had no end at first.
        let earlier = [window(Some(5), Some(8)), window(Some(30), None)];
        for (at, verdict) in [
            (4, Err(Reason::NotOpen)),
            (5, Ok(())),
            (8, Err(Reason::NotOpen)),
            (29, Err(Reason::Closed)),
            (30, Ok(())),
        ] {
            assert_eq!(place(&earlier, at), verdict, "{at}");
        }
    }

    #[test]
    fn a_wrong_price_goes_before_a_wrong_time() {
        let terms = within(window(Some(10), None));
        assert_eq!(place(&terms, &[], "1", EpochMs(0)), Err(Reason::PriceDiffers));
    }

    #[test]
    fn only_a_bound_on_the_shelf_has_a_sale_go_by_the_clock() {
        let timed = |terms: Terms| timed(&terms, EpochMs(10));
        assert_eq!(timed(TERMS), None);
        assert_eq!(timed(within(window(Some(11), None))), Some(Timed::Scheduled));
        assert_eq!(timed(within(window(Some(10), None))), Some(Timed::Open));
        assert_eq!(timed(within(window(None, Some(11)))), Some(Timed::Open));
        assert_eq!(timed(within(window(None, Some(10)))), None);
        let off = Terms { on_shelf: false, ..within(window(Some(11), None)) };
        assert_eq!(timed(off), None);
    }

    proptest! {
        #[test]
        fn what_was_charged_is_placed_at_the_same_terms(
            terms in some(), amount in 0_i64..3, now in 0_i64..6,
        ) {
            let (amount, now) = (Money::from_milli(amount), EpochMs(now));
            if charge(&terms, amount).is_ok() && timely(&terms, now).is_ok() {
                prop_assert_eq!(terms.state(now), SaleState::Open);
                prop_assert_eq!(place(&terms, &[], &amount.to_string(), now), Ok(()));
            }
        }

        /// Whatever commands make of the window between the charge and the placing.
        #[test]
        fn a_window_that_moves_fails_no_order_that_was_accepted(
            first in some(), moves in proptest::collection::vec(patch(), 0..5), now in 0_i64..6,
        ) {
            let (now, mut terms) = (EpochMs(now), first);
            let mut kept: Vec<Window> = window_to_keep(&terms).into_iter().collect();
            let mut accepted = false;
            for patch in moves {
                accepted |= charge(&terms, terms.price).is_ok() && timely(&terms, now).is_ok();
                if let Ok(Some(after)) = change(&terms, &TermsPatch { price: None, ..patch }) {
                    terms = after;
                    kept.extend(window_to_keep(&terms));
                }
            }
            if accepted && 0 <= terms.price.milli() {
                prop_assert_eq!(place(&terms, &kept, &terms.price.to_string(), now), Ok(()));
            }
        }

        #[test]
        fn a_change_is_another_value_that_can_be_or_none(before in some(), patch in patch()) {
            let after = before.with(&patch);
            match change(&before, &patch) {
                Ok(Some(changed)) => {
                    prop_assert_eq!(changed, after);
                    prop_assert!(changed != before);
                    let old: Vec<_> = before.faults().collect();
                    prop_assert!(changed.faults().all(|fault| old.contains(&fault)));
                    prop_assert_eq!(change(&changed, &patch), Ok(None), "done once, done");
                }
                Ok(None) => prop_assert_eq!(after, before),
                Err(fault) => {
                    prop_assert!(after.faults().any(|one| one == fault));
                    let is_old = before.faults().any(|one| one == fault);
                    let is_given = patch.terms().contains(&fault.term());
                    prop_assert!(is_given || !is_old, "only what is given is wrong");
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
