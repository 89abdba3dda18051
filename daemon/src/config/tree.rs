//! The typed tree of configuration: one field per key, its doc comment being the key's
//! documentation in `print-config` and docs/config.md. Values here are parsed but not yet judged;
//! `validate` does that. Defaults are in `defaults`.

use std::net::{AddrParseError, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::shape::keys;

keys! {
    /// Everything an operator can set.
    pub struct Config {
        /// What this process does: `gateway`, `order`, or both.
        pub roles: Vec<Role>,
        /// Products that a fresh database starts with. A product that exists keeps what the
        /// database has. A layer that names this key replaces the whole list.
        pub products: Vec<ProductSeed>,
        /// The gateway role.
        pub gateway: Gateway,
        /// The order role.
        pub order: Order,
        /// The queue between the roles.
        pub queue: Queue,
        /// Apache RocketMQ, used when `queue.kind` is `rocketmq`.
        pub rocketmq: Rocketmq,
        /// The database of this process.
        pub store: Store,
        /// Limits of the HTTP edge, the same on every listener.
        pub http: Http,
        /// The admin socket.
        pub admin: Admin,
        /// Figures for Prometheus.
        pub metrics: Metrics,
        /// Logging.
        pub log: Log,
        /// Stopping.
        pub shutdown: Shutdown,
        /// `seckilld doctor`.
        pub doctor: Doctor,
    }

    /// A product of the profile.
    pub struct ProductSeed {
        /// The product's id, up to 64 characters without blanks.
        pub prod_id: String,
        /// Its name.
        pub prod_name: String,
        /// Its price, a decimal string above 0 with up to three decimals.
        pub price: String,
        /// Units to sell.
        pub stock: u32,
    }

    /// Keys under `gateway`.
    pub struct Gateway {
        /// Address and port of the gateway's REST interface.
        pub listen: SocketAddr,
        /// Base URL of the order node, such as `http://10.0.0.5:8071`. Empty when both roles are in
        /// this process.
        pub order_url: String,
        /// Milliseconds until a request to the order node is given up.
        pub order_timeout_ms: u64,
        /// Milliseconds between two looks at the order node's decisions and stock.
        pub refresh_ms: u64,
        /// Regular expression that a whole phone number must match.
        pub phone_pattern: String,
        /// File with the key of the order ids, 32 bytes or more (`openssl rand -hex 32`). Gateways
        /// that share a topic must share it. Empty: the key is made once and kept in this process's
        /// database. A bare name is looked up in `$CREDENTIALS_DIRECTORY`.
        pub order_id_key_file: PathBuf,
        /// Charges that may wait for the publisher; one more is answered 42002.
        pub publish_waiting_max: usize,
        /// Orders sent in one batch.
        pub publish_batch_max: usize,
        /// Sends with an unknown result that may be outstanding; from then on intake is answered
        /// 42002.
        pub unconfirmed_max: usize,
        /// Milliseconds before a send with an unknown result is published again.
        pub republish_after_ms: u64,
    }

    /// Keys under `order`.
    pub struct Order {
        /// Address and port of the order node's REST interface.
        pub listen: SocketAddr,
        /// Orders of the embedded queue placed in one transaction.
        pub batch_max: usize,
        /// Deliveries of one message of the embedded queue after which it becomes a dead letter.
        pub deliveries_max: u32,
        /// Milliseconds before the first redelivery on the embedded queue; doubles with each.
        pub redelivery_after_ms: u64,
        /// Longest wait between redeliveries on the embedded queue, in milliseconds.
        pub redelivery_after_ms_max: u64,
    }

    /// Keys under `queue`.
    pub struct Queue {
        /// `embedded` (in this process's database; needs both roles) or `rocketmq`.
        pub kind: QueueKind,
        /// Milliseconds between two timed readings of the lag.
        pub lag_every_ms: u64,
    }

    /// Keys under `rocketmq`.
    pub struct Rocketmq {
        /// Name servers, `HOST:PORT` each.
        pub name_servers: Vec<String>,
        /// The topic of orders, shared with the Java services; up to 127 characters.
        pub topic: String,
        /// Group of the gateway's producer, up to 255 characters.
        pub producer_group: String,
        /// Group of the order role's consumer. A Java order service in the same group takes part of
        /// the orders.
        pub consumer_group: String,
        /// Instance namespace (`MQ_INST_…`); empty for none.
        pub namespace: String,
        /// File with the access key; empty for none. A bare name is looked up in
        /// `$CREDENTIALS_DIRECTORY`.
        pub access_key_file: PathBuf,
        /// File with the secret key; empty for none. A bare name is looked up in
        /// `$CREDENTIALS_DIRECTORY`.
        pub secret_key_file: PathBuf,
        /// Whether to speak TLS to name servers and brokers.
        pub tls: bool,
        /// PEM file with the certificates to trust; empty for the system's own.
        pub tls_ca_file: PathBuf,
        /// Milliseconds until a send without an answer counts as unknown.
        pub send_timeout_ms: u64,
        /// Sends in flight at once.
        pub sends_in_flight_max: usize,
        /// Messages handed to the order role at once.
        pub consume_batch_max: usize,
        /// Threads that hand over messages.
        pub consume_threads: usize,
        /// Whether to make the topic (4 queues) when the broker lacks it and allows it.
        pub create_topic: bool,
        /// Names of brokers that are out of service for good, such as `["broker-b"]`. Every other
        /// one that ever had a part of the topic is missed when it is away: what waits there is
        /// unknown then, also after a restart, and nobody is told that there is no order.
        pub brokers_gone: Vec<String>,
    }

    /// Keys under `store`.
    pub struct Store {
        /// The database file. Its folder is made when absent. Each process has one of its own.
        /// Where nothing but a profile names it: in `$STATE_DIRECTORY` if systemd set that, in
        /// `/var/lib/seckill-<envType>` (the service's) if that is there, in `/var/lib/seckill` if
        /// that can be written, else in `./seckill-data`.
        pub path: PathBuf,
        /// Connections that answer queries.
        pub readers: usize,
        /// Jobs that may wait for the writer; one more is answered 42002.
        pub writes_waiting_max: usize,
    }

    /// Keys under `http`.
    pub struct Http {
        /// Connections at once per listener; further ones wait in the kernel's queue. Fewer where
        /// the limit on open files leaves no room for so many.
        pub connections_max: usize,
        /// Milliseconds in which a request's head must have arrived, counted from the last answer:
        /// so also how long a kept-alive connection may idle. Clients that pool connections should
        /// let idle ones go sooner.
        pub header_timeout_ms: u64,
        /// Milliseconds in which a request's body must have arrived: 408. After an answer that came
        /// before it, what still comes is thrown away for as long.
        pub body_timeout_ms: u64,
        /// Bytes of a request's head: 431.
        pub header_bytes_max: usize,
        /// Bytes of a request's body: 413.
        pub body_bytes_max: usize,
    }

    /// Keys under `admin`.
    pub struct Admin {
        /// Path of the admin socket; empty for none. Where nothing but a profile names it: in
        /// `$RUNTIME_DIRECTORY` if systemd set that, in `/run/seckill-<envType>` (the service's) if
        /// that is there, in `/run/seckill` if that can be written, in `$XDG_RUNTIME_DIR/seckill`,
        /// else beside the database.
        pub socket: PathBuf,
        /// Group that the socket belongs to, so that its members can open it; empty for the
        /// daemon's own. The daemon must be root or a member of it.
        pub socket_group: String,
        /// Group whose members may operate (`POST`), supplementary members too; empty for none.
        /// Root and the daemon's own user always may.
        pub operator_group: String,
        /// What everybody else who can open the socket may do: `none` or `view`.
        pub others: Others,
        /// Milliseconds after which a buyer who was told "queueing" and has no outcome counts as
        /// overdue.
        pub overdue_after_ms: u64,
        /// Dead letters per second that go back to the consumer when all are resent.
        pub resend_per_s: u32,
    }

    /// Keys under `metrics`.
    pub struct Metrics {
        /// Loopback address and port that answer `GET /metrics` to everybody on this machine, such
        /// as `127.0.0.1:8072`; empty for none. The admin socket answers it in any case.
        pub listen: OptionalAddress,
    }

    /// Keys under `log`.
    pub struct Log {
        /// `auto` (pretty on a terminal, journald under systemd, else JSON), `pretty`, `json` or
        /// `journald`.
        pub format: LogFormat,
        /// `error`, `warn`, `info`, `debug`, `trace` or `off`, or directives such as
        /// `info,seckilld::queue=debug`. Where none is named it is `info`.
        pub level: String,
    }

    /// Keys under `shutdown`.
    pub struct Shutdown {
        /// Milliseconds for the whole stop; what isn't done by then is cut off.
        pub deadline_ms: u64,
    }

    /// Keys under `doctor`.
    pub struct Doctor {
        /// A topic that nobody else reads, for `doctor` to send a message over and read it back;
        /// empty for none. It must exist, and never be the orders' own. Only with it is it proven
        /// that the account may publish.
        pub topic: String,
    }
}

/// An address to listen on, or none, which is written as the empty text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OptionalAddress(pub Option<SocketAddr>);

impl TryFrom<String> for OptionalAddress {
    type Error = AddrParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() { Ok(Self(None)) } else { text.parse().map(Some).map(Self) }
    }
}

impl From<OptionalAddress> for String {
    fn from(address: OptionalAddress) -> Self {
        address.0.map_or_else(Self::new, |address| address.to_string())
    }
}

/// A half of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Takes charges and queries from buyers.
    Gateway,
    /// Places orders.
    Order,
}

/// The kinds of queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueueKind {
    /// In SQLite, in this process.
    Embedded,
    /// A real Apache RocketMQ.
    Rocketmq,
}

/// What peers of the admin socket may do who are neither root, the daemon's user nor operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Others {
    /// Nothing.
    None,
    /// Look.
    View,
}

/// The forms of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// By where standard error goes.
    Auto,
    /// For people.
    Pretty,
    /// One JSON object per line.
    Json,
    /// The journal's own protocol.
    Journald,
}
