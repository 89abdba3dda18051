//! Commands on dead letters.

use domain::letters::rate;
use domain::ports::desk::Operation;
use protocol::{Discard, Reasoned, Refusal, ResendAll, ResentState};
use warp::reply::Response;

use super::{Given, sorted_state, state};
use crate::admin::notables::counted;
use crate::admin::query::bad;
use crate::admin::refusals;

pub(super) async fn resend_all(given: &Given<'_>) -> Result<Response, Refusal> {
    let (body, asked) = given.read::<ResendAll>()?;
    let most = u32::try_from(given.desk.parts.resend_per_s.get()).unwrap_or(u32::MAX);
    let per_s = rate(body.per_s, most).map_err(refusals::of_rule)?;
    let operation = Operation::ResendLetters { per_s, up_to: body.up_to };
    let carried = given.carry_out(asked, operation).await?;
    let ResentState { resent, .. } = state(&carried)?;
    let text = format!("resent {} at {per_s} a second", counted(resent, "dead letter"));
    given.answer(&body, &carried, &carried.state, &text).await
}

pub(super) async fn resend(given: &Given<'_>) -> Result<Response, Refusal> {
    let (body, asked) = given.read::<Reasoned>()?;
    let text = format!("resent dead letter {}", given.object);
    let carried = given.carry_out(asked, Operation::ResendLetter(number(given)?)).await?;
    given.answer(&body, &carried, sorted_state(&carried)?, &text).await
}

pub(super) async fn discard(given: &Given<'_>) -> Result<Response, Refusal> {
    let (body, asked) = given.read::<Discard>()?;
    let text = format!("discarded dead letter {}", given.object);
    let carried = given.carry_out(asked, Operation::DiscardLetter(number(given)?)).await?;
    given.answer(&body, &carried, sorted_state(&carried)?, &text).await
}

/// The number of the dead letter in the path.
fn number(given: &Given<'_>) -> Result<u64, Refusal> {
    let number = given.object.parse().ok();
    number.ok_or_else(|| bad(format!("{:?} is no dead letter's number", given.object)))
}
