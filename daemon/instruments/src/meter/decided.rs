//! What becomes of orders, measured: every store of the sale counts it after its commits, and the
//! state and `/metrics` show it, whichever store it is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::{DURATIONS_US, LatencyMeter, RateMeter, SpreadMeter};

/// The meters of decided orders. They share one base.
#[derive(Debug)]
pub struct DecidedMeters {
    /// Orders that got a unit.
    pub placed: RateMeter,
    /// Orders decided, whatever the outcome.
    pub decided: RateMeter,
    /// From the buyer's request to the order's placing, by the wall clock, to the millisecond.
    pub accept_to_placed: LatencyMeter,
    /// The same since the start, in microseconds.
    pub placed_after: SpreadMeter,
    /// Deliveries that were not the first of their message.
    pub redeliveries: AtomicU64,
}

impl DecidedMeters {
    /// Nothing was decided yet; the seconds begin at `base`.
    #[must_use]
    pub fn new(base: Instant) -> Self {
        Self {
            placed: RateMeter::new(base),
            decided: RateMeter::new(base),
            accept_to_placed: LatencyMeter::new(base),
            placed_after: SpreadMeter::new(&DURATIONS_US),
            redeliveries: AtomicU64::new(0),
        }
    }

    /// Counts what a commit decided. `waits_ms` are, of each order placed, the milliseconds since
    /// its buyer asked.
    pub fn count(&self, decided: u64, redeliveries: u64, waits_ms: &[i64]) {
        self.decided.add(decided);
        self.placed.add(waits_ms.len() as u64);
        self.redeliveries.fetch_add(redeliveries, Ordering::Relaxed);
        for wait_ms in waits_ms {
            let wait_ms = u64::try_from(*wait_ms).unwrap_or(0);
            let wait_us = wait_ms.saturating_mul(1_000);
            self.accept_to_placed.record_us(wait_us);
            self.placed_after.record(wait_us);
        }
    }
}
