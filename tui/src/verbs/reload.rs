//! `seckillctl reload`: has the daemon read its configuration again, and prints what changed. A
//! refusal names each fault, or each key that takes a restart.

use protocol::{ConfigChange, Done, ReloadState};

use crate::args::Plain;
use crate::commands::reload as reloading;
use crate::exit::NoAnswer;
use crate::table::{table, text};
use crate::verbs::command::{give, given};
use crate::verbs::daemon_socket::{DaemonSocket, Printed};
use crate::words::{counted_plainly, printable};

/// Reloads.
pub(crate) async fn run(daemon: &DaemonSocket, options: Plain) -> Result<Printed, NoAnswer> {
    let Plain { reason, terms } = options;
    let command = reloading::command(given(&terms, reason)?);
    let answer = give::<ReloadState>(daemon, &command).await?;
    Ok(Printed::fine(answer.print(terms.shape, shown)))
}

fn shown(done: &Done<ReloadState>) -> String {
    let ReloadState { changed, products_added, notes, .. } = &done.state;
    let mut told = format!("{}\n", reloading::outcome(&done.state));
    if !changed.is_empty() {
        let columns = [text("KEY"), text("BEFORE"), text("NOW"), text("FROM")];
        told += "\n";
        told += &table(columns, changed.iter().map(row).collect());
    }
    if !products_added.is_empty() {
        let ids: Vec<String> = products_added.iter().map(|id| printable(id.as_str())).collect();
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
