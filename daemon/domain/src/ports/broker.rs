//! What a queue outside of this process has beyond the queue itself: brokers that may be away, an
//! account with them, dead letters of their own.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Account, BoxFuture, Cause};

/// The state of the way to the brokers, in sentences that tell what is wrong and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueHealth {
    /// What keeps orders from being sent or placed, with what to do about it.
    pub degraded: Vec<String>,
    /// What works but isn't as it should be.
    pub warnings: Vec<String>,
    /// Whether orders can be sent; false as well when nobody asked for a producer.
    pub producer_ready: bool,
    /// Whether deliveries come; false as well when nobody started the consumer or it is paused.
    pub consumer_running: bool,
}

/// What the brokers make of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// Each one that answers takes it, and one did.
    Taken,
    /// One refuses it; the sentence says what to mend.
    Refused(String),
    /// None answered in time: nothing is known of it.
    Unanswered,
}

/// How a connection is, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// Nothing is ready yet, and nothing is known to be wrong.
    Connecting,
    /// Orders can be sent or are consumed.
    Connected,
    /// Something keeps orders from being sent or placed.
    Degraded,
}

/// The way to the brokers, as it was seen last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerWay {
    /// How it is.
    pub connection: Connection,
    /// Whether orders can be sent.
    pub producer_ready: bool,
    /// Whether deliveries come.
    pub consumer_running: bool,
    /// The name servers of the configuration, `HOST:PORT` each.
    pub name_servers: Vec<String>,
    /// The topic of orders by its whole name.
    pub topic: String,
    /// The consumers' group by its whole name.
    pub group: String,
    /// The brokers that have a part of the topic.
    pub brokers: Vec<SeenBroker>,
}

/// One broker, as it was seen last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenBroker {
    /// Its name.
    pub name: String,
    /// `HOST:PORT`.
    pub address: String,
    /// The version that it says; `None` where that isn't known.
    pub version: Option<String>,
}

/// The brokers of a queue. Nothing here waits for them but [`Broker::try_account`].
pub trait Broker: Send + Sync {
    /// What such brokers are called in sentences.
    fn name(&self) -> &'static str;

    /// Follows the state of the way.
    fn health(&self) -> watch::Receiver<QueueHealth>;

    /// The way, for the views.
    fn way(&self) -> BrokerWay;

    /// Messages in the brokers' own dead-letter topic of our group, as it was seen last.
    ///
    /// # Errors
    /// Says why they couldn't be counted; they are then unknown, not 0.
    fn dead_letters(&self) -> Result<u64, Cause>;

    /// Who we are to the brokers at the moment.
    fn account(&self) -> Arc<Account>;

    /// Asks the brokers whether they take another account; nothing is changed. Bounded.
    fn try_account<'a>(&'a self, account: &'a Account) -> BoxFuture<'a, Tried>;

    /// Uses this account from now on, on the connections that are there.
    fn change_account(&self, account: Account);
}
