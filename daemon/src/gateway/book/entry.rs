//! One product of a gateway: its card, its units and its buyers.
//!
//! Reading takes no lock. A buyer's standing changes by compare-and-swap, and only as
//! `domain::standing::step` says; what the step says of the unit is done to the stock here.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use domain::standing::{self, Decided, Event, Found, Undecided, Unit, step};
use domain::stock::GatewayStock;
use papaya::{Compute, Operation};
use protocol::{
    Decision, EpochMs, OrderId, Outcome, Phone, PreheatRatio, ProdId, ProductState, Terms,
};

use super::apart::Apart;
use crate::gateway::ticket::Ticket;

/// What is known of a buyer of one product; requests wait on the ticket for a publication's
/// result.
pub type Buyer = standing::Buyer<Arc<Ticket>>;

/// Where a buyer's newest order stands.
pub type Standing = standing::Standing<Arc<Ticket>>;

/// Standings that a thread replaces before it looks whether the old ones may be freed. Each look
/// interrupts all processors (`membarrier`), so it isn't done for every few buyers; a standing
/// takes about a hundred bytes.
const RETIRED_AT_ONCE: usize = 2_048;

/// Buyers still to come that an entry has room for from the beginning.
const ROOM_FOR_MORE: u64 = 1 << 16;

/// Buyers in all, likewise: a map grows beyond that, at about ten bytes for each place.
const ROOM_MAX: u64 = 1 << 24;

/// One product: its card, its units and its buyers.
pub struct BookEntry {
    prod_id: ProdId,
    card: ArcSwap<Card>,
    /// Units, as this gateway knows them.
    pub stock: GatewayStock,
    pub(super) apart: Apart,
    buyers: papaya::HashMap<Phone, Buyer>,
}

/// What is written in the entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The product's name.
    pub name: String,
    /// What it is sold at and whether.
    pub terms: Terms,
}

/// An empty map of buyers by phone number, with room for the buyers who have the product and for
/// those who may still get it. Without this room papaya grows the map only when insertions pass
/// about a hundred taken places each: a start over a million orders took three times as long.
fn buyers(product: &ProductState) -> papaya::HashMap<Phone, Buyer> {
    let room = product.sold.saturating_add(product.stock.min(ROOM_FOR_MORE)).min(ROOM_MAX);
    papaya::HashMap::builder()
        .capacity(usize::try_from(room).unwrap_or(0))
        .collector(seize::Collector::new().batch_size(RETIRED_AT_ONCE))
        .build()
}

impl BookEntry {
    pub(super) fn new(product: &ProductState, meter_base: Instant) -> Self {
        Self {
            prod_id: product.prod_id.clone(),
            card: ArcSwap::from_pointee(Card::of(product)),
            stock: GatewayStock::default(),
            apart: Apart::new(meter_base),
            buyers: buyers(product),
        }
    }

    /// The product's id.
    #[must_use]
    pub fn prod_id(&self) -> &ProdId {
        &self.prod_id
    }

    /// The card as it is now.
    #[must_use]
    pub fn card(&self) -> Arc<Card> {
        self.card.load_full()
    }

    /// The terms as they are now: what every charge looks at.
    #[must_use]
    pub fn terms(&self) -> Terms {
        self.card.load().terms
    }

    pub(super) fn renew_card(&self, product: &ProductState) {
        let card = Card::of(product);
        if **self.card.load() != card {
            self.card.store(Arc::new(card));
        }
    }

    /// A buyer's standing; `None` for one who never ordered here.
    #[must_use]
    pub fn buyer(&self, phone: &Phone) -> Option<Buyer> {
        self.buyers.pin().get(phone).cloned()
    }

    /// Claims the buyer's next order for publication, under the id that `next_id` makes of the
    /// attempt's number. Requests wait for its result on the ticket.
    ///
    /// # Errors
    /// The buyer already has an order here; the error is that buyer, whose standing gives the
    /// answer.
    pub fn claim(
        &self,
        phone: &Phone,
        asked_at: EpochMs,
        ticket: &Arc<Ticket>,
        next_id: impl Fn(u32) -> OrderId,
    ) -> Result<OrderId, Buyer> {
        let (buyers, new) = (self.buyers.pin(), Buyer::NEW);
        let change = buyers.compute(phone.clone(), |entry| {
            let before = entry.map_or(&new, |(_, buyer)| buyer);
            let claimed = before.next_attempt().and_then(|attempt| {
                let order = Undecided { id: next_id(attempt), asked_at };
                step(before, &Event::Claim(&order, ticket))
            });
            claimed.map_or_else(
                || Operation::Abort(before.clone()),
                |claimed| Operation::Insert(claimed.buyer),
            )
        });
        match change {
            Compute::Aborted(buyer) => Err(buyer),
            Compute::Inserted(_, buyer) | Compute::Updated { new: (_, buyer), .. } => {
                buyer.standing.undecided().map(|order| order.id.clone()).ok_or(buyer.clone())
            }
            Compute::Removed(_, buyer) => Err(buyer.clone()),
        }
    }

    /// Holds a unit for a claimed order, of those that may be promised.
    ///
    /// # Errors
    /// No unit is free, or the order was decided while we looked.
    pub fn hold(&self, phone: &Phone, id: &OrderId, preheat: PreheatRatio) -> Result<(), NotHeld> {
        if !self.stock.hold_if_free(preheat) {
            return Err(NotHeld::SoldOut);
        }
        if self.apply(phone, &Event::Hold(id)).is_none() {
            self.stock.give_back();
            return Err(NotHeld::Decided);
        }
        Ok(())
    }

    /// Undoes a claim whose order definitely isn't in the queue, and gives its unit back if it held
    /// one. Does nothing when the order was decided meanwhile.
    pub fn abandon(&self, phone: &Phone, id: &OrderId) {
        if self.apply(phone, &Event::Abandon(id)) == Some(Unit::Released) {
            self.stock.give_back();
        }
    }

    /// The order is durable in the queue.
    pub fn confirm(&self, phone: &Phone, id: &OrderId) {
        self.apply(phone, &Event::Confirm(id));
    }

    /// It is unknown whether the queue has the order. False when it was decided meanwhile, so that
    /// the queue had it.
    pub fn mark_unconfirmed(&self, phone: &Phone, id: &OrderId) -> bool {
        self.apply(phone, &Event::Doubt(id)).is_some()
    }

    /// Takes over an undecided order with its unit; false when the buyer has one already.
    pub(super) fn adopt(&self, phone: &Phone, order: &Undecided, found: Found) -> bool {
        self.stock.hold_anyway(1);
        let is_adopted = self.apply(phone, &Event::Adopt(order, found)).is_some();
        if !is_adopted {
            self.stock.give_back();
        }
        is_adopted
    }

    /// Applies a decision of the order side. True when it ends a hold of this gateway, whose unit
    /// the caller then settles with the next stock figure.
    pub fn decide(&self, decision: &Decision) -> bool {
        let (id, live) = (&decision.order_id, decision.live_order_id.as_ref());
        let decided = match decision.outcome {
            Outcome::Placed | Outcome::Duplicate => Decided::Live(live.unwrap_or(id)),
            // The next attempt's number must rise: under the id of a decided order nothing is ever
            // decided again. Should the order be live after all, the order role sets the next one
            // aside as its duplicate.
            Outcome::Failed | Outcome::Other => Decided::Failed,
        };
        let unit = self.apply(&decision.phone, &Event::Decide(id, decided));
        unit == Some(Unit::Settled)
    }

    /// Forgets what was decided, when the order side starts over with another database. Undecided
    /// orders stay: they are in the queue whatever the database says.
    pub fn forget_decided(&self) {
        self.buyers.pin().retain(|_, buyer| step(buyer, &Event::Forget).is_none());
    }

    /// Changes a buyer's standing by an event: the only way in which an entry of the map changes,
    /// but for the claim, which makes its event of what it finds. What becomes of the order's unit;
    /// `None` when nothing changed.
    fn apply(&self, phone: &Phone, event: &Event<'_, Arc<Ticket>>) -> Option<Unit> {
        let (buyers, new) = (self.buyers.pin(), Buyer::NEW);
        let change = buyers.compute(phone.clone(), |entry| {
            match step(entry.map_or(&new, |(_, buyer)| buyer), event) {
                None => Operation::Abort(()),
                Some(after) if after.buyer.is_new() && entry.is_some() => Operation::Remove,
                Some(after) => Operation::Insert(after.buyer),
            }
        });
        let before = match change {
            Compute::Aborted(()) => return None,
            Compute::Inserted(..) => &new,
            Compute::Updated { old: (_, before), .. } | Compute::Removed(_, before) => before,
        };
        // The map may have tried more than once. As a step depends on nothing but the two, this is
        // the one that it took.
        step(before, event).map(|step| step.unit)
    }

    /// Undecided orders that hold a unit and were accepted before `bound`: how many, and when the
    /// oldest was. Looks at every buyer, so it is not for every moment.
    #[must_use]
    pub fn waiting_since_before(&self, bound: EpochMs) -> (u64, Option<EpochMs>) {
        if self.stock.figures().held == 0 {
            return (0, None);
        }
        let buyers = self.buyers.pin();
        let accepted = buyers.values().filter_map(|buyer| buyer.standing.undecided());
        let late = accepted.map(|order| order.asked_at).filter(|at| *at < bound);
        late.fold((0, None), |(count, oldest), at| {
            (count + 1, Some(oldest.map_or(at, |oldest: EpochMs| oldest.min(at))))
        })
    }

    /// Every undecided order with its buyer, those left out that hold no unit yet. Looks at every
    /// buyer: for an operator's question, not for a buyer's.
    #[must_use]
    pub fn undecided(&self) -> Vec<(Phone, Standing)> {
        if self.stock.figures().held == 0 {
            return Vec::new();
        }
        let buyers = self.buyers.pin();
        let holding = buyers.iter().filter(|(_, buyer)| buyer.standing.holds_unit());
        holding.map(|(phone, buyer)| (phone.clone(), buyer.standing.clone())).collect()
    }

    /// Undecided orders that should hold a unit each: for the tests that count.
    #[cfg(test)]
    pub(crate) fn holders(&self) -> usize {
        self.buyers.pin().values().filter(|buyer| buyer.standing.holds_unit()).count()
    }

    /// Whether the order is still unconfirmed.
    #[must_use]
    pub fn is_unconfirmed(&self, phone: &Phone, id: &OrderId) -> bool {
        self.buyer(phone).is_some_and(
            |buyer| matches!(&buyer.standing, Standing::Unconfirmed(order) if order.id == *id),
        )
    }
}

/// Why a claimed order holds no unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotHeld {
    /// None is free.
    SoldOut,
    /// The same order came by another gateway and is decided: the buyer's standing gives the
    /// answer.
    Decided,
}

impl Card {
    fn of(product: &ProductState) -> Self {
        Self { name: product.prod_name.clone(), terms: product.terms }
    }
}
