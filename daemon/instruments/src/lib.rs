//! What every part of the daemon carries, whatever it does: the wall clock, meters, signs of life,
//! work in the background, panics contained in their piece of work, runs of failures, and the
//! places where a test kills the process. Knows no part and no rule.

pub mod background;
#[cfg(feature = "testing")]
#[expect(clippy::unwrap_used, reason = "of the tests above")]
pub mod captured_log;
pub mod clock;
pub mod fault_points;
pub mod meter;
pub mod panics;
pub mod signs_of_life;
pub mod streak;
