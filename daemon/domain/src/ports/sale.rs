//! The sale's data: products with their books, orders with their decisions and outcomes.

use std::fmt;

use protocol::{EpochMs, Money, OrderStatus, Reason};

/// An order, decided or still queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRow {
    /// Its id.
    pub order_id: String,
    /// The product.
    pub prod_id: String,
    /// The product's name; empty when the product is unknown.
    pub prod_name: String,
    /// The buyer.
    pub user_phone: String,
    /// Where it stands.
    pub status: OrderStatus,
    /// Why it failed.
    pub reason: Option<Reason>,
    /// The amount; `None` when what the sender wrote is no amount.
    pub charge_money: Option<Money>,
    /// When the buyer asked.
    pub charge_time: EpochMs,
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
    pub prod_id: String,
    /// Its name.
    pub prod_name: String,
    /// What a unit costs.
    pub price: Money,
    /// Units to sell.
    pub stock: u32,
}

/// A product's books. They are kept in two places, which must agree: in the product's row and in
/// the rows of its live orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// The product's id.
    pub prod_id: String,
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
