//! Signs of life of the loops that everything depends on. Each loop notes when it takes something
//! up and when it rests; a look then shows which loop has been at the same thing for too long. A
//! loop that rests, because nothing is to be done or because it is paused, is well.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One loop's sign of life.
#[derive(Debug)]
pub struct Pulse {
    base: Instant,
    /// Milliseconds after `base`, plus one, at which it took up what it is at; 0 while it rests.
    since: AtomicU64,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { base: Instant::now(), since: AtomicU64::new(0) }
    }
}

impl Pulse {
    /// It takes something up; whatever it was at before is done.
    pub fn begin(&self) {
        self.since.store(self.now_ms() + 1, Ordering::Relaxed);
    }

    /// It has nothing to do.
    pub fn rest(&self) {
        self.since.store(0, Ordering::Relaxed);
    }

    /// How long it has been at the same thing; nothing while it rests.
    fn busy_for(&self) -> Duration {
        match self.since.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            since => Duration::from_millis((self.now_ms() + 1).saturating_sub(since)),
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.base.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }
}

/// The loops of this process.
#[derive(Debug, Default)]
pub struct Vitals(Mutex<Vec<(&'static str, Arc<Pulse>)>>);

impl Vitals {
    /// Watches a loop from now on.
    pub fn watch(&self, name: &'static str, pulse: Arc<Pulse>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((name, pulse));
    }

    /// A loop that has been at the same thing for longer than `limit`, and for how long.
    #[must_use]
    pub fn stuck(&self, limit: Duration) -> Option<(&'static str, Duration)> {
        let pulses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let times = pulses.iter().map(|(name, pulse)| (*name, pulse.busy_for()));
        times.filter(|(_, time)| limit < *time).max_by_key(|(_, time)| *time)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{Pulse, Vitals};

    #[test]
    fn who_is_at_the_same_thing_for_too_long_is_named_and_who_rests_is_not() {
        let (vitals, writer, consumer) = (Vitals::default(), Arc::default(), Arc::default());
        vitals.watch("writer", Arc::clone(&writer));
        vitals.watch("consumer", Arc::clone(&consumer));
        assert_eq!(vitals.stuck(Duration::ZERO), None);
        let is_stuck = |name| loop {
            // Until the clock has gone on by a millisecond.
            if let Some((stuck, time)) = vitals.stuck(Duration::ZERO) {
                return stuck == name && Duration::ZERO < time;
            }
        };
        Pulse::begin(&writer);
        assert!(is_stuck("writer"));
        assert_eq!(vitals.stuck(Duration::from_secs(3_600)), None);
        writer.rest();
        assert_eq!(vitals.stuck(Duration::ZERO), None);
        Pulse::begin(&consumer);
        assert!(is_stuck("consumer"));
    }
}
