//! What a gateway knows of each product and of each buyer who asked for it: the shelf with its
//! price and units, and the buyer's standing. All of it can be rebuilt from the order side and the
//! queue.
//!
//! Reading takes no lock; a buyer's standing changes by compare-and-swap in one place per event:
//!
//! ```text
//! (none / Open) --claim--> Claimed --hold--> Publishing --stored--> Queued --placed--> Live
//!       ^                     |               |   |                   ^  |
//!       |<------abandon-------+---------------+   +----unknown--> Unconfirmed
//!       |<----------------------failed--------------------------------+--+
//! ```
//!
//! Publishing, Queued and Unconfirmed hold one unit of the shelf's stock each; Claimed doesn't yet.
//! A decision may arrive at any of them: another gateway may have published the same order.

mod apart;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::{ArcSwap, Guard};
use domain::order_id::{OrderId, OrderIdKey};
use domain::stock::DeskStock;
use papaya::{Compute, Operation};
use protocol::{Decision, EpochMs, Money, Outcome, ProductState};

use self::apart::Apart;
pub use self::apart::{APART_MAX, OTHER};
use crate::gateway::outcomes::Outcomes;
use crate::gateway::ticket::Ticket;

/// Standings that a thread replaces before it looks whether the old ones may be freed. Each look
/// interrupts all processors (`membarrier`), so it isn't done for every few buyers; a standing
/// takes about a hundred bytes.
const RETIRED_AT_ONCE: usize = 2_048;

/// Buyers still to come that a shelf has room for from the beginning.
const ROOM_FOR_MORE: u64 = 1 << 16;

/// Buyers in all, likewise: a map grows beyond that, at about ten bytes for each place.
const ROOM_MAX: u64 = 1 << 24;

/// All shelves of a gateway.
pub struct Book {
    shelves: ArcSwap<HashMap<Box<str>, Arc<Shelf>>>,
    products: ArcSwap<Vec<ProductState>>,
    key: OrderIdKey,
    meter_base: Instant,
    elsewhere: Outcomes,
}

/// The shelves of one moment.
pub struct Shelves(Guard<Arc<HashMap<Box<str>, Arc<Shelf>>>>);

impl Shelves {
    /// The shelf of a product.
    #[must_use]
    pub fn get(&self, prod_id: &str) -> Option<&Arc<Shelf>> {
        self.0.get(prod_id)
    }
}

/// One product: its card, its units and its buyers.
pub struct Shelf {
    prod_id: Box<str>,
    card: ArcSwap<Card>,
    /// Units, as this gateway knows them.
    pub stock: DeskStock,
    apart: Apart,
    buyers: papaya::HashMap<Box<str>, Buyer>,
}

/// What is written on the shelf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The product's name.
    pub name: String,
    /// Its price.
    pub price: Money,
    /// Whether it may be charged.
    pub on_shelf: bool,
}

/// A buyer at one shelf.
#[derive(Debug, Clone)]
pub struct Buyer {
    /// Orders of this buyer for this product that failed: the number of the next attempt.
    pub failures: u32,
    /// Where the newest order stands.
    pub standing: Standing,
}

/// Where a buyer's newest order stands.
#[derive(Debug, Clone)]
pub enum Standing {
    /// No order that counts: the buyer may charge.
    Open,
    /// This buyer's request is being looked at and holds no unit yet.
    Claimed(Undecided, Arc<Ticket>),
    /// On its way to the queue; the ticket gets the result.
    Publishing(Undecided, Arc<Ticket>),
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
    pub accepted_at: EpochMs,
}

impl Standing {
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

    fn is_of(&self, id: &OrderId) -> bool {
        self.undecided().is_some_and(|order| order.id == *id)
    }

    fn holds_unit_of(&self, id: &OrderId) -> bool {
        !matches!(self, Self::Claimed(..)) && self.is_of(id)
    }
}

impl Book {
    /// A book with no shelves yet.
    #[must_use]
    pub fn new(key: OrderIdKey) -> Self {
        Self::counting_from(key, Instant::now())
    }

    /// The shelf of a product.
    #[must_use]
    pub fn shelf(&self, prod_id: &str) -> Option<Arc<Shelf>> {
        self.shelves.load().get(prod_id).cloned()
    }

    /// All shelves as they are now, without changing a reference count. For a look, not to be kept.
    #[must_use]
    pub fn look(&self) -> Shelves {
        Shelves(self.shelves.load())
    }

    /// Every shelf.
    #[must_use]
    pub fn shelves(&self) -> Vec<Arc<Shelf>> {
        self.shelves.load().values().cloned().collect()
    }

    /// The products as the order side's last page had them.
    #[must_use]
    pub fn products(&self) -> Arc<Vec<ProductState>> {
        self.products.load_full()
    }

    /// The id of a buyer's next order.
    #[must_use]
    pub fn next_id(&self, prod_id: &str, user_phone: &str, failures: u32) -> OrderId {
        self.key.order_id(prod_id, user_phone, failures)
    }

    /// Takes over an undecided order found at start, in the queue or among the unconfirmed, and
    /// holds its unit. Returns false and holds nothing where the order is not the buyer's next one
    /// (it was decided meanwhile, or made with another key, or is known already): perhaps no
    /// decision would ever end that hold.
    pub fn adopt(&self, prod_id: &str, user_phone: &str, standing: &Standing) -> bool {
        let Some(shelf) = self.shelf(prod_id) else { return false };
        let failures = shelf.buyer(user_phone).map_or(0, |buyer| buyer.failures);
        let next = self.next_id(prod_id, user_phone, failures);
        standing.is_of(&next) && shelf.adopt(user_phone, standing)
    }

    /// Makes shelves for products that are new, and renews the cards of all. The units are renewed
    /// elsewhere, together with the holds that end (`DeskStock::refresh`).
    pub fn renew_cards(&self, products: &[ProductState]) {
        if **self.products.load() != products {
            self.products.store(Arc::new(products.to_vec()));
        }
        let known = self.shelves.load();
        let is_unknown = |product: &ProductState| !known.contains_key(product.prod_id.as_str());
        let mut shelf_changed = products.iter().any(is_unknown);
        if shelf_changed {
            self.shelves.rcu(|shelves| {
                let mut shelves = HashMap::clone(shelves);
                for product in products {
                    shelves
                        .entry(product.prod_id.as_str().into())
                        .or_insert_with(|| Arc::new(Shelf::new(product, self.meter_base)));
                }
                shelves
            });
        }
        for product in products {
            if let Some(shelf) = known.get(product.prod_id.as_str()) {
                shelf_changed |= shelf.terms().0 != product.on_shelf;
                shelf.renew_card(product);
            }
        }
        if shelf_changed {
            self.choose_apart(products);
        }
    }
}

/// An empty map of buyers by phone number, with room for the buyers who have the product and for
/// those who may still get it. Without this room papaya grows the map only when insertions pass
/// about a hundred taken places each: a start over a million orders took three times as long.
fn buyers(product: &ProductState) -> papaya::HashMap<Box<str>, Buyer> {
    let room = product.sold.saturating_add(product.stock.min(ROOM_FOR_MORE)).min(ROOM_MAX);
    papaya::HashMap::builder()
        .capacity(usize::try_from(room).unwrap_or(0))
        .collector(seize::Collector::new().batch_size(RETIRED_AT_ONCE))
        .build()
}

impl Shelf {
    fn new(product: &ProductState, meter_base: Instant) -> Self {
        Self {
            prod_id: product.prod_id.as_str().into(),
            card: ArcSwap::from_pointee(Card::of(product)),
            stock: DeskStock::default(),
            apart: Apart::new(meter_base),
            buyers: buyers(product),
        }
    }

    /// The product's id.
    #[must_use]
    pub fn prod_id(&self) -> &str {
        &self.prod_id
    }

    /// The card as it is now.
    #[must_use]
    pub fn card(&self) -> Arc<Card> {
        self.card.load_full()
    }

    /// Whether the product may be charged, and its price: the two that every charge looks at.
    #[must_use]
    pub fn terms(&self) -> (bool, Money) {
        let card = self.card.load();
        (card.on_shelf, card.price)
    }

    fn renew_card(&self, product: &ProductState) {
        let card = Card::of(product);
        if **self.card.load() != card {
            self.card.store(Arc::new(card));
        }
    }

    /// A buyer's standing; `None` for one who never ordered here.
    #[must_use]
    pub fn buyer(&self, user_phone: &str) -> Option<Buyer> {
        self.buyers.pin().get(user_phone).cloned()
    }

    /// Claims the buyer's next order for publication.
    ///
    /// # Errors
    /// The buyer already has an order here; the error is that buyer, whose standing gives the
    /// answer.
    pub fn claim(
        &self,
        user_phone: &str,
        next: impl Fn(u32) -> Standing,
    ) -> Result<OrderId, Buyer> {
        let buyers = self.buyers.pin();
        let change = buyers.compute(user_phone.into(), |entry| match entry {
            Some((_, buyer)) if !matches!(buyer.standing, Standing::Open) => {
                Operation::Abort(buyer.clone())
            }
            entry => {
                let failures = entry.map_or(0, |(_, buyer)| buyer.failures);
                Operation::Insert(Buyer { failures, standing: next(failures) })
            }
        });
        match change {
            Compute::Aborted(buyer) => Err(buyer),
            Compute::Inserted(_, buyer) | Compute::Updated { new: (_, buyer), .. } => {
                buyer.standing.undecided().map(|order| order.id.clone()).ok_or(buyer.clone())
            }
            Compute::Removed(_, buyer) => Err(buyer.clone()),
        }
    }

    /// Holds a unit for a claimed order.
    ///
    /// # Errors
    /// No unit is free, or the order was decided while we looked.
    pub fn hold(&self, user_phone: &str, id: &OrderId) -> Result<(), NotHeld> {
        if !self.stock.reserve() {
            return Err(NotHeld::SoldOut);
        }
        let held = self.step(user_phone, |buyer| match &buyer.standing {
            Standing::Claimed(order, ticket) if order.id == *id => {
                Some(Standing::Publishing(order.clone(), Arc::clone(ticket)))
            }
            _ => None,
        });
        if held.is_none() {
            self.stock.release();
            return Err(NotHeld::Decided);
        }
        Ok(())
    }

    /// Undoes a claim whose order definitely isn't in the queue, and gives its unit back if it held
    /// one. Does nothing when the order was decided meanwhile.
    pub fn abandon(&self, user_phone: &str, id: &OrderId) {
        let undone =
            self.step(user_phone, |buyer| buyer.standing.is_of(id).then_some(Standing::Open));
        if undone.is_some_and(|before| before.holds_unit_of(id)) {
            self.stock.release();
        }
    }

    /// The order is durable in the queue.
    pub fn confirm(&self, user_phone: &str, id: &OrderId) {
        self.step(user_phone, |buyer| match &buyer.standing {
            Standing::Publishing(order, _) | Standing::Unconfirmed(order) if order.id == *id => {
                Some(Standing::Queued(order.clone()))
            }
            _ => None,
        });
    }

    /// It is unknown whether the queue has the order. False when it was decided meanwhile, so that
    /// the queue had it.
    pub fn doubt(&self, user_phone: &str, id: &OrderId) -> bool {
        self.step(user_phone, |buyer| match &buyer.standing {
            Standing::Publishing(order, _) if order.id == *id => {
                Some(Standing::Unconfirmed(order.clone()))
            }
            _ => None,
        })
        .is_some()
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
        let late = accepted.map(|order| order.accepted_at).filter(|at| *at < bound);
        late.fold((0, None), |(count, oldest), at| {
            (count + 1, Some(oldest.map_or(at, |oldest: EpochMs| oldest.min(at))))
        })
    }

    /// Every undecided order with its buyer, those left out that hold no unit yet. Looks at every
    /// buyer: for an operator's question, not for a buyer's.
    #[must_use]
    pub fn undecided(&self) -> Vec<(String, Standing)> {
        if self.stock.figures().held == 0 {
            return Vec::new();
        }
        let buyers = self.buyers.pin();
        let holds = |standing: &Standing| {
            !matches!(standing, Standing::Claimed(..)) && standing.undecided().is_some()
        };
        let holding = buyers.iter().filter(|(_, buyer)| holds(&buyer.standing));
        holding.map(|(phone, buyer)| (phone.to_string(), buyer.standing.clone())).collect()
    }

    /// Undecided orders that should hold a unit each: for the tests that count.
    #[cfg(test)]
    pub(crate) fn holders(&self) -> usize {
        let buyers = self.buyers.pin();
        let holds = |buyer: &&Buyer| {
            !matches!(buyer.standing, Standing::Claimed(..)) && buyer.standing.undecided().is_some()
        };
        buyers.values().filter(holds).count()
    }

    /// Whether the order is still unconfirmed.
    #[must_use]
    pub fn is_unconfirmed(&self, user_phone: &str, id: &OrderId) -> bool {
        self.buyer(user_phone).is_some_and(
            |buyer| matches!(&buyer.standing, Standing::Unconfirmed(order) if order.id == *id),
        )
    }

    /// Takes over an undecided order with its unit; false when the buyer has one already.
    pub(super) fn adopt(&self, user_phone: &str, standing: &Standing) -> bool {
        let adopted = self.claim(user_phone, |_| standing.clone()).is_ok();
        if adopted {
            self.stock.hold(1);
        }
        adopted
    }

    /// Applies a decision of the order side. True when it ends a hold of this gateway, whose unit
    /// the caller then settles with the next stock figure.
    pub fn decide(&self, decision: &Decision) -> bool {
        let id = OrderId::from(decision.order_id.as_str());
        let buyers = self.buyers.pin();
        let change: Compute<'_, _, _, ()> = buyers
            .compute(decision.user_phone.as_str().into(), |entry| {
                Operation::Insert(after(entry.map(|(_, buyer)| buyer), &id, decision))
            });
        match change {
            Compute::Updated { old: (_, old), .. } => old.standing.holds_unit_of(&id),
            _ => false,
        }
    }

    /// Forgets what was decided, when the order side starts over with another database. Undecided
    /// orders stay: they are in the queue whatever the database says.
    pub fn forget_decided(&self) {
        self.buyers.pin().retain(|_, buyer| buyer.standing.undecided().is_some());
    }

    /// Changes a buyer's standing; gives back the one before, `None` when nothing changed.
    fn step(
        &self,
        user_phone: &str,
        step: impl Fn(&Buyer) -> Option<Standing>,
    ) -> Option<Standing> {
        let buyers = self.buyers.pin();
        let change = buyers.compute(user_phone.into(), |entry| {
            let Some((_, buyer)) = entry else { return Operation::Abort(()) };
            match step(buyer) {
                // A buyer without an order and without a failed one needs no entry.
                Some(Standing::Open) if buyer.failures == 0 => Operation::Remove,
                Some(standing) => Operation::Insert(Buyer { standing, ..*buyer }),
                None => Operation::Abort(()),
            }
        });
        match change {
            Compute::Updated { old: (_, before), .. } | Compute::Removed(_, before) => {
                Some(before.standing.clone())
            }
            _ => None,
        }
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
        Self { name: product.prod_name.clone(), price: product.price, on_shelf: product.on_shelf }
    }
}

/// The buyer after a decision on the order `id`.
fn after(before: Option<&Buyer>, id: &OrderId, decision: &Decision) -> Buyer {
    let failures = before.map_or(0, |buyer| buyer.failures);
    // A decision on another order of this buyer leaves our own order undecided.
    let ours_stands =
        before.filter(|buyer| buyer.standing.undecided().is_some_and(|order| order.id != *id));
    let live = || {
        let live_id = decision.live_order_id.as_deref().unwrap_or(&decision.order_id);
        Standing::Live(OrderId::from(live_id))
    };
    let (failures, decided) = match decision.outcome {
        Outcome::Placed | Outcome::Duplicate => (failures, live()),
        Outcome::Failed => (failures.saturating_add(1), Standing::Open),
    };
    let standing = ours_stands.map_or(decided, |buyer| buyer.standing.clone());
    Buyer { failures, standing }
}

#[cfg(test)]
mod tests;
