//! What the roles ask of the parts that do I/O, as traits with their values. `queue`: sending
//! orders, taking them, how many wait. `sale`: the sale's data. `order_side`: what a gateway asks
//! of the order role. `desk`: what operators do, `lists`: what they look through. A port's error
//! (`fault`) says whether it was done, not done, or is unknown; the text in it is for people.

mod account;
#[cfg(any(test, feature = "testing"))]
#[expect(missing_docs, clippy::unwrap_used, reason = "what tests of several crates share")]
pub mod contract;
pub mod desk;
mod fault;
pub mod findings;
pub mod lists;
pub mod order_side;
mod queue;
mod sale;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

pub use account::{Account, AccountKey, Credentials};
pub use fault::{ReadError, WriteError};
pub use queue::{
    Blame, Consuming, Delivery, Lag, LagReader, Outgoing, Pending, Placer, Producer, Published,
    QueueLag,
};
pub use sale::{Balance, DecidedAfter, OrderRow, Sale, Seed};

/// A boxed future, for traits that are used as objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why something couldn't be done: for the log and the admin views, never for a buyer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause(pub String);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
