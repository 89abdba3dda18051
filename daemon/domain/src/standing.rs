//! A buyer's standing at one shelf, as a machine: [`step`] takes what is known of the buyer and an
//! event, and says what is known after it and what becomes of the unit of stock that the order
//! holds. It keeps nothing itself: `gateway/book.rs` applies it in its map by compare-and-swap, and
//! `dev/interleavings/` runs the same function under loom.
//!
//! ```text
//! (none / Open) --claim--> Claimed --hold--> Publishing --stored--> Queued --placed--> Live
//!       ^                     |               |   |                   ^  |
//!       |<------abandon-------+---------------+   +-----doubt--> Unconfirmed
//!       |<----------------------failed--------------------------------+--+
//! ```
//!
//! Publishing, Queued and Unconfirmed hold one unit each; Claimed doesn't yet. An order that is
//! found at start is adopted as Queued or Unconfirmed. A decision may arrive at any standing,
//! because another gateway may have published the same order.

use protocol::{EpochMs, OrderId};

/// What a gateway knows of a buyer at one shelf. `T` is where requests wait for the result of an
/// order's publication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buyer<T> {
    /// Orders of this buyer for this product that failed: the number of the next attempt.
    pub failures: u32,
    /// Where the newest order stands.
    pub standing: Standing<T>,
}

/// Where a buyer's newest order stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing<T> {
    /// No order that counts: the buyer may charge.
    Open,
    /// This buyer's request is being looked at and holds no unit yet.
    Claimed(Undecided, T),
    /// On its way to the queue; the ticket gets the result.
    Publishing(Undecided, T),
    /// Durable in the queue.
    Queued(Undecided),
    /// The queue may or may not have it; it is published again.
    Unconfirmed(Undecided),
    /// Placed.
    Live(OrderId),
}

/// An order that is not decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecided {
    /// Its id.
    pub id: OrderId,
    /// When the buyer asked.
    pub asked_at: EpochMs,
}

/// What can happen to a buyer's standing.
#[derive(Debug)]
pub enum Event<'a, T> {
    /// The buyer charges: this is the next order, and its requests wait on the ticket.
    Claim(&'a Undecided, &'a T),
    /// This order of an earlier run was found at start. A unit was held for it before this event.
    Adopt(&'a Undecided, Found),
    /// A unit was held for the claimed order of this id.
    Hold(&'a OrderId),
    /// The order definitely isn't in the queue and never will be.
    Abandon(&'a OrderId),
    /// The order is durable in the queue.
    Confirm(&'a OrderId),
    /// It is unknown whether the queue has the order.
    Doubt(&'a OrderId),
    /// The order side has decided the order of this id.
    Decide(&'a OrderId, Decided<'a>),
    /// The order side starts over with another database: what it decided is void.
    Forget,
}

/// Where an order of an earlier run was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// In the queue.
    Queued,
    /// Among the sends whose result is unknown.
    Unconfirmed,
}

/// How the order side decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided<'a> {
    /// The buyer has a live order, which is that of this id.
    Live(&'a OrderId),
    /// The order failed, and the buyer may try again.
    Failed,
}

/// A change of a buyer's standing.
#[derive(Debug, PartialEq, Eq)]
pub struct Step<T> {
    /// The buyer after it.
    pub buyer: Buyer<T>,
    /// What becomes of the order's unit of stock.
    pub unit: Unit,
}

/// What a step means for the unit of stock of the order that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Nothing: it stays held, or none was.
    Stays,
    /// The unit that was held before the event belongs to the order from now on. (Where `step` says
    /// that nothing changes, it belongs to no order and goes back.)
    Held,
    /// The order never came to be: its unit goes back at once.
    Released,
    /// The order is decided: its hold ends together with the next stock figure, in one step, so
    /// that a unit sold is never free in between.
    Settled,
}

impl<T> Buyer<T> {
    /// A buyer of whom nothing is known.
    pub const NEW: Self = Self { failures: 0, standing: Standing::Open };

    /// Whether nothing is known of this buyer, so that no entry is needed.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        matches!(self, Self { failures: 0, standing: Standing::Open })
    }

    /// The number of the next order's attempt; `None` while the buyer has an order that counts.
    #[must_use]
    pub const fn next_attempt(&self) -> Option<u32> {
        match self.standing {
            Standing::Open => Some(self.failures),
            _ => None,
        }
    }
}

impl<T> Standing<T> {
    /// The order that is not decided.
    #[must_use]
    pub const fn undecided(&self) -> Option<&Undecided> {
        match self {
            Self::Claimed(order, _)
            | Self::Publishing(order, _)
            | Self::Queued(order)
            | Self::Unconfirmed(order) => Some(order),
            Self::Open | Self::Live(_) => None,
        }
    }

    /// Whether an undecided order holds a unit of stock.
    #[must_use]
    pub const fn holds_unit(&self) -> bool {
        matches!(self, Self::Publishing(..) | Self::Queued(_) | Self::Unconfirmed(_))
    }

    fn is_of(&self, id: &OrderId) -> bool {
        self.undecided().is_some_and(|order| order.id == *id)
    }

    /// What ends, for the unit, with the order of this id.
    fn unit_of(&self, id: &OrderId, end: Unit) -> Unit {
        if self.holds_unit() && self.is_of(id) { end } else { Unit::Stays }
    }
}

/// What an event does to a buyer; `None` when it changes nothing. An event about another order than
/// the one at hand, or one that came too late, changes nothing.
#[must_use]
pub fn step<T: Clone>(buyer: &Buyer<T>, event: &Event<'_, T>) -> Option<Step<T>> {
    let now = &buyer.standing;
    let (standing, unit) = match (event, now) {
        (Event::Claim(order, ticket), Standing::Open) => {
            (Standing::Claimed((*order).clone(), (*ticket).clone()), Unit::Stays)
        }
        (Event::Adopt(order, Found::Queued), Standing::Open) => {
            (Standing::Queued((*order).clone()), Unit::Held)
        }
        (Event::Adopt(order, Found::Unconfirmed), Standing::Open) => {
            (Standing::Unconfirmed((*order).clone()), Unit::Held)
        }
        (Event::Hold(id), Standing::Claimed(order, ticket)) if order.id == **id => {
            (Standing::Publishing(order.clone(), ticket.clone()), Unit::Held)
        }
        (Event::Abandon(id), _) if now.is_of(id) => {
            (Standing::Open, now.unit_of(id, Unit::Released))
        }
        (Event::Confirm(id), Standing::Publishing(order, _) | Standing::Unconfirmed(order))
            if order.id == **id =>
        {
            (Standing::Queued(order.clone()), Unit::Stays)
        }
        (Event::Doubt(id), Standing::Publishing(order, _)) if order.id == **id => {
            (Standing::Unconfirmed(order.clone()), Unit::Stays)
        }
        (Event::Decide(id, decided), _) => return Some(decide(buyer, id, *decided)),
        (Event::Forget, Standing::Open | Standing::Live(_)) => {
            return Some(Step { buyer: Buyer::NEW, unit: Unit::Stays });
        }
        _ => return None,
    };
    Some(Step { buyer: Buyer { failures: buyer.failures, standing }, unit })
}

/// A decision on the order `id`, be it the one at hand or not.
fn decide<T: Clone>(buyer: &Buyer<T>, id: &OrderId, decided: Decided<'_>) -> Step<T> {
    let (failures, standing) = match decided {
        Decided::Live(live) => (buyer.failures, Standing::Live(live.clone())),
        Decided::Failed => (buyer.failures.saturating_add(1), Standing::Open),
    };
    // A decision on another order of this buyer leaves the own order undecided.
    let own_stands = buyer.standing.undecided().is_some_and(|order| order.id != *id);
    let standing = if own_stands { buyer.standing.clone() } else { standing };
    let unit = buyer.standing.unit_of(id, Unit::Settled);
    Step { buyer: Buyer { failures, standing }, unit }
}

#[cfg(test)]
mod tests;
