//! A broker, a queue on it, and a decider that writes down what it gets.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use domain::ports::{
    Broker as _, Cause, Consuming, Credentials, Decider, Delivery, Ended, Outgoing, Producer,
    Published, Queue, QueueHealth,
};
use domain::secret::Secret;
use protocol::{EpochMs, ORDER_TOPIC, OrderId, OrderMessage};
use queue_rocketmq::{RocketmqQueue, Settings};
use seckill_e2e::broker::{Broker, BrokerOptions};
use seckilld::config::{Log, LogFormat};
use seckilld::observe::telemetry::{self, Sink};
use tempfile::TempDir;

pub(crate) const LONG: Duration = Duration::from_secs(60);
pub(crate) const GROUP: &str = "GID_SNOWALKE_TEST";

/// Writes down what it is given; fails as often as a test asks.
#[derive(Default)]
pub(crate) struct Recorder {
    placed: Mutex<Vec<Delivery>>,
    pub(crate) failures: AtomicU32,
    pub(crate) slow_ms: AtomicU32,
}

#[expect(clippy::disallowed_methods, reason = "it is asked to be slow")]
impl Decider for Recorder {
    fn decide(&self, deliveries: Vec<Delivery>) -> Result<(), Cause> {
        let fail = |left: u32| left.checked_sub(1);
        if self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fail).is_ok() {
            return Err(Cause("the store fails, as asked".to_owned()));
        }
        let slow = self.slow_ms.load(Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(u64::from(slow)));
        self.placed.lock().unwrap().extend(deliveries);
        Ok(())
    }
}

impl Recorder {
    pub(crate) fn all(&self) -> Vec<Delivery> {
        self.placed.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.placed.lock().unwrap().len()
    }

    /// The order ids, sorted, each once.
    pub(crate) fn ids(&self) -> Vec<OrderId> {
        let decoded = |delivery: &Delivery| OrderMessage::decode(&delivery.body).ok();
        let mut ids: Vec<OrderId> =
            self.all().iter().filter_map(decoded).map(|order| order.order_id).collect();
        ids.sort();
        ids.dedup();
        ids
    }
}

pub(crate) struct Rig {
    pub(crate) broker: Broker,
    _dir: TempDir,
}

impl Rig {
    pub(crate) async fn plain() -> Self {
        Self::with(|options| options).await
    }

    pub(crate) async fn with(change: impl FnOnce(BrokerOptions) -> BrokerOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = BrokerOptions {
            version: version(),
            dir: dir.path().join("broker"),
            ..BrokerOptions::default()
        };
        let broker = Broker::start(change(options)).await.unwrap();
        Self { broker, _dir: dir }
    }

    pub(crate) fn settings(&self) -> Settings {
        settings(&self.broker.name_server())
    }
}

/// The first version that `cargo xtask e2e` names, or else the broker module's own.
pub(crate) fn version() -> String {
    #[expect(clippy::disallowed_methods, reason = "the tests' own switch, not the daemon's")]
    let versions = std::env::var("E2E_VERSIONS").unwrap_or_default();
    versions.split(',').next().unwrap_or_default().to_owned()
}

pub(crate) fn settings(name_server: &str) -> Settings {
    Settings {
        name_servers: vec![name_server.to_owned()],
        topic: ORDER_TOPIC.to_owned(),
        producer_group: GROUP.to_owned(),
        consumer_group: GROUP.to_owned(),
        namespace: String::new(),
        access_key_file: PathBuf::from("access_key"),
        secret_key_file: PathBuf::from("secret_key"),
        tls: false,
        tls_ca_file: PathBuf::new(),
        send_timeout_ms: 3_000,
        sends_in_flight_max: 256,
        consume_batch_max: 32,
        consume_threads: 8,
        create_topic: true,
        brokers_gone: Vec::new(),
    }
}

pub(crate) fn open(settings: &Settings) -> Arc<RocketmqQueue> {
    show_log();
    RocketmqQueue::open(settings, None).unwrap()
}

/// The queue's own lines, shown by a test that fails.
fn show_log() {
    let log = Log { format: LogFormat::Pretty, level: "warn,seckilld=debug".to_owned() };
    // Several tests share the process; the first one's stands.
    let _ = telemetry::init(&log, Sink::Other);
}

pub(crate) fn open_as(settings: &Settings, key: &str, secret: &str) -> Arc<RocketmqQueue> {
    show_log();
    let credentials = Credentials {
        access_key: Secret::new(key.to_owned()),
        secret_key: Secret::new(secret.to_owned()),
    };
    RocketmqQueue::open(settings, Some(credentials)).unwrap()
}

pub(crate) fn consume(queue: &RocketmqQueue) -> Arc<Recorder> {
    let recorder = Arc::new(Recorder::default());
    queue.start_consumer(recorder.clone(), Consuming::Running);
    recorder
}

pub(crate) fn order(number: u32) -> Outgoing {
    let message = OrderMessage {
        order_id: format!("00000000-0000-8000-8000-{number:012}").into(),
        phone: format!("1520000{:04}", number % 10_000).into(),
        prod_id: "pid_0001".into(),
        charge_money: "5999.000".to_owned(),
    };
    Outgoing { message, asked_at: EpochMs(1_795_444_100_000 + i64::from(number)) }
}

pub(crate) fn orders(numbers: std::ops::Range<u32>) -> Vec<Outgoing> {
    numbers.map(order).collect()
}

/// Waits for it, and tells how long it took.
pub(crate) async fn until(what: &str, condition: impl AsyncFn() -> bool) -> Duration {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < LONG, "{what}: not within {LONG:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    start.elapsed()
}

pub(crate) async fn until_health(
    queue: &RocketmqQueue,
    what: &str,
    wanted: impl Fn(&QueueHealth) -> bool,
) -> QueueHealth {
    let mut health = queue.health();
    let seen = tokio::time::timeout(LONG, health.wait_for(|health| wanted(health))).await;
    match seen {
        Ok(seen) => seen.unwrap().clone(),
        Err(_) => panic!("{what}: still {:?}", queue.health().borrow()),
    }
}

/// Sends until it is taken; tells how long that took.
pub(crate) async fn until_sent(producer: &dyn Producer, order: Outgoing) -> Duration {
    let (batch, start) = ([order], Instant::now());
    loop {
        let result = producer.publish(Arc::new(batch.clone().into())).await;
        if result == [Published::Stored] {
            return start.elapsed();
        }
        assert!(start.elapsed() < LONG, "never sent: {result:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) async fn shut(queue: &RocketmqQueue) -> Duration {
    let start = Instant::now();
    assert_eq!(queue.shutdown().await, Ended::Whole, "the queue ends in bounded time");
    start.elapsed()
}

/// Puts a body on the first queue as a Java service would, by one frame of the remoting protocol:
/// what the client library gets wrong can't be hidden by the same library here.
pub(crate) fn put(broker: &str, body: &[u8], sys_flag: i32) {
    let header = serde_json::json!({
        "code": 10, "language": "JAVA", "version": 401, "opaque": 1, "flag": 0,
        "extFields": {
            "producerGroup": GROUP, "topic": ORDER_TOPIC, "defaultTopic": "TBW102",
            "defaultTopicQueueNums": "4", "queueId": "0", "sysFlag": sys_flag.to_string(),
            "bornTimestamp": "1795444100572", "flag": "0", "properties": "",
            "reconsumeTimes": "0", "unitMode": "false", "batch": "false",
        },
    });
    let header = header.to_string().into_bytes();
    let length = |length: usize| u32::try_from(length).unwrap().to_be_bytes();
    let mut stream = TcpStream::connect(broker).unwrap();
    stream.write_all(&length(4 + header.len() + body.len())).unwrap();
    stream.write_all(&length(header.len())).unwrap();
    stream.write_all(&header).unwrap();
    stream.write_all(body).unwrap();
    let mut sizes = [0_u8; 8];
    stream.read_exact(&mut sizes).unwrap();
    let size = u32::from_be_bytes([0, sizes[5], sizes[6], sizes[7]]);
    let mut answer = vec![0_u8; usize::try_from(size).unwrap()];
    stream.read_exact(&mut answer).unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["code"], 0, "{answer}");
}
