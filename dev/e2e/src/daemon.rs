//! The daemon as its operators meet it: a process with a folder, a log file, signals and an exit
//! code.
//!
//! Addresses are learnt from the log: the daemon binds port 0 and announces each listener in a JSON
//! line with the message `listening` and the fields `role` and `address`.

mod options;

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::admin::Admin;
use crate::http::{Answer, Client, urlencoded};
use crate::process::{Running, STOP_MAX, Usage, announced, read_from, usage};
use crate::until;
pub use options::{Options, Until};

/// How long a start may take until it serves. Debug builds on a busy machine are slow.
const START_MAX: Duration = Duration::from_secs(30);
/// Lines of the log that a failed test shows.
const TAIL_LINES: usize = 40;

/// How a stop went.
#[derive(Debug)]
pub struct Stopped {
    /// How it ended.
    pub status: ExitStatus,
    /// From the signal, or the beginning of the wait, to the end.
    pub took: Duration,
}

/// A running daemon. Dropped, it is killed by its id, and the end of its log is written out: the
/// test runner shows it when the test fails.
pub struct Daemon {
    running: Running,
    options: Options,
    folder: Arc<TempDir>,
    log: PathBuf,
    /// Where this start's part of the log begins.
    log_from: u64,
    gateway: Option<SocketAddr>,
    order: Option<SocketAddr>,
    stopped: bool,
    client: Client,
}

impl Daemon {
    /// Starts a daemon in a folder of its own.
    ///
    /// # Errors
    /// The daemon ends, or isn't up within 30 s; the end of its log is in the error.
    pub async fn start(options: Options) -> Result<Self> {
        Self::start_in(Arc::new(TempDir::new()?), options).await
    }

    /// Starts a daemon in a folder that others may share.
    ///
    /// # Errors
    /// As [`Daemon::start`].
    pub async fn start_in(folder: Arc<TempDir>, options: Options) -> Result<Self> {
        let log = folder.path().join(format!("{}.log", options.name));
        let file = OpenOptions::new().create(true).append(true).open(&log)?;
        let log_from = file.metadata()?.len();
        let mut command = options.command(folder.path(), "run")?;
        let child = command.stdout(file.try_clone()?).stderr(file).spawn()?;
        let mut daemon = Self {
            running: Running(child),
            options,
            folder,
            log,
            log_from,
            gateway: None,
            order: None,
            stopped: false,
            client: Client::default(),
        };
        if daemon.options.until != Until::Spawned {
            daemon.wait_until_up().await?;
        }
        Ok(daemon)
    }

    /// Starts it again on the same folder and addresses, the old process being gone.
    ///
    /// # Errors
    /// As [`Daemon::start`].
    pub async fn restart(self) -> Result<Self> {
        let mut options = self.options.clone();
        for (key, address) in [("gateway.listen", self.gateway), ("order.listen", self.order)] {
            if let Some(address) = address {
                options = options.set(key, address.to_string());
            }
        }
        let folder = Arc::clone(&self.folder);
        drop(self);
        Self::start_in(folder, options).await
    }

    /// As [`Daemon::restart`], with other options.
    ///
    /// # Errors
    /// As [`Daemon::start`].
    pub async fn restart_with(mut self, change: impl FnOnce(Options) -> Options) -> Result<Self> {
        self.options = change(self.options.clone());
        self.restart().await
    }

    async fn wait_until_up(&mut self) -> Result<()> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.running.0.try_wait()? {
                bail!("the daemon ended at its start ({status}):\n{}", self.tail());
            }
            self.learn_addresses()?;
            if self.is_up().await {
                return Ok(());
            }
            if START_MAX < start.elapsed() {
                bail!("the daemon isn't up within {START_MAX:?}:\n{}", self.tail());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn learn_addresses(&mut self) -> Result<()> {
        let log = self.logs()?;
        self.gateway = announced(&log, "gateway").or(self.gateway);
        self.order = announced(&log, "order").or(self.order);
        Ok(())
    }

    async fn is_up(&self) -> bool {
        for role in &self.options.roles {
            let address = if *role == "gateway" { self.gateway } else { self.order };
            let Some(address) = address else { return false };
            if self.options.until == Until::Ready {
                let answer = self.client.get(&format!("http://{address}/readyz")).await;
                if !answer.is_ok_and(|answer| answer.status == 200) {
                    return false;
                }
            }
        }
        true
    }

    /// Base URL of the gateway role; with none, an address where nobody listens.
    #[must_use]
    pub fn gateway_url(&self) -> String {
        url(self.gateway)
    }

    /// Base URL of the order role; with none, an address where nobody listens.
    #[must_use]
    pub fn order_url(&self) -> String {
        url(self.order)
    }

    /// Address of the metrics; it has one where `metrics.listen` is set.
    ///
    /// # Errors
    /// Its log announces none.
    pub fn metrics_address(&self) -> Result<SocketAddr> {
        announced(&self.logs()?, "metrics").context("no port for the metrics")
    }

    /// The gateway's address.
    ///
    /// # Errors
    /// It has no gateway role.
    pub fn gateway_address(&self) -> Result<SocketAddr> {
        self.gateway.context("no gateway role")
    }

    /// The database file.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.options.database(self.folder.path())
    }

    /// The admin socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.options.socket(self.folder.path())
    }

    /// The admin socket, to ask and to command.
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin::at(&self.socket())
    }

    /// The folder of the daemon and of those it shares it with.
    #[must_use]
    pub fn folder(&self) -> Arc<TempDir> {
        Arc::clone(&self.folder)
    }

    /// One charge at the gateway.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn charge(&self, phone: &str, prod_id: &str, price: &str) -> Result<Answer> {
        let url = format!("{}/api/charge.do", self.gateway_url());
        let fields = [("userPhoneNum", phone), ("chargePrice", price), ("prodId", prod_id)];
        self.client.post_form(&url, &fields).await
    }

    /// One query at the gateway.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn query(&self, phone: &str, prod_id: &str) -> Result<Answer> {
        let fields = urlencoded(&[("userPhoneNum", phone), ("prodId", prod_id)]);
        self.client.get(&format!("{}/api/query.do?{fields}", self.gateway_url())).await
    }

    /// One query at the order node, as operators send it.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn query_order_node(&self, phone: &str, prod_id: &str) -> Result<Answer> {
        let url = format!("{}/api/query.do", self.order_url());
        self.client.post_form(&url, &[("userPhoneNum", phone), ("prodId", prod_id)]).await
    }

    /// The pool that the methods above use.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Kills it where it stands and waits for its end.
    ///
    /// # Errors
    /// The signal or the wait fails.
    pub fn kill9(&mut self) -> Result<()> {
        self.signal(Signal::KILL)?;
        self.running.0.wait()?;
        self.stopped = true;
        Ok(())
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Errors
    /// It is still there after 10 s.
    pub async fn terminate(&mut self) -> Result<Stopped> {
        self.signal(Signal::TERM)?;
        self.ended().await
    }

    /// Waits for the end of a daemon that was asked to stop.
    ///
    /// # Errors
    /// It is still there after 10 s.
    pub async fn ended(&mut self) -> Result<Stopped> {
        self.ended_within(STOP_MAX).await
    }

    /// Waits for the end of a daemon that ends by itself.
    ///
    /// # Errors
    /// It is still there at the end of that time.
    pub async fn ended_within(&mut self, within: Duration) -> Result<Stopped> {
        let start = Instant::now();
        let child = &mut self.running.0;
        let status = until("the stop", within, || {
            let status = child.try_wait();
            async move { Ok(status?) }
        })
        .await?;
        self.stopped = true;
        Ok(Stopped { status, took: start.elapsed() })
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// The process is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_child(&self.running.0);
        kill_process(pid, signal).with_context(|| format!("signal {signal:?} to {pid:?}"))
    }

    /// What this start has logged.
    ///
    /// # Errors
    /// The log file can't be read.
    pub fn logs(&self) -> Result<String> {
        read_from(&self.log, self.log_from)
    }

    /// What the process costs at the moment.
    ///
    /// # Errors
    /// The process is gone.
    pub fn usage(&self) -> Result<Usage> {
        usage(self.running.0.id())
    }

    /// The process's id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.running.0.id()
    }

    fn tail(&self) -> String {
        let log = self.logs().unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }
}

impl Drop for Daemon {
    #[expect(clippy::print_stderr, reason = "the runner shows it when the test fails")]
    fn drop(&mut self) {
        // A test that fails by an error isn't panicking yet; one that stopped its daemon is done.
        if std::thread::panicking() || !self.stopped {
            eprintln!("--- log of {}:\n{}\n---", self.options.name, self.tail());
        }
    }
}

fn url(address: Option<SocketAddr>) -> String {
    address.map_or_else(|| "http://127.0.0.1:1".to_owned(), |address| format!("http://{address}"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Options;

    #[test]
    fn the_last_setting_of_a_key_wins_over_the_defaults() -> anyhow::Result<()> {
        let options = Options::embedded().set("a", "1").set("a", "2").name("node");
        assert_eq!(options.settings, [("a".to_owned(), "2".to_owned())]);
        assert_eq!(options.database(Path::new("/f")), Path::new("/f/node.db"));
        Ok(())
    }
}
