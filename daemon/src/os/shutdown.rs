//! Signals that are orders. How a stop begins: SIGTERM, SIGINT or SIGQUIT asks for it, a second one
//! forces it; SIGXCPU asks for it too, because the limit on processor time ends in a kill. `app`
//! decides what is done in between, and in which order. SIGHUP asks for a reload.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Resource, getrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

/// The two stages of a stop.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Stop in order: finish what is in flight.
    pub asked: CancellationToken,
    /// Stop now: what isn't durable yet was promised to nobody.
    pub forced: CancellationToken,
    is_out_of_time: Arc<AtomicBool>,
}

impl Stop {
    /// Whether it was the limit on processor time that asked first.
    #[must_use]
    pub fn is_out_of_time(&self) -> bool {
        self.is_out_of_time.load(Ordering::Relaxed)
    }

    /// The system counts the seconds of processor time, and sends the signal each second from the
    /// soft limit on until it kills at the hard limit.
    fn ran_out_of_time(&self, limit_s: Option<u64>) {
        if self.asked.is_cancelled() {
            return;
        }
        error!(
            signal = "SIGXCPU",
            limit_s, "the limit on processor time (ulimit -t, LimitCPU=) is reached: asked to stop"
        );
        self.is_out_of_time.store(true, Ordering::Relaxed);
        self.asked.cancel();
    }
}

/// Listens for SIGHUP. Signals that come while nobody waits count once.
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
    quit: Signal,
    out_of_time: Signal,
    /// Seconds of processor time, as limited at the start: the system raises the limit with each
    /// SIGXCPU.
    time_limit_s: Option<u64>,
}

impl Signals {
    /// Takes them over. To be called before anything starts, so that no signal is lost.
    ///
    /// # Errors
    /// The handlers can't be installed.
    pub fn install() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            out_of_time: signal(SignalKind::from_raw(rustix::process::Signal::XCPU.as_raw()))?,
            time_limit_s: getrlimit(Resource::Cpu).current,
        })
    }

    /// Turns the first order into `stop.asked` and the second into `stop.forced`.
    pub async fn watch(mut self, stop: Stop) {
        for token in [&stop.asked, &stop.forced] {
            let name = self.next(&stop).await;
            warn!(signal = name, forced = stop.asked.is_cancelled(), "asked to stop");
            token.cancel();
        }
    }

    async fn next(&mut self, stop: &Stop) -> &'static str {
        loop {
            tokio::select! {
                _ = self.term.recv() => return "SIGTERM",
                _ = self.int.recv() => return "SIGINT",
                _ = self.quit.recv() => return "SIGQUIT",
                _ = self.out_of_time.recv() => stop.ran_out_of_time(self.time_limit_s),
            }
        }
    }
}
