//! A number of the configuration that a reload may change while it is in use. The part that works
//! with one reads it each time, so a change takes hold without a further step.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A number that a reload may change. Its clones are the same one.
#[derive(Debug, Clone)]
pub struct Tunable(Arc<AtomicU64>);

impl Tunable {
    /// The number now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// The number now, as a count of things in memory.
    #[must_use]
    pub fn count(&self) -> usize {
        usize::try_from(self.get()).unwrap_or(usize::MAX)
    }

    /// The number now, as milliseconds.
    #[must_use]
    pub fn milliseconds(&self) -> Duration {
        Duration::from_millis(self.get())
    }

    /// Changes it, for every clone.
    pub fn set(&self, now: u64) {
        self.0.store(now, Ordering::Relaxed);
    }
}

impl From<u64> for Tunable {
    fn from(number: u64) -> Self {
        Self(Arc::new(AtomicU64::new(number)))
    }
}

impl From<u32> for Tunable {
    fn from(number: u32) -> Self {
        Self::from(u64::from(number))
    }
}

impl From<usize> for Tunable {
    fn from(number: usize) -> Self {
        Self::from(number as u64)
    }
}

/// Milliseconds.
impl From<Duration> for Tunable {
    fn from(duration: Duration) -> Self {
        Self::from(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Tunable;

    #[test]
    fn clones_are_the_same_number() {
        let number = Tunable::from(Duration::from_secs(2));
        let other = number.clone();
        assert_eq!((other.get(), other.count()), (2_000, 2_000));
        number.set(7);
        assert_eq!(other.milliseconds(), Duration::from_millis(7));
    }
}
