//! A claim on its way to the queue, and how it ends when its publication is certain. What happens
//! to an uncertain one is the confirmer's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use domain::order_id::OrderId;
use domain::ports::{Cause, Outgoing};
use protocol::{Code, mask_phone};
use tracing::debug;

use crate::gateway::book::Shelf;
use crate::gateway::ticket::Ticket;

/// A claimed order that holds a unit of stock. Its message (`Outgoing`) travels beside it in the
/// channel.
pub struct Claim {
    /// Its shelf.
    pub shelf: Arc<Shelf>,
    /// Its id.
    pub id: OrderId,
    /// Where requests wait for its result.
    pub ticket: Arc<Ticket>,
    /// Counts it as under way for as long as its publication is open.
    pub under_way: UnderWay,
}

/// What is counted of claims.
#[derive(Debug, Default)]
pub struct Passage {
    under_way: AtomicUsize,
    accepted: AtomicU64,
}

impl Passage {
    /// Claims whose publication is open.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Acquire)
    }

    /// Orders that the queue confirmed, each counted once. Answers to repeats aren't counted, nor
    /// are orders that were unconfirmed first.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }
}

/// A claim between its admission and the end of its publication, counted for as long as this lives.
#[derive(Debug)]
pub struct UnderWay(Arc<Passage>);

impl UnderWay {
    /// One more.
    #[must_use]
    pub fn begin(passage: &Arc<Passage>) -> Self {
        passage.under_way.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(passage))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Claim {
    /// The queue has it durably.
    pub(super) fn store(self, order: &Outgoing) {
        self.shelf.confirm(&order.message.user_phone, &self.id);
        self.settle_stored();
    }

    /// The queue has it, and the shelf knows that.
    pub(super) fn settle_stored(self) {
        self.under_way.0.accepted.fetch_add(1, Ordering::Relaxed);
        self.ticket.settle(Code::Queued);
    }

    /// The queue definitely doesn't have it: its unit is given back.
    pub(super) fn reject(self, order: &Outgoing, cause: &Cause) {
        let user_phone = &order.message.user_phone;
        let user = mask_phone(user_phone);
        debug!(order_id = %self.id, user, %cause, "not queued: its unit is given back");
        self.shelf.abandon(user_phone, &self.id);
        self.ticket.settle(Code::BizError);
    }
}
