//! Stopping the daemon in order.

use protocol::{Endpoint, Shutdown, Snapshot};

use super::{Command, Given, Prompt, waiting};
use crate::words::{counted, printable};

/// The command.
pub(crate) fn command(given: Given) -> Command {
    let Given { request_id, reason } = given;
    Command::new(Endpoint::Shutdown, "shut down", &Shutdown { request_id, reason })
}

/// What is asked before.
pub(crate) fn prompt(state: &Snapshot) -> Prompt {
    let in_flight = state.gateway.as_ref().map_or(0, |gateway| gateway.in_flight);
    let (name, phase) = (printable(&state.name), state.phase.as_str());
    let lines = vec![
        format!("Now: {name} is {phase}, process {}.", state.pid),
        "The process ends in order: what is in flight is answered first.".to_owned(),
        "Nothing is sold until it is started again; what is queued stays.".to_owned(),
        format!("Touches: {} in flight, {}.", counted(in_flight, "request"), waiting(state)),
    ];
    Prompt { title: format!("Shut down {name}?"), lines }
}
