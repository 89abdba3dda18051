//! The store's one look at the clock. Everything behind it takes `now` as a value.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use protocol::EpochMs;

/// Tells the time; tests bring their own.
pub(super) type Clock = Arc<dyn Fn() -> EpochMs + Send + Sync>;

/// The system's wall clock.
pub(super) fn system() -> Clock {
    Arc::new(now)
}

fn now() -> EpochMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    EpochMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
