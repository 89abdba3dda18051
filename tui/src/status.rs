//! `seckillctl status`: asks for the state, prints it, and tells by the exit code whether all is
//! well.

use std::path::Path;

use hyper::StatusCode;
use protocol::{Phase, Snapshot};

use crate::client;
use crate::exit::{Exit, Fault};
use crate::table;

/// How the state is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Aligned, for people.
    Table,
    /// The daemon's own document, with fields that this version doesn't know.
    Json,
}

/// Returns what goes to standard output, and how to exit.
pub(crate) async fn run(socket: &Path, form: Form) -> Result<(String, Exit), Fault> {
    let (status, body) = client::get(socket, "/v1/status").await?;
    if status != StatusCode::OK {
        return Err(Fault::unreachable(socket, format!("the daemon answers {status}")));
    }
    let other = |error| Fault::unreachable(socket, format!("what answers is no seckilld: {error}"));
    let snapshot: Snapshot = serde_json::from_slice(&body).map_err(other)?;
    let output = match form {
        Form::Table => table::render(&snapshot),
        Form::Json => {
            let document: serde_json::Value = serde_json::from_slice(&body).map_err(other)?;
            format!("{document:#}\n")
        }
    };
    Ok((output, judge(&snapshot)))
}

/// Whether a script should worry.
fn judge(snapshot: &Snapshot) -> Exit {
    let balanced = snapshot.products.iter().all(|product| product.balanced);
    let serving = snapshot.phase == Phase::Serving && snapshot.degraded.is_empty();
    if balanced && serving { Exit::Fine } else { Exit::Degraded }
}
