//! The stream of events over breaks and restarts of the daemon: when it ends, that is printed once,
//! and it is asked for again until it is back. Only the first connection may fail, and a daemon
//! that no longer lets this user look. What is printed of it is the verbs'.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use protocol::{EpochMs, Line};
use tokio::time::Instant;

use crate::client::{self, Events};
use crate::exit::NoAnswer;
use crate::verbs::daemon_socket::DaemonSocket;
use crate::words::printable;

/// The first wait after a break; each further one is twice as long.
const BACKOFF_MIN: Duration = Duration::from_millis(250);

/// The longest wait: a daemon that comes back is seen this soon.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// What comes next.
#[derive(Debug)]
pub(crate) enum Followed {
    /// A line as it came, without its end.
    Line(Bytes),
    /// The stream has ended, for this reason, and is asked for again.
    Lost(String),
}

/// A stream that goes on.
pub(crate) struct Follow<'d> {
    daemon: &'d DaemonSocket,
    stream: Option<Events>,
    /// Why the daemon said that it ends the stream.
    closing: Option<String>,
    attempt: u32,
    retry_at: Instant,
}

impl<'d> Follow<'d> {
    /// Subscribes.
    ///
    /// # Errors
    /// The daemon can't be reached, or this user may not look.
    pub(crate) async fn begin(daemon: &'d DaemonSocket) -> Result<Self, NoAnswer> {
        let stream = Some(client::events(&daemon.socket).await?);
        Ok(Self { daemon, stream, closing: None, attempt: 0, retry_at: Instant::now() })
    }

    /// The next line, or that there is none for now. Dropping the future loses nothing.
    ///
    /// # Errors
    /// This user may no longer look.
    pub(crate) async fn next(&mut self) -> Result<Followed, NoAnswer> {
        loop {
            let Some(stream) = &mut self.stream else {
                self.connect().await?;
                continue;
            };
            let why = match stream.next_raw().await {
                Ok(Some(line)) => {
                    self.attempt = 0;
                    if let Ok(Line::Closing { reason }) = serde_json::from_slice(&line) {
                        self.closing = Some(reason);
                    }
                    return Ok(Followed::Line(line));
                }
                Ok(None) => {
                    let why = self.closing.take().unwrap_or_else(|| "without a word".to_owned());
                    format!("the daemon ended the stream: {}", printable(&why))
                }
                Err(NoAnswer::Unreachable { reason, .. } | NoAnswer::Lost { reason, .. }) => reason,
                Err(fault) => return Err(fault),
            };
            self.leave();
            return Ok(Followed::Lost(why));
        }
    }

    /// Gives the stream up and asks for it again, because what came doesn't fit together.
    pub(crate) fn start_over(&mut self) {
        self.leave();
        self.retry_at = Instant::now();
    }

    fn leave(&mut self) {
        let wait = BACKOFF_MIN.saturating_mul(2_u32.saturating_pow(self.attempt)).min(BACKOFF_MAX);
        self.attempt = self.attempt.saturating_add(1);
        self.retry_at = Instant::now() + wait;
        (self.stream, self.closing) = (None, None);
    }

    /// Waits and tries once; a daemon that isn't back yet is waited for longer.
    async fn connect(&mut self) -> Result<(), NoAnswer> {
        tokio::time::sleep_until(self.retry_at).await;
        match client::events(&self.daemon.socket).await {
            Ok(stream) => self.stream = Some(stream),
            Err(NoAnswer::Unreachable { .. } | NoAnswer::Lost { .. }) => self.leave(),
            Err(fault) => return Err(fault),
        }
        Ok(())
    }
}

/// The time of this machine, for what this program itself has to say.
#[expect(clippy::disallowed_methods, reason = "the daemon's rule; this is another program")]
pub(crate) fn now() -> EpochMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    EpochMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
