//! `seckillctl events`: what happens, as it happens, over restarts of the daemon. The table has the
//! notable events, those of the first state included, and when the connection was lost and is back;
//! the JSON has every line as it is on the socket, and a line of its own where the stream broke.

use std::io::Write;

use protocol::{Change, EpochMs, Line, Notable, Snapshot};
use serde_json::json;

use crate::args::Shape;
use crate::exit::NoAnswer;
use crate::verbs::daemon_socket::{DaemonSocket, Printed};
use crate::verbs::follow::{Follow, Followed, now};
use crate::words::{moment, printable, printable_json};

/// Prints until the reader has seen enough, or this user may no longer look.
pub(crate) async fn run(
    daemon: &DaemonSocket,
    shape: Shape,
    out: &mut dyn Write,
) -> Result<Printed, NoAnswer> {
    if shape.json { lines(daemon, out).await } else { notables(daemon, out).await }
}

/// Every line as it is on the socket. Where the stream broke stands
/// `{"line":"lost","at":…,"reason":…}`; the line after that is a whole state.
pub(crate) async fn lines(daemon: &DaemonSocket, out: &mut dyn Write) -> Result<Printed, NoAnswer> {
    let mut stream = Follow::begin(daemon).await?;
    loop {
        let line = match stream.next().await? {
            Followed::Line(line) => String::from_utf8_lossy(&line).into_owned(),
            Followed::Lost(reason) => {
                json!({ "line": "lost", "at": now(), "reason": reason }).to_string()
            }
        };
        write(out, &format!("{}\n", printable_json(&line)))?;
    }
}

/// What was printed last, so that after a break nothing is printed twice.
#[derive(Debug, Default)]
struct Told {
    /// Which process it came from: events are numbered again with each start.
    process: Option<(u32, EpochMs)>,
    last: u64,
    is_lost: bool,
}

async fn notables(daemon: &DaemonSocket, out: &mut dyn Write) -> Result<Printed, NoAnswer> {
    let mut stream = Follow::begin(daemon).await?;
    let mut told = Told::default();
    loop {
        let line = match stream.next().await? {
            Followed::Line(line) => line,
            Followed::Lost(reason) => {
                told.is_lost = true;
                write(out, &ours(now(), "warning", &lost(&reason)))?;
                continue;
            }
        };
        match serde_json::from_slice(&line) {
            Ok(Line::Snapshot { snapshot, .. }) => write(out, &told.begin(&snapshot))?,
            Ok(Line::Change { change, .. }) => {
                if let Change::Notable(notable) = *change {
                    told.last = notable.id;
                    write(out, &row(&notable))?;
                }
            }
            // What a later daemon says besides is no event.
            Ok(Line::Heartbeat { .. } | Line::Closing { .. } | Line::Unknown) | Err(_) => {}
        }
    }
}

impl Told {
    /// The events of a first state that weren't printed yet.
    fn begin(&mut self, snapshot: &Snapshot) -> String {
        let process = Some((snapshot.pid, snapshot.started_at));
        let is_same = self.process == process;
        let mut text = String::new();
        if std::mem::take(&mut self.is_lost) {
            let what = if is_same { "the same process" } else { "another process" };
            let back = format!("connected again: {what}, number {}", snapshot.pid);
            text.push_str(&ours(snapshot.at, "info", &back));
        }
        let known = if is_same { self.last } else { 0 };
        let news = snapshot.notables.iter().filter(|notable| known < notable.id);
        text.extend(news.map(row));
        self.process = process;
        self.last = snapshot.notables.last().map_or(known, |notable| notable.id);
        text
    }
}

/// That the connection is lost, in the same words wherever it is printed.
pub(crate) fn lost(reason: &str) -> String {
    format!("NO CONNECTION: {}; trying again", printable(reason))
}

/// The columns are as wide as their longest words, since nobody knows what is still to come.
fn row(notable: &Notable) -> String {
    columns(notable.at, notable.severity.as_str(), notable.kind.as_str(), &notable.text)
}

/// What this program itself has to say.
fn ours(at: EpochMs, severity: &str, text: &str) -> String {
    columns(at, severity, "link", text)
}

fn columns(at: EpochMs, severity: &str, kind: &str, text: &str) -> String {
    format!("{}  {severity:<7}  {kind:<9}  {}\n", moment(at), printable(text))
}

fn write(out: &mut dyn Write, text: &str) -> Result<(), NoAnswer> {
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(NoAnswer::Output)
}
