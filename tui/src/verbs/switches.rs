//! `seckillctl pause`, `resume` and `shutdown`: what an operator turns off and on. Intake
//! and consumption are two things; each pause survives a restart.

use protocol::{Controls, Done, ShutdownState};

use crate::args::{Flow, Plain, Switch};
use crate::commands::{shutdown as stopping, switch};
use crate::exit::NoAnswer;
use crate::table::facts;
use crate::verbs::command::{give, given};
use crate::verbs::confirm::{Consent, be_named, be_sure, consent};
use crate::verbs::daemon_socket::{DaemonSocket, Printed};
use crate::verbs::status::controls;

/// Pauses intake or consumption.
pub(crate) async fn pause(daemon: &DaemonSocket, options: Switch) -> Result<Printed, NoAnswer> {
    let pausing = match options.what {
        Flow::Intake => switch::Switch::PauseIntake,
        Flow::Consumption => switch::Switch::PauseConsumption,
    };
    if consent(&options.plain.terms, pausing.what())? == Consent::ToAsk {
        let state = daemon.state().await?;
        be_sure(&daemon.named_in(pausing.prompt(&state), &state))?;
    }
    switched(daemon, pausing, options.plain).await
}

/// Undoes a pause.
pub(crate) async fn resume(daemon: &DaemonSocket, options: Switch) -> Result<Printed, NoAnswer> {
    let resuming = match options.what {
        Flow::Intake => switch::Switch::ResumeIntake,
        Flow::Consumption => switch::Switch::ResumeConsumption,
    };
    switched(daemon, resuming, options.plain).await
}

/// Stops the daemon.
pub(crate) async fn shutdown(daemon: &DaemonSocket, options: Plain) -> Result<Printed, NoAnswer> {
    let terms = options.terms;
    if consent(&terms, "shutdown")? == Consent::ToAsk {
        let state = daemon.state().await?;
        be_named(&daemon.named_in(stopping::prompt(&state), &state), &state.name)?;
    }
    let command = stopping::command(given(&terms, options.reason)?);
    let answer = give::<ShutdownState>(daemon, &command).await?;
    let table = |done: &Done<ShutdownState>| format!("{}\n", done.state.phase.as_str());
    Ok(Printed::fine(answer.print(terms.shape, table)))
}

async fn switched(
    daemon: &DaemonSocket,
    switch: switch::Switch,
    options: Plain,
) -> Result<Printed, NoAnswer> {
    let Plain { reason, terms } = options;
    let command = switch.command(None, given(&terms, reason)?);
    let answer = give::<Controls>(daemon, &command).await?;
    Ok(Printed::fine(answer.print(terms.shape, |done| facts(&controls(&done.state)))))
}
