//! Having the daemon read its configuration again.

use protocol::{Endpoint, Reasoned, ReloadState, Snapshot};

use super::{Command, Given, Prompt};
use crate::words::narrow::clock;
use crate::words::{counted_plainly, printable};

/// The command.
pub(crate) fn command(given: Given) -> Command {
    let Given { request_id, reason } = given;
    let body = Reasoned { request_id, reason };
    Command::new(Endpoint::Reload, "reload the configuration", &body)
}

/// What is asked before.
pub(crate) fn prompt(state: &Snapshot) -> Prompt {
    let config = &state.config;
    let now = match config.generation {
        // An earlier daemon doesn't say.
        0 => "Now: it isn't known which configuration is in force.".to_owned(),
        generation => {
            format!("Now: generation {generation} is in force since {}.", clock(config.since))
        }
    };
    let lines = vec![
        now,
        "What differs takes effect at once, and the daemon goes on selling.".to_owned(),
        "A fault, or a key that takes a restart, is named, and nothing is changed.".to_owned(),
        "Touches: the keys that differ, and products that are new in the file.".to_owned(),
    ];
    Prompt { title: format!("Reload the configuration of {}?", printable(&state.name)), lines }
}

/// What it came to: `generation 3 is in force, 2 keys changed`.
pub(crate) fn outcome(state: &ReloadState) -> String {
    let generation = state.generation;
    match state.changed.len() {
        0 => format!("nothing changed, generation {generation} stays in force"),
        count => {
            let keys = counted_plainly(count as u64, "key");
            format!("generation {generation} is in force, {keys} changed")
        }
    }
}
