//! What the roles ask of the parts that do I/O, as traits with their values. `queue`: sending
//! orders, taking them, how many wait. `broker`: what a queue outside of this process has besides.
//! `embedded`: the table of a queue inside of it. `notebook`: what a process keeps for itself.
//! `sale`: the sale's data. `resent`: its dead letters on their way back. `order_side`: what a
//! gateway asks of the order role. `desk`: what operators do, `lists`: what they look through. A
//! port's error (`fault`) says whether it was done, not done, or is unknown; the text in it is for
//! people. `contract` has the tests that every implementation runs.

mod account;
mod broker;
#[cfg(any(test, feature = "testing"))]
#[expect(missing_docs, clippy::unwrap_used, reason = "what tests of several crates share")]
pub mod contract;
pub mod desk;
pub mod embedded;
mod fault;
pub mod findings;
pub mod lists;
pub mod notebook;
pub mod order_side;
mod queue;
pub mod resent;
mod sale;
mod taking;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

pub use account::{Account, AccountKey, Credentials};
pub use broker::{Broker, BrokerWay, Connection, QueueHealth, SeenBroker, Tried};
pub use fault::{ReadError, WriteError};
pub use queue::{
    Blame, Consuming, Decider, Delivery, Ended, Knowledge, Lag, LagReader, Outgoing, Pending,
    Producer, Published, Queue, QueueLag,
};
pub use sale::{Balance, DecidedAfter, OrderRow, Sale, Seed};
pub use taking::{Look, TakingLimits};

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
