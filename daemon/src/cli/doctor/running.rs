//! The daemon of this very configuration, where one runs: asked over its admin socket.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use domain::ports::findings::Finding;
use hyper::StatusCode;
use protocol::{ConfigPage, Endpoint, Hindrance, Selling, Snapshot};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::{self, Loaded};

const CHECK: &str = "running daemon";
/// A daemon that is well answers within milliseconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// What a daemon on the admin socket says.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) pid: u32,
    phase: String,
    /// What keeps the daemon from full service, and what it warns of; both with what recovers.
    degraded: Vec<String>,
    warnings: Vec<String>,
    /// Keys whose values are others there; an error where the daemon doesn't answer it.
    differing: Result<Vec<String>, String>,
}

/// What is known of a running daemon.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) answer: Option<Answer>,
    /// The process that holds the database.
    holder: Option<u32>,
}

/// Looks for the running daemon.
pub(super) async fn find(loaded: &Loaded) -> Running {
    let config = &loaded.config;
    let answer = match config.admin.socket.as_os_str().is_empty() {
        true => None,
        false => ask(loaded, &config.admin.socket).await,
    };
    Running { answer, holder: store_sqlite::holder(&config.store.path) }
}

impl Running {
    /// Whether the running daemon has the same value of a key.
    pub(super) fn shares(&self, key: &str) -> bool {
        let differing = self.answer.as_ref().and_then(|answer| answer.differing.as_ref().ok());
        differing.is_some_and(|keys| !keys.iter().any(|differing| differing == key))
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.answer.as_ref().map(|answer| answer.pid)
    }

    /// The process that holds the database.
    pub(super) const fn holder(&self) -> Option<u32> {
        self.holder
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
        let Some(Answer { pid, phase, differing, degraded, warnings }) = &self.answer else {
            return vec![match self.holder {
                None => Finding::ok(CHECK, "none on this database and admin socket"),
                Some(holder) => Finding::fail(
                    CHECK,
                    format!("process {holder} holds the database and doesn't answer on the socket"),
                    "set admin.socket as that daemon has it, or store.path to another database",
                ),
            }];
        };
        let of_itself = match differing {
            Ok(keys) if keys.is_empty() => Finding::ok(
                CHECK,
                format!("a seckilld of this very configuration runs (process {pid}, {phase})"),
            ),
            Ok(keys) => Finding::warn(
                CHECK,
                format!(
                    "a seckilld runs on this admin socket (process {pid}, {phase}) with other \
                     values of {}",
                    keys.join(", ")
                ),
                "restart it to put this configuration into force, or give this one another \
                 admin.socket",
            ),
            Err(why) => Finding::warn(
                CHECK,
                format!(
                    "a seckilld runs here (process {pid}, {phase}), its configuration is {why}"
                ),
                "run doctor as root or as the daemon's own user",
            ),
        };
        let told = |text: &String| format!("process {pid} says: {text}");
        let degraded = degraded.iter().map(|text| {
            Finding::fail(
                CHECK,
                told(text),
                "docs/runbook.md: Degraded; seckillctl status has more",
            )
        });
        let warnings = warnings.iter().map(|text| {
            Finding::warn(CHECK, told(text), "seckillctl status has more; docs/runbook.md")
        });
        [of_itself].into_iter().chain(degraded).chain(warnings).collect()
    }
}

async fn ask(loaded: &Loaded, socket: &Path) -> Option<Answer> {
    let status: Value = get(socket, Endpoint::Status).await.ok()?;
    let differing = get::<ConfigPage>(socket, Endpoint::Config).await;
    Some(Answer {
        pid: u32::try_from(status["pid"].as_u64()?).ok()?,
        phase: phase(&status),
        degraded: texts(&status["degraded"]),
        warnings: warnings(&status),
        differing: differing.map(|page| differences(loaded, page)),
    })
}

/// The phase, and what keeps every buyer from buying, where something does. Of a state that this
/// version can't read, as a later daemon's may be, the phase alone.
fn phase(status: &Value) -> String {
    let Ok(state) = Snapshot::deserialize(status) else {
        return status["phase"].as_str().unwrap_or("in no known phase").to_owned();
    };
    let words = state.phase_words();
    match state.selling() {
        // The words say it.
        Selling::No(Hindrance::NotServing(_)) => words.to_owned(),
        Selling::No(hindrance) => format!("{words}, not selling: {hindrance}"),
        Selling::Yes | Selling::InDoubt(_) | Selling::Elsewhere => words.to_owned(),
    }
}

fn warnings(status: &Value) -> Vec<String> {
    let troubles = status["troubles"].as_array().into_iter().flatten();
    let recovering = troubles.filter(|trouble| trouble["state"] == "recovering");
    let recovering = recovering.filter_map(|trouble| trouble["text"].as_str());
    let recovering = recovering.map(|text| format!("recovering, the next order tells: {text}"));
    recovering.chain(texts(&status["warnings"])).collect()
}

fn texts(list: &Value) -> Vec<String> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

/// Keys of `doctor` itself are of no account: the daemon doesn't read them.
fn differences(loaded: &Loaded, theirs: ConfigPage) -> Vec<String> {
    let theirs: HashMap<String, Value> =
        theirs.keys.into_iter().map(|entry| (entry.key, entry.value)).collect();
    let ours = config::entries(loaded).keys.into_iter();
    ours.filter(|entry| !entry.key.starts_with("doctor."))
        .filter(|entry| theirs.get(&entry.key) != Some(&entry.value))
        .map(|entry| entry.key)
        .collect()
}

async fn get<T: DeserializeOwned>(socket: &Path, endpoint: Endpoint) -> Result<T, String> {
    let address = endpoint.address();
    let answer = admin_client::get(socket, address.as_str(), ANSWER_TIMEOUT).await;
    let answer = answer.map_err(|failure| failure.to_string())?;
    if answer.status != StatusCode::OK {
        return Err(format!("not told ({})", answer.status));
    }
    serde_json::from_slice(&answer.body).map_err(|error| format!("unreadable ({error})"))
}

#[cfg(test)]
mod tests {
    use protocol::{GatewayView, Phase, Snapshot, SwitchView};
    use serde_json::json;

    use super::phase;

    #[test]
    fn a_daemon_that_sells_nothing_says_so() {
        let mut state = Snapshot { phase: Phase::Serving, ..Snapshot::default() };
        assert_eq!(phase(&json!(state)), "serving", "others sell");
        state.gateway = Some(GatewayView::default());
        state.controls.intake = Some(SwitchView { paused: true, ..SwitchView::default() });
        assert_eq!(phase(&json!(state)), "serving, not selling: intake is paused");
        state.phase = Phase::Stopping;
        assert_eq!(phase(&json!(state)), "stopping");
        assert_eq!(phase(&json!({ "phase": "resting" })), "resting", "a later daemon's");
        assert_eq!(phase(&json!({})), "in no known phase");
    }
}
