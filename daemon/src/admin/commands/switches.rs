//! Commands on the switches: stored first, then put into effect, one at a time.

use domain::controls::ControlVerb;
use domain::ports::desk::{Firstness, Operation};
use protocol::{Controls, Refusal, SetSwitch};
use warp::reply::Response;

use super::{Given, state};
use crate::config::Role;

pub(super) async fn turn(given: &Given<'_>, verb: ControlVerb) -> Result<Response, Refusal> {
    let (body, asked) = given.read::<SetSwitch>()?;
    let parts = &given.desk.parts;
    let switching = given.desk.switching.lock().await;
    let operation = Operation::Switch { verb, if_generation: body.if_generation };
    let carried = given.carry_out(asked, operation).await?;
    let controls = of_roles(state(&carried)?, &parts.roles);
    if carried.first == Firstness::Now {
        parts.owners.apply(&controls).await;
    }
    drop(switching);
    given.answer(&body, &carried, controls, phrase(verb)).await
}

const fn phrase(verb: ControlVerb) -> &'static str {
    match verb {
        ControlVerb::PauseIntake => "paused intake",
        ControlVerb::ResumeIntake => "resumed intake",
        ControlVerb::PauseConsumption => "paused consumption",
        ControlVerb::ResumeConsumption => "resumed consumption",
        ControlVerb::Drain => "began to drain",
    }
}

/// The switches of the roles that this process has.
#[must_use]
pub fn of_roles(controls: Controls, roles: &[Role]) -> Controls {
    let Controls { intake, consumption, drain, generation } = controls;
    let gateway = roles.contains(&Role::Gateway);
    Controls {
        intake: intake.filter(|_| gateway),
        consumption: consumption.filter(|_| roles.contains(&Role::Order)),
        drain: drain.filter(|_| gateway),
        generation,
    }
}
