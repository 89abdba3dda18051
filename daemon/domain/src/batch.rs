//! A batch of orders, decided one after the other by the rules of `ordering`: what is known goes
//! in, what has to be written comes out. No SQL, no clock.
//!
//! [`Batch`] carries what one order changes for the next: units left, the number of the newest
//! decision, the outcomes. A store that can look each order up goes step by step ([`Batch::next`]).
//! A store that gathers all facts first has the whole decided at once ([`Batch::decide`]), which is
//! the same steps over those facts.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use protocol::{
    EpochMs, Money, OrderId, OrderMessage, OrderStatus, Phone, ProdId, Reason, Seq, Terms,
};

use crate::ordering::{self, Facts, Offer, Verdict};
use crate::outcomes::Outcomes;
use crate::terms::Window;

#[cfg(test)]
mod tests;

/// A readable order that may have been decided before.
#[derive(Debug, Clone)]
pub struct Candidate<'m> {
    /// What was ordered.
    pub message: Cow<'m, OrderMessage>,
    /// When the buyer asked.
    pub asked_at: EpochMs,
    /// When the queue had it, where that is known.
    pub queued_at: Option<EpochMs>,
}

impl Candidate<'_> {
    /// The same, its message borrowed.
    #[must_use]
    pub fn lent(&self) -> Candidate<'_> {
        let Self { message, asked_at, queued_at } = self;
        let message = Cow::Borrowed(&**message);
        Candidate { message, asked_at: *asked_at, queued_at: *queued_at }
    }

    /// The amount, if what the sender wrote is one.
    #[must_use]
    pub fn charge_money(&self) -> Option<Money> {
        Money::parse(&self.message.charge_money).ok()
    }
}

/// A product as the store has it when the batch meets it first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Its name, which is kept with each order.
    pub name: String,
    /// What it is sold at, and when.
    pub terms: Terms,
    /// The windows that it has had on the shelf. Where it has no bound now they decide nothing, and
    /// needn't be here.
    pub windows: Vec<Window>,
    /// Units not sold.
    pub stock: u64,
}

/// What a store knows of an order besides its product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known<'a> {
    /// It was looked up.
    Facts {
        /// Whether an order of this id is decided.
        decided: bool,
        /// The id of the buyer's live order for the product, if there is one.
        live_order_id: Option<&'a OrderId>,
    },
    /// It wasn't looked up. The order is judged as a new one of a buyer without a live order. Only
    /// a store whose constraints refuse the row where that is wrong may ask so.
    NotAsked,
}

/// What has to be written for an order.
#[derive(Debug, Clone, Copy)]
pub enum Write<'b> {
    /// A row among the orders.
    Order(NewOrder<'b>),
    /// A row among those set aside, and one more counted at the buyer's live order.
    SetAside(SetAside<'b>),
}

/// An order that is placed or has failed.
#[derive(Debug, Clone, Copy)]
pub struct NewOrder<'b> {
    /// The order.
    pub candidate: &'b Candidate<'b>,
    /// The decision's number.
    pub seq: Seq,
    /// Placed or failed.
    pub status: OrderStatus,
    /// Why it failed.
    pub reason: Option<Reason>,
}

/// An order of a buyer who has a live one.
#[derive(Debug, Clone, Copy)]
pub struct SetAside<'b> {
    /// The order.
    pub candidate: &'b Candidate<'b>,
    /// The decision's number.
    pub seq: Seq,
    /// The buyer's live order.
    pub live_order_id: &'b OrderId,
}

/// A product as the batch sees it.
#[derive(Debug)]
struct Counted {
    product: Product,
    /// Units that the batch gave away.
    sold: u64,
}

/// How far a batch is decided.
#[derive(Debug)]
pub struct Batch {
    now: EpochMs,
    /// The newest decision's number.
    head: Seq,
    /// By id; `None` where no product has the id.
    products: HashMap<ProdId, Option<Counted>>,
    outcomes: Outcomes,
    waits_ms: Vec<i64>,
}

impl Batch {
    /// A batch that is decided at `now`, after the decision of number `head`.
    #[must_use]
    pub fn new(now: EpochMs, head: Seq) -> Self {
        let (products, outcomes) = (HashMap::new(), Outcomes::default());
        Self { now, head, products, outcomes, waits_ms: Vec::new() }
    }

    /// Whether the product of this id was looked up.
    #[must_use]
    pub fn has_met(&self, prod_id: &ProdId) -> bool {
        self.products.contains_key(prod_id)
    }

    /// Takes in what was looked up of a product: `None` where no product has this id.
    pub fn meet(&mut self, prod_id: &ProdId, product: Option<Product>) {
        let counted = product.map(|product| Counted { product, sold: 0 });
        self.products.insert(prod_id.clone(), counted);
    }

    /// What becomes of an order. Its product must have been met; one that wasn't counts as unknown.
    #[must_use]
    pub fn judge<'k>(&self, candidate: &'k Candidate<'_>, known: Known<'k>) -> Verdict<'k> {
        let order = &*candidate.message;
        let counted = self.products.get(&order.prod_id).and_then(Option::as_ref);
        let product = counted.map(|Counted { product, sold }| Offer {
            terms: product.terms,
            windows: &product.windows,
            stock: product.stock.saturating_sub(*sold),
        });
        let (decided, live_order_id) = match known {
            Known::Facts { decided, live_order_id } => (decided, live_order_id),
            Known::NotAsked => (false, None),
        };
        let charge_money = order.charge_money.as_str();
        let asked_at = candidate.asked_at;
        ordering::decide(&Facts { decided, live_order_id, product, charge_money, asked_at })
    }

    /// What a verdict has a store write, under the next number; `None` where nothing changes.
    #[must_use]
    pub fn write<'b>(
        &self,
        candidate: &'b Candidate<'b>,
        verdict: Verdict<'b>,
    ) -> Option<Write<'b>> {
        let seq = self.head.next();
        let order =
            |status, reason| Some(Write::Order(NewOrder { candidate, seq, status, reason }));
        match verdict {
            Verdict::AlreadyDecided => None,
            Verdict::DuplicateOrder { live_order_id } => {
                Some(Write::SetAside(SetAside { candidate, seq, live_order_id }))
            }
            Verdict::Fail(reason) => order(OrderStatus::Failed, Some(reason)),
            Verdict::Place => order(OrderStatus::Placed, None),
        }
    }

    /// Counts a verdict, which the orders after it have to go by.
    pub fn enter(&mut self, candidate: &Candidate<'_>, verdict: Verdict<'_>) {
        match verdict {
            Verdict::AlreadyDecided => {
                self.outcomes.duplicate_deliveries += 1;
                return;
            }
            Verdict::DuplicateOrder { .. } => self.outcomes.duplicate_orders += 1,
            Verdict::Fail(reason) => self.outcomes.fail(reason),
            Verdict::Place => {
                let counted = self.products.get_mut(&candidate.message.prod_id);
                if let Some(counted) = counted.and_then(Option::as_mut) {
                    counted.sold += 1;
                }
                self.outcomes.placed += 1;
                self.waits_ms.push(self.now.0.saturating_sub(candidate.asked_at.0));
            }
        }
        self.head = self.head.next();
    }

    /// Decides the next order: its verdict counts, and is to be written as it says.
    pub fn next<'b>(
        &mut self,
        candidate: &'b Candidate<'b>,
        known: Known<'b>,
    ) -> Option<Write<'b>> {
        let verdict = self.judge(candidate, known);
        let write = self.write(candidate, verdict);
        self.enter(candidate, verdict);
        write
    }

    /// Decides a whole batch by what was known before it.
    #[must_use]
    pub fn decide<'b>(before: Before<'b>, candidates: &'b [Candidate<'b>]) -> Writes<'b> {
        let Before { now, head, products, mut decided, mut live } = before;
        let mut batch = Self::new(now, head);
        for (prod_id, product) in products {
            batch.meet(prod_id, Some(product));
        }
        let mut orders = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            let order = &*candidate.message;
            let buyer = (&order.prod_id, &order.phone);
            let live_order_id = live.get(&buyer).copied();
            let is_decided = !decided.insert(&order.order_id);
            let write = batch.next(candidate, Known::Facts { decided: is_decided, live_order_id });
            if let Some(Write::Order(NewOrder { status: OrderStatus::Placed, .. })) = write {
                live.insert(buyer, &order.order_id);
            }
            orders.extend(write);
        }
        Writes { orders, batch }
    }

    /// The moment of the batch.
    #[must_use]
    pub const fn now(&self) -> EpochMs {
        self.now
    }

    /// The name of the order's product; empty where there is none.
    #[must_use]
    pub fn name_of(&self, candidate: &Candidate<'_>) -> &str {
        let counted = self.products.get(&candidate.message.prod_id).and_then(Option::as_ref);
        counted.map_or("", |counted| counted.product.name.as_str())
    }

    /// Each product of which units were given away, and how many.
    pub fn sold(&self) -> impl Iterator<Item = (&ProdId, u64)> {
        self.products.iter().filter_map(|(prod_id, counted)| {
            let sold = counted.as_ref()?.sold;
            (0 < sold).then_some((prod_id, sold))
        })
    }

    /// How its orders ended.
    #[must_use]
    pub const fn outcomes(&self) -> &Outcomes {
        &self.outcomes
    }

    /// Of each order placed, milliseconds since its buyer asked.
    #[must_use]
    pub fn waits_ms(&self) -> &[i64] {
        &self.waits_ms
    }
}

/// What a store knows before a batch, of the orders in it.
#[derive(Debug)]
pub struct Before<'b> {
    /// The moment of the batch.
    pub now: EpochMs,
    /// The newest decision's number.
    pub head: Seq,
    /// Those of the orders' products that there are, by id.
    pub products: HashMap<&'b ProdId, Product>,
    /// Those of the orders' ids that are decided.
    pub decided: HashSet<&'b OrderId>,
    /// The buyers' live orders, by product and buyer.
    pub live: HashMap<(&'b ProdId, &'b Phone), &'b OrderId>,
}

/// What a batch has a store write.
#[derive(Debug)]
pub struct Writes<'b> {
    /// Of each order that is decided now, in the sequence of the numbers.
    pub orders: Vec<Write<'b>>,
    /// The batch at its end: units sold, outcomes, waits, the names of products.
    pub batch: Batch,
}
