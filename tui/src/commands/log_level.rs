//! Changing what the daemon's log has.

use protocol::{Endpoint, SetLogLevel, Snapshot};

use super::{Command, Given, Prompt};
use crate::words::printable;

/// The command.
pub(crate) fn command(level: &str, given: Given) -> Command {
    let Given { request_id, reason } = given;
    let body = SetLogLevel { request_id, reason, level: level.to_owned() };
    let what = format!("log at {}", printable(level));
    Command::new(Endpoint::LogLevel, what, &body)
}

/// What is asked before.
pub(crate) fn prompt(level: &str, state: &Snapshot) -> Prompt {
    let lines = vec![
        format!("Now: {}", printable(&state.log_level)),
        "Touches: the daemon's log only, until its next start.".to_owned(),
    ];
    Prompt { title: format!("Log at {}?", printable(level)), lines }
}
