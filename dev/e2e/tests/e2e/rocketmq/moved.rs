//! Offsets that somebody else moves under us: orders that are passed over are shown, with the queue
//! and the count, until they can be reached again.

use std::time::Duration;

use anyhow::Result;
use seckill_e2e::buyers::phone;
use seckill_e2e::daemon::Daemon;
use seckill_e2e::topic::{GROUP, TOPIC};
use seckill_e2e::until;
use serde_json::json;

use super::{on, plain_broker, topic_drained};

const WITHIN: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offset_that_is_set_forward_passes_over_orders_and_is_told() -> Result<()> {
    const BUYERS: u32 = 12;
    let (_folder, broker) = plain_broker().await?;
    let daemon = Daemon::start(on(&broker)).await?;
    let admin = daemon.admin();
    let charge = async |buyer: u32| daemon.charge(&phone(buyer), "pid_0001", "5999.000").await;
    for buyer in 0..8 {
        assert_eq!(charge(buyer).await?.code(), "10000");
    }
    topic_drained(&broker).await?;
    let before = broker.mqadmin(&["topicStatus", "-t", TOPIC]).await?;
    admin.command("/v1/consumption/pause", json!({ "reason": "orders are to wait" })).await?;
    for buyer in 8..8 + BUYERS {
        assert_eq!(charge(buyer).await?.code(), "10000");
    }
    until("the backlog to be seen", WITHIN, || async {
        let state = admin.status().await?;
        Ok((state.queue.lag_messages == Some(u64::from(BUYERS))).then_some(()))
    })
    .await?;
    // Skips a backlog, as an operator might by mistake.
    let told =
        broker.mqadmin(&["resetOffsetByTime", "-g", GROUP, "-t", TOPIC, "-s", "now"]).await?;
    println!("{before}\n{told}");
    until("orders passed over to be told", WITHIN, || async {
        let state = admin.status().await?;
        Ok(state.warnings.iter().any(|why| why.contains("passed over")).then_some(()))
    })
    .await?;
    let logs = daemon.logs()?;
    assert!(logs.contains("moved the consumed offset"), "{logs}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offset_that_is_set_forward_while_nobody_runs_is_told_at_the_next_start() -> Result<()> {
    const BUYERS: u32 = 12;
    let (_folder, broker) = plain_broker().await?;
    let mut daemon = Daemon::start(on(&broker)).await?;
    let pause = json!({ "reason": "orders are to wait" });
    daemon.charge(&phone(100), "pid_0001", "5999.000").await?;
    topic_drained(&broker).await?;
    daemon.admin().command("/v1/consumption/pause", pause).await?;
    for buyer in 0..BUYERS {
        assert_eq!(daemon.charge(&phone(buyer), "pid_0001", "5999.000").await?.code(), "10000");
    }
    daemon.terminate().await?;
    broker.mqadmin(&["resetOffsetByTime", "-g", GROUP, "-t", TOPIC, "-s", "now"]).await?;
    let mut daemon = daemon.restart().await?;
    // The warning stands also after an end that wasn't ordered.
    for _ in 0..2 {
        until("orders passed over to be told", WITHIN, || async {
            let state = daemon.admin().status().await?;
            Ok(state.warnings.iter().any(|why| why.contains("passed over")).then_some(()))
        })
        .await?;
        for buyer in 0..BUYERS {
            assert_eq!(daemon.query(&phone(buyer), "pid_0001").await?.code(), "42004", "{buyer}");
        }
        daemon.kill9()?;
        daemon = daemon.restart().await?;
    }
    daemon.admin().command("/v1/consumption/resume", json!({ "reason": "go on" })).await?;
    daemon.terminate().await?;
    broker.mqadmin(&["resetOffsetByTime", "-g", GROUP, "-t", TOPIC, "-s", "0"]).await?;
    let daemon = daemon.restart().await?;
    until("all to be placed", WITHIN, || async {
        let placed = async |buyer| -> Result<bool> {
            Ok(daemon.query(&phone(buyer), "pid_0001").await?.code() == "10000")
        };
        let mut all = true;
        for buyer in 0..BUYERS {
            all &= placed(buyer).await?;
        }
        Ok((all && daemon.admin().status().await?.warnings.is_empty()).then_some(()))
    })
    .await?;
    Ok(())
}
