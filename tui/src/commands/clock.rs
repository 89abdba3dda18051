//! Having the sale's clock take the wall's time over.

use protocol::{Bound, ClockState, Endpoint, Reasoned, Snapshot};

use super::{Command, Given, Prompt};
use crate::words::narrow::clock;
use crate::words::printable;

/// The command.
pub(crate) fn command(given: Given) -> Command {
    let Given { request_id, reason } = given;
    let body = Reasoned { request_id, reason };
    Command::new(Endpoint::AdoptClock, "set the sale's clock", &body)
}

/// What is asked before.
pub(crate) fn prompt(state: &Snapshot) -> Prompt {
    let ahead_s = state.sale_clock.wall_ahead_s;
    let now = match (state.sale_clock.follows, ahead_s) {
        (true, _) => "Now: it follows the wall clock.".to_owned(),
        (false, 0) => "Now: it goes by itself, and agrees with the wall clock.".to_owned(),
        (false, ahead_s) => {
            let side = if ahead_s < 0 { "behind" } else { "ahead of" };
            let distance = ahead_s.unsigned_abs();
            format!("Now: the wall clock, at {}, is {distance} s {side} it.", clock(state.at))
        }
    };
    let openings = state.products.iter().filter(|product| product.terms.on_shelf);
    let now_at = state.sale_at();
    let openings = openings.filter(|product| now_at < product.terms.opens_at.0.unwrap_or(now_at));
    let lines = openings.map(|product| {
        let opens_at = Bound(product.terms.opens_at.0);
        format!(
            "{} opens at {opens_at}, by the clock as it is then.",
            printable(product.prod_id.as_str())
        )
    });
    let lines = std::iter::once(now).chain(lines);
    let touches = "Touches: the moment at which a product opens and closes.".to_owned();
    Prompt {
        title: "Set the sale's clock to the wall clock's time?".to_owned(),
        lines: lines.chain([touches]).collect(),
    }
}

/// What it came to: `set 90.000 s forward`.
pub(crate) fn outcome(state: &ClockState) -> String {
    let ms = state.set_ms.unsigned_abs();
    let distance = format!("{}.{:03} s", ms / 1_000, ms % 1_000);
    match state.set_ms {
        0 => "it showed the wall clock's time already".to_owned(),
        1.. => format!("set {distance} forward"),
        _ => format!("set {distance} back"),
    }
}
