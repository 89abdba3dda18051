//! A sale that opens by the clock at two gateways whose wall clocks are set back and forth: each
//! has a clock of its own for the sale, and the order node judges by when buyers asked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use protocol::EpochMs;
use seckill_e2e::daemon::Daemon;
use seckill_e2e::until;
use seckill_e2e::wall_clock::WallClock;
use serde_json::json;

use crate::clock::{ABOUT_MS, stepped, true_ms, until_shown};
use crate::rocketmq::{on, plain_broker};
use crate::window::{charge, placed, rfc3339, set, sold_within};

/// Until the opening: all clocks have been set by then.
const OPENS_IN_MS: i64 = 8_000;
/// How long buyers ask before and after the opening.
const AROUND_MS: i64 = 1_000;
const WITHIN: Duration = Duration::from_secs(120);

/// Charges, one buyer after the other, around the opening, at which the wall clock is set; those
/// who were accepted.
async fn around(
    gateway: &Daemon,
    first: u32,
    opens_at: i64,
    at_the_opening: impl Fn() -> Result<()>,
) -> Result<Vec<u32>> {
    let (mut accepted, mut early) = (Vec::new(), 0);
    let is_set = AtomicBool::new(false);
    for buyer in first.. {
        let asked = true_ms()?;
        if opens_at + AROUND_MS < asked {
            break;
        }
        if opens_at - AROUND_MS / 10 < asked && !is_set.swap(true, Ordering::Relaxed) {
            at_the_opening()?;
        }
        let told = charge(gateway, buyer).await?;
        match told["code"].as_str() {
            Some("42005") => {
                ensure!(asked < opens_at + ABOUT_MS, "refused late: {told}");
                early += 1;
            }
            Some("10000") => {
                ensure!(opens_at - ABOUT_MS < true_ms()?, "accepted early");
                accepted.push(buyer);
            }
            _ => bail!("{told}"),
        }
    }
    ensure!(0 < early && !accepted.is_empty(), "{early} early, {} accepted", accepted.len());
    println!("{early} early, {} accepted", accepted.len());
    Ok(accepted)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_open_at_one_moment_whatever_their_wall_clocks_show() -> Result<()> {
    let (folder, broker) = plain_broker().await?;
    let order = sold_within(on(&broker), "").name("order").roles(&["order"]);
    let order = Daemon::start(order).await?;
    let key_file = folder.path().join("order-id-key");
    std::fs::write(&key_file, "a key that the gateways of this test share; 32 bytes or more")?;
    let walls = [WallClock::new()?, WallClock::new()?];
    let mut gateways = Vec::new();
    for (number, wall) in walls.iter().enumerate() {
        let options = on(&broker)
            .name(&format!("gateway-{number}"))
            .roles(&["gateway"])
            .set("gateway.order_url", order.order_url())
            .set("gateway.order_id_key_file", key_file.to_string_lossy());
        gateways.push(Daemon::start_in(order.folder(), wall.of(options)).await?);
    }
    let opens_at = true_ms()? + OPENS_IN_MS;
    set(&order, json!({ "opens_at": rfc3339(opens_at) })).await?;
    for daemon in gateways.iter().chain([&order]) {
        until_shown(daemon, false, 0).await?;
    }
    let ahead_ms = until("the order node's clock", WITHIN, || async {
        Ok(gateways[0].admin().status().await?.sale_clock.order_node_ahead_ms)
    })
    .await?;
    ensure!(ahead_ms.abs() <= ABOUT_MS, "{ahead_ms} ms apart");
    stepped(&gateways[0], &walls[0], 90).await?;
    stepped(&gateways[1], &walls[1], -90).await?;
    ensure!(true_ms()? < opens_at - AROUND_MS, "this machine is too slow for the test");

    let (one, other) = tokio::join!(
        around(&gateways[0], 1_000, opens_at, || walls[0].set(-90)),
        around(&gateways[1], 500_000, opens_at, || walls[1].set(90)),
    );
    let accepted = [one?, other?];
    let count: usize = accepted.iter().map(Vec::len).sum();
    until("all of them placed", WITHIN, || async {
        let orders = order.admin().status().await?.orders.context("no order role")?;
        let failed: u64 = orders.failed.values().sum();
        ensure!(failed == 0, "{:?}", orders.failed);
        Ok((orders.placed == count as u64).then_some(()))
    })
    .await?;
    for (gateway, accepted) in gateways.iter().zip(&accepted) {
        let asked_at = placed(gateway, accepted[0]).await?;
        ensure!(EpochMs(opens_at).to_wire() <= asked_at, "accepted at {asked_at}");
    }
    Ok(())
}
