//! A product's window: nothing is sold before it opens or after it closes, and an order that was
//! told to be queueing gets its unit wherever the window has been moved since.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use protocol::{EpochMs, Method};
use seckill_e2e::buyers::phone;
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::until;
use serde_json::{Value, json};

pub(crate) const PROD: &str = "pid_0001";
const PRICE: &str = "5999.000";
/// How long anything may take.
const WITHIN: Duration = Duration::from_secs(120);
/// Milliseconds until the window opens.
const OPENS_IN_MS: i64 = 1_500;
/// How long buyers go on asking after the opening.
const ASKED_FOR_MS: i64 = 1_000;

/// A product of which nobody asks in vain, with its window.
pub(crate) fn sold_within(options: Options, window: &str) -> Options {
    let product = format!("prod_id = \"{PROD}\", prod_name = \"P\", price = \"{PRICE}\"");
    options.set("products", format!("[{{{product}, stock = 100000{window}}}]"))
}

/// Moves the product's window.
pub(crate) async fn set(daemon: &Daemon, terms: Value) -> Result<()> {
    let path = format!("/v1/products/{PROD}");
    let answer = daemon.admin().give(Method::Patch, &path, terms).await?;
    ensure!(answer.status == 200, "{}", answer.text());
    Ok(())
}

/// The daemon's time.
async fn now(daemon: &Daemon) -> Result<i64> {
    Ok(daemon.admin().status().await?.at.0)
}

pub(crate) fn rfc3339(at: i64) -> String {
    EpochMs(at).to_wire().replace("+0000", "Z")
}

pub(crate) async fn charge(daemon: &Daemon, buyer: u32) -> Result<Value> {
    daemon.charge(&phone(buyer), PROD, PRICE).await?.json()
}

/// Sets the opening soon after now; returns it once a buyer was told that it isn't open yet. Where
/// the machine is too slow for that, a later one is tried.
async fn opening_soon(daemon: &Daemon) -> Result<i64> {
    let mut buyers = 500_000..;
    for opens_in_ms in [OPENS_IN_MS, 4 * OPENS_IN_MS, 16 * OPENS_IN_MS] {
        let opens_at = now(daemon).await? + opens_in_ms;
        set(daemon, json!({ "opens_at": rfc3339(opens_at) })).await?;
        // The gateway reads its terms after the command's answer. Who was accepted at the old ones
        // isn't asked again.
        while now(daemon).await? < opens_at {
            let buyer = buyers.next().context("no buyer left")?;
            if charge(daemon, buyer).await?["code"] == "42005" {
                return Ok(opens_at);
            }
        }
    }
    bail!("nobody came before an opening")
}

/// Waits until a buyer without an order is told this code: each time it is another one.
async fn until_told(daemon: &Daemon, code: &str, first: u32) -> Result<()> {
    let next = AtomicU32::new(first);
    until(code, WITHIN, || async {
        let buyer = next.fetch_add(1, Ordering::Relaxed);
        Ok((charge(daemon, buyer).await?["code"] == code).then_some(()))
    })
    .await
}

/// What buyers are told who ask one after the other, from before the opening until some time after.
/// One of those who were accepted.
pub(crate) async fn nobody_is_early_or_refused_late(daemon: &Daemon) -> Result<u32> {
    let opens_at = opening_soon(daemon).await?;
    let (mut early, mut accepted) = (1, Vec::new());
    for buyer in 1_000..100_000 {
        let told = charge(daemon, buyer).await?;
        match told["code"].as_str() {
            Some("42005") => {
                let data = &told["data"];
                let server_time = data["serverTime"].as_i64().context("no time")?;
                ensure!(server_time < opens_at, "refused late: {told}");
                ensure!(data["opensInMs"] == opens_at - server_time, "{told}");
                ensure!(data["opensAt"] == EpochMs(opens_at).to_wire(), "{told}");
                early += 1;
            }
            Some("10000") => accepted.push(buyer),
            _ => bail!("{told}"),
        }
        if !accepted.is_empty() && opens_at + ASKED_FOR_MS < now(daemon).await? {
            break;
        }
    }
    ensure!(!accepted.is_empty(), "{early} early, none accepted");
    let opening = EpochMs(opens_at).to_wire();
    for buyer in accepted.iter().step_by(10).chain(accepted.last()).chain(accepted.first()) {
        let asked_at = placed(daemon, *buyer).await?;
        ensure!(opening <= asked_at, "accepted at {asked_at}, before {opening}");
    }
    println!("{early} early, {} accepted", accepted.len());
    Ok(accepted[0])
}

/// Waits until the buyer's order is placed; when it was asked for.
pub(crate) async fn placed(daemon: &Daemon, buyer: u32) -> Result<String> {
    until("the order is placed", WITHIN, || async {
        let told = daemon.query(&phone(buyer), PROD).await?.json()?;
        let data = &told["data"];
        ensure!(data["orderStatus"] != 3, "{told}");
        let is_placed = data["orderStatus"] == 2;
        Ok(is_placed.then(|| data["chargeTime"].as_str().unwrap_or_default().to_owned()))
    })
    .await
}

/// Buyers are accepted, the window is moved away from under their orders, twice, and these are
/// placed all the same.
pub(crate) async fn a_moved_window_fails_nobody(daemon: &Daemon) -> Result<()> {
    let admin = daemon.admin();
    admin.command("/v1/consumption/pause", json!({ "reason": "they wait" })).await?;
    let mut queued = Vec::new();
    for (first, away_ms) in [(0, 3_600_000), (10_000, 7_200_000)] {
        let open = now(daemon).await?;
        set(daemon, json!({ "opens_at": rfc3339(open - 1), "closes_at": null })).await?;
        until_told(daemon, "10000", first + 100_000).await?;
        for buyer in first..first + 10 {
            let told = charge(daemon, buyer).await?;
            ensure!(told["code"] == "10000", "{told}");
        }
        queued.extend(first..first + 10);
        set(daemon, json!({ "opens_at": rfc3339(open + away_ms) })).await?;
        until_told(daemon, "42005", first + 200_000).await?;
    }
    admin.command("/v1/consumption/resume", json!({})).await?;
    for buyer in queued {
        placed(daemon, buyer).await?;
    }
    Ok(())
}

#[tokio::test]
async fn it_opens_to_the_millisecond_and_closes() -> Result<()> {
    let daemon = Daemon::start(sold_within(Options::embedded(), "")).await?;
    let served = nobody_is_early_or_refused_late(&daemon).await?;
    set(&daemon, json!({ "closes_at": rfc3339(now(&daemon).await?) })).await?;
    until_told(&daemon, "42006", 200_000).await?;
    // Who has an order is told of it as before, also after a restart.
    let before = charge(&daemon, served).await?;
    ensure!(before["code"] == "10000", "{before}");
    let daemon = daemon.restart().await?;
    let after = charge(&daemon, served).await?;
    ensure!(after == before, "{after}");
    let refused = charge(&daemon, 400_000).await?;
    ensure!(refused["code"] == "42006" && refused["data"].is_null(), "{refused}");
    let state = daemon.admin().status().await?;
    ensure!(state.products[0].state == Some(protocol::SaleState::Closed), "{:?}", state.products);
    Ok(())
}

#[tokio::test]
async fn a_product_of_the_profile_waits_for_its_opening() -> Result<()> {
    let window = ", opens_at = \"2099-12-11T20:00:00+08:00\"";
    let daemon = Daemon::start(sold_within(Options::embedded(), window)).await?;
    let answer = daemon.charge(&phone(1), PROD, PRICE).await?;
    ensure!(answer.code() == "42005", "{}", answer.text());
    let after_s = answer.header("retry-after").parse::<i64>()?;
    let left_ms = answer.json()?["data"]["opensInMs"].as_i64().context("no time")?;
    ensure!(after_s == (left_ms + 999) / 1_000, "{after_s} s and {left_ms} ms");
    let never = daemon.query(&phone(1), PROD).await?;
    ensure!(never.code() == "41004", "{}", never.text());
    Ok(())
}

#[tokio::test]
async fn orders_in_the_embedded_queue_outlive_their_window() -> Result<()> {
    let daemon = Daemon::start(sold_within(Options::embedded(), "")).await?;
    a_moved_window_fails_nobody(&daemon).await
}
