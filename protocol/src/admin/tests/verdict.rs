//! Whether it sells: each answer by itself, and which of two goes first.

use super::states::product;
use super::text;
use crate::{
    Bound, Controls, Doubt, DrainView, EpochMs, GatewayView, Hindrance, Phase, ProductView, Rate,
    RocketmqView, Selling, Snapshot, SwitchView, Terms, Trouble, TroubleState, UnconfirmedView,
};

/// Two products on the shelf, and charges of which some are accepted.
fn sale() -> Snapshot {
    let product = ProductView { held: Some(2), free: Some(58), ..product() };
    let rate = |last_1s| Rate { last_1s, last_60s: last_1s };
    Snapshot {
        phase: Phase::Serving,
        products: vec![product.clone(), product],
        gateway: Some(GatewayView {
            charge_rate: rate(20),
            accepted_rate: rate(5),
            ..GatewayView::default()
        }),
        controls: Controls { intake: Some(SwitchView::default()), ..Controls::default() },
        unconfirmed: Some(UnconfirmedView { count: 0, limit: 10 }),
        ..Snapshot::default()
    }
}

fn trouble(state: TroubleState, refuses: bool) -> Trouble {
    Trouble { state, refuses, text: text("orders can't be sent"), ..Trouble::default() }
}

/// Something that can be wrong, and what is said of it.
type Wrong = (fn(&mut Snapshot), &'static str);

/// A moment after that of each state here.
const TOMORROW: i64 = 4_102_444_800_000;

/// What can be wrong, the most important first.
const WRONGS: [Wrong; 12] = [
    (|state| state.phase = Phase::Stopping, "the daemon is stopping"),
    (
        |state| {
            state.controls.drain = Some(DrainView { since: EpochMs(1), drained: false });
        },
        "draining",
    ),
    (|state| state.controls.intake = Some(paused()), "intake is paused"),
    (
        |state| state.troubles.push(trouble(TroubleState::Failing, true)),
        "nothing is accepted: orders can't be sent",
    ),
    (
        |state| state.unconfirmed = Some(UnconfirmedView { count: 10, limit: 10 }),
        "too many sends are unconfirmed",
    ),
    (|state| each(state, |product| product.terms.on_shelf = false), "no product is on the shelf"),
    (
        |state| each(state, |product| product.terms.closes_at = Bound::at(EpochMs(0))),
        "the sale is over",
    ),
    (
        |state| each(state, |product| product.terms.opens_at = Bound::at(EpochMs(TOMORROW))),
        "the sale opens at 2100-01-01T00:00:00Z",
    ),
    (|state| each(state, |product| product.stock = 0), "all units are sold"),
    (|state| each(state, |product| product.free = Some(0)), "nothing is free; 4 held"),
    (|state| state.degraded.push(text("no broker")), "in doubt: degraded"),
    (|state| state.troubles.push(trouble(TroubleState::Recovering, false)), "in doubt: recovering"),
];

fn each(state: &mut Snapshot, change: fn(&mut ProductView)) {
    state.products.iter_mut().for_each(change);
}

fn paused() -> SwitchView {
    SwitchView { paused: true, ..SwitchView::default() }
}

fn answer(state: &Snapshot) -> String {
    match state.selling() {
        Selling::Yes => text("yes"),
        Selling::InDoubt(Doubt::Degraded(_)) => text("in doubt: degraded"),
        Selling::InDoubt(Doubt::Recovering(_)) => text("in doubt: recovering"),
        Selling::No(Hindrance::Draining(_)) => text("draining"),
        Selling::No(hindrance) => hindrance.to_string(),
        Selling::Elsewhere => text("elsewhere"),
    }
}

#[test]
fn of_two_wrongs_the_more_important_is_said() {
    assert_eq!(answer(&sale()), "yes");
    for (first, (change, said)) in WRONGS.iter().enumerate() {
        let mut state = sale();
        change(&mut state);
        assert_eq!(answer(&state), *said);
        for (further, lesser) in &WRONGS[first + 1..] {
            let mut both = sale();
            further(&mut both);
            change(&mut both);
            assert_eq!(answer(&both), *said, "together with {lesser}");
        }
    }
}

/// After a restart over a broker nobody knows what is held, so nothing is known to be free either.
#[test]
fn all_sold_is_no_also_where_it_is_not_known_what_is_free() {
    let mut state = sale();
    each(&mut state, |product| {
        (product.stock, product.held, product.free) = (0, None, None);
    });
    assert_eq!(state.selling(), Selling::No(Hindrance::SoldOut));
    state.products[0].stock = 1;
    assert_eq!(state.selling(), Selling::Yes, "one is left of one product");
    state.products[0].free = Some(0);
    state.products[0].held = Some(1);
    assert_eq!(state.selling(), Selling::No(Hindrance::AllHeld { held: 1 }));
}

#[test]
fn what_is_off_the_shelf_sells_nothing() {
    let mut state = sale();
    state.products[0].terms.on_shelf = false;
    state.products[1].stock = 0;
    assert_eq!(state.selling(), Selling::No(Hindrance::SoldOut));
}

/// A buyer who asks for what is sold out gets nothing; that proves nothing of what is degraded.
#[test]
fn nobody_served_in_the_last_second_is_blamed_on_what_is_degraded_only_where_there_is_stock() {
    let mut state = sale();
    state.degraded.push(text("no broker"));
    state.gateway.as_mut().unwrap().accepted_rate.last_1s = 0;
    assert_eq!(state.selling(), Selling::No(Hindrance::NothingAccepted("no broker")));
    assert_eq!(state.refuses_all(), Some("no broker"));
    each(&mut state, |product| product.stock = 0);
    assert_eq!(state.selling(), Selling::No(Hindrance::SoldOut));
    // That nothing can be sent is known without a charge.
    state.rocketmq = Some(RocketmqView::default());
    assert_eq!(state.selling(), Selling::No(Hindrance::NothingAccepted("no broker")));
}

#[test]
fn a_process_without_the_gateway_role_sells_elsewhere() {
    let mut state = sale();
    state.gateway = None;
    state.phase = Phase::Stopping;
    assert_eq!(state.selling(), Selling::Elsewhere);
    assert_eq!(state.refuses_all(), None);
}

#[test]
fn what_is_not_open_sells_nothing_and_the_first_to_open_is_told() {
    let mut state = sale();
    let opens = |at| Bound::at(EpochMs(at));
    state.products[0].terms.opens_at = opens(TOMORROW + 1);
    state.products[1].terms.opens_at = opens(TOMORROW);
    let opens_at = EpochMs(TOMORROW);
    assert_eq!(state.selling(), Selling::No(Hindrance::NotOpen { opens_at }));
    // What is over doesn't count beside what is still to come.
    state.products[1].terms = Terms { closes_at: opens(0), ..state.products[1].terms };
    state.products[1].terms.opens_at = Bound::NONE;
    let opens_at = EpochMs(TOMORROW + 1);
    assert_eq!(state.selling(), Selling::No(Hindrance::NotOpen { opens_at }));
    // Nor does what is closed make up for what is sold out.
    state.products[0].terms.opens_at = Bound::NONE;
    assert_eq!(state.selling(), Selling::Yes);
    state.products[0].stock = 0;
    assert_eq!(state.selling(), Selling::No(Hindrance::SoldOut));
}
