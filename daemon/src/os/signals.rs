//! Signals whose default would kill the daemon, or stop it where it stands, without a word.
//! docs/codes.md, "Signals", has the effect of each. `shutdown` handles those that end or reload
//! the daemon on purpose.
//!
//! A signal that is blocked in every thread does nothing, and the system call behind it fails
//! instead. It is blocked in the first thread before others start, and they inherit that.

use std::future::poll_fn;
use std::io;
use std::ops::RangeInclusive;
use std::task::Poll;

use nix::sys::signal::{SigSet, Signal as Number};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::warn;

/// Signals that nobody sends to this daemon for a purpose, and whose default is death.
const MEANINGLESS: [Number; 8] = [
    Number::SIGUSR1,
    Number::SIGUSR2,
    Number::SIGALRM,
    Number::SIGVTALRM,
    Number::SIGPROF,
    Number::SIGIO,
    Number::SIGSTKFLT,
    Number::SIGPWR,
];

/// Signals that `shutdown` hears once it is there, and that mustn't kill before.
const HEARD_LATER: [Number; 2] = [Number::SIGHUP, Number::SIGXCPU];

/// Numbers of the real-time signals, of which the C library keeps the first two for itself.
const REAL_TIME: RangeInclusive<i32> = REAL_TIME_FIRST..=64;
const REAL_TIME_FIRST: i32 = 34;

/// Has a write beyond the limit on file sizes (`ulimit -f`) fail, as one to a full disk does,
/// instead of killing the process by SIGXFSZ.
pub fn fail_at_file_size_limit() {
    block(&[Number::SIGXFSZ]);
}

/// To be called before any thread is started. A daemon that writes to a terminal from the
/// background goes on instead of being stopped by SIGTTOU, and signals that are heard later wait.
pub fn hold_back() {
    fail_at_file_size_limit();
    block(&[Number::SIGTTOU]);
    block(&MEANINGLESS);
    block(&HEARD_LATER);
}

/// Lets through to this thread what was held back. Called once the parts that hear the signals are
/// there.
///
/// # Errors
/// The system refuses.
pub fn heed() -> io::Result<()> {
    set(&MEANINGLESS).thread_unblock()?;
    Ok(set(&HEARD_LATER).thread_unblock()?)
}

/// Where the system refuses, the signals do what they did.
fn block(signals: &[Number]) {
    let _ = set(signals).thread_block();
}

fn set(signals: &[Number]) -> SigSet {
    signals.iter().copied().collect()
}

/// Hears signals that mean nothing here.
pub struct Meaningless(Vec<(String, Signal)>);

impl Meaningless {
    /// Takes them over.
    ///
    /// # Errors
    /// A handler can't be installed.
    pub fn install() -> io::Result<Self> {
        let mut heard = Vec::new();
        for number in MEANINGLESS {
            let kind = SignalKind::from_raw(number as i32);
            heard.push((number.as_str().to_owned(), signal(kind)?));
        }
        for number in REAL_TIME {
            let name = format!("SIGRTMIN+{}", number - REAL_TIME_FIRST);
            heard.push((name, signal(SignalKind::from_raw(number))?));
        }
        Ok(Self(heard))
    }

    /// Logs each signal that comes, and does nothing else.
    pub async fn tell(mut self) {
        loop {
            let name = poll_fn(|context| {
                for (name, signal) in &mut self.0 {
                    if signal.poll_recv(context).is_ready() {
                        return Poll::Ready(name.clone());
                    }
                }
                Poll::Pending
            });
            let name = name.await;
            warn!(signal = name, "a signal that means nothing here was ignored");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use nix::sys::signal::{SigSet, Signal as Number};

    use super::{MEANINGLESS, hold_back};

    #[test]
    fn what_is_held_back_is_held_back_in_the_threads_that_are_started_then() {
        let masked = thread::spawn(|| {
            hold_back();
            thread::spawn(|| SigSet::thread_get_mask().unwrap()).join().unwrap()
        });
        let masked = masked.join().unwrap();
        for signal in [Number::SIGXFSZ, Number::SIGTTOU, Number::SIGHUP, Number::SIGXCPU] {
            assert!(masked.contains(signal), "{signal}");
        }
        assert!(MEANINGLESS.iter().all(|signal| masked.contains(*signal)));
        for signal in [Number::SIGTERM, Number::SIGINT, Number::SIGQUIT, Number::SIGABRT] {
            assert!(!masked.contains(signal), "{signal}");
        }
    }

    #[test]
    fn the_document_has_each() {
        let document = include_str!("../../../docs/codes.md");
        let others = ["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGXCPU", "SIGXFSZ", "SIGPIPE"];
        let others = others.into_iter().chain(["SIGTTOU", "SIGTSTP", "SIGRTMIN", "SIGABRT"]);
        for name in MEANINGLESS.iter().map(|signal| signal.as_str()).chain(others) {
            assert!(document.contains(&format!("`{name}`")), "docs/codes.md lacks {name}");
        }
    }
}
