//! What the daemon costs when nobody buys.

use std::time::Duration;

use anyhow::Result;
use seckill_e2e::daemon::{Daemon, Options};

/// 40 MiB is the measure for the release program, which `cargo xtask bench` holds it to; a debug
/// build's code and futures take some more.
const RSS_MAX_KIB: u64 = 64 * 1024;
/// The measure is 1 % of a core; a debug build beside other tests on the machine gets some room.
const CPU_MAX_PERCENT: f64 = 3.0;
const WATCHED: Duration = Duration::from_secs(5);

#[tokio::test]
async fn idling_is_cheap() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    // The start's own work is over when a first order has gone all the way.
    daemon.charge("15200000000", "pid_0001", "5999.000").await?;
    let before = daemon.usage()?;
    tokio::time::sleep(WATCHED).await;
    let after = daemon.usage()?;
    let busy = after.cpu.saturating_sub(before.cpu).as_secs_f64();
    let percent = 100.0 * busy / WATCHED.as_secs_f64();
    println!("idle: {percent:.2} % of a core, {:.1} MiB", after.rss_kib as f64 / 1024.0);
    assert!(after.rss_kib < RSS_MAX_KIB, "{} KiB resident", after.rss_kib);
    assert!(percent < CPU_MAX_PERCENT, "{percent:.2} % of a core");
    Ok(())
}
