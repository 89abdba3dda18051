//! Requests over the admin socket, as the console and the verbs ask, and in words what fails of
//! them. What can't be reached or isn't permitted is a `NoAnswer`; what the daemon refuses for a
//! reason of its own is an answer.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use admin_client::{Answer, Failure, Subscribed};
use bytes::Bytes;
use hyper::StatusCode;
use protocol::{Line, Method, Refusal};
use serde::Serialize;

use crate::exit::NoAnswer;
use crate::holders;

/// How long the daemon may take, from connecting to the last byte; itself it gives up after 5 s.
const TIMEOUT: Duration = Duration::from_secs(7);

/// How long the stream of events may be silent: the daemon sends a heartbeat each 5 s.
const SILENCE_MAX: Duration = Duration::from_secs(12);

const LATE: &str = "the daemon doesn't answer within 7 seconds";

/// Asks for `path` and returns status and body, whatever the status but 403.
///
/// # Errors
/// The daemon can't be reached, or this user may not ask.
pub(crate) async fn get(socket: &Path, path: &str) -> Result<(StatusCode, Bytes), NoAnswer> {
    permitted(socket, admin_client::get(socket, path, TIMEOUT).await)
}

/// Gives a command and returns status and body, whatever the status but 403.
///
/// # Errors
/// The daemon can't be reached, its answer was lost (then it isn't known whether the command was
/// carried out: repeat it with the same `request_id`), or this user may not operate.
pub(crate) async fn give(
    socket: &Path,
    method: Method,
    path: &str,
    command: &impl Serialize,
) -> Result<(StatusCode, Bytes), NoAnswer> {
    let body = serde_json::to_vec(command)
        .map_err(|error| fault(socket, Failure::Foreign(error.to_string())))?;
    permitted(socket, admin_client::give(socket, method, path, body, TIMEOUT).await)
}

fn permitted(
    socket: &Path,
    answered: Result<Answer, Failure>,
) -> Result<(StatusCode, Bytes), NoAnswer> {
    let answer = answered.map_err(|failure| fault(socket, failure))?;
    match answer.status {
        StatusCode::FORBIDDEN => Err(not_permitted(socket, &answer.body)),
        status => Ok((status, answer.body)),
    }
}

fn fault(socket: &Path, failure: Failure) -> NoAnswer {
    match failure {
        Failure::Connect(error) => refused(socket, &error),
        Failure::Late => NoAnswer::lost(socket, LATE),
        Failure::Broken(_) => NoAnswer::lost(socket, failure.to_string()),
        Failure::Foreign(_) => NoAnswer::unreachable(socket, failure.to_string()),
    }
}

fn not_permitted(socket: &Path, body: &[u8]) -> NoAnswer {
    let told = serde_json::from_slice::<Refusal>(body).map(|refusal| refusal.msg);
    let reason = told.unwrap_or_else(|_| "ask as root or as the daemon's own user".to_owned());
    NoAnswer::NotPermitted { socket: socket.to_owned(), reason: format!("not permitted: {reason}") }
}

fn refused(socket: &Path, error: &io::Error) -> NoAnswer {
    match error.kind() {
        io::ErrorKind::PermissionDenied => NoAnswer::NotPermitted {
            socket: socket.to_owned(),
            reason: "not permitted to open it: ask as root, as the daemon's own user or as a \
                     member of the socket's group"
                .to_owned(),
        },
        io::ErrorKind::ConnectionRefused => NoAnswer::unreachable(
            socket,
            absent(socket, "no daemon listens there", " (it was killed, or is starting)."),
        ),
        io::ErrorKind::NotFound => NoAnswer::unreachable(
            socket,
            absent(socket, "no such socket", "; is seckilld running?"),
        ),
        _ => NoAnswer::unreachable(socket, error.to_string()),
    }
}

/// That nobody answers, and who holds a database all the same; else `guess`, and how to start one.
fn absent(socket: &Path, what: &str, guess: &str) -> String {
    match holders::told(&[socket.to_owned()]) {
        Some(told) => format!("{what}, but {told}"),
        None => format!(
            "{what}{guess} Start it with `seckilld`, or with `systemctl start seckilld@PROFILE`"
        ),
    }
}

/// The stream of events.
pub(crate) struct Events {
    socket: PathBuf,
    stream: admin_client::Events,
}

/// Subscribes. The first line is the whole state.
///
/// # Errors
/// The daemon can't be reached, or this user may not look.
pub(crate) async fn events(socket: &Path) -> Result<Events, NoAnswer> {
    let subscribed = admin_client::events(socket, TIMEOUT, SILENCE_MAX).await;
    let subscribed = subscribed.map_err(|failure| match failure {
        Failure::Late => NoAnswer::unreachable(socket, LATE),
        failure => fault(socket, failure),
    })?;
    match subscribed {
        Subscribed::To(stream) => Ok(Events { socket: socket.to_owned(), stream }),
        Subscribed::Refused(answer) if answer.status == StatusCode::FORBIDDEN => {
            Err(not_permitted(socket, &answer.body))
        }
        Subscribed::Refused(answer) => {
            Err(NoAnswer::unreachable(socket, format!("the daemon answers {}", answer.status)))
        }
    }
}

impl Events {
    /// The next line as it came, without its end; `None` when the daemon has ended the stream.
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// The connection broke, or was silent for longer than the daemon ever is.
    pub(crate) async fn next_raw(&mut self) -> Result<Option<Bytes>, NoAnswer> {
        let line = self.stream.next_raw().await;
        line.map_err(|failure| ended(&self.socket, failure))
    }

    /// The next line.
    ///
    /// # Errors
    /// As for [`Events::next_raw`], or the line is none of ours.
    pub(crate) async fn next(&mut self) -> Result<Option<Line>, NoAnswer> {
        let line = self.stream.next().await;
        line.map_err(|failure| ended(&self.socket, failure))
    }
}

/// Why a stream ended. Nothing was asked, so nothing of an answer can be lost.
fn ended(socket: &Path, failure: Failure) -> NoAnswer {
    match failure {
        Failure::Late => {
            NoAnswer::unreachable(socket, "the daemon is silent (frozen, or overloaded)")
        }
        Failure::Broken(why) => NoAnswer::unreachable(socket, format!("cut off: {why}")),
        failure => fault(socket, failure),
    }
}
