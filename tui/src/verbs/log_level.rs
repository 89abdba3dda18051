//! `seckillctl log-level`: what the daemon tells its log, shown or changed.

use protocol::{LogLevelState, Snapshot};
use serde_json::json;

use crate::args::{LogLevel, Shape};
use crate::commands;
use crate::exit::NoAnswer;
use crate::verbs::command::{give, given};
use crate::verbs::daemon_socket::{self, DaemonSocket, Printed};
use crate::words::printable;

/// The log's level, changed first when one is given.
pub(crate) async fn run(daemon: &DaemonSocket, options: LogLevel) -> Result<Printed, NoAnswer> {
    let terms = options.plain.terms;
    let Some(level) = options.level else {
        let state = daemon.state().await?;
        return Ok(Printed::fine(level_in_force(&state, terms.shape)));
    };
    let command = commands::log_level::command(&level, given(&terms, options.plain.reason)?);
    let answer = give::<LogLevelState>(daemon, &command).await?;
    let render = |level: &str| format!("{}\n", printable(level));
    Ok(Printed::fine(answer.print(terms.shape, |done| render(&done.state.level))))
}

/// There is no question for the level alone; the JSON has the form of a change's `state`.
fn level_in_force(state: &Snapshot, shape: Shape) -> String {
    if shape.json {
        daemon_socket::json(&json!({ "level": state.log_level }))
    } else {
        format!("{}\n", printable(&state.log_level))
    }
}
