//! Long lists, which come in pages: gathers as much as was asked for into one document of the
//! daemon's own form.

use protocol::{Endpoint, Unlisted};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::args::{Extent, Shape};
use crate::exit::{Exit, NoAnswer};
use crate::verbs::daemon_socket::{Answer, DaemonSocket, read, stranger, talk};
use crate::words::printable;

/// What a page is asked to hold at most: the daemon gives no more.
const PAGE_LIMIT: u64 = 500;

/// The page of `list` at `endpoint` with these filters, with the pages after it put in.
///
/// # Errors
/// The daemon can't be reached, refuses, or doesn't know its own pages.
pub(crate) async fn gather<T: DeserializeOwned>(
    daemon: &DaemonSocket,
    endpoint: Endpoint,
    filters: &[(&str, String)],
    list: &str,
    extent: &Extent,
) -> Result<Answer<T>, NoAnswer> {
    let wanted = if extent.all { u64::MAX } else { extent.limit };
    let mut whole = page(daemon, endpoint, filters, wanted, None).await?;
    loop {
        let left = wanted.saturating_sub(length(&whole, list));
        let Some(after) = whole["next"].as_str().map(str::to_owned) else { break };
        if left == 0 {
            break;
        }
        let mut further = page(daemon, endpoint, filters, left, Some(&after)).await?;
        if further["next"] == whole["next"] {
            return Err(stranger(&daemon.socket, &"its pages go round in circles"));
        }
        let items = further[list].as_array_mut().map(std::mem::take).unwrap_or_default();
        if let Some(gathered) = whole[list].as_array_mut() {
            gathered.extend(items);
        }
        whole["next"] = further["next"].take();
    }
    read(&daemon.socket, whole)
}

async fn page(
    daemon: &DaemonSocket,
    endpoint: Endpoint,
    filters: &[(&str, String)],
    left: u64,
    after: Option<&str>,
) -> Result<Value, NoAnswer> {
    let mut address = endpoint.address().with("limit", left.min(PAGE_LIMIT));
    for (name, value) in filters {
        address = address.with(name, value);
    }
    let address = address.with_some("after", after);
    daemon.ask::<Value>(&address).await.map(|answer| answer.document)
}

fn length(document: &Value, list: &str) -> u64 {
    document[list].as_array().map_or(0, |items| items.len() as u64)
}

/// What a list lacks, a line each, to stand above its headings.
pub(crate) fn lacking(unlisted: &[Unlisted]) -> String {
    unlisted.iter().map(|lack| format!("NOT LISTED: {}\n", printable(&lack.text))).collect()
}

/// An empty list that lacks something is no proof that there is nothing, so it ends otherwise than
/// an empty list that is whole.
pub(crate) const fn judge(count: usize, unlisted: &[Unlisted]) -> Exit {
    if count == 0 && !unlisted.is_empty() { Exit::Degraded } else { Exit::Fine }
}

/// Says so when there is more; the JSON says it itself.
pub(crate) fn tell_more(next: Option<&String>, shape: Shape) {
    if next.is_some() && !shape.json {
        talk("there are more: say --limit COUNT or --all");
    }
}
