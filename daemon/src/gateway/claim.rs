//! A claim on its way to the queue, and how it ends when its publication is certain. What happens
//! to an uncertain one is the confirmer's.

use std::sync::Arc;

use protocol::{Code, mask_phone};
use tracing::debug;

use crate::domain::order_id::OrderId;
use crate::gateway::book::Shelf;
use crate::gateway::ticket::Ticket;
use crate::queue::{Cause, Outgoing};

/// A claimed order that holds its unit.
pub struct Claim {
    /// Its shelf.
    pub shelf: Arc<Shelf>,
    /// Its id.
    pub id: OrderId,
    /// What is sent.
    pub outgoing: Outgoing,
    /// Who waits for it.
    pub ticket: Arc<Ticket>,
}

impl Claim {
    /// The buyer.
    #[must_use]
    pub fn user_phone(&self) -> &str {
        &self.outgoing.message.user_phone
    }

    /// The queue has it durably.
    pub(super) fn store(self) {
        self.shelf.confirm(self.user_phone(), &self.id);
        self.ticket.settle(Code::Queued);
    }

    /// The queue definitely doesn't have it: its unit is given back.
    pub(super) fn reject(self, cause: &Cause) {
        let user = mask_phone(self.user_phone());
        debug!(order_id = %self.id, user, %cause, "not queued: its unit is given back");
        self.shelf.abandon(self.user_phone(), &self.id);
        self.ticket.settle(Code::BizError);
    }
}
