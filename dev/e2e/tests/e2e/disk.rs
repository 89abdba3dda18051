//! Disks that are full, read-only, slow or failing in the midst of a sale: nobody is answered
//! "queueing" without cause, charges are refused with a code, and service comes back by itself.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use protocol::Snapshot;
use rusqlite::Connection;
use seckill_e2e::buyers::{BuyerAnswer, Crowd, answer_to_charge, phone};
use seckill_e2e::checker::Books;
use seckill_e2e::daemon::{Daemon, Options, Until};
use seckill_e2e::disk::{ReadOnly, SmallDisk, Tampering};
use seckill_e2e::process::ended;
use seckill_e2e::until;

use crate::crash::Sale;
use crate::doctor::Report;

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

/// Charges of ever new buyers of another product until one isn't queued; returns that one's answer.
async fn first_refusal(daemon: &Daemon) -> Result<BuyerAnswer> {
    for number in 5_000..6_000 {
        let told = answer_to_charge(daemon.charge(&phone(number), "pid_0003", "2000.000").await);
        if !matches!(told, BuyerAnswer::Queued(_)) {
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
        let told = answer_to_charge(daemon.charge(&buyer, "pid_0003", "2000.000").await);
        Ok(matches!(told, BuyerAnswer::Queued(_)).then_some(()))
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
        ensure!(matches!(&told, BuyerAnswer::Refused(code) if code == "40004"), "{told:?}");
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
    ensure!(matches!(told, BuyerAnswer::Refused(_)), "{told:?}");
    disk.free()?;
    served_again(&daemon).await?;
    sale.end(&daemon.database()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn started_on_a_full_disk_it_says_so_before_anybody_has_tried() -> Result<()> {
    let disk = SmallDisk::mount(24)?;
    let mut daemon = Daemon::start(on(&disk)).await?;
    daemon.charge(&phone(0), "pid_0001", "5999.000").await?;
    until("the order placed", BACK_MAX, || async {
        let told = daemon.query(&phone(0), "pid_0001").await?.json()?;
        Ok((told["data"]["orderStatus"] == 2).then_some(()))
    })
    .await?;
    disk.fill()?;
    daemon.kill9()?;
    let daemon = daemon.restart_with(|options| options.until(Until::Listening)).await?;
    let ready = format!("{}/readyz", daemon.gateway_url());
    until("the start to tell", BACK_MAX, || async {
        let answer = daemon.client().get(&ready).await?;
        Ok((answer.status == 503 && answer.text().contains("is full")).then_some(()))
    })
    .await?;
    disk.free()?;
    served_again(&daemon).await
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
/// the buyer isn't answered that it failed either: the order is unconfirmed, and settled when the
/// disk is well.
async fn writes_fail_for_a_while(calls: &str, how: &str) -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let sale = sale(&daemon);
    sale.queued(60).await?;
    let tampering = Tampering::with(&daemon, calls, how).await?;
    let before = Books::read(&daemon.database())?;
    let told = answer_to_charge(daemon.charge(&phone(5_000), "pid_0003", "2000.000").await);
    let id = match &told {
        BuyerAnswer::Unconfirmed(id) => Some(id.clone()),
        BuyerAnswer::Refused(code) if code == "40004" => None,
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
    let told = answer_to_charge(daemon.charge(&phone(0), "pid_0001", "5999.000").await);
    let BuyerAnswer::Unconfirmed(id) = told else {
        anyhow::bail!("told {told:?} by a hanging disk")
    };
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

/// What the daemon shows of the disk: whether `/readyz` is 200, the state, and the exit code that
/// `seckillctl status` would have.
async fn shown(daemon: &Daemon) -> Result<(bool, Snapshot)> {
    let ready = daemon.client().get(&format!("{}/readyz", daemon.gateway_url())).await?;
    Ok((ready.status == 200, daemon.admin().status().await?))
}

fn ends(state: &Snapshot) -> usize {
    state.notables.iter().filter(|event| event.text.starts_with("over: nothing can be st")).count()
}

/// A small write finds room on a full disk where orders find none: neither that write nor silence
/// proves that orders get through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_trouble_until_an_order_has_gone_through() -> Result<()> {
    let disk = SmallDisk::mount(24)?;
    let daemon = Daemon::start(on(&disk)).await?;
    for number in 0..20 {
        daemon.charge(&phone(number), "pid_0003", "2000.000").await?;
    }
    disk.fill()?;
    first_refusal(&daemon).await?;
    for number in 0..40 {
        let charged =
            answer_to_charge(daemon.charge(&phone(7_000 + number), "pid_0003", "2000.000").await);
        // A last order may have found room; the next finds none.
        if matches!(charged, BuyerAnswer::Queued(_)) {
            continue;
        }
        let (ready, state) = shown(&daemon).await?;
        ensure!(!ready && !state.is_healthy(), "well, with an order just refused: {state:?}");
        ensure!(state.phase_words() == "serving, degraded", "{}", state.phase_words());
        let why = state.refuses_all().unwrap_or_default().to_owned();
        ensure!(why.contains("full"), "selling, with an order just refused: {why:?}");
        ensure!(!state.troubles.is_empty(), "no trouble, with an order just refused");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (_, state) = shown(&daemon).await?;
    let before = ends(&state);
    disk.free()?;
    // No buyer comes.
    let quiet = Instant::now();
    until("ready by itself", BACK_MAX, || async {
        let (ready, _) = shown(&daemon).await?;
        Ok(ready.then_some(()))
    })
    .await?;
    ensure!(Duration::from_secs(8) < quiet.elapsed(), "ready {:?} after the last", quiet.elapsed());
    let (_, state) = shown(&daemon).await?;
    ensure!(state.phase_words() == "serving, recovering", "{}", state.phase_words());
    ensure!(ends(&state) == before, "over, with nothing stored: {:?}", state.notables);
    // The next refusal makes it failing again.
    disk.fill()?;
    first_refusal(&daemon).await?;
    let (ready, state) = shown(&daemon).await?;
    ensure!(!ready && state.phase_words() == "serving, degraded", "{}", state.phase_words());
    disk.free()?;
    served_again(&daemon).await?;
    until("the end to be told", BACK_MAX, || async {
        let (ready, state) = shown(&daemon).await?;
        let is_over = state.troubles.is_empty() && before < ends(&state);
        Ok((ready && is_over && state.phase_words() == "serving").then_some(()))
    })
    .await
}

/// Open files can be written as before, so the sale goes on; but a daemon that ended now would not
/// start again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_becomes_read_only_is_told_and_the_sale_goes_on() -> Result<()> {
    let store = tempfile::TempDir::new()?;
    let path = store.path().join("store.db");
    let options = Options::embedded().set("store.path", path.to_string_lossy());
    let mut daemon = Daemon::start(options.clone()).await?;
    let mounted = ReadOnly::over(store.path())?;
    until("the warning", BACK_MAX, || async {
        let (ready, state) = shown(&daemon).await?;
        ensure!(ready && state.is_healthy(), "{:?}", state.degraded);
        let told = |text: &String| {
            text.starts_with("a restart would be refused") && text.contains("store.db: Read-only")
        };
        Ok(state.warnings.iter().any(told).then_some(()))
    })
    .await?;
    for number in 0..20 {
        let told = answer_to_charge(daemon.charge(&phone(number), "pid_0003", "2000.000").await);
        ensure!(matches!(told, BuyerAnswer::Queued(_)), "{told:?}");
    }
    daemon.kill9()?;
    let folder = daemon.folder();
    let refused = ended(folder.path(), options.command(folder.path(), "run")?).await?;
    ensure!(refused.code == Some(73), "{refused:?}");
    drop(mounted);
    let mut daemon = daemon.restart().await?;
    let books = Books::drained(&path, BACK_MAX).await?;
    ensure!(books.sold("pid_0003") == 20 && books.faults().is_empty(), "{books:?}");
    let (ready, state) = shown(&daemon).await?;
    ensure!(ready && state.warnings.is_empty(), "{:?}", state.warnings);
    daemon.terminate().await?;
    ensure!(!daemon.logs()?.contains("a restart would be refused"), "an ordered stop warns of it");
    Ok(())
}

/// Another program's write lock looks like a disk that hangs to anybody who guesses. An order that
/// only waited for the lock was definitely not stored, and is answered so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_holds_the_write_lock_is_named_and_nothing_is_guessed() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let other = Connection::open(daemon.database())?;
    other.execute_batch("BEGIN IMMEDIATE")?;
    let charge = |number| {
        let (daemon, buyer) = (&daemon, phone(number));
        async move { answer_to_charge(daemon.charge(&buyer, "pid_0001", "5999.000").await) }
    };
    // The first waits for the lock, and all others wait behind it.
    let answers = tokio::join!(charge(0), charge(1), charge(2), charge(3));
    for told in [answers.0, answers.1, answers.2, answers.3] {
        ensure!(
            told == BuyerAnswer::Refused("40004".to_owned()),
            "told {told:?} of what isn't stored"
        );
    }
    let switch = daemon.admin().post("/v1/intake/pause", serde_json::json!({})).await?;
    ensure!(switch.status == 503 && switch.text().contains("nothing was changed"), "{switch:?}");
    let us = format!("process {} (", std::process::id());
    until("the holder to be named", BACK_MAX, || async {
        let (ready, state) = shown(&daemon).await?;
        let named = state.degraded.iter().any(|text| text.contains(&us));
        ensure!(!ready || !named, "ready, although {:?}", state.degraded);
        Ok((named && !ready).then_some(()))
    })
    .await?;
    until("the log to name it", BACK_MAX, || async {
        Ok(daemon.logs()?.contains(&us).then_some(()))
    })
    .await?;
    ensure!(!daemon.logs()?.contains("the disk"), "a cause is guessed");
    let report = Report::of(daemon.folder().path(), &Options::embedded()).await?;
    report.assert("running daemon", "fail", &[&us]);
    other.execute_batch("ROLLBACK")?;
    served_again(&daemon).await?;
    until("well again", BACK_MAX, || async {
        let (ready, state) = shown(&daemon).await?;
        Ok((ready && state.troubles.is_empty()).then_some(()))
    })
    .await?;
    let (_, state) = shown(&daemon).await?;
    let product = state.products.iter().find(|product| product.prod_id == "pid_0001");
    let whole = product.is_some_and(|it| it.free == Some(it.initial) && it.sold == 0);
    ensure!(whole && state.unconfirmed.is_none_or(|sends| sends.count == 0), "{product:?}");
    let told = charge(0).await;
    ensure!(matches!(told, BuyerAnswer::Queued(_)), "{told:?}");
    let books = Books::drained(&daemon.database(), BACK_MAX).await?;
    ensure!(books.sold("pid_0001") == 1 && books.faults().is_empty(), "{books:?}");
    Ok(())
}

/// A database that can be opened and not be read, as after somebody's own change to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn products_that_cannot_be_read_are_told_of_on_every_way() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let other = Connection::open(daemon.database())?;
    let rename =
        |from: &str, to: &str| other.execute_batch(&format!("ALTER TABLE {from} RENAME TO {to}"));
    rename("t_seckill_product", "moved_away")?;
    for base in [daemon.gateway_url(), daemon.order_url()] {
        until("/readyz to tell", BACK_MAX, || async {
            let ready = daemon.client().get(&format!("{base}/readyz")).await?;
            let tells = ready.text().contains("products can't be read: ");
            Ok((ready.status == 503 && tells).then_some(()))
        })
        .await?;
    }
    let (_, state) = shown(&daemon).await?;
    ensure!(state.phase_words() == "serving, degraded", "{}", state.phase_words());
    let report = Report::of(daemon.folder().path(), &Options::embedded()).await?;
    report.assert("running daemon", "fail", &["products can't be read: "]);
    rename("moved_away", "t_seckill_product")?;
    until("well again", BACK_MAX, || async {
        let (ready, state) = shown(&daemon).await?;
        Ok((ready && state.degraded.is_empty()).then_some(()))
    })
    .await
}
