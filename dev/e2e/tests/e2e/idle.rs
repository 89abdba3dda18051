//! What the daemon costs when nobody buys.

use std::time::{Duration, Instant};

use anyhow::Result;
use seckill_e2e::daemon::{Daemon, Options};

/// 40 MiB is the measure for the release program, which `cargo xtask bench` holds it to; a debug
/// build's code and futures take some more.
const RSS_MAX_KIB: u64 = 64 * 1024;
/// Wakes of all threads in a second, about twice what was seen. A loop that never rests, or a timer
/// of a few milliseconds, makes thousands. The processor time of these wakes depends on the
/// machine: among other programs the same wakes cost four times as much.
const WAKES_PER_S_MAX: f64 = 100.0;
const WATCHED: Duration = Duration::from_secs(5);

#[tokio::test]
async fn idling_is_cheap() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    // The start's own work is over when a first order has gone all the way.
    daemon.charge("15200000000", "pid_0001", "5999.000").await?;
    let (start, before) = (Instant::now(), daemon.usage()?);
    tokio::time::sleep(WATCHED).await;
    let (watched, after) = (start.elapsed(), daemon.usage()?);
    let wakes = after.wakes.saturating_sub(before.wakes) as f64 / watched.as_secs_f64();
    println!("idle: {wakes:.0} wakes/s, {:.1} MiB", after.rss_kib as f64 / 1024.0);
    assert!(after.rss_kib < RSS_MAX_KIB, "{} KiB resident", after.rss_kib);
    assert!(0.0 < wakes && wakes < WAKES_PER_S_MAX, "{wakes:.0} wakes/s");
    Ok(())
}

#[tokio::test]
async fn no_page_of_its_memory_is_a_huge_one() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid()))?;
    assert!(status.lines().any(|line| line == "THP_enabled:\t0"), "{status}");
    Ok(())
}
