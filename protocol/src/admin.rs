//! What the admin socket shows of a running daemon. What can't be read is `null`, never 0.

use serde::{Deserialize, Serialize};

use crate::Money;

/// Where the process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Not serving yet.
    Starting,
    /// Serving.
    Serving,
    /// Finishing what is in flight.
    Stopping,
    /// Done.
    Stopped,
}

/// The whole state at one moment (`GET /v1/status`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// `seckilld`.
    pub name: String,
    /// The daemon's version.
    pub version: String,
    /// The profile: `embedded`, `offline` or `aliyun`.
    pub env_type: String,
    /// `gateway`, `order` or both.
    pub roles: Vec<String>,
    /// Where the process is in its life.
    pub phase: Phase,
    /// Seconds since the start.
    pub uptime_s: u64,
    /// What keeps it from full service, in sentences; empty when nothing does.
    pub degraded: Vec<String>,
    /// What works but an operator should know, such as a stranger in the consumer group.
    pub warnings: Vec<String>,
    /// Each product.
    pub products: Vec<ProductView>,
    /// The queue.
    pub queue: QueueView,
    /// Sends whose result is unknown; `None` without the gateway role.
    pub unconfirmed: Option<UnconfirmedView>,
    /// Each REST listener.
    #[serde(default)]
    pub edges: Vec<EdgeView>,
}

/// What came to one REST listener since the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeView {
    /// `gateway` or `order`.
    pub role: String,
    /// Connections open now.
    pub connections_open: u64,
    /// Requests whose head was read.
    pub requests: u64,
    /// Handlers that panicked; each was answered 500.
    pub panics: u64,
    /// Requests that didn't arrive in time.
    pub timeouts: u64,
    /// Requests over a limit of size.
    pub too_large: u64,
    /// Requests that were no HTTP.
    pub malformed: u64,
}

/// One product's stock, as the database and the desk have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductView {
    /// The product's id.
    pub prod_id: String,
    /// Its name.
    pub prod_name: String,
    /// Its price.
    pub price: Money,
    /// Whether it may be charged.
    pub on_shelf: bool,
    /// Units at the start.
    pub initial: u64,
    /// Units added since (negative: withdrawn).
    pub added: i64,
    /// Units not sold.
    pub stock: u64,
    /// Live orders.
    pub sold: u64,
    /// Units accepted and not yet decided; `None` where that can't be known.
    pub held: Option<u64>,
    /// `stock − held`; `None` where held is.
    pub free: Option<u64>,
    /// Whether `initial + added = stock + sold`.
    pub balanced: bool,
}

/// The queue between the roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueView {
    /// `embedded` or `rocketmq`.
    pub kind: String,
    /// Messages not yet consumed, waiting retries included.
    pub lag_messages: Option<u64>,
    /// Milliseconds since the oldest of them was queued.
    pub lag_age_ms: Option<u64>,
    /// Each queue's own part.
    #[serde(default)]
    pub queues: Vec<QueuePart>,
    /// Messages set aside with a reason; `None` without the order role.
    pub dead_letters: Option<u64>,
    /// Why something here is `None`.
    pub unreadable: Option<String>,
}

/// One queue's part of the lag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuePart {
    /// `embedded`, or broker, topic and number.
    pub name: String,
    /// Messages not yet consumed.
    pub lag_messages: u64,
    /// Milliseconds since the oldest of them was queued.
    pub lag_age_ms: Option<u64>,
}

/// Sends whose result is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnconfirmedView {
    /// How many there are now.
    pub count: u64,
    /// At how many intake is refused.
    pub limit: u64,
}
