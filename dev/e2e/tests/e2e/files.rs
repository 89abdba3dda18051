//! The daemon's own files taken away, moved, replaced and put back while it sells: nothing is
//! accepted that nobody would find again, the daemon shows what is wrong, and what was accepted is
//! kept.

mod contents;
mod ids;
mod sockets;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rusqlite::Connection;
use seckill_e2e::buyers::phone;
use seckill_e2e::checker::Books;
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::process::{Ended, ended};
use seckill_e2e::until;
use serde_json::json;
use tempfile::TempDir;

/// How long anything may take to show; on a machine of its own it is a second or two.
const LONG: Duration = Duration::from_secs(30);

/// A daemon whose database, `s.db`, is in a folder `data` of its own.
struct Ground {
    folder: Arc<TempDir>,
    options: Options,
}

impl Ground {
    fn new() -> Result<Self> {
        let folder = Arc::new(TempDir::new()?);
        let path = folder.path().join("data/s.db");
        let options = Options::embedded().set("store.path", path.to_string_lossy());
        Ok(Self { folder, options })
    }

    /// With a daemon in which ten buyers have an order each.
    async fn with_ten_orders() -> Result<(Self, Daemon)> {
        let ground = Self::new()?;
        let daemon = ground.start().await?;
        ten_orders(&daemon).await?;
        Ok((ground, daemon))
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn file(&self, end: &str) -> PathBuf {
        self.data().join(format!("s.db{end}"))
    }

    async fn start(&self) -> Result<Daemon> {
        Daemon::start_in(Arc::clone(&self.folder), self.options.clone()).await
    }

    /// A start that ends by itself.
    async fn run(&self, more: &[&str]) -> Result<Ended> {
        let mut command = self.options.command(self.folder.path(), "run")?;
        command.args(more);
        ended(TempDir::new()?.path(), command).await
    }

    async fn restore(&self, copy: &Path) -> Result<()> {
        let told = crate::backup::run(&self.options, self.folder.path(), "restore", copy).await?;
        ensure!(told.code == Some(0), "{told:?}");
        Ok(())
    }

    /// A start on the same folder, with arguments of `run`'s own, until it serves.
    async fn start_with(&self, argument: &str) -> Result<Daemon> {
        let options = self.options.clone().argument(argument);
        Daemon::start_in(Arc::clone(&self.folder), options).await
    }

    /// Names of the files beside the database, and the database's. What SQLite has beside it comes
    /// and goes with a look at it.
    fn names(&self) -> Result<Vec<String>> {
        let entries = fs::read_dir(self.data())?.collect::<std::io::Result<Vec<_>>>()?;
        let mut names: Vec<_> =
            entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| !["s.db-wal", "s.db-shm"].contains(&name.as_str()));
        names.sort();
        Ok(names)
    }

    /// The copy that an ordered stop made.
    fn rescued(&self, folder: &Path) -> Result<PathBuf> {
        let entries = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
        let is_copy = |path: &PathBuf| path.to_string_lossy().contains("s.db.rescued-");
        let copies: Vec<_> = entries.filter(is_copy).collect();
        ensure!(copies.len() == 1, "{copies:?} in {}", folder.display());
        let mode = fs::metadata(&copies[0])?.permissions().mode() & 0o777;
        ensure!(mode == 0o600, "mode {mode:o}");
        Ok(copies[0].clone())
    }
}

async fn charge(daemon: &Daemon, buyer: u32) -> Result<String> {
    Ok(daemon.charge(&phone(buyer), "pid_0002", "1200.000").await?.code())
}

/// Ten buyers with an order each.
async fn ten_orders(daemon: &Daemon) -> Result<()> {
    for buyer in 0..10 {
        let code = charge(daemon, buyer).await?;
        ensure!(code == "10000", "buyer {buyer} is told {code}");
    }
    Ok(())
}

/// Holds that these orders are there and placed.
async fn are_placed(daemon: &Daemon) -> Result<()> {
    for buyer in 0..10 {
        let told = daemon.query(&phone(buyer), "pid_0002").await?.json()?;
        ensure!(told["data"]["orderStatus"] == 2, "buyer {buyer} is told {told}");
    }
    Ok(())
}

/// Waits until buyers are refused; none of a later moment may be accepted. Then looks whether the
/// daemon shows the cause everywhere.
async fn is_shut(daemon: &Daemon, words: &str) -> Result<()> {
    is_shown(daemon, words).await?;
    // Refused orders hold nothing.
    until("every unit to be free or sold", LONG, || async {
        let state = daemon.admin().status().await?;
        let product = state.products.iter().find(|product| product.prod_id == "pid_0002");
        let product = product.context("no product")?;
        Ok((product.held == Some(0)).then_some(()))
    })
    .await
}

/// Likewise, where the database may not be readable either.
async fn is_shown(daemon: &Daemon, words: &str) -> Result<()> {
    let (start, mut buyer) = (Instant::now(), 1_000);
    loop {
        match charge(daemon, buyer).await?.as_str() {
            "40004" => break,
            "10000" if start.elapsed() < LONG => buyer += 1,
            code => bail!("told {code} {:?} after the fault ({words})", start.elapsed()),
        }
    }
    println!("{words}: shut after {:?}", start.elapsed());
    for buyer in 2_000..2_010 {
        let code = charge(daemon, buyer).await?;
        ensure!(code == "40004", "accepted again: {code}");
    }
    let ready = format!("{}/readyz", daemon.gateway_url());
    until("/readyz to tell", LONG, || async {
        let answer = daemon.client().get(&ready).await?;
        Ok((answer.status == 503 && answer.text().contains(words)).then_some(()))
    })
    .await?;
    let state = daemon.admin().status().await?;
    let trouble = state.store.trouble.unwrap_or_default();
    ensure!(trouble.contains(words), "{trouble:?}");
    ensure!(state.degraded.iter().any(|text| text.contains(words)), "{:?}", state.degraded);
    let metrics = daemon.admin().get("/metrics").await?.text();
    ensure!(metrics.contains("seckill_store_trouble 1"), "the trouble is missing");
    // A database that can't be read either has another condition.
    ensure!(!metrics.contains("seckill_degraded_conditions{part=\"store\"} 0"), "none is counted");
    until("the log to tell", LONG, || async {
        let log = daemon.logs()?;
        Ok((log.contains("the open database isn't") && log.contains(words)).then_some(()))
    })
    .await
}

/// Waits until buyers are accepted again, and until no cause is shown any more.
async fn is_open(daemon: &Daemon) -> Result<()> {
    // Each buyer is new: a repeat is answered with its order in any case.
    static NEXT: AtomicU32 = AtomicU32::new(3_000);
    until("buyers to be accepted", LONG, || async {
        let buyer = NEXT.fetch_add(1, Ordering::Relaxed);
        Ok((charge(daemon, buyer).await? == "10000").then_some(()))
    })
    .await?;
    until("nothing to be wrong", LONG, || async {
        let state = daemon.admin().status().await?;
        Ok((state.degraded.is_empty() && state.store.trouble.is_none()).then_some(()))
    })
    .await
}

/// Stops the daemon in order, which has to copy what it has: ten orders at least, and all that it
/// placed.
async fn stop_with_a_copy(ground: &Ground, mut daemon: Daemon, folder: &Path) -> Result<PathBuf> {
    let stopped = daemon.terminate().await?;
    ensure!(stopped.status.code() == Some(74), "{stopped:?}: {}", daemon.logs()?);
    let copy = ground.rescued(folder)?;
    let log = daemon.logs()?;
    let name = copy.file_name().unwrap_or_default().to_string_lossy().into_owned();
    ensure!(log.contains(&name), "the log doesn't say where: {log}");
    let books = Books::read(&copy)?;
    ensure!(books.faults().is_empty() && 10 <= books.sold("pid_0002"), "{books:?}");
    Ok(copy)
}

type Damage = fn(&Ground) -> std::io::Result<()>;

/// Everything of the store but what is kept for the next start.
fn remove_all(ground: &Ground) -> std::io::Result<()> {
    for entry in fs::read_dir(ground.data())? {
        fs::remove_file(entry?.path())?;
    }
    Ok(())
}

fn another_over_it(ground: &Ground) -> std::io::Result<()> {
    let other = ground.data().join("other");
    let made = Connection::open(&other).and_then(|other| other.execute_batch("CREATE TABLE t(a)"));
    made.map_err(std::io::Error::other)?;
    fs::rename(other, ground.file(""))
}

/// What can be done to the files for good, and the words by which the daemon shows it.
const DAMAGES: [(&str, Damage, &str); 7] = [
    ("all removed", remove_all, "s.db is gone"),
    ("database removed", |g| fs::remove_file(g.file("")), "s.db is gone"),
    ("log removed", |g| fs::remove_file(g.file("-wal")), "s.db-wal is gone"),
    ("memory removed", |g| fs::remove_file(g.file("-shm")), "s.db-shm is gone"),
    ("another over it", another_over_it, "s.db is another file"),
    ("another log", |g| replace(&g.file("-wal")), "s.db-wal is another file"),
    (
        "a folder in its place",
        |g| {
            fs::remove_file(g.file(""))?;
            fs::create_dir(g.file(""))
        },
        "s.db is another file",
    ),
];

fn replace(path: &Path) -> std::io::Result<()> {
    fs::remove_file(path)?;
    fs::write(path, "")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_takes_its_files_nothing_is_accepted_and_a_stop_keeps_all() -> Result<()> {
    for (what, damage, words) in DAMAGES {
        let ground = Ground::new()?;
        let daemon = ground.start().await?;
        let played = async {
            ten_orders(&daemon).await?;
            damage(&ground)?;
            is_shut(&daemon, words).await?;
            let there = fs::read(ground.file("")).ok();
            let data = ground.data();
            let copy = stop_with_a_copy(&ground, daemon, &data).await?;
            if words != "s.db is gone" {
                let now = fs::read(ground.file("")).ok();
                // Where the database itself is in its place, its log is moved into it.
                ensure!(now == there || words.contains('-'), "what lay there was changed");
            }
            if what == "log removed" || what == "memory removed" {
                let here = Books::read(&ground.file(""))?.sold("pid_0002");
                ensure!(here == Books::read(&copy)?.sold("pid_0002"), "{here} in the database");
            }
            Ok(())
        };
        Box::pin(played).await.context(what)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moved_away_and_back_it_goes_on_by_itself() -> Result<()> {
    type Move = fn(&Ground, &Path) -> std::io::Result<()>;
    let moves: [(&str, Move, Move); 3] = [
        (
            "database",
            |g, away| fs::rename(g.file(""), away),
            |g, away| fs::rename(away, g.file("")),
        ),
        (
            "log",
            |g, away| fs::rename(g.file("-wal"), away),
            |g, away| fs::rename(away, g.file("-wal")),
        ),
        ("folder", |g, away| fs::rename(g.data(), away), |g, away| fs::rename(away, g.data())),
    ];
    let (ground, mut daemon) = Ground::with_ten_orders().await?;
    let away = ground.folder.path().join("away");
    for (what, go, back) in moves {
        go(&ground, &away)?;
        is_shut(&daemon, "is gone").await.context(what)?;
        back(&ground, &away)?;
        is_open(&daemon).await.context(what)?;
    }
    let stopped = daemon.terminate().await?;
    ensure!(stopped.status.success(), "{stopped:?}");
    let books = Books::read(&ground.file(""))?;
    ensure!(books.faults().is_empty() && 13 <= books.sold("pid_0002"), "{books:?}");
    // The database is itself again, and the next start takes it.
    let daemon = ground.start().await?;
    ensure!(charge(&daemon, 0).await? == "10000");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_is_turned_to_another_database_is_found_out() -> Result<()> {
    let mut ground = Ground::new()?;
    fs::create_dir(ground.data())?;
    let link = ground.folder.path().join("link.db");
    fs::write(ground.file(""), "")?;
    symlink(ground.file(""), &link)?;
    ground.options = ground.options.set("store.path", link.to_string_lossy());
    let daemon = ground.start().await?;
    ten_orders(&daemon).await?;
    fs::remove_file(&link)?;
    let other = ground.folder.path().join("other.db");
    fs::write(&other, "")?;
    symlink(&other, &link)?;
    is_shut(&daemon, "link.db is another file").await?;
    let data = ground.data();
    stop_with_a_copy(&ground, daemon, &data).await?;
    let told = ground.run(&[]).await?;
    ensure!(told.code == Some(65) && told.log.contains("link.db.id"), "{told:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_folder_the_copy_goes_into_the_working_folder() -> Result<()> {
    let (ground, daemon) = Ground::with_ten_orders().await?;
    fs::remove_dir_all(ground.data())?;
    is_shut(&daemon, "s.db is gone").await?;
    ensure!(!ground.data().exists(), "it made the folder");
    let copy = stop_with_a_copy(&ground, daemon, ground.folder.path()).await?;
    // A folder that is removed whole is a fresh start; what was sold is in the copy.
    let mut daemon = ground.start().await?;
    ensure!(charge(&daemon, 20).await? == "10000");
    ensure!(daemon.terminate().await?.status.success());
    ground.restore(&copy).await?;
    let daemon = ground.start().await?;
    are_placed(&daemon).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operators_shutdown_copies_as_well_and_other_commands_are_refused() -> Result<()> {
    let (ground, mut daemon) = Ground::with_ten_orders().await?;
    remove_all(&ground)?;
    is_shut(&daemon, "s.db is gone").await?;
    let body = json!({"delta": 5, "reason": "more"});
    let refused = daemon.admin().post("/v1/products/pid_0002/stock", body).await?;
    ensure!(refused.status == 503 && refused.text().contains("s.db is gone"), "{refused:?}");
    daemon.admin().command("/v1/shutdown", json!({"reason": "its files are gone"})).await?;
    let stopped = daemon.ended().await?;
    ensure!(stopped.status.code() == Some(74), "{stopped:?}");
    let copy = Connection::open(ground.rescued(&ground.data())?)?;
    let noted = "SELECT count(*) FROM seckill_audit WHERE verb = 'shutdown'";
    ensure!(copy.query_row(noted, [], |row| row.get::<_, i64>(0))? == 1);
    Ok(())
}

/// The stop comes before anybody has looked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_at_once_it_copies_as_well_and_the_next_start_knows() -> Result<()> {
    for _ in 0..5 {
        let (ground, daemon) = Ground::with_ten_orders().await?;
        remove_all(&ground)?;
        let data = ground.data();
        stop_with_a_copy(&ground, daemon, &data).await?;
        let told = ground.run(&[]).await?;
        ensure!(told.code == Some(65), "{told:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_no_copy_can_be_made_it_is_74_too() -> Result<()> {
    let (ground, mut daemon) = Ground::with_ten_orders().await?;
    // The working folder as well, with the log and the admin socket.
    fs::remove_dir_all(ground.folder.path())?;
    until("buyers to be refused", LONG, || async {
        Ok((charge(&daemon, 20).await? != "10000").then_some(()))
    })
    .await?;
    let stopped = daemon.terminate().await?;
    ensure!(stopped.status.code() == Some(74), "{stopped:?}");
    ensure!(!ground.folder.path().exists(), "it made the folder");
    Ok(())
}
