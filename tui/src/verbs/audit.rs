//! `seckillctl audit`: what operators did to the daemon.

use protocol::{AuditEntry, AuditPage, Endpoint};

use crate::args::Audit;
use crate::exit::NoAnswer;
use crate::table::{number, table, text};
use crate::verbs::daemon_socket::{DaemonSocket, Printed};
use crate::verbs::pages::{gather, tell_more};
use crate::words::{moment, printable, value};

/// What operators did, newest first.
pub(crate) async fn run(daemon: &DaemonSocket, options: &Audit) -> Result<Printed, NoAnswer> {
    let answer =
        gather::<AuditPage>(daemon, Endpoint::Audit, &[], "entries", &options.extent).await?;
    tell_more(answer.view.next.as_ref(), options.shape);
    Ok(Printed::fine(answer.print(options.shape, |page| entries(&page.entries))))
}

fn entries(entries: &[AuditEntry]) -> String {
    let columns = [
        number("ID"),
        text("AT"),
        text("WHO"),
        text("VERB"),
        text("OBJECT"),
        text("REASON"),
        text("ARGUMENTS"),
        text("BEFORE"),
        text("AFTER"),
    ];
    let cells = |entry: &AuditEntry| {
        let user = entry.user.as_deref().map(printable);
        [
            entry.id.to_string(),
            moment(entry.at),
            user.unwrap_or_else(|| format!("uid {}", entry.uid)),
            printable(&entry.verb),
            printable(&entry.object),
            entry.reason.as_deref().map(printable).unwrap_or_default(),
            value(&entry.arguments),
            value(&entry.before),
            value(&entry.after),
        ]
    };
    table(columns, entries.iter().map(cells).collect())
}
