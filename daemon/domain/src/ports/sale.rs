//! The sale's data: products with their books, orders with their decisions and outcomes. What every
//! store of it owes is held by `contract::sale`.

use std::fmt;

use protocol::{
    Decision, EpochMs, Money, OrderId, OrderStatus, Phone, ProdId, ProductState, Reason, Seq, Terms,
};
use tokio::sync::watch;

use super::{BoxFuture, Delivery, ReadError, WriteError};
use crate::outcomes::Outcomes;

/// The store of the sale, as the order role and those who show the state see it.
pub trait Sale: Send + Sync + 'static {
    /// Decides every delivery by the rules of [`batch`](crate::batch), all in one transaction, and
    /// answers after its commit. Malformed deliveries, and those that fail by themselves for an
    /// unexpected reason, become dead letters in the same transaction.
    ///
    /// # Errors
    /// The store failed; unless it is [`WriteError::Unknown`], nothing was decided. Either way the
    /// same deliveries can be given again.
    fn decide(&self, deliveries: Vec<Delivery>) -> BoxFuture<'_, Result<Outcomes, WriteError>>;

    /// Up to `limit` decisions after number `after`, oldest first, with the newest number and every
    /// product, all of one moment. Decisions become visible in the sequence of their numbers, so
    /// none turns up later below a number that was seen.
    ///
    /// # Errors
    /// The store can't be read.
    fn decisions(&self, after: Seq, limit: usize)
    -> BoxFuture<'_, Result<DecidedAfter, ReadError>>;

    /// The buyer's order for the product: the live one, else one that isn't decided (in a queue of
    /// the store's own, or set aside as a dead letter that an operator may still resend), else the
    /// newest failed.
    ///
    /// # Errors
    /// The store can't be read; whether there is an order is then unknown.
    fn find<'a>(
        &'a self,
        prod_id: &'a ProdId,
        phone: &'a Phone,
    ) -> BoxFuture<'a, Result<Option<OrderRow>, ReadError>>;

    /// Every product, by id.
    ///
    /// # Errors
    /// The store can't be read.
    fn products(&self) -> BoxFuture<'_, Result<Vec<ProductState>, ReadError>>;

    /// The books of every product, by id, live orders counted now. That takes as long as units were
    /// sold, so it is not for every second.
    ///
    /// # Errors
    /// The store can't be read.
    fn books(&self) -> BoxFuture<'_, Result<Vec<Balance>, ReadError>>;

    /// All outcomes since the store was made.
    ///
    /// # Errors
    /// The store can't be read.
    fn outcomes(&self) -> BoxFuture<'_, Result<Outcomes, ReadError>>;

    /// How many messages are set aside and not dealt with.
    ///
    /// # Errors
    /// The store can't be read.
    fn dead_letter_count(&self) -> BoxFuture<'_, Result<u64, ReadError>>;

    /// Changes with each commit that decided an order or changed a product.
    fn changes(&self) -> watch::Receiver<u64>;
}

/// Decisions, and the products of the same moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedAfter {
    /// Names the store: numbers are comparable within one name only.
    pub store_id: String,
    /// The newest decision's number, 0 before the first.
    pub head: Seq,
    /// Those asked for, oldest first.
    pub decisions: Vec<Decision>,
    /// Every product, by id.
    pub products: Vec<ProductState>,
}

/// An order, decided or still queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRow {
    /// Its id.
    pub order_id: OrderId,
    /// The product.
    pub prod_id: ProdId,
    /// The product's name; empty when the product is unknown.
    pub prod_name: String,
    /// The buyer.
    pub phone: Phone,
    /// Where it stands.
    pub status: OrderStatus,
    /// Why it failed.
    pub reason: Option<Reason>,
    /// The amount; `None` when what the sender wrote is no amount.
    pub charge_money: Option<Money>,
    /// When the buyer asked.
    pub asked_at: EpochMs,
    /// When it was finished or failed.
    pub finish_time: Option<EpochMs>,
    /// When it got its unit.
    pub placed_at: Option<EpochMs>,
    /// Further orders of the buyer for the product that were set aside because of this one.
    pub duplicates: u64,
}

/// A product of the profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// The product's id.
    pub prod_id: ProdId,
    /// Its name.
    pub prod_name: String,
    /// What it is sold at and whether, from the beginning.
    pub terms: Terms,
    /// Units to sell.
    pub stock: u32,
}

/// A product's books. They are kept in two places, which must agree: in the product's row and in
/// the rows of its live orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// The product's id.
    pub prod_id: ProdId,
    /// Units at the start.
    pub initial: i64,
    /// Units added since (negative: withdrawn).
    pub added: i64,
    /// Units not sold.
    pub stock: i64,
    /// Units sold, as the product's row has it.
    pub sold: i64,
    /// Live orders, counted.
    pub live_orders: i64,
}

/// The figures, as a sentence for one that doesn't hold.
impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { prod_id, initial, added, stock, sold, live_orders } = self;
        write!(
            f,
            "{prod_id} is out of balance: initial {initial} + added {added}, stock {stock}, sold \
             {sold}, live orders {live_orders}"
        )
    }
}

impl Balance {
    /// Whether `initial + added = stock + live orders`, and the row's own figure says the same.
    #[must_use]
    pub const fn holds(&self) -> bool {
        self.initial + self.added == self.stock + self.live_orders && self.sold == self.live_orders
    }
}
