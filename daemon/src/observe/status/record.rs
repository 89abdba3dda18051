//! A part's track record as it is shared: roles note here what became of orders, the looks at
//! causes note what they found, and the status reads both.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use domain::ports::Cause;
use instruments::clock;
use protocol::{Trouble, TroubleState};

use super::Part;
use super::track_record::{Moment, TrackRecord};

/// What of a part is on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// The part.
    pub part: Part,
    /// What is wrong while it fails, as the sentence begins: `orders can't be sent`.
    pub what: &'static str,
    /// Whether buyers are refused for it.
    pub refuses: Refuses,
}

/// What a part's failing means to buyers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Refuses {
    /// Nobody gets in.
    #[default]
    Everybody,
    /// They get in and wait.
    Nobody,
}

/// A part's track record.
#[derive(Debug)]
pub struct Record {
    subject: Subject,
    track: Mutex<TrackRecord>,
    /// How often orders went through.
    throughs: AtomicU64,
}

impl Record {
    pub(super) fn new(subject: Subject) -> Self {
        Self { subject, track: Mutex::default(), throughs: AtomicU64::new(0) }
    }

    /// The part, and what its failing means.
    #[must_use]
    pub const fn subject(&self) -> Subject {
        self.subject
    }

    /// Orders went through.
    pub fn through(&self) {
        self.throughs.fetch_add(1, Ordering::Relaxed);
        self.track().through(now());
    }

    /// So many orders were refused, or couldn't be confirmed. Orders that failed by a fault of
    /// their own don't count.
    pub fn failed(&self, orders: usize, cause: &Cause) {
        self.track().failed(now(), orders as u64, cause.clone());
    }

    /// A look has found a cause for which orders must fail.
    pub fn seen(&self, cause: Cause) {
        self.track().seen(now(), cause);
    }

    /// A look that reports its cause elsewhere has found that something still fails.
    pub fn still(&self) {
        self.track().still();
    }

    /// A look has found nothing for which orders would fail.
    pub fn gone(&self) {
        self.track().gone();
    }

    /// The cause was known whole and is over, so that no order has to prove it.
    pub fn cured(&self) {
        self.track().cured();
    }

    /// Whether the part isn't well.
    #[must_use]
    pub fn is_troubled(&self) -> bool {
        self.track().at_moment(Instant::now()).is_some()
    }

    /// How often orders went through since the start.
    #[must_use]
    pub fn throughs(&self) -> u64 {
        self.throughs.load(Ordering::Relaxed)
    }

    /// Why the part fails; `None` while it doesn't.
    #[must_use]
    pub fn failing(&self) -> Option<Cause> {
        let trouble = self.track().at_moment(Instant::now())?;
        (trouble.state == TroubleState::Failing).then_some(trouble.cause)
    }

    /// The part's trouble; `None` when it is well.
    #[must_use]
    pub fn told(&self) -> Option<Trouble> {
        let trouble = self.track().at_moment(Instant::now())?;
        let Subject { part, what, refuses } = self.subject;
        let (cause, failing) = (&trouble.cause, trouble.state == TroubleState::Failing);
        Some(Trouble {
            part: part.as_str().to_owned(),
            what: what.to_owned(),
            state: trouble.state,
            since: trouble.since,
            orders: trouble.orders,
            refuses: failing && refuses == Refuses::Everybody,
            text: format!("{what}: {cause}"),
        })
    }

    fn track(&self) -> MutexGuard<'_, TrackRecord> {
        self.track.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now() -> Moment {
    Moment { instant: Instant::now(), at: clock::now() }
}
