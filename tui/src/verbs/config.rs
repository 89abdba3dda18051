//! `seckillctl config`: how the daemon is set, and where each value comes from.

use protocol::{ConfigPage, Endpoint};

use crate::args::Shape;
use crate::exit::NoAnswer;
use crate::table::{table, text};
use crate::verbs::daemon_socket::{DaemonSocket, Printed};
use crate::words::{printable, value};

/// The effective configuration.
pub(crate) async fn run(daemon: &DaemonSocket, shape: Shape) -> Result<Printed, NoAnswer> {
    let answer = daemon.ask::<ConfigPage>(&Endpoint::Config.address()).await?;
    let render = |page: &ConfigPage| {
        let cells = page
            .keys
            .iter()
            .map(|entry| [printable(&entry.key), printable(&entry.source), value(&entry.value)]);
        table([text("KEY"), text("SOURCE"), text("VALUE")], cells.collect())
    };
    Ok(Printed::fine(answer.print(shape, render)))
}
