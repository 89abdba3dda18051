//! Restored over a broker: what was consumed after the backup comes again once the group's offset
//! is reset, as docs/backup.md describes; and a gateway that lived on learns of it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use seckill_e2e::broker::Broker;
use seckill_e2e::buyers::phone;
use seckill_e2e::checker::Books;
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::topic::{GROUP, TOPIC};
use seckill_e2e::until;

use super::{done, live_orders};
use crate::rocketmq::{on, plain_broker};

const PROD: &str = "pid_0001";
const PLACED_MAX: Duration = Duration::from_secs(60);

/// Buyers charge at a gateway until so many are placed in the order node's database.
async fn charged(gateway: &Daemon, order: &Daemon, numbers: std::ops::Range<u32>) -> Result<()> {
    for number in numbers.clone() {
        let told = gateway.charge(&phone(number), PROD, "5999.000").await?;
        ensure!(told.code() == "10000", "{}", told.text());
    }
    let wanted = usize::try_from(numbers.end)?;
    until("the orders placed", PLACED_MAX, || async {
        Ok((Books::read(&order.database())?.sold(PROD) == wanted).then_some(()))
    })
    .await
}

/// Sells twelve orders, of which a backup has the first five, and stops the order role; returns the
/// ids of all.
async fn sold_beyond(
    backup: &Path,
    options: &Options,
    gateway: Option<&Daemon>,
    order: &mut Daemon,
) -> Result<Vec<String>> {
    charged(gateway.unwrap_or(order), order, 0..5).await?;
    done(options, order.folder().path(), "backup", backup).await?;
    charged(gateway.unwrap_or(order), order, 5..12).await?;
    let all = live_orders(&order.database())?;
    ensure!(order.terminate().await?.status.success());
    Ok(all)
}

/// Waits until each of these orders is there again.
async fn until_all_are_back(order: &Daemon, all: &[String]) -> Result<()> {
    until("every order again", PLACED_MAX, || async {
        Ok((live_orders(&order.database())? == all).then_some(()))
    })
    .await
}

/// What an operator does before the order role starts again.
async fn reset(broker: &Broker) -> Result<()> {
    let told = broker.mqadmin(&["resetOffsetByTime", "-g", GROUP, "-t", TOPIC, "-s", "0"]).await?;
    println!("{told}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_whose_offset_is_reset_brings_every_later_order_under_its_own_id() -> Result<()> {
    let (_broker_folder, broker) = plain_broker().await?;
    let options = on(&broker);
    let mut daemon = Daemon::start(options.clone()).await?;
    let folder = daemon.folder();
    let file = folder.path().join("backup");
    let all = sold_beyond(&file, &options, None, &mut daemon).await?;
    let told = done(&options, folder.path(), "restore", &file).await?;
    ensure!(told["sold"] == 5, "{told}");
    reset(&broker).await?;
    let daemon = daemon.restart().await?;
    until_all_are_back(&daemon, &all).await?;
    let books = Books::read(&daemon.database())?;
    ensure!(books.faults().is_empty() && books.sold(PROD) == 12, "{books:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_lived_on_starts_over_with_the_restored_order_node() -> Result<()> {
    let (broker_folder, broker) = plain_broker().await?;
    let options = on(&broker).name("order").roles(&["order"]);
    let mut order = Daemon::start(options.clone()).await?;
    let folder = order.folder();
    let key = broker_folder.path().join("order-id-key");
    std::fs::write(&key, "a key that the gateways of this test share; 32 bytes or more")?;
    let gateway = on(&broker)
        .name("gateway")
        .roles(&["gateway"])
        .set("gateway.order_url", order.order_url())
        .set("gateway.order_id_key_file", key.to_string_lossy());
    let gateway = Daemon::start_in(order.folder(), gateway).await?;
    let file = folder.path().join("backup");
    let all = sold_beyond(&file, &options, Some(&gateway), &mut order).await?;
    done(&options, folder.path(), "restore", &file).await?;
    reset(&broker).await?;
    let order = order.restart().await?;
    until("the gateway to start over", PLACED_MAX, || async {
        Ok(gateway.logs()?.contains("has another database").then_some(()))
    })
    .await?;
    until_all_are_back(&order, &all).await?;
    // The gateway answers each of them, and sells on by the stock that there is.
    for number in 0..12 {
        until("the order told as placed", PLACED_MAX, || async {
            let told = gateway.query(&phone(number), PROD).await?.json()?;
            ensure!(told["code"] != "41004", "{number} is told that there is no order");
            Ok((told["data"]["orderStatus"] == 2).then_some(()))
        })
        .await?;
    }
    charged(&gateway, &order, 12..14).await
}
