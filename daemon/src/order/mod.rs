//! The order role: takes deliveries from the queue, places them in batches, and answers what became
//! of them. The rules are in `domain::batch`; the store gathers the facts and writes what they
//! say.

mod placement;
pub(crate) mod query;
pub mod routes;
mod tally;

pub use placement::StoreDecider;
pub use query::StoreOrderSide;
pub use tally::Tally;
