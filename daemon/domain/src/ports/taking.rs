//! How messages are taken from a table of a store, where they wait until they are due: the embedded
//! queue's rows, and dead letters that were resent.

use protocol::EpochMs;

use crate::backoff::Backoff;

/// How many messages are taken at once, and how often each is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakingLimits {
    /// Messages at most.
    pub batch_max: usize,
    /// Deliveries after which an order that fails by itself becomes a dead letter.
    pub deliveries_max: u32,
    /// Waits before its redeliveries.
    pub backoff: Backoff,
}

/// What one look at the table did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Messages that were due and taken.
    pub taken: usize,
    /// Those of them whose orders were decided.
    pub decided: u64,
    /// Those of them that became dead letters.
    pub dead_lettered: u64,
    /// Those of them that failed by themselves and will be tried again.
    pub put_off: usize,
    /// When the next message is due, if one waits for its time.
    pub next_due: Option<EpochMs>,
}
