//! The tree of configuration: the table of all keys, each with its documentation, type, default,
//! range and what a reload does with it. Everything else that is said of keys is made from it: the
//! reference docs/config.md, the texts in the profiles, messages, and the numbers that a reload
//! changes. How a line of it reads is at `keys!`. Values here are parsed but not yet judged;
//! `validate` does that.

use std::net::{AddrParseError, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use protocol::ORDER_TOPIC;
use serde::{Deserialize, Serialize};

use super::shape::{entries, keys};

/// Charges that may wait for the publisher under any configuration.
pub(crate) const PUBLISH_WAITING_MOST: usize = 65_536;
/// The group of the Java services, for producers and consumers alike.
const JAVA_GROUP: &str = "GID_SNOWALKE_TEST";

keys! {
    /// Everything an operator can set.
    pub struct Config {
        /// What this process does: `gateway`, `order`, or both.
        pub roles: Vec<Role> = vec![Role::Gateway, Role::Order];
        /// Products that a fresh database starts with. A product that exists keeps what the
        /// database has. A layer that names this key replaces the whole list.
        pub products: Vec<ProductSeed> = products(),
            reload "those that the database lacks are put in, on the shelf; those that it has stay \
                as they are";
        tables {
            /// The gateway role.
            pub gateway: Gateway;
            /// The order role.
            pub order: Order;
            /// The queue between the roles.
            pub queue: Queue;
            /// Apache RocketMQ, used when `queue.kind` is `rocketmq`.
            pub rocketmq: Rocketmq;
            /// The database of this process.
            pub store: Store;
            /// Limits of the HTTP edge, the same on every listener.
            pub http: Http;
            /// The admin socket.
            pub admin: Admin;
            /// Figures for Prometheus.
            pub metrics: Metrics;
            /// Logging.
            pub log: Log;
            /// Stopping.
            pub shutdown: Shutdown;
            /// `seckilld doctor`.
            pub doctor: Doctor;
        }
    }

    /// Keys under `gateway`.
    pub struct Gateway {
        /// Address and port of the gateway's REST interface.
        pub listen: SocketAddr = loopback(8070);
        /// Base URL of the order node, such as `http://10.0.0.5:8071`. Empty when both roles are in
        /// this process.
        pub order_url: String = String::new();
        /// Milliseconds until a request to the order node is given up.
        // Longer than a minute a buyer's query can't usefully wait for the order node.
        pub order_timeout_ms: u64 = 2_000, in 50..=60_000,
            tunable "at once, but for the time to connect where that is longer now";
        /// Milliseconds between two looks at the order node's decisions and stock.
        // Units freed elsewhere are to come back within a second.
        pub refresh_ms: u64 = 250, in 10..=1_000, tunable "at once";
        /// Regular expression that a whole phone number must match.
        pub phone_pattern: String = protocol::MOBILE_PATTERN.to_owned();
        /// File with the key of the order ids, 32 bytes or more (`openssl rand -hex 32`). Gateways
        /// that share a topic must share it. Empty: the key is made once and kept in this process's
        /// database. A bare name is looked up in `$CREDENTIALS_DIRECTORY`.
        pub order_id_key_file: PathBuf = PathBuf::new();
        /// Charges that may wait for the publisher; one more is answered 42002.
        pub publish_waiting_max: usize = 4_096, in 1..=PUBLISH_WAITING_MOST as u64,
            tunable "at once";
        /// Orders sent in one batch.
        // One batch is one transaction, or one round of sends.
        pub publish_batch_max: usize = 256, in 1..=1_024, tunable "at once";
        /// Sends with an unknown result that may be outstanding; from then on intake is answered
        /// 42002.
        // Each is a row in the database and is looked at while it is there.
        pub unconfirmed_max: usize = 10_000, in 1..=1_000_000, tunable "at once";
        /// Milliseconds before a send with an unknown result is published again.
        pub republish_after_ms: u64 = 1_000, in 50..=60_000, tunable "at once";
    }

    /// Keys under `order`.
    pub struct Order {
        /// Address and port of the order node's REST interface.
        pub listen: SocketAddr = loopback(8071);
        /// Orders of the embedded queue placed in one transaction.
        // A longer transaction would keep the other writers of the process waiting.
        pub batch_max: usize = 256, in 1..=4_096, tunable "at once";
        /// Deliveries of one message of the embedded queue after which it becomes a dead letter.
        pub deliveries_max: u32 = 16, in 1..=1_000, tunable "at once";
        /// Milliseconds before the first redelivery on the embedded queue; doubles with each.
        pub redelivery_after_ms: u64 = 1_000, in 1..=3_600_000, tunable "at once";
        /// Longest wait between redeliveries on the embedded queue, in milliseconds.
        pub redelivery_after_ms_max: u64 = 60_000, in 1..=86_400_000, tunable "at once";
    }

    /// Keys under `queue`.
    pub struct Queue {
        /// `embedded` (in this process's database; needs both roles) or `rocketmq`.
        pub kind: QueueKind = QueueKind::Embedded;
        /// Milliseconds between two timed readings of the lag.
        pub lag_every_ms: u64 = 1_000, in 50..=60_000, tunable "at once";
    }

    /// Keys under `rocketmq`.
    pub struct Rocketmq {
        /// Name servers, `HOST:PORT` each.
        pub name_servers: Vec<String> = Vec::new();
        /// The topic of orders, shared with the Java services; up to 127 characters.
        pub topic: String = ORDER_TOPIC.to_owned();
        /// Group of the gateway's producer, up to 255 characters.
        pub producer_group: String = JAVA_GROUP.to_owned();
        /// Group of the order role's consumer. A Java order service in the same group takes part of
        /// the orders.
        pub consumer_group: String = JAVA_GROUP.to_owned();
        /// Instance namespace (`MQ_INST_…`); empty for none.
        pub namespace: String = String::new();
        /// File with the access key; empty for none. A bare name is looked up in
        /// `$CREDENTIALS_DIRECTORY`.
        pub access_key_file: PathBuf = PathBuf::new(),
            reload "at once, another content of the same file too";
        /// File with the secret key; empty for none. A bare name is looked up in
        /// `$CREDENTIALS_DIRECTORY`.
        pub secret_key_file: PathBuf = PathBuf::new(),
            reload "at once, another content of the same file too";
        /// Whether to speak TLS to name servers and brokers.
        pub tls: bool = false;
        /// PEM file with the certificates to trust; empty for the system's own.
        pub tls_ca_file: PathBuf = PathBuf::new();
        /// Milliseconds until a send without an answer counts as unknown.
        pub send_timeout_ms: u64 = 3_000, in 100..=60_000;
        /// Sends in flight at once.
        // The client refuses sends somewhere above 512 in flight.
        pub sends_in_flight_max: usize = 256, in 1..=256;
        /// Messages handed to the order role at once.
        // What the client's push consumer accepts.
        pub consume_batch_max: usize = 256, in 1..=1_024;
        /// Threads that hand over messages.
        pub consume_threads: usize = 32, in 1..=64;
        /// Whether to make the topic (4 queues) when the broker lacks it and allows it.
        pub create_topic: bool = true;
        /// Names of brokers that are out of service for good, such as `["broker-b"]`. Every other
        /// one that ever had a part of the topic is missed when it is away: what waits there is
        /// unknown then, also after a restart, and nobody is told that there is no order.
        pub brokers_gone: Vec<String> = Vec::new();
    }

    /// Keys under `store`.
    pub struct Store {
        /// The database file. Its folder is made when absent. Each process has one of its own.
        /// Where nothing but a profile names it: in `$STATE_DIRECTORY` if systemd set that, in
        /// `/var/lib/seckill-<envType>` (the service's) if that is there, in `/var/lib/seckill` if
        /// that can be written, else in `./seckill-data`.
        pub path: PathBuf = "/var/lib/seckill/embedded.db".into();
        /// Connections that answer queries.
        pub readers: usize = 4, in 1..=64;
        /// Jobs that may wait for the writer; one more is answered 42002.
        pub writes_waiting_max: usize = 1_024, in 1..=65_536;
    }

    /// Keys under `http`.
    pub struct Http {
        /// Connections at once per listener; further ones wait in the kernel's queue. Fewer where
        /// the limit on open files leaves no room for so many.
        pub connections_max: usize = 10_000, in 1..=100_000,
            reload "at once; connections that are open stay";
        /// Milliseconds in which a request's head must have arrived, counted from the last answer:
        /// so also how long a kept-alive connection may idle. Clients that pool connections should
        /// let idle ones go sooner.
        pub header_timeout_ms: u64 = 10_000, in 100..=300_000,
            reload "for connections from then on";
        /// Milliseconds in which a request's body must have arrived: 408. After an answer that came
        /// before it, what still comes is thrown away for as long.
        pub body_timeout_ms: u64 = 5_000, in 100..=300_000,
            reload "for bodies at once, for reading answers on connections from then on";
        /// Bytes of a request's head: 431.
        // The HTTP parser's buffer can't be smaller than 8 KiB.
        pub header_bytes_max: usize = 16_384, in 8_192..=1_048_576,
            reload "for connections from then on";
        /// Bytes of a request's body: 413.
        pub body_bytes_max: usize = 16_384, in 1_024..=1_048_576, reload "at once";
    }

    /// Keys under `admin`.
    pub struct Admin {
        /// Path of the admin socket; empty for none. Where nothing but a profile names it: in
        /// `$RUNTIME_DIRECTORY` if systemd set that, in `/run/seckill-<envType>` (the service's) if
        /// that is there, in `/run/seckill` if that can be written, in `$XDG_RUNTIME_DIR/seckill`,
        /// else beside the database.
        pub socket: PathBuf = "/run/seckill/admin.sock".into();
        /// Group that the socket belongs to, so that its members can open it; empty for the
        /// daemon's own. The daemon must be root or a member of it.
        pub socket_group: String = String::new();
        /// Group whose members may operate (`POST`), supplementary members too; empty for none.
        /// Root and the daemon's own user always may.
        pub operator_group: String = String::new(), reload "at once";
        /// What everybody else who can open the socket may do: `none` or `view`.
        pub others: Others = Others::View, reload "at once";
        /// Milliseconds after which a buyer who was told "queueing" and has no outcome counts as
        /// overdue.
        // Below a second a busy queue would call every buyer overdue.
        pub overdue_after_ms: u64 = 30_000, in 1_000..=86_400_000, tunable "at once";
        /// Dead letters per second that go back to the consumer when all are resent.
        pub resend_per_s: u32 = 100, in 1..=10_000, tunable "at once";
    }

    /// Keys under `metrics`.
    pub struct Metrics {
        /// Loopback address and port that answer `GET /metrics` to everybody on this machine, such
        /// as `127.0.0.1:8072`; empty for none. The admin socket answers it in any case.
        pub listen: OptionalAddress = OptionalAddress(None);
    }

    /// Keys under `log`.
    pub struct Log {
        /// `auto` (pretty on a terminal, journald under systemd, else JSON), `pretty`, `json` or
        /// `journald`.
        pub format: LogFormat = LogFormat::Auto;
        /// `error`, `warn`, `info`, `debug`, `trace` or `off`, or directives such as
        /// `info,seckilld::queue=debug`. Where none is named it is `info`.
        pub level: String = "info".to_owned(),
            reload "at once, over what an operator has set meanwhile";
    }

    /// Keys under `shutdown`.
    pub struct Shutdown {
        /// Milliseconds for the whole stop; what isn't done by then is cut off.
        pub deadline_ms: u64 = 10_000, in 100..=600_000, tunable "at once";
    }

    /// Keys under `doctor`.
    pub struct Doctor {
        /// A topic that nobody else reads, for `doctor` to send a message over and read it back;
        /// empty for none. It must exist, and never be the orders' own. Only with it is it proven
        /// that the account may publish.
        pub topic: String = String::new(), reload "nothing in a running daemon reads it";
    }
}

entries! {
    /// A product of the profile.
    pub struct ProductSeed {
        /// The product's id, up to 64 characters without blanks.
        pub prod_id: String;
        /// Its name.
        pub prod_name: String;
        /// Its price, a decimal string above 0 with up to three decimals.
        pub price: String;
        /// Units to sell.
        // Whatever the type holds; 0 is a product that is sold out from the start.
        pub stock: u32, in 0..=u32::MAX as u64;
        /// When its sale opens, with the zone, such as "2026-12-11T20:00:00+08:00". Absent or
        /// empty: at once.
        pub opens_at: String, unless "String::is_empty";
        /// When its sale is over, likewise. Absent or empty: never.
        pub closes_at: String, unless "String::is_empty";
        /// How much of the stock a gateway promises, a decimal string of 1.000 to 3.000: "1.5" lets
        /// 150 in for 100 units, and the surplus ends `sold_out`. Over the embedded queue orders
        /// are decided as they are accepted, so that it hardly matters. Absent or empty: "1.000".
        pub preheat_ratio: String, unless "String::is_empty";
    }
}

/// What the built-in profiles sell.
fn products() -> Vec<ProductSeed> {
    let product = |prod_id: &str, prod_name: &str, price: &str, stock| {
        let [prod_id, prod_name, price] = [prod_id, prod_name, price].map(str::to_owned);
        let [opens_at, closes_at, preheat_ratio] = [const { String::new() }; 3];
        ProductSeed { prod_id, prod_name, price, stock, opens_at, closes_at, preheat_ratio }
    };
    vec![
        product("pid_0001", "iphoneX2019新款", "5999.000", 100),
        product("pid_0002", "小米9SE", "1200.000", 300),
        product("pid_0003", "华为MATE20", "2000.000", 400),
    ]
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
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
