//! What the writing thread shows of itself: signals that others wait for, what commits do, and how
//! it is.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use domain::ports::Cause;
use instruments::signs_of_life::Pulse;
use tokio::sync::watch;

use crate::engine::error::CloseError;
use crate::engine::meters::StoreMeters;
use crate::engine::progress::Progress;
use crate::engine::tx::Effects;

/// Numbers that go up when there is something to look at.
#[derive(Clone)]
pub(crate) struct Signals {
    /// Commits that decided an order or changed a product.
    pub(crate) changes: watch::Sender<u64>,
    /// Commits that put something into the embedded queue.
    pub(crate) queued: watch::Sender<u64>,
    /// Commits that put a dead letter on its way back.
    pub(crate) resent: watch::Sender<u64>,
    /// Why the last commit failed; `None` when it didn't.
    pub(crate) trouble: watch::Sender<Option<Cause>>,
    /// Counts what commits do.
    pub(crate) meters: Arc<StoreMeters>,
    /// The writer's sign of life.
    pub(crate) pulse: Arc<Pulse>,
    /// What the writer is at.
    pub(crate) progress: Arc<Progress>,
    /// How it ended, when it has.
    pub(crate) ended: watch::Sender<Option<Result<(), CloseError>>>,
}

impl Signals {
    /// Nothing has happened yet; the meters' seconds begin at `base`.
    pub(crate) fn new(base: Instant, database: &Path) -> Self {
        Self {
            changes: watch::Sender::new(0),
            queued: watch::Sender::new(0),
            resent: watch::Sender::new(0),
            trouble: watch::Sender::new(None),
            meters: Arc::new(StoreMeters::new(base)),
            pulse: Arc::default(),
            progress: Arc::new(Progress::of(database.to_owned())),
            ended: watch::Sender::new(None),
        }
    }

    /// Tells others what a commit did.
    pub(crate) fn tell(&self, effects: Effects) {
        if effects.changed {
            self.changes.send_modify(|count| *count += 1);
        }
        if effects.queued {
            self.queued.send_modify(|count| *count += 1);
        }
        if effects.resent {
            self.resent.send_modify(|count| *count += 1);
        }
    }
}
