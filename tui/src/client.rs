//! Requests over the admin socket, one connection each: a question, a command, or the stream of
//! events. What can't be reached or isn't permitted is a `Fault`; what the daemon refuses for a
//! reason of its own is an answer.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use protocol::{Line, Refusal};
use serde::Serialize;
use tokio::net::UnixStream;

use crate::exit::Fault;
use crate::holders;

/// How long the daemon may take, from connecting to the last byte; itself it gives up after 5 s.
const TIMEOUT: Duration = Duration::from_secs(7);

/// How long the stream of events may be silent: the daemon sends a heartbeat each 5 s.
const SILENCE_MAX: Duration = Duration::from_secs(12);

/// A state is a few KiB; more than this is no seckilld.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Asks for `path` and returns status and body, whatever the status but 403.
///
/// # Errors
/// The daemon can't be reached, or this user may not ask.
pub(crate) async fn get(socket: &Path, path: &str) -> Result<(StatusCode, Bytes), Fault> {
    whole(socket, Request::get(path), Bytes::new()).await
}

/// Gives a command and returns status and body, whatever the status but 403.
///
/// # Errors
/// The daemon can't be reached, its answer was lost (then it isn't known whether the command was
/// carried out: repeat it with the same `request_id`), or this user may not operate.
pub(crate) async fn post(
    socket: &Path,
    path: &str,
    command: &impl Serialize,
) -> Result<(StatusCode, Bytes), Fault> {
    let body = serde_json::to_vec(command).map_err(|error| broken(socket, &error))?;
    whole(socket, Request::post(path).header(CONTENT_TYPE, JSON), body.into()).await
}

async fn whole(
    socket: &Path,
    request: hyper::http::request::Builder,
    body: Bytes,
) -> Result<(StatusCode, Bytes), Fault> {
    let asked = async {
        let response = send(socket, request, body).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await;
        let body = body.map_err(|error| cut_off(socket, &error))?.to_bytes();
        Ok::<_, Fault>((status, body))
    };
    let (status, body) = tokio::time::timeout(TIMEOUT, asked)
        .await
        .map_err(|_| Fault::lost(socket, "the daemon doesn't answer within 7 seconds"))??;
    if status == StatusCode::FORBIDDEN {
        return Err(not_permitted(socket, &body));
    }
    Ok((status, body))
}

async fn send(
    socket: &Path,
    request: hyper::http::request::Builder,
    body: Bytes,
) -> Result<Response<Incoming>, Fault> {
    let stream = UnixStream::connect(socket).await.map_err(|error| refused(socket, &error))?;
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| broken(socket, &error))?;
    // It ends with the answer's body or the runtime; its errors come out of `sender`.
    tokio::spawn(connection);
    let request = request
        .header(HOST, "seckilld")
        .body(Full::new(body))
        .map_err(|error| broken(socket, &error))?;
    let answered = sender.send_request(request).await;
    answered.map_err(|error| match error.is_parse() {
        true => broken(socket, &error),
        false => cut_off(socket, &error),
    })
}

fn cut_off(socket: &Path, error: &dyn Display) -> Fault {
    Fault::lost(socket, format!("the connection broke before the answer came: {error}"))
}

fn broken(socket: &Path, error: &dyn Display) -> Fault {
    Fault::unreachable(socket, format!("what answers is no seckilld: {error}"))
}

fn not_permitted(socket: &Path, body: &[u8]) -> Fault {
    let told = serde_json::from_slice::<Refusal>(body).map(|refusal| refusal.msg);
    let reason = told.unwrap_or_else(|_| "ask as root or as the daemon's own user".to_owned());
    Fault::NotPermitted { socket: socket.to_owned(), reason: format!("not permitted: {reason}") }
}

fn refused(socket: &Path, error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Fault::NotPermitted {
            socket: socket.to_owned(),
            reason: "not permitted to open it: ask as root, as the daemon's own user or as a \
                     member of the socket's group"
                .to_owned(),
        },
        io::ErrorKind::ConnectionRefused => Fault::unreachable(
            socket,
            absent(socket, "no daemon listens there", " (it was killed, or is starting)."),
        ),
        io::ErrorKind::NotFound => {
            Fault::unreachable(socket, absent(socket, "no such socket", "; is seckilld running?"))
        }
        _ => Fault::unreachable(socket, error.to_string()),
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
    body: Incoming,
    read: BytesMut,
}

/// Subscribes. The first line is the whole state.
///
/// # Errors
/// The daemon can't be reached, or this user may not look.
pub(crate) async fn events(socket: &Path) -> Result<Events, Fault> {
    let asked = send(socket, Request::get("/v1/events"), Bytes::new());
    let response = tokio::time::timeout(TIMEOUT, asked)
        .await
        .map_err(|_| Fault::unreachable(socket, "the daemon doesn't answer within 7 seconds"))??;
    match response.status() {
        StatusCode::OK => {
            let body = response.into_body();
            Ok(Events { socket: socket.to_owned(), body, read: BytesMut::new() })
        }
        StatusCode::FORBIDDEN => {
            let body = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await;
            Err(not_permitted(socket, &body.map(Collected::to_bytes).unwrap_or_default()))
        }
        status => Err(Fault::unreachable(socket, format!("the daemon answers {status}"))),
    }
}

impl Events {
    /// The next line as it came, without its end; `None` when the daemon has ended the stream.
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// The connection broke, or was silent for longer than the daemon ever is.
    pub(crate) async fn next_raw(&mut self) -> Result<Option<Bytes>, Fault> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line = self.read.split_to(end).freeze();
                self.read.advance(1);
                return Ok(Some(line));
            }
            if BODY_BYTES_MAX < self.read.len() {
                return Err(broken(&self.socket, &"a line without an end"));
            }
            let frame = tokio::time::timeout(SILENCE_MAX, self.body.frame()).await;
            let frame = frame.map_err(|_| {
                Fault::unreachable(&self.socket, "the daemon is silent (frozen, or overloaded)")
            })?;
            match frame {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.read.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => {
                    return Err(Fault::unreachable(&self.socket, format!("cut off: {error}")));
                }
            }
        }
    }

    /// The next line.
    ///
    /// # Errors
    /// As for [`Events::next_raw`], or the line is none of ours.
    pub(crate) async fn next(&mut self) -> Result<Option<Line>, Fault> {
        let Some(line) = self.next_raw().await? else { return Ok(None) };
        serde_json::from_slice(&line).map(Some).map_err(|error| broken(&self.socket, &error))
    }
}
