//! The daemon under a service manager: what the manager hears, when it hears nothing, and the
//! sockets that it keeps over a restart. The test plays the manager; a real systemd has its own
//! tests.

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use seckill_e2e::admin::Admin;
use seckill_e2e::buyers::phone;
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::disk::Tampering;
use seckill_e2e::http::Client;
use seckill_e2e::process::{Ended, ended};
use tempfile::TempDir;
use tokio::net::UnixDatagram;
use tokio::time::timeout;

/// How long anything may take to be heard.
const LONG: Duration = Duration::from_secs(30);

/// The period after which the manager would end the process.
const WATCHDOG: Duration = Duration::from_secs(2);

/// A manager's end of `NOTIFY_SOCKET`.
pub(crate) struct Manager(UnixDatagram);

impl Manager {
    pub(crate) fn at(folder: &Path) -> Result<(Self, String)> {
        let path = folder.join("notify");
        let socket = UnixDatagram::bind(&path)?;
        Ok((Self(socket), path.to_string_lossy().into_owned()))
    }

    /// The next message, its lines.
    pub(crate) async fn heard(&self) -> Result<Vec<String>> {
        let mut bytes = [0; 4096];
        let length = timeout(LONG, self.0.recv(&mut bytes)).await.context("nothing is heard")??;
        let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// The first message with such a line.
    pub(crate) async fn until(&self, what: &str, is: impl Fn(&str) -> bool) -> Result<Vec<String>> {
        let start = Instant::now();
        while start.elapsed() < LONG {
            let lines = self.heard().await?;
            if lines.iter().any(|line| is(line)) {
                return Ok(lines);
            }
        }
        bail!("{what} isn't heard")
    }
}

pub(crate) fn under(notify: String) -> Options {
    let period = WATCHDOG.as_micros().to_string();
    Options::embedded().variable("NOTIFY_SOCKET", notify).variable("WATCHDOG_USEC", period)
}

#[tokio::test]
async fn a_service_manager_hears_how_the_sale_goes_and_how_it_ends() -> Result<()> {
    let folder = TempDir::new()?;
    let (manager, notify) = Manager::at(folder.path())?;
    let mut daemon = Daemon::start(under(notify)).await?;
    let ready = manager.heard().await?;
    assert_eq!(ready, ["READY=1", "STATUS=sold 0/800 · lag 0 · 0/s"], "nothing comes before it");
    manager.until("a sign of life", |line| line == "WATCHDOG=1").await?;
    daemon.charge("15200000001", "pid_0001", "5999.000").await?;
    manager.until("the sale", |line| line.starts_with("STATUS=sold 1/800 · lag 0")).await?;
    let stopped = daemon.terminate().await?;
    assert!(stopped.status.success());
    let end = manager.until("the stop", |line| line == "STOPPING=1").await?;
    assert!(end.iter().any(|line| line.starts_with("STATUS=")), "{end:?}");
    manager.until("more time", |line| line == "EXTEND_TIMEOUT_USEC=4000000").await?;
    Ok(())
}

/// The manager may have a name that is no path.
#[tokio::test]
async fn a_service_manager_at_an_abstract_name_hears_too() -> Result<()> {
    let name = format!("seckill-e2e-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name)?;
    let socket = std::os::unix::net::UnixDatagram::bind_addr(&address)?;
    socket.set_nonblocking(true)?;
    let manager = Manager(UnixDatagram::from_std(socket)?);
    let mut daemon = Daemon::start(under(format!("@{name}"))).await?;
    assert_eq!(manager.heard().await?[0], "READY=1");
    manager.until("a sign of life", |line| line == "WATCHDOG=1").await?;
    assert!(daemon.terminate().await?.status.success());
    manager.until("the stop", |line| line == "STOPPING=1").await?;
    Ok(())
}

/// The manager hears what matters once it reads; meanwhile everybody is served.
#[tokio::test]
async fn a_service_manager_that_does_not_read_holds_nobody_up() -> Result<()> {
    let folder = TempDir::new()?;
    let (manager, notify) = Manager::at(folder.path())?;
    let period = Duration::from_millis(80).as_micros().to_string();
    let options = under(notify).variable("WATCHDOG_USEC", period);
    let mut daemon = Daemon::start(options).await?;
    for number in 0..40 {
        let told = daemon.charge(&phone(number), "pid_0001", "5999.000").await?.json()?;
        assert_eq!(told["code"], "10000", "{told}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(daemon.admin().get("/v1/health").await?.status, 200);
    assert_eq!(manager.heard().await?[0], "READY=1");
    let reading = async { manager.until("the stop", |line| line == "STOPPING=1").await };
    let (heard, stopped) = tokio::join!(reading, daemon.terminate());
    heard?;
    assert!(stopped?.status.success());
    Ok(())
}

/// A disk that hangs keeps the writer from its work. Without anything to write the writer rests,
/// and the signs of life go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_watchdog_hears_nothing_while_the_writer_hangs() -> Result<()> {
    let folder = TempDir::new()?;
    let (manager, notify) = Manager::at(folder.path())?;
    let daemon = Daemon::start(under(notify)).await?;
    let tampering = Tampering::with(&daemon, "fsync,fdatasync", "delay_enter=12s").await?;
    for _ in 0..4 {
        manager.until("a sign of life", |line| line == "WATCHDOG=1").await?;
    }
    let charging = daemon.charge("15200000001", "pid_0001", "5999.000");
    let silence = async {
        let start = Instant::now();
        loop {
            let before = Instant::now();
            manager.until("a sign of life", |line| line == "WATCHDOG=1").await?;
            // A long pause alone may be the machine's.
            let told = daemon.logs()?.contains("the watchdog hears nothing until it goes on");
            if told && WATCHDOG / 2 < before.elapsed() {
                return Ok(());
            }
            if LONG < start.elapsed() {
                bail!("the signs of life go on");
            }
        }
    };
    let (charged, silence) = tokio::join!(charging, silence);
    silence?;
    assert_ne!(charged?.code(), "10000", "nothing could be stored");
    drop(tampering);
    for _ in 0..4 {
        manager.until("a sign of life again", |line| line == "WATCHDOG=1").await?;
    }
    Ok(())
}

#[tokio::test]
async fn over_a_restart_no_connection_is_refused() -> Result<()> {
    let socket = TcpListener::bind("127.0.0.1:0")?;
    let address = socket.local_addr()?;
    let options = Options::embedded().pass("gateway", socket.try_clone()?);
    let mut daemon = Daemon::start(options).await?;
    assert_eq!(daemon.gateway_address()?, address);
    assert_eq!(daemon.charge("15200000001", "pid_0001", "5999.000").await?.code(), "10000");
    assert!(daemon.terminate().await?.status.success());
    // No daemon runs, and a buyer comes.
    let waiting = tokio::spawn(async move {
        let fields =
            [("userPhoneNum", "15200000002"), ("prodId", "pid_0001"), ("chargePrice", "5999.000")];
        Client::default().post_form(&format!("http://{address}/api/charge.do"), &fields).await
    });
    let daemon = daemon.restart().await?;
    assert_eq!(waiting.await??.code(), "10000");
    assert_eq!(daemon.charge("15200000001", "pid_0001", "5999.000").await?.code(), "10000");
    drop(socket);
    Ok(())
}

#[tokio::test]
async fn an_admin_socket_that_was_passed_is_answered_on_and_stays() -> Result<()> {
    let folder = TempDir::new()?;
    let path = folder.path().join("passed.sock");
    let socket = UnixListener::bind(&path)?;
    let options = Options::embedded().pass("admin", socket.try_clone()?);
    let mut daemon = Daemon::start(options).await?;
    assert!(!daemon.socket().exists(), "it makes none of its own");
    let status = Admin::at(&path).status().await?;
    assert_eq!(status.phase, protocol::Phase::Serving);
    assert!(daemon.terminate().await?.status.success());
    assert!(path.exists(), "it belongs to the service manager");
    Ok(())
}

async fn refused(options: &Options) -> Result<Ended> {
    let folder = TempDir::new()?;
    ended(folder.path(), options.command(folder.path(), "run")?).await
}

#[tokio::test]
async fn sockets_that_do_not_fit_are_refused_with_a_reason() -> Result<()> {
    let tcp = TcpListener::bind("127.0.0.1:0")?;
    let stranger = refused(&Options::embedded().pass("http", tcp.try_clone()?)).await?;
    assert_eq!(stranger.code, Some(78), "{}", stranger.log);
    let told = "a socket named `http`: FileDescriptorName= must be gateway, order or admin";
    assert!(stranger.log.contains(told), "{}", stranger.log);
    let wrong = refused(&Options::embedded().pass("admin", tcp.try_clone()?)).await?;
    assert_eq!(wrong.code, Some(78), "{}", wrong.log);
    assert!(wrong.log.contains("is not a listening Unix socket"), "{}", wrong.log);
    let order_node = Options::embedded().roles(&["order"]).pass("gateway", tcp.try_clone()?);
    let needless = refused(&order_node.set("queue.kind", "embedded")).await?;
    assert_eq!(needless.code, Some(78), "{}", needless.log);
    Ok(())
}
