//! Gateways and the order node as processes of their own, meeting at a real RocketMQ.

mod clock;
mod search;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use protocol::Snapshot;
use rusqlite::Connection;
use rustix::process::Signal;
use seckill_e2e::broker::Broker;
use seckill_e2e::buyers::{BuyerAnswer, Crowd, answer_to_charge, answer_to_query, phone};
use seckill_e2e::checker::Books;
use seckill_e2e::daemon::{Daemon, Until};
use seckill_e2e::until;
use serde_json::json;
use tempfile::TempDir;

use crate::crash::Sale;
use crate::rocketmq::{on, plain_broker, topic_drained};
use crate::sale::DRAIN_MAX;

/// How long anything may take to be shown.
const WITHIN: Duration = Duration::from_secs(60);

/// The processes of a split installation; all their files are in one folder.
struct Split {
    order: Daemon,
    gateways: Vec<Daemon>,
    // Last, so that the daemons are gone before their broker.
    broker: Broker,
    _folder: TempDir,
}

impl Split {
    async fn start(gateways: usize) -> Result<Self> {
        let (folder, broker) = plain_broker().await?;
        let order = Daemon::start(on(&broker).name("order").roles(&["order"])).await?;
        let key_file = folder.path().join("order-id-key");
        std::fs::write(&key_file, "a key that the gateways of this test share; 32 bytes or more")?;
        let mut started = Vec::new();
        for number in 0..gateways {
            let options = on(&broker)
                .name(&format!("gateway-{number}"))
                .roles(&["gateway"])
                .set("gateway.order_url", order.order_url())
                .set("gateway.order_id_key_file", key_file.to_string_lossy());
            started.push(Daemon::start_in(order.folder(), options).await?);
        }
        Ok(Self { order, gateways: started, broker, _folder: folder })
    }

    fn crowd(&self) -> Crowd {
        let gateways = self.gateways.iter().map(Daemon::gateway_url).collect();
        Crowd { within: Duration::from_secs(240), ..Crowd::of_the_sale(gateways) }
    }

    /// Waits until nothing is on the topic, and no gateway has an unconfirmed send.
    async fn drained(&self) -> Result<()> {
        for gateway in &self.gateways {
            Books::drained(&gateway.database(), DRAIN_MAX).await?;
        }
        topic_drained(&self.broker).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_over_one_gateway() -> Result<()> {
    let split = Split::start(1).await?;
    let sale = Sale::begin(split.crowd());
    sale.end(&split.order.database()).await?;
    split.drained().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_over_two_gateways_that_share_their_key() -> Result<()> {
    let split = Split::start(2).await?;
    let sale = Sale::begin(split.crowd());
    sale.end(&split.order.database()).await?;
    split.drained().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_process_killed_in_mid_sale() -> Result<()> {
    let mut split = Split::start(2).await?;
    let sale = Sale::begin(split.crowd());
    sale.queued(60).await?;
    let mut gateway = split.gateways.remove(0);
    gateway.kill9()?;
    // This gateway takes charges before it is ready, and the sale goes on over the other one
    // meanwhile.
    let gateway = gateway.restart_with(|options| options.until(Until::Listening)).await?;
    split.gateways.insert(0, gateway);
    sale.queued(150).await?;
    split.order.kill9()?;
    split.order = split.order.restart().await?;
    sale.end(&split.order.database()).await?;
    split.drained().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_gateway_knows_the_order_right_after_the_charge() -> Result<()> {
    let split = Split::start(2).await?;
    for number in 0..20 {
        let buyer = phone(number);
        let charged = split.gateways[0].charge(&buyer, "pid_0001", "5999.000").await;
        let BuyerAnswer::Queued(id) = answer_to_charge(charged) else { continue };
        let told = answer_to_query(split.gateways[1].query(&buyer, "pid_0001").await);
        let is_true = match &told {
            BuyerAnswer::Pending(known) | BuyerAnswer::Placed(known) => *known == id,
            BuyerAnswer::NoOrder(code) => code == "42004",
            _ => false,
        };
        assert!(is_true, "{told:?}");
        let repeat =
            answer_to_charge(split.gateways[1].charge(&buyer, "pid_0001", "5999.000").await);
        assert_eq!(repeat, BuyerAnswer::Queued(id));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_restarted_over_a_full_topic_never_says_never_ordered() -> Result<()> {
    let mut split = Split::start(1).await?;
    let order_url = split.order.order_url();
    split.order.terminate().await?;
    let gateway = split.gateways.pop().context("a gateway")?;
    let mut ids = Vec::new();
    for number in 0..50 {
        let told = answer_to_charge(gateway.charge(&phone(number), "pid_0001", "5999.000").await);
        let BuyerAnswer::Queued(id) = told else { anyhow::bail!("buyer {number}: {told:?}") };
        ids.push(id);
    }
    let mut gateway = gateway;
    gateway.kill9()?;
    // Without its order node it can't be ready, but it answers.
    let gateway = gateway.restart_with(|options| options.until(Until::Listening)).await?;
    for number in 0..50 {
        let answer = gateway.query(&phone(number), "pid_0001").await?;
        assert!(!answer.text().contains(order_url.trim_start_matches("http://")), "{answer:?}");
        assert_ne!(answer.code(), "41004", "buyer {number}");
    }
    split.order = split.order.restart().await?;
    split.gateways.push(gateway);
    for (number, id) in (0..).zip(ids) {
        let gateway = &split.gateways[0];
        until("the order placed", DRAIN_MAX, || async {
            let told = answer_to_query(gateway.query(&phone(number), "pid_0001").await);
            assert_ne!(told, BuyerAnswer::NoOrder("41004".to_owned()), "buyer {number}");
            Ok((told == BuyerAnswer::Placed(id.clone())).then_some(()))
        })
        .await?;
    }
    split.drained().await?;
    assert_eq!(Books::read(&split.order.database())?.faults(), Vec::<String>::new());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_order_node_away_the_gateway_says_so_without_its_address() -> Result<()> {
    let mut split = Split::start(1).await?;
    let address = split.order.order_url().trim_start_matches("http://").to_owned();
    split.order.kill9()?;
    let gateway = &split.gateways[0];
    let answer = gateway.query(&phone(0), "pid_0001").await?;
    let wanted = serde_json::json!({"code": "20000", "msg": "SERVER_ERROR"});
    assert_eq!((answer.status, answer.json()?), (200, wanted));
    assert!(!format!("{answer:?}").contains(&address), "{answer:?}");
    until("a line in the log", Duration::from_secs(60), || async {
        Ok(gateway.logs()?.contains(&address).then_some(()))
    })
    .await?;
    split.order = split.order.restart().await?;
    until("an answer again", Duration::from_secs(60), || async {
        Ok((gateway.query(&phone(0), "pid_0001").await?.code() == "41004").then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charge_that_meets_a_frozen_broker_is_unconfirmed_and_settled_later() -> Result<()> {
    let mut split = Split::start(1).await?;
    let mut gateway = split.gateways.pop().context("a gateway")?;
    split.broker.freeze()?;
    let buyer = phone(0);
    let told = gateway.charge(&buyer, "pid_0001", "5999.000").await?;
    assert_eq!(told.code(), "42001", "{}", told.text());
    assert_eq!(told.header("retry-after"), "1");
    let id = told.json()?["data"]["orderId"].clone();
    // A repeat is answered the same, and no gateway answers that there is no order, before or after
    // a kill.
    let repeat = gateway.charge(&buyer, "pid_0001", "5999.000").await?;
    assert_eq!((repeat.code(), &repeat.json()?["data"]["orderId"]), ("42001".to_owned(), &id));
    assert_eq!(gateway.query(&buyer, "pid_0001").await?.code(), "42004");
    assert_eq!(split.order.query_order_node(&buyer, "pid_0001").await?.code(), "42004");
    gateway.kill9()?;
    let gateway = gateway.restart_with(|options| options.until(Until::Listening)).await?;
    assert_eq!(gateway.query(&buyer, "pid_0001").await?.code(), "42004");
    split.broker.thaw()?;
    split.gateways.push(gateway);
    until("the order placed", DRAIN_MAX, || async {
        let told = split.gateways[0].query(&buyer, "pid_0001").await?.json()?;
        let placed = told["data"]["orderStatus"] == 2 && told["data"]["orderId"] == id;
        Ok(placed.then_some(()))
    })
    .await?;
    split.drained().await?;
    let books = Books::read(&split.order.database())?;
    assert_eq!((books.sold("pid_0001"), books.faults()), (1, Vec::<String>::new()));
    Ok(())
}

/// What a gateway shows of itself: whether `/readyz` is 200, and the state.
async fn shown_by(gateway: &Daemon) -> Result<(bool, Snapshot)> {
    let ready = gateway.client().get(&format!("{}/readyz", gateway.gateway_url())).await?;
    Ok((ready.status == 200, gateway.admin().status().await?))
}

/// Waits until a gateway says these words of its order node, and ensures that it is degraded by
/// every account, and takes buyers all the same.
async fn degraded_and_open(gateway: &Daemon, words: &str) -> Result<()> {
    until(words, WITHIN, || async {
        let (_, state) = shown_by(gateway).await?;
        Ok(state.degraded.iter().any(|text| text.contains(words)).then_some(()))
    })
    .await?;
    let (ready, state) = shown_by(gateway).await?;
    ensure!(ready, "the sale would end for an order node: {:?}", state.degraded);
    ensure!(state.phase_words() == "serving, degraded", "{}", state.phase_words());
    ensure!(!state.is_healthy() && state.refuses_all().is_none(), "{:?}", state.refuses_all());
    let told = state.notables.iter().any(|event| event.text.contains(words));
    ensure!(told, "no event: {:?}", state.notables);
    let metrics = gateway.admin().get("/metrics").await?.text();
    let series = "seckill_degraded_conditions{part=\"order_side\"} 1\n";
    ensure!(metrics.contains(series) && metrics.contains("seckill_healthy 0\n"), "{metrics}");
    Ok(())
}

async fn queued(gateway: &Daemon, buyers: std::ops::Range<u32>) -> Result<()> {
    for number in buyers {
        let told = answer_to_charge(gateway.charge(&phone(number), "pid_0001", "5999.000").await);
        ensure!(matches!(told, BuyerAnswer::Queued(_)), "buyer {number}: {told:?}");
    }
    Ok(())
}

async fn placed_and_well(gateway: &Daemon, buyers: std::ops::Range<u32>) -> Result<()> {
    for number in buyers {
        until("the order placed", WITHIN, || async {
            let told = answer_to_query(gateway.query(&phone(number), "pid_0001").await);
            ensure!(told != BuyerAnswer::NoOrder("41004".to_owned()), "buyer {number}");
            Ok(matches!(told, BuyerAnswer::Placed(_)).then_some(()))
        })
        .await?;
    }
    until("well again", WITHIN, || async {
        let (ready, state) = shown_by(gateway).await?;
        Ok((ready && state.is_healthy() && state.phase_words() == "serving").then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_node_that_freezes_is_told_while_buyers_queue_on() -> Result<()> {
    let split = Split::start(1).await?;
    let gateway = &split.gateways[0];
    queued(gateway, 0..3).await?;
    placed_and_well(gateway, 0..3).await?;
    split.order.signal(Signal::STOP)?;
    queued(gateway, 3..6).await?;
    degraded_and_open(gateway, "the order node can't be asked: charges go on").await?;
    queued(gateway, 6..9).await?;
    for number in 3..9 {
        let code = gateway.query(&phone(number), "pid_0001").await?.code();
        ensure!(code == "42004", "buyer {number}, who was told to queue: {code}");
    }
    split.order.signal(Signal::CONT)?;
    placed_and_well(gateway, 0..9).await?;
    ensure!(Books::read(&split.order.database())?.faults().is_empty());
    split.drained().await
}

/// As while the order node's database is locked or full: the node answers truly, and decides
/// nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_node_that_decides_nothing_is_told_while_buyers_queue_on() -> Result<()> {
    let split = Split::start(1).await?;
    let gateway = &split.gateways[0];
    let other = Connection::open(split.order.database())?;
    other.execute_batch("BEGIN IMMEDIATE")?;
    queued(gateway, 0..3).await?;
    degraded_and_open(gateway, "orders aren't decided: the order node answers and has").await?;
    queued(gateway, 3..6).await?;
    other.execute_batch("ROLLBACK")?;
    placed_and_well(gateway, 0..6).await?;
    // A pause is an operator's wish: it is shown, and is no trouble.
    split.order.admin().command("/v1/consumption/pause", json!({})).await?;
    queued(gateway, 6..9).await?;
    until("the pause to be told", WITHIN, || async {
        let (_, state) = shown_by(gateway).await?;
        let told = |text: &String| text.starts_with("consumption is paused at the order node");
        ensure!(state.is_healthy(), "{:?}", state.degraded);
        Ok(state.warnings.iter().any(told).then_some(()))
    })
    .await?;
    split.order.admin().command("/v1/consumption/resume", json!({})).await?;
    placed_and_well(gateway, 0..9).await?;
    ensure!(Books::read(&split.order.database())?.faults().is_empty());
    split.drained().await
}
