//! How the last orders went that passed through a part, and what that says about the part: it is
//! well, failing, failing in part, or recovering. Pure: moments are passed in, and the state
//! follows from what was noted and the moment of the question.
//!
//! ```text
//!            failed, seen                     10 s without a try, and the cause seen gone
//!   well ───────────────────► failing ◄──────────────────────────────────────► recovering
//!     ▲                          │        the next failure, the cause seen again      │
//!     └──────────────────────────┴────────── an order goes through ───────────────────┘
//! ```
//!
//! A failure soon after a trouble's end belongs to the same trouble: some orders get through and
//! some don't. The part is then failing in part, until nothing has failed for a while.

use std::time::{Duration, Instant};

use protocol::{EpochMs, TroubleState};

use domain::ports::Cause;

/// After so long without a try, a part whose cause is gone may be tried again. After so long
/// without a failure, a part that failed in part is well.
pub(crate) const QUIET: Duration = Duration::from_secs(10);

/// A part that lets some orders through is failing once none has got through for so long.
const THROUGH_WITHIN: Duration = Duration::from_secs(2);

/// A moment, by the monotonic clock and by the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) instant: Instant,
    pub(crate) at: EpochMs,
}

/// What was noted about one part.
#[derive(Debug, Default)]
pub(crate) struct TrackRecord {
    trouble: Option<OpenTrouble>,
    /// When an order ended the last trouble.
    ended: Option<Instant>,
}

#[derive(Debug)]
struct OpenTrouble {
    since: EpochMs,
    /// Orders that failed; 0 where only a look has found it.
    orders: u64,
    cause: Cause,
    /// When an order failed last, or a look found it.
    failed: Instant,
    last: LastTry,
    /// When an order went through last. `None` unless this trouble began soon after the end of the
    /// one before.
    through: Option<Instant>,
    look: Look,
}

/// How the last order went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LastTry {
    Failed,
    Through,
}

/// What the last look at the cause found, since the last failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    NotYet,
    Seen,
    Gone,
}

/// A trouble as it stands at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TroubleNow {
    pub(crate) state: TroubleState,
    pub(crate) since: EpochMs,
    pub(crate) orders: u64,
    pub(crate) cause: Cause,
}

impl TrackRecord {
    /// Orders went through.
    pub(crate) fn through(&mut self, now: Moment) {
        self.settle(now.instant);
        match &mut self.trouble {
            Some(OpenTrouble { through: Some(through), last, .. }) => {
                (*through, *last) = (now.instant, LastTry::Through);
            }
            Some(_) => {
                self.trouble = None;
                self.ended = Some(now.instant);
            }
            None => {}
        }
    }

    /// So many orders were refused, or couldn't be confirmed, for this cause.
    pub(crate) fn failed(&mut self, now: Moment, orders: u64, cause: Cause) {
        self.settle(now.instant);
        let before = self.trouble.take();
        let ended = self.ended.filter(|ended| now.instant < *ended + QUIET);
        self.trouble = Some(OpenTrouble {
            since: before.as_ref().map_or(now.at, |before| before.since),
            orders: before.as_ref().map_or(0, |before| before.orders) + orders,
            cause,
            failed: now.instant,
            last: LastTry::Failed,
            through: before.map_or(ended, |before| before.through),
            look: Look::NotYet,
        });
    }

    /// A look has found a cause for which orders must fail.
    pub(crate) fn seen(&mut self, now: Moment, cause: Cause) {
        self.settle(now.instant);
        match &mut self.trouble {
            Some(trouble) => {
                trouble.look = Look::Seen;
                trouble.cause = cause;
            }
            None => {
                self.trouble = Some(OpenTrouble {
                    since: now.at,
                    orders: 0,
                    cause,
                    failed: now.instant,
                    last: LastTry::Failed,
                    through: None,
                    look: Look::Seen,
                });
            }
        }
    }

    /// A look has found the cause still there, where orders have failed for it. Where none has
    /// failed, the look reports the cause elsewhere.
    pub(crate) fn still(&mut self) {
        if let Some(trouble) = &mut self.trouble {
            trouble.look = Look::Seen;
        }
    }

    /// A look has found nothing for which orders would fail. A trouble that only a look had found
    /// is over then.
    pub(crate) fn gone(&mut self) {
        match &mut self.trouble {
            Some(OpenTrouble { orders: 0, .. }) => self.trouble = None,
            Some(trouble) => trouble.look = Look::Gone,
            None => {}
        }
    }

    /// The cause was known whole and is over, so that no order has to prove it.
    pub(crate) fn cured(&mut self) {
        self.trouble = None;
    }

    /// How it stands; `None` when it is well.
    pub(crate) fn at_moment(&self, now: Instant) -> Option<TroubleNow> {
        let trouble = self.trouble.as_ref()?;
        let state = trouble.state(now)?;
        let OpenTrouble { since, orders, cause, .. } = trouble;
        Some(TroubleNow { state, since: *since, orders: *orders, cause: cause.clone() })
    }

    /// Forgets a trouble that is over because enough time has passed.
    fn settle(&mut self, now: Instant) {
        if let Some(trouble) = &self.trouble
            && trouble.state(now).is_none()
        {
            self.ended = trouble.through;
            self.trouble = None;
        }
    }
}

impl OpenTrouble {
    fn state(&self, now: Instant) -> Option<TroubleState> {
        let quiet = self.failed + QUIET <= now;
        let through_lately = self.through.is_some_and(|through| now < through + THROUGH_WITHIN);
        match self.last {
            LastTry::Through if quiet => None,
            LastTry::Through => Some(TroubleState::Partly),
            LastTry::Failed if through_lately => Some(TroubleState::Partly),
            LastTry::Failed if quiet && self.look == Look::Gone => Some(TroubleState::Recovering),
            LastTry::Failed => Some(TroubleState::Failing),
        }
    }
}

#[cfg(test)]
mod tests;
