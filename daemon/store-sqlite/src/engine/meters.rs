//! What the writer does, measured: counted when a commit succeeded, so that nothing shows of a
//! transaction that was undone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use instruments::meter::{
    DURATIONS_US, DecidedMeters, LatencyMeter, ORDERS, RateMeter, SpreadMeter,
};

/// The writer's meters. They share one base, which is [`crate::Store::meter_base`].
#[derive(Debug)]
pub struct StoreMeters {
    /// Commits.
    pub commits: RateMeter,
    /// Orders queued or decided by them.
    pub orders: RateMeter,
    /// From the begin of a transaction to the end of its commit.
    pub commit_latency: LatencyMeter,
    /// The same since the start, in microseconds.
    pub commit_durations: SpreadMeter,
    /// Orders queued or decided by each commit since the start.
    pub orders_per_commit: SpreadMeter,
    /// What became of orders in them.
    pub decided: Arc<DecidedMeters>,
}

impl StoreMeters {
    pub(crate) fn new(base: Instant) -> Self {
        Self {
            commits: RateMeter::new(base),
            orders: RateMeter::new(base),
            commit_latency: LatencyMeter::new(base),
            commit_durations: SpreadMeter::new(&DURATIONS_US),
            orders_per_commit: SpreadMeter::new(&ORDERS),
            decided: Arc::new(DecidedMeters::new(base)),
        }
    }

    /// Counts what a transaction did that took `took` with its commit.
    pub(crate) fn count(&self, tally: &Tally, took: Duration) {
        self.commits.add(1);
        self.commit_latency.record(took);
        self.commit_durations.record_duration(took);
        let Counts { queued, decided, redeliveries, .. } = tally.counts;
        self.orders.add(queued + decided);
        self.orders_per_commit.record(queued + decided);
        self.decided.count(decided, redeliveries, &tally.waits_ms);
    }
}

/// What a transaction has done so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Figures.
    pub(crate) counts: Counts,
    /// Of each order placed, milliseconds since its buyer asked.
    pub(crate) waits_ms: Vec<i64>,
}

/// The figures of a [`Tally`].
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    /// Orders put into the embedded queue, and dead letters put on their way back.
    pub(crate) queued: u64,
    /// Orders that were decided as they were accepted, without having been in the queue.
    pub(crate) accepted: u64,
    /// Orders decided.
    pub(crate) decided: u64,
    /// Deliveries that were not the first of their message.
    pub(crate) redeliveries: u64,
}

/// Where a [`Tally`] stood.
pub(crate) struct Mark {
    counts: Counts,
    placed: usize,
}

impl Tally {
    /// Where it stands.
    pub(crate) fn mark(&self) -> Mark {
        Mark { counts: self.counts, placed: self.waits_ms.len() }
    }

    /// Takes back what came after `mark`.
    pub(crate) fn return_to(&mut self, mark: &Mark) {
        self.counts = mark.counts;
        self.waits_ms.truncate(mark.placed);
    }
}
