//! Disks that are full, read-only, slow or failing in the midst of a sale: nobody is told
//! "queueing" without cause, charges are refused with a code, and service comes back by itself.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use seckill_e2e::buyers::{Crowd, Told, phone, told_by_charge};
use seckill_e2e::checker::Books;
use seckill_e2e::daemon::{Daemon, Options, Until};
use seckill_e2e::disk::{SmallDisk, Tampering};
use seckill_e2e::process::ended;
use seckill_e2e::until;

use crate::crash::Sale;

/// A disk that works again is noticed by a look each second.
const BACK_MAX: Duration = Duration::from_secs(60);

fn on(disk: &SmallDisk) -> Options {
    let path = disk.path().join("store.db").to_string_lossy().into_owned();
    Options::embedded().set("store.path", path)
}

fn sale(daemon: &Daemon) -> Sale {
    let arrive_over = Duration::from_secs(3);
    Sale::begin(Crowd { arrive_over, ..Crowd::of_the_sale(vec![daemon.gateway_url()]) })
}

/// Charges of ever new buyers of another product until one isn't queued; says what that one is
/// told.
async fn first_refusal(daemon: &Daemon) -> Result<Told> {
    for number in 5_000..6_000 {
        let told = told_by_charge(daemon.charge(&phone(number), "pid_0003", "2000.000").await);
        if !matches!(told, Told::Queued(_)) {
            return Ok(told);
        }
    }
    anyhow::bail!("a thousand orders fit on a full disk")
}

/// Waits until a buyer of the other product is queued again, and placed.
async fn served_again(daemon: &Daemon) -> Result<()> {
    let buyer = phone(9_000);
    let start = Instant::now();
    until("charges again", BACK_MAX, || async {
        let told = told_by_charge(daemon.charge(&buyer, "pid_0003", "2000.000").await);
        Ok(matches!(told, Told::Queued(_)).then_some(()))
    })
    .await?;
    println!("served again {:?} after the disk was", start.elapsed());
    until("the order placed", BACK_MAX, || async {
        let told = daemon.query(&buyer, "pid_0003").await?.json()?;
        Ok((told["data"]["orderStatus"] == 2).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_in_mid_sale_and_emptied_again() -> Result<()> {
    let disk = SmallDisk::mount(24)?;
    let daemon = Daemon::start(on(&disk)).await?;
    let sale = sale(&daemon);
    for queued in [60, 180] {
        sale.queued(queued).await?;
        disk.fill()?;
        let told = first_refusal(&daemon).await?;
        ensure!(matches!(&told, Told::Refused(code) if code == "40004"), "{told:?}");
        until("the state to tell", BACK_MAX, || async {
            let told = daemon.admin().status().await?.degraded;
            Ok(told.iter().any(|text| text.contains("full")).then_some(()))
        })
        .await?;
        // What is placed stays readable all the while.
        ensure!(daemon.query(&phone(0), "pid_0002").await?.code() != "20000");
        disk.free()?;
        served_again(&daemon).await?;
    }
    sale.end(&daemon.database()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_on_a_full_disk_and_started_on_it() -> Result<()> {
    let disk = SmallDisk::mount(24)?;
    let mut daemon = Daemon::start(on(&disk)).await?;
    let sale = sale(&daemon);
    sale.queued(60).await?;
    disk.fill()?;
    first_refusal(&daemon).await?;
    daemon.kill9()?;
    let left = Books::of_the_dead(&daemon.database())?;
    ensure!(left.is_some_and(|books| books.faults().is_empty()));
    // A full disk is no reason not to answer what can be answered.
    let daemon = daemon.restart_with(|options| options.until(Until::Listening)).await?;
    let told = first_refusal(&daemon).await?;
    ensure!(matches!(told, Told::Refused(_)), "{told:?}");
    disk.free()?;
    served_again(&daemon).await?;
    sale.end(&daemon.database()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_disk_refuses_the_start_in_words() -> Result<()> {
    let disk = SmallDisk::mount(24)?;
    let mut daemon = Daemon::start(on(&disk)).await?;
    daemon.charge(&phone(0), "pid_0001", "5999.000").await?;
    daemon.terminate().await?;
    disk.make_read_only()?;
    let folder = daemon.folder();
    let refused = ended(folder.path(), on(&disk).command(folder.path(), "run")?).await?;
    ensure!(refused.code == Some(73), "{refused:?}");
    ensure!(refused.log.contains("store.db") && refused.log.contains("can't be written"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_only_in_mid_sale_and_writable_again() -> Result<()> {
    writes_fail_for_a_while("pwrite64,ftruncate", "error=EROFS").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fsync_failing_in_mid_sale() -> Result<()> {
    writes_fail_for_a_while("fsync,fdatasync", "error=EIO").await
}

/// Whether a commit that failed otherwise than for want of space can be replayed isn't known, so
/// the buyer isn't told that it failed either: unconfirmed, and settled when the disk is well.
async fn writes_fail_for_a_while(calls: &str, how: &str) -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let sale = sale(&daemon);
    sale.queued(60).await?;
    let tampering = Tampering::with(&daemon, calls, how).await?;
    let before = Books::read(&daemon.database())?;
    let told = told_by_charge(daemon.charge(&phone(5_000), "pid_0003", "2000.000").await);
    let id = match &told {
        Told::Unconfirmed(id) => Some(id.clone()),
        Told::Refused(code) if code == "40004" => None,
        _ => anyhow::bail!("told {told:?} while nothing can be written"),
    };
    let after = Books::read(&daemon.database())?;
    ensure!(before.sold("pid_0002") <= after.sold("pid_0002"), "a failing disk sold less");
    drop(tampering);
    served_again(&daemon).await?;
    if let Some(id) = id {
        until("the unconfirmed order placed under its id", BACK_MAX, || async {
            let told = daemon.query(&phone(5_000), "pid_0003").await?.json()?;
            let placed = told["data"]["orderStatus"] == 2 && told["data"]["orderId"] == *id;
            Ok(placed.then_some(()))
        })
        .await?;
    }
    sale.end(&daemon.database()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_fsync_slows_the_sale_and_spoils_nothing() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let sale = sale(&daemon);
    sale.queued(60).await?;
    let tampering = Tampering::with(&daemon, "fsync,fdatasync", "delay_enter=200ms").await?;
    let start = Instant::now();
    let charged = daemon.charge(&phone(5_000), "pid_0003", "2000.000").await?;
    let took = start.elapsed();
    ensure!(charged.code() == "10000", "{}", charged.text());
    ensure!(Duration::from_millis(150) < took, "answered {took:?} later, before its fsync");
    sale.queued(250).await?;
    drop(tampering);
    sale.end(&daemon.database()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_hangs_leaves_orders_unconfirmed_not_unanswered() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let tampering = Tampering::with(&daemon, "fsync,fdatasync", "delay_enter=12s").await?;
    let told = told_by_charge(daemon.charge(&phone(0), "pid_0001", "5999.000").await);
    let Told::Unconfirmed(id) = told else { anyhow::bail!("told {told:?} by a hanging disk") };
    drop(tampering);
    until("the order placed under its id", Duration::from_secs(60), || async {
        let told = daemon.query(&phone(0), "pid_0001").await?.json()?;
        ensure!(told["code"] != "41004", "told of an order, then of none: {told}");
        Ok((told["data"]["orderStatus"] == 2 && told["data"]["orderId"] == *id).then_some(()))
    })
    .await?;
    let books = Books::drained(&daemon.database(), BACK_MAX).await?;
    ensure!(books.sold("pid_0001") == 1 && books.faults().is_empty(), "{books:?}");
    Ok(())
}
