//! Two or three threads, and every way in which their steps can mix.

use domain::standing::{Found, Standing};
use loom::sync::Arc;
use loom::thread;
use protocol::PreheatRatio;

use crate::buyer::{Buyer, Charged, Outcome, id};
use crate::stock::{GatewayStock, StockFigures};

/// The stock of one product, and two buyers of it.
struct TwoBuyers {
    stock: GatewayStock,
    buyers: [Buyer; 2],
}

fn two_buyers(units: u64) -> Arc<TwoBuyers> {
    let stock = GatewayStock::default();
    stock.refresh(units, 0);
    Arc::new(TwoBuyers { stock, buyers: [Buyer::new(), Buyer::new()] })
}

impl TwoBuyers {
    fn charge(&self, buyer: usize) -> Charged {
        self.buyers[buyer].charge(&self.stock)
    }

    fn holders(&self) -> u32 {
        self.buyers.iter().map(|buyer| u32::from(buyer.standing().holds_unit())).sum()
    }
}

fn spawn<T: 'static>(
    sale: &Arc<TwoBuyers>,
    work: impl FnOnce(&TwoBuyers) -> T + 'static,
) -> thread::JoinHandle<T> {
    let sale = Arc::clone(sale);
    thread::spawn(move || work(&sale))
}

#[test]
fn three_who_want_two_units_get_exactly_two() {
    loom::model(|| {
        let sale = two_buyers(2);
        let others =
            [(); 2].map(|()| spawn(&sale, |sale| sale.stock.hold_if_free(PreheatRatio::NONE)));
        let mine = sale.stock.hold_if_free(PreheatRatio::NONE);
        let got = others.into_iter().map(|other| u32::from(other.join().unwrap())).sum::<u32>();
        assert_eq!(got + u32::from(mine), 2);
        assert_eq!(sale.stock.figures(), StockFigures { stock: 2, held: 2 });
    });
}

#[test]
fn a_sold_unit_is_never_free_in_between() {
    loom::model(|| {
        let sale = two_buyers(1);
        assert!(sale.stock.hold_if_free(PreheatRatio::NONE));
        // The order is placed: the unit leaves stock and hold.
        let refresh = spawn(&sale, |sale| sale.stock.refresh(0, 1));
        assert!(!sale.stock.hold_if_free(PreheatRatio::NONE));
        refresh.join().unwrap();
        assert_eq!(sale.stock.figures(), StockFigures { stock: 0, held: 0 });
    });
}

#[test]
fn a_unit_given_back_is_there_for_the_next_and_for_one_only() {
    loom::model(|| {
        let sale = two_buyers(1);
        assert!(sale.stock.hold_if_free(PreheatRatio::NONE));
        let release = spawn(&sale, |sale| sale.stock.give_back());
        let other = spawn(&sale, |sale| sale.stock.hold_if_free(PreheatRatio::NONE));
        let mine = sale.stock.hold_if_free(PreheatRatio::NONE);
        release.join().unwrap();
        let theirs = other.join().unwrap();
        assert!(!(mine && theirs));
        let again = sale.stock.hold_if_free(PreheatRatio::NONE);
        assert_eq!(again, !mine && !theirs);
    });
}

#[test]
fn holds_found_at_start_and_charges_do_not_lose_each_other() {
    loom::model(|| {
        let sale = two_buyers(2);
        let adopt = spawn(&sale, |sale| sale.stock.hold_anyway(1));
        let mine = sale.stock.hold_if_free(PreheatRatio::NONE);
        adopt.join().unwrap();
        assert!(mine);
        assert_eq!(sale.stock.figures().held, 2);
    });
}

#[test]
fn a_repeat_never_hears_that_its_own_unit_is_sold_out() {
    loom::model(|| {
        let sale = two_buyers(1);
        let repeat = spawn(&sale, |sale| sale.charge(0));
        let first = sale.charge(0);
        let both = [first, repeat.join().unwrap()];
        // Either publishes, and the other is its repeat.
        assert!(both.contains(&Charged::Publishes), "{both:?}");
        assert!(both.contains(&Charged::Repeat), "{both:?}");
        assert_eq!(sale.stock.figures(), StockFigures { stock: 1, held: 1 });
    });
}

#[test]
fn of_two_buyers_one_gets_the_last_unit() {
    loom::model(|| {
        let sale = two_buyers(1);
        let other = spawn(&sale, |sale| sale.charge(1));
        let both = [sale.charge(0), other.join().unwrap()];
        assert!(both.contains(&Charged::Publishes) && both.contains(&Charged::SoldOut), "{both:?}");
        assert_eq!((sale.holders(), sale.stock.figures().held), (1, 1));
        let left: Vec<_> = sale.buyers.iter().map(Buyer::standing).collect();
        assert!(left.contains(&Standing::Open), "no claim without a unit stays behind: {left:?}");
    });
}

/// The order side decides the first buyer's order of this attempt.
fn deciding(
    sale: &Arc<TwoBuyers>,
    attempt: u32,
    outcome: Outcome,
    left: u64,
) -> thread::JoinHandle<()> {
    spawn(sale, move |sale| sale.buyers[0].decide(attempt, outcome, &sale.stock, left))
}

/// Another gateway published the same order, and it is decided while this one takes the charge.
fn decided_meanwhile(outcome: Outcome, left: u64) {
    loom::model(move || {
        let sale = two_buyers(1);
        let deciding = deciding(&sale, 0, outcome, left);
        let charged = sale.charge(0);
        deciding.join().unwrap();
        assert_eq!(sale.stock.figures().held, sale.holders(), "{charged:?}");
        if outcome == Outcome::Placed {
            assert_eq!(sale.buyers[0].standing(), Standing::Live(id(0)));
        } else {
            // A charge that came after the failure is the next attempt.
            assert_eq!(sale.buyers[0].failures(), 1);
        }
    });
}

#[test]
fn a_decision_while_the_charge_is_taken_leaves_no_hold_behind() {
    decided_meanwhile(Outcome::Placed, 0);
    decided_meanwhile(Outcome::Failed, 1);
}

#[test]
fn a_definite_failure_and_a_decision_give_the_unit_back_once() {
    loom::model(|| {
        let sale = two_buyers(2);
        assert_eq!(sale.charge(0), Charged::Publishes);
        let deciding = deciding(&sale, 0, Outcome::Placed, 1);
        sale.buyers[0].abandon(0, &sale.stock);
        deciding.join().unwrap();
        assert_eq!(sale.stock.figures(), StockFigures { stock: 1, held: 0 });
        assert_eq!(sale.buyers[0].standing(), Standing::Live(id(0)));
    });
}

#[test]
fn an_acknowledgement_does_not_undo_a_decision() {
    loom::model(|| {
        let sale = two_buyers(1);
        assert_eq!(sale.charge(0), Charged::Publishes);
        let deciding = deciding(&sale, 0, Outcome::Placed, 0);
        sale.buyers[0].confirm(0);
        deciding.join().unwrap();
        assert_eq!(sale.buyers[0].standing(), Standing::Live(id(0)));
        assert_eq!(sale.stock.figures(), StockFigures { stock: 0, held: 0 });
    });
}

#[test]
fn an_unknown_result_that_is_decided_meanwhile_holds_nothing() {
    loom::model(|| {
        let sale = two_buyers(2);
        assert_eq!(sale.charge(0), Charged::Publishes);
        let deciding = deciding(&sale, 0, Outcome::Placed, 1);
        // Either it is in doubt first and decided then, or it is known that the queue had it.
        let is_in_doubt = sale.buyers[0].mark_unconfirmed(0);
        deciding.join().unwrap();
        assert_eq!(sale.buyers[0].standing(), Standing::Live(id(0)), "in doubt: {is_in_doubt}");
        assert_eq!(sale.stock.figures(), StockFigures { stock: 1, held: 0 });
    });
}

#[test]
fn an_unconfirmed_order_that_is_confirmed_and_fails_frees_its_unit_once() {
    loom::model(|| {
        let sale = two_buyers(1);
        assert_eq!(sale.charge(0), Charged::Publishes);
        assert!(sale.buyers[0].mark_unconfirmed(0));
        let deciding = deciding(&sale, 0, Outcome::Failed, 1);
        let confirming = spawn(&sale, |sale| sale.buyers[0].confirm(0));
        assert_ne!(sale.charge(1), Charged::Repeat, "it is another buyer's");
        deciding.join().unwrap();
        confirming.join().unwrap();
        assert_eq!(sale.buyers[0].standing(), Standing::Open);
        assert_eq!(sale.stock.figures().held, sale.holders());
    });
}

#[test]
fn after_a_failure_the_next_attempt_is_not_touched_by_late_word_of_the_first() {
    loom::model(|| {
        let sale = two_buyers(1);
        assert_eq!(sale.charge(0), Charged::Publishes);
        // The publisher hears late that the first attempt is in the queue, or isn't.
        let late = spawn(&sale, |sale| sale.buyers[0].abandon(0, &sale.stock));
        sale.buyers[0].decide(0, Outcome::Failed, &sale.stock, 1);
        let again = sale.charge(0);
        late.join().unwrap();
        assert_eq!(sale.stock.figures().held, sale.holders(), "{again:?}");
        if again == Charged::Publishes {
            assert_eq!(sale.holders(), 1, "the second attempt keeps its unit");
        }
    });
}

/// An order is found at start, in the queue as well as among the unconfirmed, while its decision
/// comes.
#[test]
fn an_order_found_twice_at_start_holds_one_unit_until_it_is_decided() {
    loom::model(|| {
        let sale = two_buyers(1);
        let adopting = spawn(&sale, |sale| sale.buyers[0].adopt(0, Found::Queued, &sale.stock));
        let mine = sale.buyers[0].adopt(0, Found::Unconfirmed, &sale.stock);
        assert_ne!(adopting.join().unwrap(), mine, "one of them takes it over");
        assert_eq!((sale.holders(), sale.stock.figures().held), (1, 1));
        let deciding = deciding(&sale, 0, Outcome::Placed, 0);
        sale.buyers[0].confirm(0);
        deciding.join().unwrap();
        assert_eq!(sale.stock.figures(), StockFigures { stock: 0, held: 0 });
    });
}
