//! A product's window over a real broker: the gateway's orders, and those of a Java gateway, which
//! knows no windows.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use seckill_e2e::buyers::phone;
use seckill_e2e::checker::Books;
use seckill_e2e::daemon::Daemon;
use seckill_e2e::topic::{Topic, java_bytes};
use seckill_e2e::until;
use serde_json::json;

use super::{on, plain_broker};
use crate::window::{PROD, a_moved_window_fails_nobody, nobody_is_early_or_refused_late};
use crate::window::{charge, rfc3339, sold_within};

const WITHIN: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_opens_to_the_millisecond_and_orders_outlive_it() -> Result<()> {
    let (_folder, broker) = plain_broker().await?;
    let daemon = Daemon::start(sold_within(on(&broker), "")).await?;
    nobody_is_early_or_refused_late(&daemon).await?;
    a_moved_window_fails_nobody(&daemon).await
}

/// A half more are let in than there are units. Not one more is sold.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_surplus_of_a_preheated_desk_ends_sold_out() -> Result<()> {
    const STOCK: u32 = 100;
    let (_folder, broker) = plain_broker().await?;
    let product = format!("prod_id = \"{PROD}\", prod_name = \"P\", price = \"5999.000\"");
    let products = format!("[{{{product}, stock = {STOCK}, preheat_ratio = \"1.5\"}}]");
    let daemon = Daemon::start(on(&broker).set("products", products)).await?;
    let admin = daemon.admin();
    admin.command("/v1/consumption/pause", json!({ "reason": "they wait" })).await?;
    let mut codes: BTreeMap<String, u32> = BTreeMap::new();
    for buyer in 0..2 * STOCK {
        let told = charge(&daemon, buyer).await?;
        *codes.entry(told["code"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    ensure!(codes == BTreeMap::from([("10000".into(), 150), ("40006".into(), 50)]), "{codes:?}");
    admin.command("/v1/consumption/resume", json!({})).await?;
    until("all of them decided", WITHIN, || async {
        let orders = admin.status().await?.orders;
        let orders = orders.unwrap_or_default();
        let failed: u64 = orders.failed.values().sum();
        Ok((orders.placed + failed == 150).then_some(()))
    })
    .await?;
    let orders = admin.status().await?.orders.unwrap_or_default();
    ensure!(orders.placed == 100 && orders.failed.get("sold_out") == Some(&50), "{orders:?}");
    let books = Books::read(&daemon.database())?;
    ensure!(books.faults().is_empty() && books.sold(PROD) == 100, "{:?}", books.faults());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_java_gateways_orders_are_judged_by_when_they_were_born() -> Result<()> {
    let (opens_at, closes_at) = (1_790_000_000_000, 1_790_000_060_000);
    let window =
        format!(", opens_at = \"{}\", closes_at = \"{}\"", rfc3339(opens_at), rfc3339(closes_at));
    let (_folder, broker) = plain_broker().await?;
    let daemon = Daemon::start(sold_within(on(&broker), &window)).await?;
    let mut topic = Topic::connect(&broker.name_server()).await?;
    for (buyer, born_at, status, reason) in [
        (1, opens_at - 1, 3, Some("not_open")),
        (2, opens_at, 2, None),
        (3, closes_at - 1, 2, None),
        (4, closes_at, 3, Some("closed")),
    ] {
        let body = java_bytes(&format!("java-{buyer}"), &phone(buyer), PROD, "5999.000");
        topic.put_born_at(0, &body, born_at).await?;
        until("it is decided", WITHIN, || async {
            let told = daemon.query(&phone(buyer), PROD).await?.json()?;
            let data = &told["data"];
            if data["orderStatus"].is_null() || data["orderStatus"] == 1 {
                return Ok(None);
            }
            ensure!(data["orderStatus"] == status, "born at {born_at}: {told}");
            ensure!(data["reason"].as_str() == reason, "born at {born_at}: {told}");
            Ok(Some(()))
        })
        .await?;
    }
    Ok(())
}
