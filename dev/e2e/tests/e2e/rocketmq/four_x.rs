//! The stock build, without the patch for 4.x, on RocketMQ 4.x: with a 4.x name server it says what
//! to do; with 4.x brokers behind a 5.x name server it sells.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use seckill_e2e::broker::{Broker, BrokerOptions};
use seckill_e2e::buyers::{Crowd, phone};
use seckill_e2e::daemon::{Daemon, Until};
use seckill_e2e::process::is_chosen;
use seckill_e2e::until;
use tempfile::TempDir;

use super::{on, topic_drained, versions};
use crate::sale::judge;

const OLD: &str = "4.9.7";

/// What the message must name: both ways out.
const WAYS_OUT: [&str; 2] = ["cargo xtask rocketmq patch-4x", "5.x name server"];

async fn old_broker(name_server_version: &str) -> Result<(TempDir, Broker)> {
    let folder = TempDir::new()?;
    let options = BrokerOptions {
        version: OLD.to_owned(),
        name_server_version: name_server_version.to_owned(),
        dir: folder.path().to_owned(),
        ..BrokerOptions::default()
    };
    Ok((folder, Broker::start(options).await?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stock_build_at_an_old_name_server_names_the_ways_out() -> Result<()> {
    if is_chosen() {
        println!("skipped: another program than the stock one was chosen");
        return Ok(());
    }
    let (_folder, broker) = old_broker(OLD).await?;
    let daemon = Daemon::start(on(&broker).until(Until::Listening)).await?;
    until("a message that names the ways out", Duration::from_secs(30), || async {
        let logs = daemon.logs()?;
        Ok(WAYS_OUT.iter().all(|way| logs.contains(way)).then_some(()))
    })
    .await?;
    for url in [daemon.gateway_url(), daemon.order_url()] {
        let ready = daemon.client().get(&format!("{url}/readyz")).await?;
        assert_eq!(ready.status, 503, "{}", ready.text());
        for way in WAYS_OUT {
            assert!(ready.text().contains(way), "{}", ready.text());
        }
    }
    let answer = daemon.charge(&phone(0), "pid_0001", "5999.000").await?;
    assert_eq!(answer.code(), "40004", "{}", answer.text());
    assert_eq!(answer.header("retry-after"), "1");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stock_build_sells_over_old_brokers_behind_a_new_name_server() -> Result<()> {
    if is_chosen() {
        println!("skipped: another program than the stock one was chosen");
        return Ok(());
    }
    for version in versions() {
        let (_folder, broker) = old_broker(&version).await?;
        let daemon = Daemon::start(on(&broker)).await?;
        let crowd = Crowd::of_the_sale(vec![daemon.gateway_url()]);
        let ledger = crowd.clone().run(Arc::default()).await?;
        println!("RocketMQ {OLD} behind a name server {version}: {:?}", ledger.took);
        topic_drained(&broker).await?;
        judge(&daemon.database(), crowd, &ledger).await?;
    }
    Ok(())
}
