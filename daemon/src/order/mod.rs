//! The order role: takes deliveries from the queue and has them placed in batches, and answers what
//! became of them. The rules are in `domain::ordering`, their storing is in `store`.

mod placement;
pub(crate) mod query;
pub mod routes;
mod tally;

pub use placement::StorePlacer;
pub use query::OrderBook;
pub use tally::Tally;
