//! The one client of the admin socket, for the console, its verbs, `doctor` and the tests: one
//! connection a request, and the stream of events line by line. It says at which step it failed,
//! because that tells whether a command may have been carried out; what that means to people is its
//! users' to say.

use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use protocol::{Endpoint, Line};
use tokio::net::UnixStream;

/// A state is a few KiB; more than this, of a body or of a line of the events, is no seckilld.
const BYTES_MAX: usize = 16 * 1024 * 1024;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// At which step a request failed.
#[derive(Debug)]
pub enum Failure {
    /// The socket can't be connected to: nothing was asked.
    Connect(io::Error),
    /// What answers speaks no HTTP, or not the contract's.
    Foreign(String),
    /// The connection broke before the whole answer was here. A command may have been carried out:
    /// repeat it with the same `request_id`.
    Broken(String),
    /// The answer, or the next line of the events, didn't come in time; likewise.
    Late,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "{error}"),
            Self::Foreign(why) => write!(f, "what answers is no seckilld: {why}"),
            Self::Broken(why) => {
                write!(f, "the connection broke before the answer came: {why}")
            }
            Self::Late => f.write_str("not told in time"),
        }
    }
}

impl std::error::Error for Failure {}

/// A whole answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Asks for `path`; `within` spans all from connecting to the last byte.
///
/// # Errors
/// See [`Failure`].
pub async fn get(socket: &Path, path: &str, within: Duration) -> Result<Answer, Failure> {
    whole(socket, Method::GET, path, Bytes::new(), within).await
}

/// Gives a command, whose body is JSON.
///
/// # Errors
/// See [`Failure`].
pub async fn give(
    socket: &Path,
    method: protocol::Method,
    path: &str,
    body: impl Into<Bytes>,
    within: Duration,
) -> Result<Answer, Failure> {
    let method = match method {
        protocol::Method::Get => Method::GET,
        protocol::Method::Post => Method::POST,
        protocol::Method::Patch => Method::PATCH,
    };
    whole(socket, method, path, body.into(), within).await
}

async fn whole(
    socket: &Path,
    method: Method,
    path: &str,
    body: Bytes,
    within: Duration,
) -> Result<Answer, Failure> {
    let asked = async { read(send(socket, method, path, body).await?).await };
    tokio::time::timeout(within, asked).await.map_err(|_| Failure::Late)?
}

async fn read(response: Response<Incoming>) -> Result<Answer, Failure> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, BYTES_MAX).collect().await.map(Collected::to_bytes);
    let body = body.map_err(|error| Failure::Broken(error.to_string()))?;
    Ok(Answer { status: head.status, headers: head.headers, body })
}

async fn send(
    socket: &Path,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<Response<Incoming>, Failure> {
    let foreign = |error: &dyn fmt::Display| Failure::Foreign(error.to_string());
    let stream = UnixStream::connect(socket).await.map_err(Failure::Connect)?;
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| foreign(&error))?;
    // It ends with the answer's body or the runtime; its errors come out of `sender`.
    tokio::spawn(connection);
    let mut request = Request::builder().method(&method).uri(path).header(HOST, "seckilld");
    if method != Method::GET {
        request = request.header(CONTENT_TYPE, JSON);
    }
    let request = request.body(Full::new(body)).map_err(|error| foreign(&error))?;
    let answered = sender.send_request(request).await;
    answered.map_err(|error| match error.is_parse() {
        true => foreign(&error),
        false => Failure::Broken(error.to_string()),
    })
}

/// The stream of events, or the answer that refuses it.
#[derive(Debug)]
pub enum Subscribed {
    /// The events.
    To(Events),
    /// Another status than 200.
    Refused(Answer),
}

/// The events of a daemon. The first line is the whole state.
#[derive(Debug)]
pub struct Events {
    body: Incoming,
    read: BytesMut,
    silence_max: Duration,
}

/// Subscribes; `within` spans all until the stream begins, and a silence of `silence_max` ends it.
///
/// # Errors
/// See [`Failure`].
pub async fn events(
    socket: &Path,
    within: Duration,
    silence_max: Duration,
) -> Result<Subscribed, Failure> {
    let asked = async {
        let response = send(socket, Method::GET, Endpoint::Events.pattern(), Bytes::new()).await?;
        Ok(match response.status() {
            StatusCode::OK => Subscribed::To(Events {
                body: response.into_body(),
                read: BytesMut::new(),
                silence_max,
            }),
            _ => Subscribed::Refused(read(response).await?),
        })
    };
    tokio::time::timeout(within, asked).await.map_err(|_| Failure::Late)?
}

impl Events {
    /// The next line as it came, without its end; `None` when the daemon has ended the stream.
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn next_raw(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line = self.read.split_to(end).freeze();
                self.read.advance(1);
                return Ok(Some(line));
            }
            if BYTES_MAX < self.read.len() {
                return Err(Failure::Foreign("a line without an end".to_owned()));
            }
            let frame = tokio::time::timeout(self.silence_max, self.body.frame()).await;
            match frame.map_err(|_| Failure::Late)? {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.read.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Err(Failure::Broken(error.to_string())),
            }
        }
    }

    /// The next line.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn next(&mut self) -> Result<Option<Line>, Failure> {
        let Some(line) = self.next_raw().await? else { return Ok(None) };
        let line = serde_json::from_slice(&line);
        line.map(Some).map_err(|error| Failure::Foreign(error.to_string()))
    }
}
