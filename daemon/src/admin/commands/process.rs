//! Commands on the daemon itself: its log, its configuration, its stop. They are written down
//! before they take effect.

use domain::ports::desk::{Firstness, Note, Noted, Operation};
use protocol::{
    ClockState, LogLevelState, Phase, Reasoned, Refusal, RefusalCode, SetLogLevel, Shutdown,
    ShutdownState, flaw,
};
use serde::Serialize;
use serde_json::{Value, json};
use warp::reply::Response;

use super::{Given, done, sorted_state};
use crate::admin::query::bad;
use crate::admin::refusals;
use crate::config::{LEVELS, LogDirectives};

pub(super) async fn set_log_level(given: &Given<'_>) -> Result<Response, Refusal> {
    let (body, asked) = given.read::<SetLogLevel>()?;
    let owners = &given.desk.parts.owners;
    if let Some(flaw) = flaw(&body.level) {
        return Err(bad(format!("level is {:?}, which {flaw}; allowed is {LEVELS}", body.level)));
    }
    if let Err(error) = body.level.parse::<LogDirectives>() {
        return Err(bad(format!("level is {:?}: {error}", body.level)));
    }
    let switching = given.desk.switching.lock().await;
    let before = json!({ "level": owners.log_level() });
    let after = LogLevelState { level: body.level.clone() };
    let carried = given.carry_out(asked, noted(Noted::LogLevel, before, &after)).await?;
    if carried.first == Firstness::Now {
        let failed = |msg| Refusal::new(RefusalCode::Internal, msg);
        owners.set_log_level(&body.level).map_err(failed)?;
    }
    drop(switching);
    let text = format!("set the log to {}", body.level);
    given.answer(&body, &carried, after, &text).await
}

/// The sale's clock is no other's business: a step of the wall clock is followed by an operator's
/// word alone, and not while a product is open.
pub(super) async fn adopt_clock(given: &Given<'_>) -> Result<Response, Refusal> {
    let (body, asked) = given.read::<Reasoned>()?;
    let owners = &given.desk.parts.owners;
    let switching = given.desk.switching.lock().await;
    let set_ms = owners.clock_adoptable().map_err(refusals::of_clock)?;
    let after = ClockState { set_ms, now: instruments::clock::now() };
    let before = json!({ "behind_ms": set_ms });
    let carried = given.carry_out(asked, noted(Noted::ClockAdopted, before, &after)).await?;
    if carried.first == Firstness::Now {
        owners.adopt_clock().map_err(refusals::of_clock)?;
    }
    drop(switching);
    let text = format!("set the sale's clock by {set_ms} ms, to the wall clock's time");
    given.answer(&body, &carried, sorted_state(&carried)?, &text).await
}

/// Publishes no event of its own: watchers see each reload in the state, whether a command or a
/// signal asked for it.
pub(super) async fn reload(given: &Given<'_>) -> Result<Response, Refusal> {
    let (body, asked) = given.read::<Reasoned>()?;
    let reloaded = given.desk.parts.owners.reload(asked).await;
    // It shows at once, refusals too, and not a quarter of a second later.
    let _ = given.desk.observatory.snapshot().await;
    let carried = reloaded.map_err(refusals::of_reload)?;
    Ok(done(&body, &carried, sorted_state(&carried)?))
}

pub(super) async fn shut_down(given: &Given<'_>) -> Result<Response, Refusal> {
    let (body, asked) = given.read::<Shutdown>()?;
    let after = ShutdownState { phase: Phase::Stopping };
    let before = json!({ "phase": Phase::Serving });
    let carried = given.carry_out(asked, noted(Noted::Shutdown, before, &after)).await?;
    let answer = given.answer(&body, &carried, after, "shut the daemon down").await;
    if carried.first == Firstness::Now {
        given.desk.parts.owners.shut_down();
    }
    answer
}

/// What is written down of a command whose effect isn't in the store.
fn noted(noted: Noted, before: Value, after: &impl Serialize) -> Operation {
    let (after, state) = (json!(after), json!(after));
    Operation::Note(Box::new(Note { noted, object: String::new(), before, after, state }))
}
