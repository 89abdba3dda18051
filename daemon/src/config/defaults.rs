//! The built-in defaults: what stands below every profile and file. They are those of the profile
//! `embedded`, which a test holds.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use protocol::ORDER_TOPIC;

use super::tree::{
    Admin, Config, Doctor, Gateway, Http, Log, LogFormat, Metrics, OptionalAddress, Order, Others,
    ProductSeed, Queue, QueueKind, Rocketmq, Role, Shutdown, Store,
};

const GATEWAY_PORT: u16 = 8070;
const ORDER_PORT: u16 = 8071;
/// The group of the Java services, for producers and consumers alike.
const GROUP: &str = "GID_SNOWALKE_TEST";
const ELEVEN_DIGITS_FROM_1: &str = "1[0-9]{10}";

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn product(prod_id: &str, prod_name: &str, price: &str, stock: u32) -> ProductSeed {
    let [prod_id, prod_name, price] = [prod_id, prod_name, price].map(str::to_owned);
    ProductSeed { prod_id, prod_name, price, stock }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            roles: vec![Role::Gateway, Role::Order],
            products: vec![
                product("pid_0001", "iphoneX2019新款", "5999.000", 100),
                product("pid_0002", "小米9SE", "1200.000", 300),
                product("pid_0003", "华为MATE20", "2000.000", 400),
            ],
            gateway: Gateway::default(),
            order: Order::default(),
            queue: Queue { kind: QueueKind::Embedded, lag_every_ms: 1_000 },
            rocketmq: Rocketmq::default(),
            store: Store {
                path: "/var/lib/seckill/embedded.db".into(),
                readers: 4,
                writes_waiting_max: 1_024,
            },
            http: Http {
                connections_max: 10_000,
                header_timeout_ms: 10_000,
                body_timeout_ms: 5_000,
                header_bytes_max: 16_384,
                body_bytes_max: 16_384,
            },
            admin: Admin {
                socket: "/run/seckill/admin.sock".into(),
                socket_group: String::new(),
                operator_group: String::new(),
                others: Others::View,
                overdue_after_ms: 30_000,
                resend_per_s: 100,
            },
            metrics: Metrics { listen: OptionalAddress(None) },
            log: Log { format: LogFormat::Auto, level: "info".to_owned() },
            shutdown: Shutdown { deadline_ms: 10_000 },
            doctor: Doctor { topic: String::new() },
        }
    }
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            listen: loopback(GATEWAY_PORT),
            order_url: String::new(),
            order_timeout_ms: 2_000,
            refresh_ms: 250,
            phone_pattern: ELEVEN_DIGITS_FROM_1.to_owned(),
            order_id_key_file: PathBuf::new(),
            publish_waiting_max: 4_096,
            publish_batch_max: 256,
            unconfirmed_max: 10_000,
            republish_after_ms: 1_000,
        }
    }
}

impl Default for Order {
    fn default() -> Self {
        Self {
            listen: loopback(ORDER_PORT),
            batch_max: 256,
            deliveries_max: 16,
            redelivery_after_ms: 1_000,
            redelivery_after_ms_max: 60_000,
        }
    }
}

impl Default for Rocketmq {
    fn default() -> Self {
        Self {
            name_servers: Vec::new(),
            topic: ORDER_TOPIC.to_owned(),
            producer_group: GROUP.to_owned(),
            consumer_group: GROUP.to_owned(),
            namespace: String::new(),
            access_key_file: PathBuf::new(),
            secret_key_file: PathBuf::new(),
            tls: false,
            tls_ca_file: PathBuf::new(),
            send_timeout_ms: 3_000,
            sends_in_flight_max: 256,
            consume_batch_max: 256,
            consume_threads: 32,
            create_topic: true,
            brokers_gone: Vec::new(),
        }
    }
}
