//! The way to the daemon: keeps the stream of events going, over breaks and restarts, and puts
//! questions and commands beside it. What comes back is handed on in messages; what it means is
//! `update`'s.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Bytes;
use protocol::{Done, Line, Refusal, RefusalCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinHandle, JoinSet};

use super::msg::{Answer, Ask, CommandEnd, Msg};
use crate::client::{self, Events};
use crate::commands::Command;
use crate::exit::NoAnswer;
use crate::place::Whereabouts;

/// The first wait after a break; each further one is twice as long.
const BACKOFF_MIN: Duration = Duration::from_millis(250);

/// The longest wait: a daemon that comes back is seen this soon.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// Lines that may wait for the screen. When they are full the stream isn't read on, and the daemon
/// drops us in the end; we subscribe again then.
const MESSAGES_MAX: usize = 256;

/// Questions and commands that may wait; an operator's hands don't make more.
const ASKS_MAX: usize = 32;

/// Connections for questions and commands; the daemon takes 16 from all its peers.
const ASKS_AT_ONCE: usize = 3;

/// The far end: where the daemon is. Once it was found, it isn't looked for elsewhere: what was
/// shown and confirmed is about that one.
pub(crate) struct Daemon {
    whereabouts: Whereabouts,
    socket: Arc<OnceLock<PathBuf>>,
    /// A stream that was begun already.
    begun: Option<Events>,
}

impl Daemon {
    pub(crate) fn new(whereabouts: Whereabouts) -> Self {
        Self { whereabouts, socket: Arc::default(), begun: None }
    }

    /// Its socket, or where it was looked for.
    pub(crate) fn place(&self) -> String {
        match self.socket.get() {
            Some(socket) => socket.display().to_string(),
            None => self.whereabouts.told(),
        }
    }

    /// Begins the stream.
    ///
    /// # Errors
    /// There is no daemon, or it isn't for this user.
    pub(crate) async fn begin(&mut self) -> Result<(), NoAnswer> {
        self.begun = Some(self.events().await?);
        Ok(())
    }

    async fn events(&mut self) -> Result<Events, NoAnswer> {
        if let Some(begun) = self.begun.take() {
            return Ok(begun);
        }
        if let Some(socket) = self.socket.get() {
            return client::events(socket).await;
        }
        let socket = self.whereabouts.socket().await?;
        let events = client::events(&socket).await?;
        let _ = self.socket.set(socket);
        Ok(events)
    }
}

/// The near end of the way.
pub(crate) struct Link {
    pub(crate) messages: mpsc::Receiver<Msg>,
    asks: mpsc::Sender<Ask>,
    resubscribe: Arc<Notify>,
    /// Ends only by a panic, which has to be carried on.
    pub(crate) task: JoinHandle<()>,
}

impl Link {
    /// Looks for the daemon until it is there, and goes on with its stream.
    pub(crate) fn spawn(daemon: Daemon) -> Self {
        let (message_sender, messages) = mpsc::channel(MESSAGES_MAX);
        let (asks, ask_receiver) = mpsc::channel(ASKS_MAX);
        let resubscribe = Arc::new(Notify::new());
        let answers = answer_all(daemon.socket.clone(), ask_receiver, message_sender.clone());
        let stream = subscribe(daemon, message_sender, resubscribe.clone());
        let task = tokio::spawn(both(stream, answers));
        Self { messages, asks, resubscribe, task }
    }

    /// Puts a question; `false` when too many wait.
    pub(crate) fn ask(&self, ask: Ask) -> Result<(), Ask> {
        self.asks.try_send(ask).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(ask) | mpsc::error::TrySendError::Closed(ask) => ask,
        })
    }

    pub(crate) fn resubscribe(&self) {
        self.resubscribe.notify_one();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Two halves of one task, so that a panic in either reaches the task that awaits it.
async fn both(stream: impl Future<Output = ()>, asks: impl Future<Output = ()>) {
    tokio::join!(stream, asks);
}

/// How long to wait before the attempt of this number; the first after a break is 0.
fn backoff(attempt: u32) -> Duration {
    BACKOFF_MIN.saturating_mul(2_u32.saturating_pow(attempt)).min(BACKOFF_MAX)
}

async fn subscribe(mut daemon: Daemon, messages: mpsc::Sender<Msg>, resubscribe: Arc<Notify>) {
    let mut attempt = 0;
    loop {
        let asked = async {
            let mut events = daemon.events().await?;
            if messages.send(Msg::Found(daemon.place())).await.is_err() {
                return Ok(String::new());
            }
            forward(&mut events, &messages, &mut attempt).await
        };
        let fault = tokio::select! {
            () = resubscribe.notified() => continue,
            ended = asked => match ended {
                Ok(why) => why,
                Err(fault) => told(&fault),
            },
        };
        let retry_in = backoff(attempt);
        attempt += 1;
        if messages.send(Msg::Lost { why: fault, retry_in }).await.is_err() {
            return;
        }
        tokio::select! {
            () = resubscribe.notified() => {}
            () = tokio::time::sleep(retry_in) => {}
        }
    }
}

/// Hands lines on until the stream ends; returns why it ended.
async fn forward(
    events: &mut Events,
    messages: &mpsc::Sender<Msg>,
    attempt: &mut u32,
) -> Result<String, NoAnswer> {
    let mut why = "the daemon ended the stream".to_owned();
    while let Some(line) = events.next().await? {
        match &line {
            // Only a daemon that gives its state is back: one that takes connections and drops
            // them is waited for ever longer.
            Line::Snapshot { .. } => *attempt = 0,
            Line::Closing { reason } => reason.clone_into(&mut why),
            _ => {}
        }
        if messages.send(Msg::Line(Box::new(line))).await.is_err() {
            break;
        }
    }
    Ok(why)
}

async fn answer_all(
    socket: Arc<OnceLock<PathBuf>>,
    mut asks: mpsc::Receiver<Ask>,
    messages: mpsc::Sender<Msg>,
) {
    let mut running: JoinSet<Msg> = JoinSet::new();
    loop {
        tokio::select! {
            Some(ended) = running.join_next() => {
                let message = match ended {
                    Ok(message) => message,
                    Err(error) if error.is_panic() => {
                        std::panic::resume_unwind(error.into_panic())
                    }
                    Err(_) => continue,
                };
                if messages.send(message).await.is_err() {
                    return;
                }
            }
            ask = asks.recv(), if running.len() < ASKS_AT_ONCE => match ask {
                Some(ask) => {
                    // Nobody can ask before there is a state to ask about.
                    let socket = socket.get().cloned().unwrap_or_default();
                    running.spawn(async move { answer(&socket, ask).await });
                }
                None => return,
            },
        }
    }
}

async fn answer(socket: &Path, ask: Ask) -> Msg {
    match ask {
        Ask::Orders { asked, path } => Msg::Orders { asked, answer: get(socket, &path).await },
        Ask::History { order_id, path } => {
            Msg::History { order_id, answer: get(socket, &path).await }
        }
        Ask::DeadLetters { path } => Msg::DeadLetters(get(socket, &path).await),
        Ask::Command(command) => {
            let outcome = give(socket, &command).await;
            Msg::Commanded { command, outcome }
        }
    }
}

async fn get<T: DeserializeOwned>(socket: &Path, path: &str) -> Answer<T> {
    let (status, body) = client::get(socket, path).await.map_err(|fault| told(&fault))?;
    if status != StatusCode::OK {
        return Err(refusal(status, &body).msg);
    }
    serde_json::from_slice(&body).map_err(|error| format!("the answer can't be read: {error}"))
}

async fn give(socket: &Path, command: &Command) -> CommandEnd {
    match client::give(socket, command.method(), &command.path, &command.body).await {
        Ok((status, body)) if status.is_success() => CommandEnd::Done(more(command, &body)),
        Ok((status, body)) => {
            let refusal = refusal(status, &body);
            match refusal.code {
                RefusalCode::TimedOut => CommandEnd::Unanswered(refusal.msg),
                _ => CommandEnd::Refused(refusal.msg),
            }
        }
        Err(fault @ NoAnswer::NotPermitted { .. }) => CommandEnd::Refused(told(&fault)),
        Err(fault) => CommandEnd::Unanswered(told(&fault)),
    }
}

/// What is worth saying of a command's answer.
fn more(command: &Command, body: &Bytes) -> Option<String> {
    let done: Done<Value> = serde_json::from_slice(body).ok()?;
    let audit = format!("no. {} in the audit log", done.audit_id);
    Some(match command.outcome(done.state) {
        Some(outcome) => format!("{outcome}; {audit}"),
        None => audit,
    })
}

fn refusal(status: StatusCode, body: &[u8]) -> Refusal {
    serde_json::from_slice(body).unwrap_or_else(|_| {
        let code = match status {
            StatusCode::GATEWAY_TIMEOUT => RefusalCode::TimedOut,
            _ => RefusalCode::Internal,
        };
        Refusal::new(code, format!("the daemon answers {status}"))
    })
}

/// Without the socket's path, which the screen shows anyway.
fn told(fault: &NoAnswer) -> String {
    match fault {
        NoAnswer::Unreachable { reason, .. }
        | NoAnswer::Lost { reason, .. }
        | NoAnswer::NotPermitted { reason, .. } => reason.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::backoff;

    #[test]
    fn the_wait_grows_and_has_an_end() {
        let waits: Vec<u128> = (0..7).map(|attempt| backoff(attempt).as_millis()).collect();
        assert_eq!(waits, [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
        assert_eq!(backoff(u32::MAX), Duration::from_secs(5));
    }
}
