//! The store's clock. Everything behind it takes `now` as a value.

use std::sync::Arc;

use protocol::EpochMs;

use instruments::clock;

/// Tells the time; tests bring their own.
pub(crate) type Clock = Arc<dyn Fn() -> EpochMs + Send + Sync>;

/// The system's wall clock.
pub(crate) fn system() -> Clock {
    Arc::new(clock::now)
}
