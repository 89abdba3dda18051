//! What the process knows of itself: its phase, what keeps it from full service, the last timed
//! reading of the lag. Parts report here and never read here; the admin socket and `/readyz` read.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use protocol::Phase;
use tokio::sync::watch;

use crate::queue::{Cause, Lag};

/// The process's own state. Shared by all parts.
pub struct Status {
    started: Instant,
    phase: watch::Sender<Phase>,
    conditions: Mutex<BTreeMap<Part, Condition>>,
    lag: watch::Sender<Result<Lag, Cause>>,
    was_drained: AtomicBool,
}

/// A part that can be worse than well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The way to the queue.
    Queue,
    /// What the gateway knows of the order side.
    OrderSide,
    /// The database.
    Store,
}

/// How a part is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Condition {
    /// What keeps it from full service, in sentences.
    pub degraded: Vec<String>,
    /// What an operator should know although it works.
    pub warnings: Vec<String>,
}

impl Condition {
    /// A part that doesn't do its work, for one reason.
    #[must_use]
    pub fn degraded(why: impl Into<String>) -> Self {
        Self { degraded: vec![why.into()], ..Self::default() }
    }
}

impl Default for Status {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            phase: watch::Sender::new(Phase::Starting),
            conditions: Mutex::default(),
            lag: watch::Sender::new(Err(Cause("not read yet".to_owned()))),
            was_drained: AtomicBool::new(false),
        }
    }
}

impl Status {
    /// Seconds since the start.
    #[must_use]
    pub fn uptime_s(&self) -> u64 {
        self.started.elapsed().as_secs()
    }

    /// The phase now.
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Enters a phase.
    pub fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Reports how a part is.
    pub fn report(&self, part: Part, condition: Condition) {
        let mut conditions = self.conditions.lock().unwrap_or_else(PoisonError::into_inner);
        conditions.insert(part, condition);
    }

    /// How all parts are together.
    #[must_use]
    pub fn condition(&self) -> Condition {
        let conditions = self.conditions.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = Condition::default();
        for condition in conditions.values() {
            all.degraded.extend_from_slice(&condition.degraded);
            all.warnings.extend_from_slice(&condition.warnings);
        }
        all
    }

    /// Whether it serves in full.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.phase() == Phase::Serving && self.condition().degraded.is_empty()
    }

    /// Notes a timed reading of the lag.
    pub fn note_lag(&self, lag: Result<Lag, Cause>) {
        if lag.as_ref().is_ok_and(|lag| lag.messages == 0) {
            self.was_drained.store(true, Ordering::Relaxed);
        }
        let _before = self.lag.send_replace(lag);
    }

    /// Whether the queue was ever seen empty since the start: then nothing of an earlier run is
    /// left in it, and what is undecided came through this run.
    #[must_use]
    pub fn was_drained(&self) -> bool {
        self.was_drained.load(Ordering::Relaxed)
    }

    /// The last timed reading of the lag.
    ///
    /// # Errors
    /// Says why it couldn't be read.
    pub fn lag(&self) -> Result<Lag, Cause> {
        self.lag.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use protocol::Phase;

    use super::{Cause, Condition, Lag, Part, Status};

    #[test]
    fn drained_is_remembered() {
        let status = Status::default();
        let lag = |messages| Ok(Lag { messages, ..Lag::default() });
        status.note_lag(lag(3));
        status.note_lag(Err(Cause("away".to_owned())));
        assert!(!status.was_drained(), "what can't be read isn't 0");
        status.note_lag(lag(0));
        status.note_lag(lag(3));
        assert!(status.was_drained());
    }

    #[test]
    fn ready_is_serving_with_nothing_degraded() {
        let status = Status::default();
        assert!(!status.is_ready(), "starting is not ready");
        status.enter(Phase::Serving);
        assert!(status.is_ready());
        status.report(Part::Queue, Condition::degraded("broker away"));
        status.report(Part::OrderSide, Condition::default());
        assert!(!status.is_ready());
        assert_eq!(status.condition().degraded, ["broker away"]);
        status.report(Part::Queue, Condition::default());
        assert!(status.is_ready());
    }
}
