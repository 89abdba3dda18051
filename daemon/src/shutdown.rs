//! Signals. How a stop begins: SIGTERM or SIGINT asks for it, a second one forces it. What is done
//! in between, and in which order, is `app`'s business. SIGHUP asks for a reload.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// The two stages of a stop.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Stop in order: finish what is in flight.
    pub asked: CancellationToken,
    /// Stop now: whatever isn't durable yet was not promised to anyone.
    pub forced: CancellationToken,
}

/// Listens for SIGHUP. What comes while nobody waits counts once.
pub struct Hangups(Signal);

impl Hangups {
    /// Takes over SIGHUP, which would end the process otherwise.
    ///
    /// # Errors
    /// The handler can't be installed.
    pub fn install() -> io::Result<Self> {
        Ok(Self(signal(SignalKind::hangup())?))
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// Listens for signals until the second one.
pub struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    /// Takes over SIGTERM and SIGINT. To be called before anything starts, so that no signal is
    /// lost.
    ///
    /// # Errors
    /// The handlers can't be installed.
    pub fn install() -> io::Result<Self> {
        Ok(Self { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }

    /// Turns the first signal into `stop.asked` and the second into `stop.forced`.
    pub async fn watch(mut self, stop: Stop) {
        for token in [&stop.asked, &stop.forced] {
            let name = tokio::select! {
                _ = self.term.recv() => "SIGTERM",
                _ = self.int.recv() => "SIGINT",
            };
            warn!(signal = name, forced = stop.asked.is_cancelled(), "asked to stop");
            token.cancel();
        }
    }
}
