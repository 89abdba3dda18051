//! The gateway role: takes charges and queries from buyers, holds cached stock, publishes orders
//! and remembers what became of them. It never opens the order tables: what was decided reaches it
//! through `OrderSide`, in one process or over HTTP.

pub mod book;
pub mod charge;
pub mod claim;
pub mod confirmer;
pub mod opening;
pub mod order_node;
pub mod outcomes;
pub mod publisher;
pub mod query;
pub mod refresh;
pub mod routes;
pub mod tally;
pub mod ticket;

#[cfg(test)]
pub(crate) mod testing;
