//! Every event on every standing, as a table, and what any sequence of events does to the units.

use proptest::prelude::*;
use protocol::{EpochMs, OrderId};

use super::{Buyer, Decided, Event, Found, Standing, Step, Undecided, Unit, step};

/// A line for each event, a column for each standing of an order `a`. A cell is the standing after
/// the event, with the number of failed orders where there are any, and what becomes of the unit:
/// `+` held, `-` released, `=` settled. Where nothing changes there is a point.
const TABLE: &str = "
event    |open           |claimed a     |publishing a  |queued a  |unconfirmed a  |live a
claim a  |claimed a      |.             |.             |.         |.              |.
queued a |queued a +     |.             |.             |.         |.              |.
unsure a |unconfirmed a +|.             |.             |.         |.              |.
hold a   |.              |publishing a +|.             |.         |.              |.
hold b   |.              |.             |.             |.         |.              |.
abandon a|.              |open          |open -        |open -    |open -         |.
abandon b|.              |.             |.             |.         |.              |.
confirm a|.              |.             |queued a      |.         |queued a       |.
confirm b|.              |.             |.             |.         |.              |.
doubt a  |.              |.             |unconfirmed a |.         |.              |.
doubt b  |.              |.             |.             |.         |.              |.
placed a |live a         |live a        |live a =      |live a =  |live a =       |live a
placed b |live b         |claimed a     |publishing a  |queued a  |unconfirmed a  |live b
twice a  |live b         |live b        |live b =      |live b =  |live b =       |live b
failed a |open 1         |open 1        |open 1 =      |open 1 =  |open 1 =       |open 1
failed b |open 1         |claimed a 1   |publishing a 1|queued a 1|unconfirmed a 1|open 1
forget   |open           |.             |.             |.         |.              |open
";

const TICKET: &str = "ticket";

fn order(id: &str) -> Undecided {
    Undecided { id: id.into(), asked_at: EpochMs(1) }
}

fn standing(name: &str) -> Standing<&'static str> {
    match name.split_once(' ') {
        Some(("claimed", id)) => Standing::Claimed(order(id), TICKET),
        Some(("publishing", id)) => Standing::Publishing(order(id), TICKET),
        Some(("queued", id)) => Standing::Queued(order(id)),
        Some(("unconfirmed", id)) => Standing::Unconfirmed(order(id)),
        Some(("live", id)) => Standing::Live(id.into()),
        _ => Standing::Open,
    }
}

/// What the table calls an event, done to the buyer.
fn done(buyer: &Buyer<&'static str>, event: &str) -> Option<Step<&'static str>> {
    let (name, id) = event.split_once(' ').unwrap_or((event, ""));
    let (undecided, other) = (order(id), OrderId::from("b"));
    let id = &undecided.id;
    let event = match name {
        "claim" => Event::Claim(&undecided, &TICKET),
        "queued" => Event::Adopt(&undecided, Found::Queued),
        "unsure" => Event::Adopt(&undecided, Found::Unconfirmed),
        "hold" => Event::Hold(id),
        "abandon" => Event::Abandon(id),
        "confirm" => Event::Confirm(id),
        "doubt" => Event::Doubt(id),
        "placed" => Event::Decide(id, Decided::Live(id)),
        "twice" => Event::Decide(id, Decided::Live(&other)),
        "failed" => Event::Decide(id, Decided::Failed),
        "forget" => Event::Forget,
        other => panic!("no such event: {other}"),
    };
    step(buyer, &event)
}

fn cell(step: Option<Step<&'static str>>) -> String {
    let Some(Step { buyer: Buyer { failures, standing }, unit }) = step else {
        return ".".to_owned();
    };
    let standing = match standing {
        Standing::Open => "open".to_owned(),
        Standing::Claimed(order, TICKET) => format!("claimed {}", order.id),
        Standing::Publishing(order, TICKET) => format!("publishing {}", order.id),
        Standing::Queued(order) => format!("queued {}", order.id),
        Standing::Unconfirmed(order) => format!("unconfirmed {}", order.id),
        Standing::Live(id) => format!("live {id}"),
        other => panic!("another ticket: {other:?}"),
    };
    let failures = if failures == 0 { String::new() } else { format!(" {failures}") };
    let unit = match unit {
        Unit::Stays => "",
        Unit::Held => " +",
        Unit::Released => " -",
        Unit::Settled => " =",
    };
    format!("{standing}{failures}{unit}")
}

#[test]
fn each_event_on_each_standing() {
    let mut lines = TABLE.lines().filter(|line| !line.trim().is_empty());
    let cells = |line: &'static str| line.split('|').map(str::trim).collect::<Vec<_>>();
    let standings = cells(lines.next().unwrap());
    for line in lines {
        let line = cells(line);
        for (name, wanted) in standings.iter().zip(&line).skip(1) {
            let buyer = Buyer { failures: 0, standing: standing(name) };
            assert_eq!(cell(done(&buyer, line[0])), *wanted, "{} on {name}", line[0]);
        }
    }
}

#[test]
fn failures_are_kept_over_the_next_try_and_forgotten_with_the_database() {
    let mut buyer = Buyer { failures: 2, standing: Standing::Open };
    assert_eq!((buyer.next_attempt(), buyer.is_new()), (Some(2), false));
    for (event, wanted) in [
        ("claim a", "claimed a 2"),
        ("hold a", "publishing a 2 +"),
        ("doubt a", "unconfirmed a 2"),
        ("confirm a", "queued a 2"),
        ("abandon a", "open 2 -"),
        ("queued b", "queued b 2 +"),
        ("failed b", "open 3 ="),
        ("forget", "open"),
    ] {
        let after = done(&buyer, event).unwrap();
        buyer = after.buyer.clone();
        assert_eq!(cell(Some(after)), wanted, "{event}");
        assert_eq!(buyer.next_attempt().is_some(), buyer.standing == Standing::Open);
    }
    assert!(buyer.is_new() && buyer == Buyer::NEW);
}

fn events() -> impl Strategy<Value = String> {
    let name = proptest::sample::select(vec![
        "claim", "queued", "unsure", "hold", "abandon", "confirm", "doubt", "placed", "twice",
        "failed", "forget",
    ]);
    let id = proptest::sample::select(vec!["a", "b"]);
    (name, id).prop_map(|(name, id)| format!("{name} {id}"))
}

proptest! {
    /// Whatever happens, and in whatever sequence: a unit is held by the steps' word exactly while
    /// the standing holds one.
    #[test]
    fn units_held_are_those_that_the_steps_held(
        events in proptest::collection::vec(events(), 0..60),
    ) {
        let (mut buyer, mut held) = (Buyer::NEW, 0_i32);
        for event in &events {
            let Some(Step { buyer: after, unit }) = done(&buyer, event) else { continue };
            held += match unit {
                Unit::Stays => 0,
                Unit::Held => 1,
                Unit::Released | Unit::Settled => -1,
            };
            prop_assert_eq!(held, i32::from(after.standing.holds_unit()), "{} of {:?}", event, events);
            if let Standing::Live(_) = buyer.standing {
                let by_order_side = ["placed", "twice", "failed", "forget"];
                prop_assert!(by_order_side.iter().any(|name| event.starts_with(name)), "{}", event);
            }
            prop_assert!(buyer.failures <= after.failures || event.starts_with("forget"));
            buyer = after;
        }
    }
}
