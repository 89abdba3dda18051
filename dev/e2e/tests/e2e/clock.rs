//! The wall clock is set while a sale goes by the clock: nothing opens early, twice or late, and an
//! operator is told.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use protocol::{EpochMs, SaleClockView};
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::until;
use seckill_e2e::wall_clock::WallClock;
use serde_json::json;

use crate::window::{charge, placed, rfc3339, set, sold_within};

/// How long anything may take.
const WITHIN: Duration = Duration::from_secs(60);
/// Milliseconds by which two clocks of this machine may differ: one is only corrected.
pub(crate) const ABOUT_MS: i64 = 100;

/// Buyers who wait too long are counted once a second.
const OVERDUE_IS_COUNTED: Duration = Duration::from_millis(1_500);

/// This process's wall clock, which nobody sets.
#[expect(clippy::disallowed_methods, reason = "the daemon's clock is what is tried")]
pub(crate) fn true_ms() -> Result<i64> {
    Ok(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?)
}

async fn sale_clock(daemon: &Daemon) -> Result<SaleClockView> {
    Ok(daemon.admin().status().await?.sale_clock)
}

/// Waits until the sale's clock is shown so; the warnings of then.
pub(crate) async fn until_shown(
    daemon: &Daemon,
    follows: bool,
    wall_ahead_s: i64,
) -> Result<Vec<String>> {
    until("the sale's clock", WITHIN, || async {
        let state = daemon.admin().status().await?;
        let shown = (state.sale_clock.follows, state.sale_clock.wall_ahead_s);
        Ok((shown == (follows, wall_ahead_s)).then_some(state.warnings))
    })
    .await
}

/// Sets the wall clock, and waits until it is told by how much it is off.
pub(crate) async fn stepped(daemon: &Daemon, wall: &WallClock, ahead_s: i64) -> Result<()> {
    wall.set(ahead_s)?;
    let warnings = until_shown(daemon, false, ahead_s).await?;
    let side = if ahead_s < 0 { "behind" } else { "ahead of" };
    let told = format!("the wall clock is {} s {side}", ahead_s.abs());
    ensure!(warnings.iter().any(|warning| warning.starts_with(&told)), "{warnings:?}");
    Ok(())
}

/// Charges, one buyer after the other, until one is accepted: nobody before the opening, and nobody
/// is refused who asks after it.
async fn opens_at_its_moment(daemon: &Daemon, opens_at: i64) -> Result<u32> {
    for buyer in 1_000..1_000_000 {
        let asked = true_ms()?;
        let told = charge(daemon, buyer).await?;
        match told["code"].as_str() {
            Some("42005") => ensure!(asked < opens_at + ABOUT_MS, "refused late: {told}"),
            Some("10000") => {
                ensure!(opens_at - ABOUT_MS < true_ms()?, "accepted early");
                return Ok(buyer);
            }
            _ => bail!("{told}"),
        }
    }
    bail!("it never opened")
}

#[tokio::test]
async fn a_step_of_the_wall_clock_moves_no_opening() -> Result<()> {
    let wall = WallClock::new()?;
    let daemon = Daemon::start(wall.of(sold_within(Options::embedded(), ""))).await?;
    // Nothing goes by the clock: it follows the wall's, however far.
    wall.set(90)?;
    until_shown(&daemon, true, 0).await?;
    ensure!(charge(&daemon, 1).await?["code"] == "10000", "it isn't open");
    let asked_at = placed(&daemon, 1).await?;
    ensure!(EpochMs(true_ms()? + 60_000).to_wire() < asked_at, "not by the wall: {asked_at}");
    wall.set(0)?;

    let opens_at = true_ms()? + 6_000;
    set(&daemon, json!({ "opens_at": rfc3339(opens_at) })).await?;
    until_shown(&daemon, false, 0).await?;
    stepped(&daemon, &wall, 90).await?;
    let told = charge(&daemon, 2).await?;
    ensure!(true_ms()? < opens_at, "this machine is too slow for the test");
    ensure!(told["code"] == "42005", "opened early: {told}");
    stepped(&daemon, &wall, -90).await?;
    let served = opens_at_its_moment(&daemon, opens_at).await?;
    let asked_at = placed(&daemon, served).await?;
    ensure!(EpochMs(opens_at).to_wire() <= asked_at, "accepted at {asked_at}");

    // Whoever waits has waited for as long as before.
    let admin = daemon.admin();
    admin.command("/v1/consumption/pause", json!({ "reason": "they wait" })).await?;
    ensure!(charge(&daemon, 5).await?["code"] == "10000", "it isn't open");
    // It isn't shut again, and nobody sets its clock.
    for (buyer, ahead_s) in [(3, -3_600), (4, 3_600)] {
        stepped(&daemon, &wall, ahead_s).await?;
        let told = charge(&daemon, buyer).await?;
        ensure!(told["code"] == "10000", "{told}");
        let refused = daemon.admin().post("/v1/clock/adopt", json!({})).await?;
        ensure!(refused.status == 409, "{}", refused.text());
        ensure!(refused.json()?["code"] == "sale_is_open", "{}", refused.text());
        let looked = std::time::Instant::now();
        while looked.elapsed() < OVERDUE_IS_COUNTED {
            let overdue = admin.status().await?.overdue.context("no gateway")?;
            ensure!(overdue.count == 0, "{ahead_s} s: {overdue:?}");
        }
    }
    admin.command("/v1/consumption/resume", json!({})).await?;
    // Off the shelf nothing goes by it any more.
    set(&daemon, json!({ "on_shelf": false })).await?;
    let warnings = until_shown(&daemon, true, 0).await?;
    ensure!(warnings.iter().all(|warning| !warning.contains("clock")), "{warnings:?}");
    Ok(())
}

#[tokio::test]
async fn an_operator_has_the_wall_clocks_time_taken_over() -> Result<()> {
    let wall = WallClock::new()?;
    let window = ", opens_at = \"2099-12-11T20:00:00+08:00\"";
    let daemon = Daemon::start(wall.of(sold_within(Options::embedded(), window))).await?;
    until_shown(&daemon, false, 0).await?;
    stepped(&daemon, &wall, 90).await?;
    let server_time = async || {
        let told = charge(&daemon, 1).await?;
        told["data"]["serverTime"].as_i64().with_context(|| told.to_string())
    };
    ensure!(server_time().await? < true_ms()? + 60_000, "it followed by itself");
    let adopted = daemon.admin().command("/v1/clock/adopt", json!({ "reason": "NTP" })).await?;
    let set_ms = adopted["set_ms"].as_i64().context("by how much?")?;
    ensure!((set_ms - 90_000).abs() < ABOUT_MS, "{adopted}");
    let warnings = until_shown(&daemon, false, 0).await?;
    ensure!(warnings.iter().all(|warning| !warning.contains("clock")), "{warnings:?}");
    ensure!(true_ms()? + 60_000 < server_time().await?, "it wasn't taken over");
    // What agrees already is written down, and changes nothing.
    let again = daemon.admin().command("/v1/clock/adopt", json!({})).await?;
    ensure!(again["set_ms"].as_i64().is_some_and(|ms| ms.abs() < ABOUT_MS), "{again}");
    // A small step is followed.
    wall.set(91)?;
    until("the small step", WITHIN, || async {
        Ok((true_ms()? + 90_500 < server_time().await?).then_some(()))
    })
    .await?;
    ensure!(sale_clock(&daemon).await?.wall_ahead_s == 0, "a small step is told");
    Ok(())
}
