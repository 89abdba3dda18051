//! A claim on its way to the queue, and how it ends when its publication is certain. What happens
//! to an uncertain one is the confirmer's.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use protocol::{Code, mask_phone};
use tracing::debug;

use crate::domain::order_id::OrderId;
use crate::gateway::book::Shelf;
use crate::gateway::ticket::Ticket;
use crate::queue::{Cause, Outgoing};

/// A claimed order that holds its unit; what is sent of it is beside it.
pub struct Claim {
    /// Its shelf.
    pub shelf: Arc<Shelf>,
    /// Its id.
    pub id: OrderId,
    /// Who waits for it.
    pub ticket: Arc<Ticket>,
    /// Counts it as under way for as long as its publication is open.
    pub under_way: UnderWay,
}

/// A claim between its admission and the end of its publication, counted for as long as this lives.
#[derive(Debug)]
pub struct UnderWay(Arc<AtomicUsize>);

impl UnderWay {
    /// One more.
    #[must_use]
    pub fn begin(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(count))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Claim {
    /// The queue has it durably.
    pub(super) fn store(self, order: &Outgoing) {
        self.shelf.confirm(&order.message.user_phone, &self.id);
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
