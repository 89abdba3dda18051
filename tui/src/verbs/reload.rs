//! `seckillctl reload`: has the daemon read its configuration anew, and prints what changed. A
//! refusal names each fault, or each key that takes a restart.

use protocol::{ConfigChange, Done, Endpoint, Reasoned, ReloadState};

use crate::args::Plain;
use crate::exit::Fault;
use crate::table::{table, text};
use crate::verbs::command::{give, request_id};
use crate::verbs::daemon_socket::{DaemonSocket, Printed};
use crate::words::{counted_plainly, printable};

/// Reloads.
pub(crate) async fn run(daemon: &DaemonSocket, options: Plain) -> Result<Printed, Fault> {
    let Plain { reason, terms } = options;
    let command = Reasoned { request_id: request_id(&terms)?, reason };
    let answer =
        give::<ReloadState>(daemon, &Endpoint::Reload.address(), &command.request_id, &command)
            .await?;
    Ok(Printed::fine(answer.print(terms.shape, shown)))
}

fn shown(done: &Done<ReloadState>) -> String {
    let ReloadState { generation, changed, products_added, notes } = &done.state;
    let mut told = match changed.len() {
        0 => format!("nothing changed, generation {generation} stays in force\n"),
        count => {
            let keys = counted_plainly(count as u64, "key");
            format!("generation {generation} is in force, {keys} changed\n")
        }
    };
    if !changed.is_empty() {
        let columns = [text("KEY"), text("BEFORE"), text("NOW"), text("FROM")];
        told += "\n";
        told += &table(columns, changed.iter().map(row).collect());
    }
    if !products_added.is_empty() {
        let ids: Vec<String> = products_added.iter().map(|id| printable(id)).collect();
        told += &format!("\nproducts added: {}\n", ids.join(", "));
    }
    let notes: String = notes.iter().map(|note| format!("note: {}\n", printable(note))).collect();
    if !notes.is_empty() {
        told += "\n";
        told += &notes;
    }
    told
}

fn row(change: &ConfigChange) -> [String; 4] {
    let ConfigChange { key, before, after, source, note } = change;
    // A whole list of products is no cell of a table.
    let value = |value: &serde_json::Value| match value {
        serde_json::Value::Array(items) if items.iter().any(serde_json::Value::is_object) => {
            counted_plainly(items.len() as u64, "item")
        }
        other => printable(&other.to_string()),
    };
    let now = match note {
        Some(note) => format!("{} ({})", value(after), printable(note)),
        None => value(after),
    };
    [printable(key), value(before), now, printable(source)]
}
