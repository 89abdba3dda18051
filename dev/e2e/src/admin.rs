//! The admin socket as an operator's scripts use it: one connection per request, and the stream of
//! events line by line.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::{Buf, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use protocol::{Line, Snapshot};
use serde_json::Value;
use tokio::net::UnixStream;

use crate::http::Answer;

/// How long an answer, or the next line of the events, may take.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// An admin socket.
#[derive(Debug, Clone)]
pub struct Admin {
    socket: PathBuf,
}

impl Admin {
    /// The one at this path.
    #[must_use]
    pub fn at(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// Asks.
    ///
    /// # Errors
    /// Nobody answers in time.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.whole(Method::GET, path, Bytes::new()).await
    }

    /// Gives a command. A body without a `request_id` gets one of its own.
    ///
    /// # Errors
    /// Nobody answers in time.
    pub async fn post(&self, path: &str, mut body: Value) -> Result<Answer> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        if let Some(fields) = body.as_object_mut() {
            let id = format!("e2e-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            fields.entry("request_id").or_insert_with(|| id.into());
        }
        self.whole(Method::POST, path, body.to_string().into()).await
    }

    /// Gives a command that has to be carried out; returns the new state.
    ///
    /// # Errors
    /// It is refused, or nobody answers in time.
    pub async fn command(&self, path: &str, body: Value) -> Result<Value> {
        let answer = self.post(path, body).await?;
        ensure!(answer.status == 200, "{path}: HTTP {}: {}", answer.status, answer.text());
        Ok(answer.json()?["state"].take())
    }

    /// The whole state.
    ///
    /// # Errors
    /// It can't be had.
    pub async fn status(&self) -> Result<Snapshot> {
        let answer = self.get("/v1/status").await?;
        ensure!(answer.status == 200, "HTTP {}: {}", answer.status, answer.text());
        Ok(serde_json::from_slice(&answer.body)?)
    }

    /// Subscribes to the events.
    ///
    /// # Errors
    /// It is refused, or nobody answers in time.
    pub async fn events(&self) -> Result<Events> {
        let response = self.send(Method::GET, "/v1/events", Bytes::new()).await?;
        ensure!(response.status() == 200, "HTTP {}", response.status());
        Ok(Events { body: response.into_body(), read: BytesMut::new() })
    }

    async fn whole(&self, method: Method, path: &str, body: Bytes) -> Result<Answer> {
        let whole = async {
            let (head, body) = self.send(method, path, body).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            anyhow::Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
        };
        tokio::time::timeout(ANSWER_MAX, whole).await.context("no answer in time")?
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>> {
        let stream = UnixStream::connect(&self.socket).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header("host", "seckilld");
        Ok(sender.send_request(request.body(Full::new(body))?).await?)
    }
}

/// The stream of events.
pub struct Events {
    body: Incoming,
    read: BytesMut,
}

impl Events {
    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// It is none of the contract's, or doesn't come in time.
    pub async fn next(&mut self) -> Result<Option<Line>> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line = self.read.split_to(end);
                self.read.advance(1);
                return Ok(Some(serde_json::from_slice(&line)?));
            }
            let frame = tokio::time::timeout(ANSWER_MAX, self.body.frame()).await;
            match frame.context("the events are silent")? {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(data) = frame?.into_data() {
                        self.read.extend_from_slice(&data);
                    }
                }
            }
        }
    }

    /// The first line's state.
    ///
    /// # Errors
    /// The first line is another.
    pub async fn first(&mut self) -> Result<Snapshot> {
        match self.next().await? {
            Some(Line::Snapshot { snapshot, .. }) => Ok(*snapshot),
            other => bail!("the first line is {other:?}"),
        }
    }

    /// Applies the next line to a state.
    ///
    /// # Errors
    /// The stream ends, or a change is missing.
    pub async fn apply_next(&mut self, state: &mut Snapshot) -> Result<()> {
        match self.next().await? {
            Some(Line::Change { seq, at, change }) => Ok(state.apply(seq, at, *change)?),
            Some(Line::Heartbeat { seq, at }) => Ok(state.beat(seq, at)?),
            other => bail!("instead of a change came {other:?}"),
        }
    }
}
