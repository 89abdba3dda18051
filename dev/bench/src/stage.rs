//! What a comparison is made with: a folder on the disk that is measured, daemons, the bare route
//! and loads. All processes are children that end with their owner.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use protocol::Endpoint;
use rusqlite::{Connection, OpenFlags};
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::process::usage;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use load::Report;

/// Time over a load's own that its process may take.
const LOAD_GRACE: Duration = Duration::from_secs(60);

/// How often a database is asked whether everything is placed.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// How long placing everything may take.
const PLACING_MAX: Duration = Duration::from_secs(300);

/// Units of each product: more than any load buys.
const STOCK: u32 = 1_000_000_000;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Rounds of a comparison.
    pub rounds: usize,
    /// Seconds of one measurement.
    pub seconds: f64,
    /// The divisor for counts of orders.
    pub divisor: u64,
}

impl Size {
    /// For figures that are to be kept.
    pub const WHOLE: Self = Self { rounds: 5, seconds: 3.0, divisor: 1 };
    /// To see that everything works.
    pub const QUICK: Self = Self { rounds: 2, seconds: 0.5, divisor: 20 };
}

/// Where comparisons are made.
#[derive(Debug)]
pub struct Stage {
    /// How much is measured.
    pub size: Size,
    folder: PathBuf,
}

impl Stage {
    /// A stage whose databases lie under `folder`.
    #[must_use]
    pub fn new(folder: &Path, size: Size) -> Self {
        Self { size, folder: folder.to_owned() }
    }

    /// A folder that is gone with its last owner.
    ///
    /// # Errors
    /// It can't be made.
    pub fn folder(&self) -> Result<Arc<TempDir>> {
        Ok(Arc::new(TempDir::new_in(&self.folder)?))
    }

    /// A daemon on an empty database.
    ///
    /// # Errors
    /// It doesn't start.
    pub async fn daemon(&self, options: Options) -> Result<Daemon> {
        Daemon::start_in(self.folder()?, options).await
    }

    /// The bare route.
    ///
    /// # Errors
    /// It doesn't start.
    pub async fn bare(&self) -> Result<Bare> {
        let mut child = Command::new(beside("seckill-bare")?)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().context("no output")?;
        let line = BufReader::new(stdout).lines().next_line().await?;
        Ok(Bare { child, address: line.context("the bare route has ended")? })
    }
}

/// The bare route's process.
#[derive(Debug)]
pub struct Bare {
    child: Child,
    /// Where it answers.
    pub address: String,
}

impl Bare {
    /// The processor time that it took so far.
    ///
    /// # Errors
    /// It is gone.
    pub fn cpu(&self) -> Result<Duration> {
        Ok(usage(self.child.id().context("the bare route has ended")?)?.cpu)
    }
}

/// Both roles on the embedded queue, with products that don't sell out.
#[must_use]
pub fn embedded(products: u64) -> Options {
    embedded_with(products, STOCK)
}

/// The same with so many units of each product.
#[must_use]
pub fn embedded_with(products: u64, stock: u32) -> Options {
    Options::embedded().set("products", seeds(products, stock)).set("log.level", LOG)
}

/// Both roles over the broker of a name server, with one product that doesn't sell out.
#[must_use]
pub fn on_broker(name_server: &str) -> Options {
    Options::profile("offline")
        .set("rocketmq.name_servers", format!("[\"{name_server}\"]"))
        .set("products", seeds(1, STOCK))
        .set("log.level", LOG)
}

/// What is logged: starts and stops, and what goes wrong.
const LOG: &str = "warn,seckilld=info";

/// Products as the configuration has them.
#[must_use]
pub fn seeds(products: u64, stock: u32) -> String {
    let one = |number| {
        format!(r#"{{prod_id="pid_{number:04}",prod_name="p",price="5999.000",stock={stock}}}"#)
    };
    format!("[{}]", (1..=products).map(one).collect::<Vec<_>>().join(","))
}

/// Runs the load generator with these arguments.
///
/// # Errors
/// It fails, or takes far longer than it was to.
pub async fn load(target: &str, arguments: &[(&str, String)]) -> Result<Report> {
    let mut command = Command::new(beside("seckill-load")?);
    command.args(["--target", target]);
    for (name, value) in arguments {
        command.arg(format!("--{name}")).arg(value);
    }
    let seconds = arguments.iter().find(|(name, _)| *name == "seconds");
    let seconds = seconds.and_then(|(_, seconds)| seconds.parse().ok()).unwrap_or(60.0);
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let most = Duration::from_secs_f64(seconds) + LOAD_GRACE;
    let output = tokio::time::timeout(most, output).await.context("the load doesn't end")??;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the load failed: {told}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The arguments of a load of charges.
#[must_use]
pub fn charges(first_buyer: u64, seconds: f64) -> Vec<(&'static str, String)> {
    vec![
        ("ask", "charge".to_owned()),
        ("first-buyer", first_buyer.to_string()),
        ("seconds", seconds.to_string()),
    ]
}

/// The arguments of a load of queries about `buyers` buyers in turn.
#[must_use]
pub fn queries(buyers: u64, seconds: f64) -> Vec<(&'static str, String)> {
    vec![
        ("ask", "query".to_owned()),
        ("buyers", buyers.to_string()),
        ("seconds", seconds.to_string()),
    ]
}

/// A program that was built beside this one.
fn beside(name: &str) -> Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name(name);
    ensure!(program.is_file(), "{name} isn't built: `cargo xtask bench` builds it");
    Ok(program)
}

/// The gateway's address as the load generator takes it.
///
/// # Errors
/// The daemon has no gateway.
pub fn gateway(daemon: &Daemon) -> Result<String> {
    Ok(daemon.gateway_address()?.to_string())
}

/// Has orders stay in the queue.
///
/// # Errors
/// The daemon refuses.
pub async fn pause(daemon: &Daemon) -> Result<()> {
    let body = json!({ "reason": "benchmark" });
    daemon.admin().command(Endpoint::PauseConsumption.pattern(), body).await.map(|_| ())
}

/// Has orders taken from the queue.
///
/// # Errors
/// The daemon refuses.
pub async fn resume(daemon: &Daemon) -> Result<()> {
    daemon.admin().command(Endpoint::ResumeConsumption.pattern(), json!({})).await.map(|_| ())
}

/// Stops a daemon in good order.
///
/// # Errors
/// It doesn't stop.
pub async fn stop(mut daemon: Daemon) -> Result<()> {
    let stopped = daemon.terminate().await?;
    ensure!(stopped.status.success(), "the daemon ended with {}", stopped.status);
    Ok(())
}

/// A look into a daemon's database beside it.
pub struct Watch(Connection);

impl Watch {
    /// Opens it.
    ///
    /// # Errors
    /// It can't be read.
    pub fn over(database: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let connection = Connection::open_with_flags(database, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        Ok(Self(connection))
    }

    /// Units sold, by the products' own count.
    ///
    /// # Errors
    /// It can't be read.
    pub fn sold(&self) -> Result<u64> {
        let mut sum = self.0.prepare_cached("SELECT SUM(sold) FROM t_seckill_product")?;
        Ok(u64::try_from(sum.query_row([], |row| row.get::<_, i64>(0))?)?)
    }

    /// Waits until so many units are sold; returns the moment.
    ///
    /// # Errors
    /// They aren't within five minutes.
    pub async fn until_sold(&self, units: u64) -> Result<Instant> {
        let start = Instant::now();
        while self.sold()? < units {
            if PLACING_MAX < start.elapsed() {
                bail!("{} of {units} orders are placed after {PLACING_MAX:?}", self.sold()?);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(Instant::now())
    }
}

/// Copies a database that nobody has open into another folder, durably: the disk is then idle.
///
/// # Errors
/// The disk's.
pub fn copy(database: &Path, folder: &Path) -> Result<PathBuf> {
    let name = database.file_name().context("no file name")?;
    let copy = folder.join(name);
    std::fs::copy(database, &copy)?;
    std::fs::File::open(&copy)?.sync_all()?;
    Ok(copy)
}
