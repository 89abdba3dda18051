//! What a broker closes to everybody: a topic or itself to writers, its full disk, queues that
//! nobody may read, replicas that never confirm. Nothing shows that all is well meanwhile, and
//! nobody who was answered "queueing" is answered that there is no order.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use seckill_e2e::broker::{Broker, BrokerOptions};
use seckill_e2e::buyers::phone;
use seckill_e2e::checker::Books;
use seckill_e2e::daemon::Daemon;
use seckill_e2e::disk::SmallDisk;
use seckill_e2e::topic::{GROUP, TOPIC};
use seckill_e2e::until;
use serde_json::json;
use tempfile::TempDir;

use super::{on, plain_broker, versions};
use crate::doctor::Report;

const WITHIN: Duration = Duration::from_secs(120);
const PRODUCT: (&str, &str) = ("pid_0003", "2000.000");

/// What a charge is answered.
pub(super) async fn charge(daemon: &Daemon, buyer: u32) -> Result<String> {
    Ok(daemon.charge(&phone(buyer), PRODUCT.0, PRODUCT.1).await?.code())
}

/// Waits for `/readyz` to say these words, ready or not.
pub(super) async fn readiness(daemon: &Daemon, status: u16, words: &[&str]) -> Result<()> {
    let url = format!("{}/readyz", daemon.gateway_url());
    until(&format!("readiness {status} with {words:?}"), WITHIN, || async {
        let told = daemon.client().get(&url).await?;
        let says = words.iter().all(|word| told.text().contains(word));
        if told.status != status || !says {
            return Ok(None);
        }
        Ok(Some(()))
    })
    .await
}

/// Waits until a buyer is queued.
pub(super) async fn queued(daemon: &Daemon, buyer: u32) -> Result<()> {
    until("a charge that is queued", WITHIN, || async {
        Ok((charge(daemon, buyer).await? == "10000").then_some(()))
    })
    .await
}

/// Waits until these buyers' orders are placed, and none is missing in the books.
pub(super) async fn placed(daemon: &Daemon, buyers: impl Iterator<Item = u32>) -> Result<()> {
    for buyer in buyers {
        until("an order placed", WITHIN, || async {
            let told = daemon.query(&phone(buyer), PRODUCT.0).await?.json()?;
            Ok((told["data"]["orderStatus"] == 2).then_some(()))
        })
        .await?;
    }
    ensure!(Books::read(&daemon.database())?.faults().is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_or_broker_closed_to_writers() -> Result<()> {
    let (_folder, broker) = plain_broker().await?;
    let daemon = Daemon::start(on(&broker)).await?;
    queued(&daemon, 0).await?;
    let address = broker.address();
    let topic = |perm| ["updateTopicPerm", "-b", &address, "-t", TOPIC, "-p", perm];
    let whole = |perm| ["updateBrokerConfig", "-b", &address, "-k", "brokerPermission", "-v", perm];
    broker.mqadmin(&topic("4")).await?;
    readiness(&daemon, 503, &["may not be written to (perm 4)", "updateTopicPerm -b"]).await?;
    for buyer in 1..20 {
        assert_eq!(charge(&daemon, buyer).await?, "40004");
    }
    let report = Report::of(daemon.folder().path(), &on(&broker)).await?;
    report.assert("topic permission", "fail", &["perm 4", "updateTopicPerm"]);
    let state = daemon.admin().status().await?;
    assert!(state.degraded.iter().any(|why| why.contains("perm 4")), "{:?}", state.degraded);
    broker.mqadmin(&topic("6")).await?;
    queued(&daemon, 1).await?;
    readiness(&daemon, 200, &[]).await?;

    broker.mqadmin(&whole("4")).await?;
    readiness(&daemon, 503, &["brokerPermission 4", "-k brokerPermission -v 6"]).await?;
    assert_eq!(charge(&daemon, 2).await?, "40004");
    broker.mqadmin(&whole("6")).await?;
    queued(&daemon, 2).await?;
    placed(&daemon, 0..3).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_brokers_full_disk() -> Result<()> {
    let disk = SmallDisk::mount(600)?;
    let options = BrokerOptions {
        version: versions().into_iter().next().unwrap_or_default(),
        dir: disk.path().join("broker"),
        ..BrokerOptions::default()
    };
    let broker = Broker::start(options).await?;
    let daemon = Daemon::start(on(&broker)).await?;
    queued(&daemon, 0).await?;
    disk.fill_but(24)?;
    let (mut buyer, start) = (0, Instant::now());
    // The broker looks at its disk each ten seconds.
    let refused = loop {
        ensure!(start.elapsed() < WITHIN, "the broker stores on a full disk");
        buyer += 1;
        let code = charge(&daemon, buyer).await?;
        if code != "10000" {
            break code;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert_eq!(refused, "40004", "{}", daemon.logs()?);
    for buyer in 1_000..1_020 {
        assert_eq!(charge(&daemon, buyer).await?, "40004", "{}", daemon.logs()?);
    }
    let logs = daemon.logs()?;
    assert!(logs.contains("broker-a") && logs.contains("its disk is full"), "{logs}");
    // The refusals were definite: each unit is given back.
    until("no unit held", WITHIN, || async {
        let state = daemon.admin().status().await?;
        ensure!(state.unconfirmed.is_none_or(|view| view.count == 0));
        let shelf = state.products.iter().find(|shelf| shelf.prod_id == PRODUCT.0);
        Ok(shelf.is_some_and(|shelf| shelf.held == Some(0)).then_some(()))
    })
    .await?;
    disk.free()?;
    queued(&daemon, 1_000).await?;
    placed(&daemon, [0, 1_000].into_iter()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queues_that_nobody_may_read() -> Result<()> {
    const BUYERS: u32 = 24;
    let (_folder, broker) = plain_broker().await?;
    let address = broker.address();
    let width = |read, write| {
        ["updateTopic", "-b", &address, "-t", TOPIC, "-r", read, "-w", write, "-p", "6"]
    };
    broker.mqadmin(&width("8", "8")).await?;
    let daemon = Daemon::start(on(&broker)).await?;
    let consumption = "/v1/consumption";
    let admin = daemon.admin();
    admin.command(&format!("{consumption}/pause"), json!({ "reason": "they wait" })).await?;
    for buyer in 0..BUYERS {
        queued(&daemon, buyer).await?;
    }
    // Narrower while nobody consumes, so that none is on its way to us already.
    broker.mqadmin(&width("2", "8")).await?;
    let daemon = daemon.restart().await?;
    daemon.admin().command(&format!("{consumption}/resume"), json!({})).await?;
    readiness(&daemon, 200, &["writeQueueNums 8, readQueueNums 2", "updateTopic"]).await?;
    readiness(&daemon, 200, &["wait there unread (queue"]).await?;
    // Orders that come now are sent to a queue that may be read.
    for buyer in 100..100 + BUYERS {
        queued(&daemon, buyer).await?;
    }
    placed(&daemon, 100..100 + BUYERS).await?;
    let daemon = denied_to_nobody(daemon, &broker, BUYERS).await?;
    let report = Report::of(daemon.folder().path(), &on(&broker)).await?;
    report.assert("queues", "fail", &["orders wait there unread", "-r 8 -w 8"]);

    // Narrower on both sides: the queues are gone from the topic, and the orders lie there still.
    broker.mqadmin(&width("2", "2")).await?;
    let daemon = denied_to_nobody(daemon, &broker, BUYERS).await?;
    readiness(&daemon, 200, &["had more queues", "-r 8 -w 8"]).await?;
    let report = Report::of(daemon.folder().path(), &on(&broker)).await?;
    report.assert("queues", "fail", &["had more queues", "orders wait there unread"]);

    // The topic may not be read at all.
    broker.mqadmin(&["updateTopicPerm", "-b", &address, "-t", TOPIC, "-p", "2"]).await?;
    readiness(&daemon, 503, &["may not be read at broker-a (perm 2)"]).await?;
    let daemon = denied_to_nobody(daemon, &broker, BUYERS).await?;

    broker.mqadmin(&width("8", "8")).await?;
    placed(&daemon, 0..BUYERS).await?;
    readiness(&daemon, 200, &["\"degraded\":[]"]).await?;
    until("a lag of 0", WITHIN, || async {
        let state = daemon.admin().status().await?;
        Ok((state.queue.lag_messages == Some(0)).then_some(()))
    })
    .await?;
    assert_eq!(daemon.query(&phone(900), PRODUCT.0).await?.code(), "41004");
    Ok(())
}

/// Restarts the daemon, so that its gateway has forgotten whom it answered "queueing", and asks for
/// everybody: none is answered that there is no order.
async fn denied_to_nobody(daemon: Daemon, broker: &Broker, buyers: u32) -> Result<Daemon> {
    let daemon =
        daemon.restart_with(|options| options.until(seckill_e2e::daemon::Until::Listening));
    let daemon = daemon.await?;
    let mut unknown = 0;
    for buyer in 0..buyers {
        let told = daemon.query(&phone(buyer), PRODUCT.0).await?;
        match told.code().as_str() {
            "42004" => unknown += 1,
            "10000" => {}
            code => anyhow::bail!("buyer {buyer} is told {code}: {}", told.text()),
        }
    }
    let known = broker.mqadmin(&["topicStatus", "-t", TOPIC]).await?;
    ensure!(0 < unknown, "all orders were placed, so nothing is tried:\n{known}");
    Ok(daemon)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_may_not_consume() -> Result<()> {
    let (_folder, broker) = plain_broker().await?;
    let daemon = Daemon::start(on(&broker)).await?;
    queued(&daemon, 0).await?;
    placed(&daemon, 0..1).await?;
    let address = broker.address();
    let group = |may| ["updateSubGroup", "-b", &address, "-g", GROUP, "-s", may];
    broker.mqadmin(&group("false")).await?;
    readiness(&daemon, 503, &["consumeEnable is off", "updateSubGroup"]).await?;
    let report = Report::of(daemon.folder().path(), &on(&broker)).await?;
    report.assert("group permission", "fail", &["consumeEnable", "updateSubGroup"]);
    broker.mqadmin(&group("true")).await?;
    readiness(&daemon, 200, &["\"degraded\":[]"]).await?;
    queued(&daemon, 1).await?;
    placed(&daemon, 0..2).await
}

/// A master that must have each message copied, and has no replica.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_never_confirms() -> Result<()> {
    let folder = TempDir::new()?;
    let options = BrokerOptions {
        version: versions().into_iter().next().unwrap_or_default(),
        dir: folder.path().to_owned(),
        conf: "brokerRole=SYNC_MASTER\ninSyncReplicas=2\nslaveTimeout=300\n".to_owned(),
        ..BrokerOptions::default()
    };
    let broker = Broker::start(options).await?;
    let daemon = Daemon::start(on(&broker)).await?;
    until("a charge with an unknown end", WITHIN, || async {
        Ok((charge(&daemon, 0).await? == "42001").then_some(()))
    })
    .await?;
    until("the replica to be named", WITHIN, || async {
        let logs = daemon.logs()?;
        Ok((logs.contains("broker-a") && logs.contains("replica")).then_some(()))
    })
    .await
}
