//! The admin socket as an operator's scripts use it: one connection per request, and the stream of
//! events line by line.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use admin_client::{Failure, Subscribed};
use anyhow::{Result, bail, ensure};
use protocol::{Endpoint, Line, Method, Snapshot};
use serde_json::Value;

use crate::http::Answer;

/// How long an answer, or the next line of the events, may take.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// An admin socket.
#[derive(Debug, Clone)]
pub struct Admin {
    socket: PathBuf,
}

impl Admin {
    /// The admin socket at this path.
    #[must_use]
    pub fn at(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// Asks.
    ///
    /// # Errors
    /// Nobody answers in time.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        whole(admin_client::get(&self.socket, path, ANSWER_MAX).await)
    }

    /// Gives a command. A body without a `request_id` gets one of its own.
    ///
    /// # Errors
    /// Nobody answers in time.
    pub async fn post(&self, path: &str, body: Value) -> Result<Answer> {
        self.give(Method::Post, path, body).await
    }

    /// Gives a command by its method. A body without a `request_id` gets one of its own.
    ///
    /// # Errors
    /// Nobody answers in time.
    pub async fn give(&self, method: Method, path: &str, mut body: Value) -> Result<Answer> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        if let Some(fields) = body.as_object_mut() {
            let id = format!("e2e-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            fields.entry("request_id").or_insert_with(|| id.into());
        }
        let body = body.to_string();
        whole(admin_client::give(&self.socket, method, path, body, ANSWER_MAX).await)
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
        let answer = self.get(Endpoint::Status.pattern()).await?;
        ensure!(answer.status == 200, "HTTP {}: {}", answer.status, answer.text());
        Ok(serde_json::from_slice(&answer.body)?)
    }

    /// Subscribes to the events.
    ///
    /// # Errors
    /// It is refused, or nobody answers in time.
    pub async fn events(&self) -> Result<Events> {
        match admin_client::events(&self.socket, ANSWER_MAX, ANSWER_MAX).await? {
            Subscribed::To(events) => Ok(Events(events)),
            Subscribed::Refused(answer) => bail!("HTTP {}", answer.status),
        }
    }
}

fn whole(answered: Result<admin_client::Answer, Failure>) -> Result<Answer> {
    let admin_client::Answer { status, headers, body } = answered?;
    Ok(Answer { status: status.as_u16(), headers, body })
}

/// The stream of events.
pub struct Events(admin_client::Events);

impl Events {
    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// The line isn't one of the contract's, or doesn't come in time.
    pub async fn next(&mut self) -> Result<Option<Line>> {
        Ok(self.0.next().await?)
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
