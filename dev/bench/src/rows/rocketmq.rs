//! Over a real RocketMQ, both roles in one process: charges accepted while nothing is consumed, and
//! what was queued then placed. Beside them what the same client does at the same broker without
//! buyers and without a database. The broker shares the processors with everything else here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use domain::ports::{
    Cause, Consuming, Decider, Delivery, Outgoing, Producer, Published, Queue as _,
};
use load::ratio_of;
use protocol::{EpochMs, OrderMessage};
use queue_rocketmq::RocketmqQueue;
use seckill_e2e::broker::{Broker, BrokerOptions};
use seckilld::config::Rocketmq;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::placing::{self, Backlog};
use super::rest::{APART, Cost, MANY, bare_turn, crowd};
use crate::stage::{Stage, Watch, gateway, load, on_broker, pause, resume, stop};
use crate::table::{Rounds, Row, Spread, Wanted};

/// Orders in one batch of the bare client.
const BATCH: usize = 64;

/// Batches of the bare client that are under way.
const BATCHES: usize = 16;

/// How long charges come before anything is measured, in seconds: until connections, topic and
/// consumer are there.
const WARM_UP_S: f64 = 0.3;

/// How long the client may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// What part of the bare route's rate the acceptance is compared with where the broker is faster.
const OF_BARE: f64 = 0.4;

/// Only counts.
#[derive(Default)]
struct Counter {
    count: AtomicU64,
    more: Notify,
}

impl Decider for Counter {
    fn decide(&self, deliveries: Vec<Delivery>) -> Result<(), Cause> {
        self.count.fetch_add(deliveries.len() as u64, Ordering::SeqCst);
        self.more.notify_one();
        Ok(())
    }
}

/// The client on a topic of its own.
struct BareClient {
    queue: Arc<RocketmqQueue>,
    counter: Arc<Counter>,
    sent: u64,
}

impl BareClient {
    async fn open(name_server: &str) -> Result<Self> {
        let settings = Rocketmq {
            name_servers: vec![name_server.to_owned()],
            topic: "SECKILL_BENCH_TOPIC".to_owned(),
            producer_group: "GID_SECKILL_BENCH".to_owned(),
            consumer_group: "GID_SECKILL_BENCH".to_owned(),
            ..Rocketmq::default()
        };
        let queue =
            RocketmqQueue::open(&(&settings).into(), None).map_err(|cause| failed(&cause))?;
        let counter = Arc::new(Counter::default());
        let mut client = Self { queue, counter, sent: 0 };
        let producer = client.queue.producer();
        let connected = async {
            while producer.ready().is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, connected).await.context("the client doesn't connect")?;
        // The topic is made by the first send, and the consumer looks for it now and then.
        client.queue.start_consumer(client.counter.clone(), Consuming::Running);
        client.send(BATCH as u64).await?;
        client.until_counted().await?;
        Ok(client)
    }

    /// Sends so many orders at least, in full batches: orders per second.
    async fn send(&mut self, orders: u64) -> Result<f64> {
        let producer = self.queue.producer();
        let start = Instant::now();
        let mut under_way = JoinSet::new();
        let mut sent = 0;
        while sent < orders {
            if BATCHES <= under_way.len() {
                under_way.join_next().await.context("none is under way")???;
            }
            under_way.spawn(send(Arc::clone(&producer), self.sent + sent));
            sent += BATCH as u64;
        }
        while let Some(done) = under_way.join_next().await {
            done??;
        }
        self.sent += sent;
        Ok(ratio_of(sent, start.elapsed().as_secs_f64()))
    }

    /// Counts all that were sent while consumption was paused: orders per second.
    async fn count(&self) -> Result<f64> {
        let waiting = self.sent - self.counter.count.load(Ordering::SeqCst);
        let start = Instant::now();
        self.queue.set_consuming(Consuming::Running).await;
        self.until_counted().await?;
        Ok(ratio_of(waiting, start.elapsed().as_secs_f64()))
    }

    async fn until_counted(&self) -> Result<()> {
        let all = async {
            while self.counter.count.load(Ordering::SeqCst) < self.sent {
                self.counter.more.notified().await;
            }
        };
        timeout(PATIENCE, all).await.context("not all that was sent is delivered")
    }
}

async fn send(producer: Arc<dyn Producer>, first: u64) -> Result<()> {
    let batch = Arc::new((first..first + BATCH as u64).map(order).collect());
    let results = timeout(PATIENCE, producer.publish(batch)).await?;
    ensure!(results.iter().all(|result| *result == Published::Stored), "not sent: {results:?}");
    Ok(())
}

/// An order as long as a real one.
fn order(number: u64) -> Outgoing {
    let message = OrderMessage {
        order_id: format!("d90a05d0-c339-8e89-804d-{number:012}").into(),
        phone: format!("152{number:08}").into(),
        prod_id: "pid_0001".into(),
        charge_money: "5999.000".to_owned(),
    };
    Outgoing { message, asked_at: EpochMs(1_795_000_000_000) }
}

fn failed(cause: &Cause) -> anyhow::Error {
    anyhow::anyhow!("{cause}")
}

/// What the rounds gave, each figure per second.
#[derive(Default)]
struct Seen {
    accepted: Vec<f64>,
    placed: Vec<f64>,
    bare_route: Vec<f64>,
    sent: Vec<f64>,
    counted: Vec<f64>,
    inserted: Vec<f64>,
}

pub(super) async fn both(stage: &Stage) -> Result<Vec<Row>> {
    let folder = stage.folder()?;
    let dir = folder.path().to_owned();
    let broker = Broker::start(BrokerOptions { dir, ..BrokerOptions::default() }).await?;
    let backlog = Backlog::of(stage.folder()?, 0, 100_000 / stage.size.divisor).await?;
    let bare = stage.bare().await?;
    let mut client = BareClient::open(&broker.name_server()).await?;
    let (mut seen, mut cost, mut first_buyer) = (Seen::default(), Cost::default(), 0);
    for _ in 0..stage.size.rounds {
        // On an empty database like the bare loop: what is in it makes placing dearer.
        let daemon = stage.daemon(on_broker(&broker.name_server())).await?;
        let watch = Watch::over(&daemon.database())?;
        let warm = load(&gateway(&daemon)?, &crowd(first_buyer, WARM_UP_S, MANY)).await?;
        let warm = warm.only("10000")?.of("10000");
        first_buyer += APART;
        watch.until_sold(warm).await?;
        pause(&daemon).await?;
        let charges = crowd(first_buyer, stage.size.seconds, MANY);
        first_buyer += APART;
        let ours = load(&gateway(&daemon)?, &charges).await?.only("10000")?;
        seen.accepted.push(ours.per_second());
        let queued = ours.of("10000");
        let start = Instant::now();
        resume(&daemon).await?;
        let done = watch.until_sold(warm + queued).await?;
        seen.placed.push(ratio_of(queued, (done - start).as_secs_f64()));
        stop(daemon).await?;
        seen.bare_route.push(bare_turn(&bare, &charges, &mut cost).await?);
        client.queue.set_consuming(Consuming::Paused).await;
        seen.sent.push(client.send(queued).await?);
        seen.counted.push(client.count().await?);
        seen.inserted.push(backlog.placed_bare(stage).await?);
    }
    client.queue.shutdown().await;
    Ok(seen.rows())
}

impl Seen {
    fn rows(self) -> Vec<Row> {
        let slower = |one: &[f64], other: &[f64], of_other: f64| -> Vec<f64> {
            one.iter().zip(other).map(|(one, other)| one.min(other * of_other)).collect()
        };
        let median = |values: &[f64]| Spread::of(values).median;
        let alone = format!(
            "the same client alone in batches of {BATCH}: {:.0} /s; bare route: {:.0} /s",
            median(&self.sent),
            median(&self.bare_route)
        );
        let limits = format!(
            "the same client only counting: {:.0} /s; {}: {:.0} /s",
            median(&self.counted),
            placing::BARE,
            median(&self.inserted)
        );
        let accepted =
            Rounds { other: slower(&self.sent, &self.bare_route, OF_BARE), ours: self.accepted };
        let placed =
            Rounds { other: slower(&self.counted, &self.inserted, 1.0), ours: self.placed };
        let wanted = Wanted::AtLeast(0.7);
        let what = "accepted charges over RocketMQ 5.4.0, nothing consumed";
        let against = "the slower of the client alone and 0.4 of the bare route";
        let accepted = Row::compared("rocketmq", what, against, &accepted, wanted).note(alone);
        let what = "placed over RocketMQ 5.4.0, from a backlog";
        let against = "the slower of the client only counting and bare rusqlite";
        let placed = Row::compared("rocketmq", what, against, &placed, wanted).note(limits);
        vec![accepted, placed]
    }
}
