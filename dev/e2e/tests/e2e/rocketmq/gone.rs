//! What held orders and is out of sight: a broker that was away before the start, a topic that
//! somebody deleted. Nobody who was answered "queueing" is answered that there is no order.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use seckill_e2e::broker::{Broker, BrokerOptions};
use seckill_e2e::buyers::phone;
use seckill_e2e::daemon::{Daemon, Options, Until};
use seckill_e2e::ports::quiet_port;
use seckill_e2e::topic::TOPIC;
use seckill_e2e::until;
use serde_json::json;
use tempfile::TempDir;

use super::closed::{charge, placed, queued, readiness};
use super::{on, plain_broker, versions};
use crate::doctor::Report;

const WITHIN: Duration = Duration::from_secs(120);
const PRODUCT: &str = "pid_0003";

/// A second broker of the first one's cluster. It has a name server of its own as well, which
/// nobody else asks.
async fn second(first: &Broker, dir: &TempDir) -> Result<Broker> {
    let own = quiet_port(&[])?;
    let conf =
        format!("brokerName=broker-b\nnamesrvAddr={};127.0.0.1:{own}\n", first.name_server());
    let options = BrokerOptions {
        version: versions().into_iter().next().unwrap_or_default(),
        dir: dir.path().to_owned(),
        name_server_port: Some(own),
        conf,
        ..BrokerOptions::default()
    };
    Broker::start(options).await
}

/// Waits until the name server lists the topic at broker-b, or no longer does.
async fn second_has_topic(first: &Broker, has: bool) -> Result<()> {
    until(&format!("topic at broker-b: {has}"), WITHIN, || async {
        let route = first.mqadmin(&["topicRoute", "-t", TOPIC]).await?;
        Ok((route.contains("broker-b") == has).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_was_away_before_the_start_is_missed_until_it_is_given_up() -> Result<()> {
    const BUYERS: u32 = 16;
    let ((_folder, broker), folder) = (plain_broker().await?, TempDir::new()?);
    let mut other = second(&broker, &folder).await?;
    for address in [broker.address(), other.address()] {
        broker.mqadmin(&["updateTopic", "-b", &address, "-t", TOPIC, "-r", "4", "-w", "4"]).await?;
    }
    second_has_topic(&broker, true).await?;
    let daemon = Daemon::start(on(&broker)).await?;
    daemon.admin().command("/v1/consumption/pause", json!({ "reason": "they wait" })).await?;
    for buyer in 0..BUYERS {
        queued(&daemon, buyer).await?;
    }
    until("all of them in the lag", WITHIN, || async {
        let state = daemon.admin().status().await?;
        Ok((state.queue.lag_messages == Some(u64::from(BUYERS))).then_some(()))
    })
    .await?;
    other.kill().await?;
    second_has_topic(&broker, false).await?;

    let daemon = daemon.restart_with(|options| options.until(Until::Listening)).await?;
    daemon.admin().command("/v1/consumption/resume", json!({})).await?;
    let mut unknown = 0;
    let mut ask_all = async || -> Result<u32> {
        unknown = 0;
        for buyer in 0..BUYERS {
            let told = daemon.query(&phone(buyer), PRODUCT).await?;
            match told.code().as_str() {
                "42004" => unknown += 1,
                "10000" => {}
                code => anyhow::bail!("buyer {buyer} is told {code}: {}", told.text()),
            }
        }
        Ok(unknown)
    };
    until("what lies at broker-a to be placed", WITHIN, || async {
        let state = daemon.admin().status().await?;
        let placed = state.orders.as_ref().map_or(0, |orders| orders.placed);
        Ok((0 < placed && state.queue.lag_messages.is_none()).then_some(()))
    })
    .await?;
    readiness(&daemon, 200, &["broker-b had a part", "rocketmq.brokers_gone"]).await?;
    ensure!(0 < ask_all().await?, "nothing lay at broker-b, so nothing is tried");
    let why = daemon.admin().status().await?.queue.unreadable.context("a lag that is known")?;
    ensure!(why.contains("broker-b is away"), "{why}");

    // The operator gives the broker up: the lag of the rest is known again, and the orders that lay
    // there are lost.
    let given_up = |options: Options| options.set("rocketmq.brokers_gone", "[\"broker-b\"]");
    let daemon = daemon.restart_with(given_up).await?;
    until("a lag of 0", WITHIN, || async {
        let state = daemon.admin().status().await?;
        Ok((state.queue.lag_messages == Some(0)).then_some(()))
    })
    .await?;
    assert_eq!(daemon.query(&phone(900), PRODUCT).await?.code(), "41004");

    // The broker comes back after all.
    other.start_again().await?;
    second_has_topic(&broker, true).await?;
    readiness(&daemon, 200, &["stands in rocketmq.brokers_gone and has a part"]).await?;
    placed(&daemon, 0..BUYERS).await
}

/// Nobody makes it again but the operator.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_is_deleted_under_the_daemon() -> Result<()> {
    let folder = TempDir::new()?;
    let options = BrokerOptions {
        version: versions().into_iter().next().unwrap_or_default(),
        dir: folder.path().to_owned(),
        conf: "autoCreateTopicEnable=false\n".to_owned(),
        ..BrokerOptions::default()
    };
    let broker = Broker::start(options).await?;
    let address = broker.address();
    let make = ["updateTopic", "-b", &address, "-t", TOPIC, "-r", "4", "-w", "4"];
    broker.mqadmin(&make).await?;
    let options = on(&broker).set("rocketmq.create_topic", "false");
    let daemon = Daemon::start(options.clone()).await?;
    for buyer in 0..12 {
        queued(&daemon, buyer).await?;
    }
    placed(&daemon, 0..12).await?;

    broker.mqadmin(&["deleteTopic", "-c", "DefaultCluster", "-t", TOPIC]).await?;
    let mut refused = 0;
    for buyer in 100..140 {
        // One order is on its way while the topic goes; none is answered that it waits for an
        // answer.
        match charge(&daemon, buyer).await?.as_str() {
            "40004" => refused += 1,
            code => anyhow::bail!("buyer {buyer} is told {code}:\n{}", daemon.logs()?),
        }
    }
    ensure!(0 < refused);
    readiness(&daemon, 503, &["doesn't exist", "mqadmin updateTopic"]).await?;
    // The lag is read once a second, and the reading before may be from before.
    let state = until("an unknown lag", WITHIN, || async {
        let state = daemon.admin().status().await?;
        Ok(state.queue.lag_messages.is_none().then_some(state))
    })
    .await?;
    ensure!(state.degraded.iter().any(|why| why.contains("doesn't exist")), "{:?}", state.degraded);
    let shelf = state.products.iter().find(|shelf| shelf.prod_id == PRODUCT).context("a shelf")?;
    ensure!(shelf.held == Some(0), "{:?} units are held for nothing", shelf.held);
    assert_eq!(daemon.query(&phone(900), PRODUCT).await?.code(), "42004");
    let report = Report::of(daemon.folder().path(), &options).await?;
    report.assert("topic", "fail", &["isn't there"]);

    broker.mqadmin(&make).await?;
    for buyer in 100..112 {
        queued(&daemon, buyer).await?;
    }
    placed(&daemon, 100..112).await?;
    readiness(&daemon, 200, &["\"degraded\":[]"]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_is_deleted_and_makes_itself_again() -> Result<()> {
    let (_folder, broker) = plain_broker().await?;
    let daemon = Daemon::start(on(&broker)).await?;
    for buyer in 0..12 {
        queued(&daemon, buyer).await?;
    }
    placed(&daemon, 0..12).await?;
    broker.mqadmin(&["deleteTopic", "-c", "DefaultCluster", "-t", TOPIC]).await?;
    for buyer in 100..112 {
        queued(&daemon, buyer).await?;
    }
    placed(&daemon, 100..112).await?;
    readiness(&daemon, 200, &["\"degraded\":[]"]).await
}
