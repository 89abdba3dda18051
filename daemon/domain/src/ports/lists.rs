//! What operators look through: orders wherever they stand in a store, one order's history, dead
//! letters. Lists come in pages; `after` takes what the page before gave as `next`.
//!
//! Entries are `protocol`'s views as they are shown, and no values of the domain's own: each would
//! be its view field by field, and a view is made where the row is read, so that a whole phone
//! number never leaves the store in a list. A page is the domain's: what a list lacks (`unlisted`
//! of the shown page) is known to no store.

use std::collections::HashSet;

use protocol::{DeadLetterView, OrderHistory, OrderState, OrderView};

use super::{BoxFuture, ReadError};
use crate::order_id::IdPrefix;

/// Entries of the longest page; a request for more gets so many.
pub const PAGE_MAX: usize = 500;

/// Why a list can't be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// `after` is nothing that a page of this list gave as `next`.
    #[error("`after` is no cursor of this list")]
    Cursor,
    /// The store can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Which orders to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderFilter {
    /// Only those that stand there.
    pub state: Option<OrderState>,
    /// Only those for this product.
    pub prod_id: Option<String>,
    /// Only those of this buyer: the whole phone number.
    pub phone: Option<String>,
    /// Only those whose id begins so.
    pub id: Option<IdPrefix>,
}

/// A page of orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orders {
    /// The orders. A page may hold fewer than asked for and still not be the last: a filter that
    /// fits little is looked for a bounded way at a time.
    pub orders: Vec<OrderView>,
    /// What to give as `after` to go on; `None` on the last page.
    pub next: Option<String>,
}

/// An order's history, and what is shown of it on demand only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderDetail {
    /// The history, without the phone number.
    pub history: OrderHistory,
    /// The buyer's whole phone number; `None` where it isn't known.
    pub phone: Option<String>,
}

/// A page of dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letters {
    /// Those that nobody has dealt with.
    pub dead_letters: Vec<DeadLetterView>,
    /// What to give as `after` to go on; `None` on the last page.
    pub next: Option<String>,
    /// How many there are in all.
    pub total: u64,
    /// The number of the newest of them; `None` when there are none.
    pub newest: Option<u64>,
}

/// The lists of a store.
pub trait Lists: Send + Sync + 'static {
    /// Orders that fit `filter`, newest first: up to `limit` (1 to [`PAGE_MAX`]) after `after`.
    /// First those that wait in a queue of the store's own, then sends whose result is unknown and
    /// dead letters, then decided ones; duplicates come last, and only when they, one buyer or an
    /// id are asked for. An order that moves on between two pages may be in both, but is in one.
    /// What is in no store, such as an order that waits in a broker, is for the caller to add.
    ///
    /// # Errors
    /// See [`ListError`].
    fn orders<'a>(
        &'a self,
        filter: OrderFilter,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Orders, ListError>>;

    /// What is known of the order of this id; `None` when the store has nothing of it.
    ///
    /// # Errors
    /// The store can't be read.
    fn order<'a>(
        &'a self,
        order_id: &'a str,
    ) -> BoxFuture<'a, Result<Option<OrderDetail>, ReadError>>;

    /// Those of these orders that stand in the store, wherever.
    ///
    /// # Errors
    /// The store can't be read.
    fn standing_among(
        &self,
        order_ids: Vec<String>,
    ) -> BoxFuture<'_, Result<HashSet<String>, ReadError>>;

    /// The messages that nobody has dealt with, oldest first: up to `limit` (1 to [`PAGE_MAX`])
    /// after `after`. Their content is masked and cut.
    ///
    /// # Errors
    /// See [`ListError`].
    fn dead_letters<'a>(
        &'a self,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Letters, ListError>>;
}
