//! `seckillctl status`: the state at a glance, once or on every change, and by the exit code
//! whether anyone should worry.

mod table;
mod watch;

use std::io::Write;

use protocol::{Endpoint, OverdueView, Snapshot};

use crate::args::{Shape, Status};
use crate::exit::{Exit, NoAnswer};
use crate::place::Screen;
use crate::verbs::daemon_socket::{DaemonSocket, Printed};
use crate::verbs::events;

pub(crate) use table::{controls, queue_line};

/// Prints the state; with `--watch` until the reader has seen enough.
pub(crate) async fn run(
    daemon: &DaemonSocket,
    options: &Status,
    screen: Screen,
    out: &mut dyn Write,
) -> Result<Printed, NoAnswer> {
    match options {
        Status { watch: false, shape } => once(daemon, *shape).await,
        Status { watch: true, shape: Shape { json: true } } => events::lines(daemon, out).await,
        Status { watch: true, shape: Shape { json: false } } => {
            watch::run(daemon, screen, out).await
        }
    }
}

async fn once(daemon: &DaemonSocket, shape: Shape) -> Result<Printed, NoAnswer> {
    let answer = daemon.ask::<Snapshot>(&Endpoint::Status.address()).await?;
    Ok(Printed { text: answer.print(shape, table::render), exit: judge(&answer.view) })
}

/// Whether a script should worry. A pause is an operator's wish and no illness.
fn judge(snapshot: &Snapshot) -> Exit {
    let nobody_waits = overdue(snapshot).is_none();
    if snapshot.is_healthy() && snapshot.is_balanced() && nobody_waits {
        Exit::Fine
    } else {
        Exit::Degraded
    }
}

/// The buyers who wait too long, if there are any.
fn overdue(snapshot: &Snapshot) -> Option<OverdueView> {
    snapshot.overdue.filter(|overdue| 0 < overdue.count)
}
