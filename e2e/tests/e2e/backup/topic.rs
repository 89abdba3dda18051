//! Restored over a broker: what was consumed after the backup comes again once the group's offset is
//! reset, as docs/backup.md tells operators.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use seckill_e2e::buyers::phone;
use seckill_e2e::checker::Books;
use seckill_e2e::daemon::Daemon;
use seckill_e2e::topic::{GROUP, TOPIC};
use seckill_e2e::until;

use super::{done, live_orders};
use crate::rocketmq::{on, plain_broker};

const PROD: &str = "pid_0001";
const PLACED_MAX: Duration = Duration::from_secs(60);

async fn charged(daemon: &Daemon, numbers: std::ops::Range<u32>) -> Result<()> {
    for number in numbers.clone() {
        let told = daemon.charge(&phone(number), PROD, "5999.000").await?;
        ensure!(told.code() == "10000", "{}", told.text());
    }
    let wanted = usize::try_from(numbers.end)?;
    until("the orders placed", PLACED_MAX, || async {
        Ok((Books::read(&daemon.database())?.sold(PROD) == wanted).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_whose_offset_is_reset_brings_every_later_order_under_its_own_id() -> Result<()> {
    let (_broker_folder, broker) = plain_broker().await?;
    let options = on(&broker);
    let mut daemon = Daemon::start(options.clone()).await?;
    let folder = daemon.folder();
    let file = folder.path().join("backup");
    charged(&daemon, 0..5).await?;
    done(&options, folder.path(), "backup", &file).await?;
    charged(&daemon, 5..12).await?;
    let all = live_orders(&daemon.database())?;
    ensure!(daemon.terminate().await?.status.success());

    let told = done(&options, folder.path(), "restore", &file).await?;
    ensure!(told["sold"] == 5, "{told}");
    let reset = broker
        .mqadmin(&["resetOffsetByTime", "-g", GROUP, "-t", TOPIC, "-s", "0"])
        .await
        .context("mqadmin resetOffsetByTime")?;
    println!("{reset}");
    let daemon = daemon.restart().await?;
    until("every order again", PLACED_MAX, || async {
        Ok((live_orders(&daemon.database())? == all).then_some(()))
    })
    .await?;
    let books = Books::read(&daemon.database())?;
    ensure!(books.faults().is_empty() && books.sold(PROD) == 12, "{books:?}");
    Ok(())
}
