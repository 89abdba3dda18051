//! The wall clock, read in this one place. What only has to measure a span uses `Instant`; what has
//! to be tested takes its time as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

use protocol::EpochMs;

/// The moment, by the system's clock; 1970 where the clock is set to a time before that.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
#[must_use]
pub fn now() -> EpochMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    EpochMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
