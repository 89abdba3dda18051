//! A long sale made short: half of the load that the daemon can take, a restart at intervals, and
//! at the end every order that a buyer was answered is there. It runs for a few seconds by default,
//! and for the minutes that `cargo xtask e2e soak` asks for.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rusqlite::Connection;
use seckill_e2e::buyers::phone;
use seckill_e2e::checker::Books;
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::http::Client;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::sale::DRAIN_MAX;

const MANY: &str = r#"[{prod_id="many",prod_name="many",price="1.000",stock=10000000}]"#;
const CLIENTS: u32 = 16;
/// How long the highest rate is looked for.
const FULL_LOAD: Duration = Duration::from_secs(3);

/// How long the soak lasts, and between two restarts.
fn terms() -> (Duration, Duration) {
    #[expect(clippy::disallowed_methods, reason = "the tests' own switch, not the daemon's")]
    let minutes = std::env::var("E2E_SOAK_MINUTES").ok().and_then(|text| text.parse::<u64>().ok());
    match minutes {
        Some(minutes) => (Duration::from_secs(60 * minutes), Duration::from_secs(60)),
        None => (Duration::from_secs(12), Duration::from_secs(4)),
    }
}

/// What buyers were answered so far.
#[derive(Default)]
struct Answers {
    next: AtomicU32,
    answers: AtomicU64,
    failures: AtomicU64,
    /// Ids of orders answered as queued, with their buyers.
    queued: Mutex<HashMap<String, u32>>,
}

impl Answers {
    async fn charge(&self, client: &Client, url: &str) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let buyer = phone(number);
        let fields =
            [("userPhoneNum", buyer.as_str()), ("chargePrice", "1.000"), ("prodId", "many")];
        // While the daemon is away there is no answer, and nobody was answered anything.
        let answer = client.post_form(url, &fields).await;
        let Ok(json) = answer.and_then(|answer| answer.json()) else {
            self.failures.fetch_add(1, Ordering::Relaxed);
            return;
        };
        self.answers.fetch_add(1, Ordering::Relaxed);
        if let ("10000", Some(id)) =
            (json["code"].as_str().unwrap_or_default(), json["data"]["orderId"].as_str())
        {
            let mut queued = self.queued.lock().unwrap_or_else(PoisonError::into_inner);
            queued.insert(id.to_owned(), number);
        }
    }
}

/// Buyers at this rate a second, or as fast as they are answered, until they are dropped.
fn load(told: &Arc<Answers>, gateway: &str, per_s: Option<f64>) -> JoinSet<()> {
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (told, url) = (Arc::clone(told), format!("{gateway}/api/charge.do"));
        clients.spawn(async move {
            let client = Client::default();
            let pause = per_s.map(|rate| Duration::from_secs_f64(f64::from(CLIENTS) / rate));
            let mut tick = pause.map(tokio::time::interval);
            if let Some(tick) = &mut tick {
                tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            }
            loop {
                if let Some(tick) = &mut tick {
                    tick.tick().await;
                }
                told.charge(&client, &url).await;
            }
        });
    }
    clients
}

/// What the daemon costs at one moment, as a line.
fn costs(daemon: &Daemon, since: Instant) -> Result<String> {
    let size = |suffix: &str| {
        let path = format!("{}{suffix}", daemon.database().display());
        std::fs::metadata(path).map_or(0, |metadata| metadata.len() / 1024)
    };
    let usage = daemon.usage()?;
    Ok(format!(
        "{:>6.1} s: {:>7} KiB resident, {:>4} files open, log {:>6} KiB, database {:>8} KiB",
        since.elapsed().as_secs_f64(),
        usage.rss_kib,
        usage.open_files,
        size("-wal"),
        size(""),
    ))
}

/// How many of the orders that buyers were answered are not placed.
fn lost(database: &Path, told: &Answers) -> Result<usize> {
    let connection = Connection::open(database)?;
    let mut placed = connection.prepare(
        "SELECT 1 FROM t_seckill_order
          WHERE order_id = ?1 AND user_phoneno = ?2 AND order_status = 2",
    )?;
    let queued = told.queued.lock().unwrap_or_else(PoisonError::into_inner);
    let mut lost = 0;
    for (id, number) in queued.iter() {
        lost += usize::from(!placed.exists((id, phone(*number)))?);
    }
    Ok(lost)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_the_load_and_restarts_lose_nothing() -> Result<()> {
    let (whole, between) = terms();
    let mut daemon = Daemon::start(Options::embedded().set("products", MANY)).await?;
    let told = Arc::new(Answers::default());
    let gateway = daemon.gateway_url();

    let full = load(&told, &gateway, None);
    tokio::time::sleep(FULL_LOAD).await;
    drop(full);
    let half = told.answers.load(Ordering::Relaxed) as f64 / FULL_LOAD.as_secs_f64() / 2.0;
    ensure!(1.0 < half, "the daemon answers nobody");
    println!("half of the load: {half:.0} charges a second, a restart every {between:?}");

    let clients = load(&told, &gateway, Some(half));
    let (start, mut restarts) = (Instant::now(), 0);
    println!("{}", costs(&daemon, start)?);
    while start.elapsed() < whole {
        tokio::time::sleep(between).await;
        println!("{}", costs(&daemon, start)?);
        let stopped = daemon.terminate().await?;
        ensure!(stopped.status.code() == Some(0), "{stopped:?}");
        daemon = daemon.restart().await?;
        restarts += 1;
    }
    drop(clients);
    Books::drained(&daemon.database(), DRAIN_MAX).await?;
    println!("{}", costs(&daemon, start)?);

    let queued = told.queued.lock().unwrap_or_else(PoisonError::into_inner).len();
    let lost = lost(&daemon.database(), &told)?;
    let failures = told.failures.load(Ordering::Relaxed);
    println!("{queued} told as queued, {failures} unanswered at {restarts} restarts, {lost} lost");
    assert_eq!(lost, 0);
    let books = Books::read(&daemon.database())?;
    assert_eq!(books.faults(), Vec::<String>::new());
    ensure!(queued <= books.sold("many"), "fewer sold than told");
    let state = daemon.admin().status().await?;
    let product = state.products.first().context("no product")?;
    assert!(product.balanced && product.held == Some(0), "{product:?}");
    Ok(())
}
