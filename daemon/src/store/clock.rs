//! The store's clock. Everything behind it takes `now` as a value.

use std::sync::Arc;

use protocol::EpochMs;

use crate::clock;

/// Tells the time; tests bring their own.
pub(super) type Clock = Arc<dyn Fn() -> EpochMs + Send + Sync>;

/// The system's wall clock.
pub(super) fn system() -> Clock {
    Arc::new(clock::now)
}
