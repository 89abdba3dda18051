//! The one interface between the roles besides the topic: what was decided, and how a buyer's order
//! stands. Served by the store when both roles are in this process, by HTTP when they are not.

use protocol::{DecisionsPage, Phone, ProdId, QueryData, Seq};
use tokio::sync::watch;

use super::{BoxFuture, Cause};

/// How the order side knows a buyer's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderLookup {
    /// This is how it stands.
    Found(Box<QueryData>),
    /// No order, and nothing is left in the queue that could become one.
    Never,
    /// No order yet, but messages are still in the queue, or it isn't known whether any are.
    NotYet,
}

/// The order role, as a gateway sees it.
pub trait OrderSide: Send + Sync + 'static {
    /// Decisions after `after`, with the products of the same moment.
    ///
    /// # Errors
    /// The order side can't be asked; the text is for the log.
    fn decisions(&self, after: Seq) -> BoxFuture<'_, Result<DecisionsPage, Cause>>;

    /// How this buyer's order for the product stands.
    ///
    /// # Errors
    /// The order side can't be asked; the text is for the log.
    fn find<'a>(
        &'a self,
        prod_id: &'a ProdId,
        phone: &'a Phone,
    ) -> BoxFuture<'a, Result<OrderLookup, Cause>>;

    /// Changes whenever there is something new to ask for; `None` when only asking tells.
    fn changes(&self) -> Option<watch::Receiver<u64>>;
}
