//! What a daemon stands on, within its state: its queue, its database, the way to RocketMQ, and
//! orders that one of them keeps in doubt or waiting.

use serde::{Deserialize, Serialize};

use super::snapshot::{LatencyView, Rate};
use crate::{EpochMs, known};

/// Where the lag is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// It gets less.
    Draining,
    /// It stays.
    Steady,
    /// It gets more.
    Growing,
}

/// The queue between the roles.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct QueueView {
    /// `embedded` or `rocketmq`.
    pub kind: String,
    /// Messages not yet consumed, waiting retries included; `None` where that can't be read.
    pub lag_messages: Option<u64>,
    /// Milliseconds since the oldest of them was queued; `None` when there is none, or that can't
    /// be read.
    pub lag_age_ms: Option<u64>,
    /// Messages per second by which the lag changes, over the last ten seconds; negative while it
    /// drains. `None` with fewer than two readings.
    pub lag_slope_per_s: Option<i64>,
    /// The slope in a word; `None` where the slope is.
    #[serde(deserialize_with = "known::or_none")]
    pub trend: Option<Trend>,
    /// Each queue's own part.
    pub queues: Vec<QueuePart>,
    /// Messages set aside with a reason; `None` without the order role.
    pub dead_letters: Option<u64>,
    /// Messages in the broker's own dead-letter topic of our group; `None` on the embedded queue
    /// and where it can't be read.
    pub broker_dead_letters: Option<u64>,
    /// Why something here is `None`; itself `None` when everything could be read.
    pub unreadable: Option<String>,
}

/// One queue's part of the lag.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct QueuePart {
    /// `embedded`, or broker, topic and number.
    pub name: String,
    /// Messages not yet consumed.
    pub lag_messages: u64,
    /// Milliseconds since the oldest of them was queued; `None` when there is none, or that can't
    /// be read.
    pub lag_age_ms: Option<u64>,
    /// The broker that keeps it; `None` on the embedded queue.
    pub broker: Option<String>,
    /// The offset after its newest message; `None` on the embedded queue.
    pub end_offset: Option<u64>,
    /// The offset up to which it is consumed; `None` on the embedded queue.
    pub consumed_offset: Option<u64>,
    /// The client id of the consumer that has it; `None` when nobody has it or it isn't known.
    pub owner: Option<String>,
}

/// The database of this process.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StoreView {
    /// Its file.
    pub path: String,
    /// The file's size in bytes; `None` where it can't be read.
    pub size_bytes: Option<u64>,
    /// The write-ahead log's size in bytes; `None` where it can't be read.
    pub wal_bytes: Option<u64>,
    /// Commits since the start.
    pub commits: u64,
    /// Commits.
    pub commit_rate: Rate,
    /// Orders queued or decided by commits.
    pub order_rate: Rate,
    /// From the begin of a transaction to the end of its commit; `None` when there was none in the
    /// last minute.
    pub commit_latency: Option<LatencyView>,
    /// Why nothing can be stored at the moment; `None` while it can.
    pub trouble: Option<String>,
}

/// The way to RocketMQ.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RocketmqView {
    /// `connected`, `connecting` or `degraded`.
    pub connection: String,
    /// Whether orders can be sent.
    pub producer_ready: bool,
    /// Whether deliveries come.
    pub consumer_running: bool,
    /// The name servers asked.
    pub name_servers: Vec<String>,
    /// The topic of orders, as it is named at the broker.
    pub topic: String,
    /// The consumers' group.
    pub group: String,
    /// The brokers that keep the topic, as they were seen last.
    pub brokers: Vec<RocketmqBroker>,
}

/// One broker.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RocketmqBroker {
    /// Its name.
    pub name: String,
    /// Address and port.
    pub address: String,
    /// Its version; `None` when it didn't tell.
    pub version: Option<String>,
}

/// Sends whose result is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnconfirmedView {
    /// How many there are now.
    pub count: u64,
    /// At how many intake is refused.
    pub limit: u64,
}

/// Buyers who were answered "queueing" and have had no outcome for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverdueView {
    /// How many of this gateway's orders are undecided for longer than the bound.
    pub count: u64,
    /// The bound in milliseconds.
    pub bound_ms: u64,
    /// When the one that waits longest was accepted; `None` when there is none.
    pub oldest_at: Option<EpochMs>,
}
