//! The clocks, read in this one place: the wall's, and the sale's, which goes on while the wall's
//! is set. What only has to measure a span uses `Instant`; what has to be tested takes its time as
//! an argument.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use protocol::EpochMs;
use rustix::time::{ClockId, clock_gettime};

/// Tells the time: a sale's clock as its users are given it, or a test's own.
pub type Now = Arc<dyn Fn() -> EpochMs + Send + Sync>;

const NANOS_PER_MS: i64 = 1_000_000;

/// The moment, by the system's clock; 1970 where the clock is set to a time before that.
#[must_use]
pub fn now() -> EpochMs {
    EpochMs(wall_ns().div_euclid(NANOS_PER_MS))
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn wall_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// Nanoseconds since the machine's start. Nobody sets this clock, and a suspend counts.
fn boot_ns() -> i64 {
    let since = clock_gettime(ClockId::Boottime);
    since.tv_sec.saturating_mul(1_000_000_000).saturating_add(since.tv_nsec)
}

/// Stands for no distance: the wall clock is followed.
const FOLLOWS: i64 = i64::MIN;

/// The clock of a process's sale. It follows the wall clock until it is held; from then on it goes
/// on by the time since the machine's start. Which of the two is `domain::sale_clock`'s business.
/// One atomic and one clock are read, as for the wall clock alone.
#[derive(Debug)]
pub struct SaleClock {
    /// By how much it is ahead of the time since the machine's start, in nanoseconds.
    ahead_ns: AtomicI64,
}

impl Default for SaleClock {
    fn default() -> Self {
        Self { ahead_ns: AtomicI64::new(FOLLOWS) }
    }
}

impl SaleClock {
    /// The moment.
    #[must_use]
    pub fn now(&self) -> EpochMs {
        match self.ahead_ns.load(Ordering::Relaxed) {
            FOLLOWS => now(),
            ahead_ns => EpochMs(boot_ns().saturating_add(ahead_ns).div_euclid(NANOS_PER_MS)),
        }
    }

    /// Whether it follows the wall clock.
    #[must_use]
    pub fn follows(&self) -> bool {
        self.ahead_ns.load(Ordering::Relaxed) == FOLLOWS
    }

    /// Has it follow the wall clock.
    pub fn follow(&self) {
        self.ahead_ns.store(FOLLOWS, Ordering::Relaxed);
    }

    /// Sets it to the wall clock's time, from which it goes on by itself.
    pub fn set(&self) {
        let ahead_ns = wall_ns().saturating_sub(boot_ns()).max(FOLLOWS + 1);
        self.ahead_ns.store(ahead_ns, Ordering::Relaxed);
    }

    /// Has it go on by itself: from the wall's time where it followed it, else as before.
    pub fn hold(&self) {
        if self.follows() {
            self.set();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::{SaleClock, now};

    /// Whether two times are the same but for what passed between their readings.
    fn is_about(one: i64, other: i64) -> bool {
        (one - other).abs() < 60_000
    }

    #[test]
    fn it_goes_on_by_itself_once_it_is_held() {
        let clock = SaleClock::default();
        assert!(clock.follows());
        clock.hold();
        assert!(!clock.follows() && is_about(clock.now().0, now().0));
        // As after a step of the wall clock by an hour.
        clock.ahead_ns.fetch_add(3_600_000 * super::NANOS_PER_MS, Ordering::Relaxed);
        clock.hold();
        assert!(is_about(clock.now().0, now().0 + 3_600_000), "held, it stays where it is");
        clock.set();
        assert!(!clock.follows() && is_about(clock.now().0, now().0));
        clock.follow();
        assert!(clock.follows());
    }
}
