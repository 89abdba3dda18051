//! What operators look through: orders wherever they stand in a store, decided ones for an export,
//! one order's history, dead letters. Lists come in pages; `after` takes what the page before gave
//! as `next`. What every store owes here is held by `contract::lists`.
//!
//! Entries are `protocol`'s views as they are shown, and no values of the domain's own: each would
//! be its view field by field, and a view is made where the row is read, so that a whole phone
//! number never leaves the store in a list, and in an export only where its filter says so. A page
//! is the domain's: what a list lacks (`unlisted` of the shown page) is known to no store. So are
//! the steps of a history, whose sentences are made where they are shown.

use std::collections::HashSet;

use protocol::{
    DeadLetterView, EpochMs, ExportedOrder, Money, OrderId, OrderState, OrderView, Phone, ProdId,
    Seq, StepKind,
};

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
    pub prod_id: Option<ProdId>,
    /// Only those of this buyer: the whole phone number.
    pub phone: Option<Phone>,
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

/// Which decided orders to export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportFilter {
    /// Only those that were decided after this number.
    pub after: Seq,
    /// Only those up to this one; `None` for all there are.
    pub up_to: Option<Seq>,
    /// Only those that ended so.
    pub state: Option<OrderState>,
    /// Only those for this product.
    pub prod_id: Option<ProdId>,
    /// Only those that were decided at this time or later.
    pub since: Option<EpochMs>,
    /// Only those that were decided before this time.
    pub until: Option<EpochMs>,
    /// How phone numbers leave the store.
    pub phones: Phones,
}

/// How phone numbers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phones {
    /// With their middles hidden.
    #[default]
    Masked,
    /// Whole as well.
    Whole,
}

/// A page of decided orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// By their numbers, rising.
    pub orders: Vec<ExportedOrder>,
    /// Every decision up to this number was looked at: what to give as `after` to go on.
    pub up_to: Seq,
    /// The newest decision of the same moment.
    pub head: Seq,
}

/// An order with all that is known of its way, and what is shown of it on demand only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderDetail {
    /// The order as it is now.
    pub order: OrderView,
    /// The buyer's whole phone number; `None` where it isn't known.
    pub phone: Option<Phone>,
    /// What happened to it, in sequence. A step whose time isn't recorded stays behind the step
    /// before it.
    pub steps: Vec<Step>,
}

/// One step of an order's way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// When; `None` where that isn't recorded.
    pub at: Option<EpochMs>,
    /// What happened.
    pub what: Happened,
}

/// What can happen to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// The buyer asked.
    Accepted {
        /// For this product.
        prod_id: ProdId,
        /// For so much; `None` when what the sender wrote is no amount.
        price: Option<Money>,
    },
    /// The queue had it durably.
    Queued,
    /// Its send's result became unknown.
    Unconfirmed {
        /// So many tries were made.
        tries: u32,
        /// Why the last one had no result.
        cause: String,
    },
    /// Deciding it failed unexpectedly; it is tried again.
    PutOff {
        /// So many tries were made.
        attempts: u32,
        /// Why the last one failed.
        cause: String,
        /// When the next is made.
        next: EpochMs,
    },
    /// It was set aside as a dead letter.
    SetAside {
        /// The letter's number.
        letter: u64,
        /// How often the message was delivered again before.
        redeliveries: u32,
        /// Why it was set aside.
        reason: String,
    },
    /// An operator resent its dead letter of this number.
    Resent(u64),
    /// An operator discarded its dead letter of this number.
    Discarded(u64),
    /// It got a unit.
    Placed {
        /// Of the product of this name; its id where the name isn't known.
        product: String,
    },
    /// It got none.
    Failed {
        /// Why, where that is recorded.
        reason: Option<String>,
    },
    /// It was set aside because its buyer had this live order.
    Duplicate(OrderId),
    /// This further order of the buyer was set aside because of it.
    DuplicateSetAside(OrderId),
    /// It was delivered.
    Finished,
}

impl Happened {
    /// The step's kind, as it stands in JSON.
    #[must_use]
    pub const fn kind(&self) -> StepKind {
        match self {
            Self::Accepted { .. } => StepKind::Accepted,
            Self::Queued => StepKind::Queued,
            Self::Unconfirmed { .. } => StepKind::Unconfirmed,
            Self::PutOff { .. } => StepKind::PutOff,
            Self::SetAside { .. } => StepKind::SetAside,
            Self::Resent(_) => StepKind::Resent,
            Self::Discarded(_) => StepKind::Discarded,
            Self::Placed { .. } => StepKind::Placed,
            Self::Failed { .. } => StepKind::Failed,
            Self::Duplicate(_) => StepKind::Duplicate,
            Self::DuplicateSetAside(_) => StepKind::DuplicateSetAside,
            Self::Finished => StepKind::Finished,
        }
    }
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

    /// Decided orders that fit `filter`, by their numbers: up to `limit` (1 to [`PAGE_MAX`]). All
    /// of a page is of one moment, and a number that was passed never comes to hold another order.
    /// The last page is the one whose `up_to` is its `head`, or the filter's `up_to`.
    ///
    /// # Errors
    /// The store can't be read.
    fn decided(
        &self,
        filter: ExportFilter,
        limit: usize,
    ) -> BoxFuture<'_, Result<Exported, ReadError>>;

    /// What is known of the order of this id; `None` when the store has nothing of it.
    ///
    /// # Errors
    /// The store can't be read.
    fn order<'a>(
        &'a self,
        order_id: &'a OrderId,
    ) -> BoxFuture<'a, Result<Option<OrderDetail>, ReadError>>;

    /// Those of these orders that stand in the store, wherever.
    ///
    /// # Errors
    /// The store can't be read.
    fn standing_among(
        &self,
        order_ids: Vec<OrderId>,
    ) -> BoxFuture<'_, Result<HashSet<OrderId>, ReadError>>;

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
