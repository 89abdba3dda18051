//! `seckillctl pause`, `resume` and `shutdown`: what an operator turns off and on. Intake
//! and consumption are two things; each pause survives a restart.

use protocol::{Code, Controls, Done, Endpoint, SetSwitch, Shutdown, ShutdownState, Snapshot};

use crate::args::{Flow, Plain, Switch};
use crate::exit::Fault;
use crate::table::facts;
use crate::verbs::command::{give, request_id};
use crate::verbs::confirm::{Consent, be_named, be_sure, consent};
use crate::verbs::daemon_socket::{DaemonSocket, Printed};
use crate::verbs::status::controls;
use crate::words::{counted_plainly, known, printable};

/// Pauses intake or consumption.
pub(crate) async fn pause(daemon: &DaemonSocket, options: Switch) -> Result<Printed, Fault> {
    let (pausing, verb, question): (_, _, fn(&Snapshot) -> String) = match options.what {
        Flow::Intake => (Endpoint::PauseIntake, "pause intake", pausing_intake),
        Flow::Consumption => (Endpoint::PauseConsumption, "pause consumption", pausing_consumption),
    };
    if consent(&options.plain.terms, verb)? == Consent::ToAsk {
        be_sure(&question(&daemon.state().await?))?;
    }
    switch(daemon, pausing, options.plain).await
}

/// Undoes a pause.
pub(crate) async fn resume(daemon: &DaemonSocket, options: Switch) -> Result<Printed, Fault> {
    let resuming = match options.what {
        Flow::Intake => Endpoint::ResumeIntake,
        Flow::Consumption => Endpoint::ResumeConsumption,
    };
    switch(daemon, resuming, options.plain).await
}

/// Stops the daemon.
pub(crate) async fn shutdown(daemon: &DaemonSocket, options: Plain) -> Result<Printed, Fault> {
    let terms = options.terms;
    if consent(&terms, "shutdown")? == Consent::ToAsk {
        let state = daemon.state().await?;
        be_named(&stopping(&state), &state.name)?;
    }
    let command = Shutdown { request_id: request_id(&terms)?, reason: options.reason };
    let answer =
        give::<ShutdownState>(daemon, &Endpoint::Shutdown.address(), &command.request_id, &command)
            .await?;
    let table = |done: &Done<ShutdownState>| format!("{}\n", done.state.phase.as_str());
    Ok(Printed::fine(answer.print(terms.shape, table)))
}

async fn switch(
    daemon: &DaemonSocket,
    endpoint: Endpoint,
    options: Plain,
) -> Result<Printed, Fault> {
    let Plain { reason, terms } = options;
    let command = SetSwitch { request_id: request_id(&terms)?, reason, if_generation: None };
    let answer =
        give::<Controls>(daemon, &endpoint.address(), &command.request_id, &command).await?;
    Ok(Printed::fine(answer.print(terms.shape, |done| facts(&controls(&done.state)))))
}

/// Which daemon is meant.
pub(crate) fn named(state: &Snapshot) -> String {
    format!("{} (profile {})", printable(&state.name), printable(&state.env_type))
}

/// Orders that wait in the queue.
pub(crate) fn waiting(state: &Snapshot) -> String {
    match state.queue.lag_messages {
        Some(count) => counted_plainly(count, "order"),
        None => format!("{} orders", known(None::<u64>)),
    }
}

pub(crate) fn charges(state: &Snapshot) -> String {
    let count = state.gateway.as_ref().map(|gateway| gateway.charge_rate.last_60s);
    format!("{} charges came in the last minute", known(count))
}

fn pausing_intake(state: &Snapshot) -> String {
    let on_shelf = state.products.iter().filter(|product| product.on_shelf).count() as u64;
    format!(
        "Pause intake of {}? Charges for {} are refused with {} until it is resumed; {}.",
        named(state),
        counted_plainly(on_shelf, "product"),
        Code::IntakePaused.as_str(),
        charges(state),
    )
}

fn pausing_consumption(state: &Snapshot) -> String {
    format!(
        "Pause consumption of {}? Orders stay undecided in the queue until it is resumed; {} wait \
         now.",
        named(state),
        waiting(state),
    )
}

fn stopping(state: &Snapshot) -> String {
    format!(
        "Shut down {}? It finishes what is in flight and ends ({}); {} stay in the queue until it \
         is started again.",
        named(state),
        charges(state),
        waiting(state),
    )
}
