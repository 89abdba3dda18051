//! What a state carries of the past, as far back as a screen shows it: counts second by second, and
//! the notable events. The whole past is in the audit log and the daemon's log.

use serde::{Deserialize, Serialize};

use crate::EpochMs;

/// Notable events that a snapshot carries; older ones are in the audit log or the daemon's log.
pub const NOTABLES_MAX: usize = 100;

/// Seconds of history that a snapshot carries.
pub const SECONDS_KEPT: usize = 120;

/// What was counted in each of the last [`SECONDS_KEPT`] whole seconds, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Seconds {
    /// Charges answered, whatever the answer.
    pub charges: Vec<u64>,
    /// Orders that got a unit.
    pub placed: Vec<u64>,
}

impl Default for Seconds {
    fn default() -> Self {
        Self { charges: vec![0; SECONDS_KEPT], placed: vec![0; SECONDS_KEPT] }
    }
}

impl Seconds {
    /// Takes in one more second and forgets the oldest.
    pub fn push(&mut self, charges: u64, placed: u64) {
        for (row, count) in [(&mut self.charges, charges), (&mut self.placed, placed)] {
            row.push(count);
            let surplus = row.len().saturating_sub(SECONDS_KEPT);
            row.drain(..surplus);
        }
    }
}

/// Something that an operator would want to have noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notable {
    /// Rises by one from event to event; starts over with each start.
    pub id: u64,
    /// When.
    pub at: EpochMs,
    /// What it is about.
    pub kind: NotableKind,
    /// How much it matters.
    pub severity: Severity,
    /// A sentence; phone numbers are masked in it.
    pub text: String,
}

/// What a notable event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotableKind {
    /// An operator did something.
    Audit,
    /// The process entered a phase.
    Phase,
    /// A part became better or worse.
    Condition,
    /// A product: sold out, back in stock, out of balance.
    Product,
    /// The queue: dead letters, growing, drained, owners.
    Queue,
    /// Something that only another version knows.
    #[serde(other)]
    Other,
}

impl NotableKind {
    /// The kind as it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Phase => "phase",
            Self::Condition => "condition",
            Self::Product => "product",
            Self::Queue => "queue",
            Self::Other => "other",
        }
    }
}

/// How much a notable event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// As it should be.
    Info,
    /// Worth a look.
    Warning,
    /// Somebody is being wronged, or soon will be.
    Error,
}

impl Severity {
    /// The severity as it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}
