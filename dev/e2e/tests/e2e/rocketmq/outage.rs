//! The sale with something broken in its midst: the broker killed, frozen, the daemon killed,
//! stopped.

use std::time::Duration;

use anyhow::Result;
use seckill_e2e::buyers::Crowd;
use seckill_e2e::daemon::Daemon;
use seckill_e2e::process::STOP_MAX;

use super::{on, plain_broker, rounds, topic_drained};
use crate::crash::Sale;

/// An outage of the broker prolongs the sale: deliveries may take most of a minute to come back.
const WITHIN: Duration = Duration::from_secs(240);
/// How long the broker is frozen, by the requirements.
const FROZEN: Duration = Duration::from_secs(10);
/// A thawed broker is the same as before, so the sale goes on within seconds; a few more are for
/// what was sold before and for a busy machine.
const WITHIN_OF_A_FREEZE: Duration = FROZEN.saturating_add(Duration::from_secs(50));

fn sale(daemon: &Daemon, within: Duration) -> Sale {
    Sale::begin(Crowd { within, ..Crowd::of_the_sale(vec![daemon.gateway_url()]) })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daemon_killed_twice_in_mid_sale() -> Result<()> {
    for _ in 0..rounds() {
        let (_folder, broker) = plain_broker().await?;
        let mut daemon = Daemon::start(on(&broker)).await?;
        let sale = sale(&daemon, WITHIN);
        for queued in [60, 180] {
            sale.queued(queued).await?;
            daemon.kill9()?;
            daemon = daemon.restart().await?;
        }
        sale.end(&daemon.database()).await?;
        topic_drained(&broker).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daemon_stopped_under_load() -> Result<()> {
    let (_folder, broker) = plain_broker().await?;
    let mut daemon = Daemon::start(on(&broker)).await?;
    let sale = sale(&daemon, WITHIN);
    sale.queued(100).await?;
    let stopped = daemon.terminate().await?;
    assert_eq!(stopped.status.code(), Some(0), "{stopped:?}");
    assert!(stopped.took < STOP_MAX, "{stopped:?}");
    let daemon = daemon.restart().await?;
    sale.end(&daemon.database()).await?;
    topic_drained(&broker).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_broker_killed_and_started_again_in_mid_sale() -> Result<()> {
    for _ in 0..rounds() {
        let (_folder, mut broker) = plain_broker().await?;
        let daemon = Daemon::start(on(&broker)).await?;
        let sale = sale(&daemon, WITHIN);
        sale.queued(60).await?;
        broker.kill().await?;
        // Long enough for the client's breaker to open.
        tokio::time::sleep(Duration::from_secs(5)).await;
        broker.start_again().await?;
        sale.end(&daemon.database()).await?;
        topic_drained(&broker).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_broker_frozen_in_mid_sale() -> Result<()> {
    for _ in 0..rounds() {
        let (_folder, broker) = plain_broker().await?;
        let daemon = Daemon::start(on(&broker)).await?;
        let sale = sale(&daemon, WITHIN_OF_A_FREEZE);
        sale.queued(60).await?;
        broker.freeze()?;
        tokio::time::sleep(FROZEN).await;
        broker.thaw()?;
        sale.end(&daemon.database()).await?;
        topic_drained(&broker).await?;
    }
    Ok(())
}
