//! A real Apache RocketMQ on loopback, from its Maven jars: name server and broker as processes of
//! their own, started, killed, frozen and stopped, for tests and (through the `broker` program) for
//! people. Owns their configuration, logs and data in one folder; knows nothing of what is sent.

mod conf;
mod jars;
mod mqadmin;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

pub use jars::{jars, lib_root};

use crate::ports::quiet_port;

/// The version that is started unless another is named.
pub const VERSION: &str = "5.4.0";

/// The test account that may publish and subscribe to the order topic and subscribe with any group.
/// It exists on loopback, in a test broker with `acl`, and nowhere else.
pub const ACCESS_KEY: &str = "seckillAK";
/// An account that may use the topic and no group at all; its secret is the same.
pub const GROUPLESS_ACCESS_KEY: &str = "grouplessAK";
/// Its secret.
pub const SECRET_KEY: &str = "seckillSK123456";
/// An account with the rights of the first, to rotate to.
pub const NEXT_ACCESS_KEY: &str = "seckillNextAK";
/// Its secret.
pub const NEXT_SECRET_KEY: &str = "seckillNextSK123456";

/// A JVM starts within seconds; on a machine that is busy with compiling it may take a minute.
const BOOT_TIMEOUT: Duration = Duration::from_secs(120);
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What to start.
#[derive(Debug, Clone, Default)]
pub struct BrokerOptions {
    /// The version of RocketMQ; empty for [`VERSION`].
    pub version: String,
    /// The name server's version where it is another; empty for the same.
    pub name_server_version: String,
    /// Whether requests must be signed.
    pub acl: bool,
    /// Whether connections must be TLS. The certificate to trust is `tls/cert.pem` in the folder.
    pub tls: bool,
    /// Where configuration, data, logs and process ids go; made when absent.
    pub dir: PathBuf,
    /// The name server's port; none for a free one.
    pub name_server_port: Option<u16>,
    /// The address of loopback that the name server announces instead of 127.0.0.1, for a proxy
    /// that listens there on the broker's port.
    pub advertised_ip: Option<String>,
    /// The broker's port; none for a free one. The broker also opens the second below and the next
    /// above.
    pub broker_port: Option<u16>,
    /// More lines of the broker's configuration, `KEY=VALUE` each with its end; they win.
    pub conf: String,
}

/// A name server and a broker that end when this is dropped.
#[derive(Debug)]
pub struct Broker {
    options: BrokerOptions,
    lib: PathBuf,
    name_server_lib: PathBuf,
    name_server_port: u16,
    broker_port: u16,
    name_server: Option<Child>,
    broker: Option<Child>,
}

impl Broker {
    /// Starts both and returns when both are up.
    ///
    /// # Errors
    /// Java or Maven is missing, a port is taken, or one of them doesn't come up: the end of its
    /// log.
    pub async fn start(options: BrokerOptions) -> Result<Self> {
        tokio::task::spawn_blocking(|| Self::start_blocking(options)).await?
    }

    /// The same, on the calling thread.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_blocking(mut options: BrokerOptions) -> Result<Self> {
        if options.version.is_empty() {
            VERSION.clone_into(&mut options.version);
        }
        if options.name_server_version.is_empty() {
            options.name_server_version.clone_from(&options.version);
        }
        let lib = jars(&options.version)?;
        let name_server_lib = jars(&options.name_server_version)?;
        fs::create_dir_all(&options.dir)?;
        options.dir = options.dir.canonicalize()?;
        let (free_name_server, free_broker) = free_ports()?;
        let mut broker = Self {
            name_server_port: options.name_server_port.unwrap_or(free_name_server),
            broker_port: options.broker_port.unwrap_or(free_broker),
            options,
            lib,
            name_server_lib,
            name_server: None,
            broker: None,
        };
        broker.ports_are_free()?;
        conf::write(&broker.options, broker.name_server_port, broker.broker_port)?;
        broker.start_name_server_blocking()?;
        broker.start_again_blocking()?;
        broker.until_registered()?;
        Ok(broker)
    }

    /// `HOST:PORT` of the name server.
    #[must_use]
    pub fn name_server(&self) -> String {
        format!("127.0.0.1:{}", self.name_server_port)
    }

    /// `HOST:PORT` of the broker.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.broker_port)
    }

    /// `HOST:PORT` at which the name server says that the broker is.
    #[must_use]
    pub fn advertised_address(&self) -> String {
        let ip = self.options.advertised_ip.as_deref().unwrap_or("127.0.0.1");
        format!("{ip}:{}", self.broker_port)
    }

    /// The PEM file with the certificate to trust, with `tls`.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        conf::certificate(&self.options.dir)
    }

    /// Kills the broker (SIGKILL); the name server stays.
    ///
    /// # Errors
    /// It can't be killed.
    pub async fn kill(&mut self) -> Result<()> {
        if let Some(mut broker) = self.broker.take() {
            broker.kill()?;
            tokio::task::spawn_blocking(move || broker.wait()).await??;
        }
        Ok(())
    }

    /// Starts the broker again, on its data and port, and returns when it is up; the name server
    /// may get to know it later.
    ///
    /// # Errors
    /// It doesn't come up: the end of its log.
    pub async fn start_again(&mut self) -> Result<()> {
        let child = self.spawn_broker()?;
        self.broker = Some(child);
        let log = self.out("broker");
        tokio::task::spawn_blocking(move || until_booted(&log)).await?
    }

    /// Kills the name server (SIGKILL); the broker stays.
    ///
    /// # Errors
    /// It can't be killed.
    pub async fn kill_name_server(&mut self) -> Result<()> {
        if let Some(mut name_server) = self.name_server.take() {
            name_server.kill()?;
            tokio::task::spawn_blocking(move || name_server.wait()).await??;
        }
        Ok(())
    }

    /// Starts the name server again, on its port, and returns when it is up; the broker registers
    /// there within half a minute.
    ///
    /// # Errors
    /// It doesn't come up: the end of its log.
    pub async fn start_name_server_again(&mut self) -> Result<()> {
        self.name_server = Some(self.spawn_name_server()?);
        let log = self.out("namesrv");
        tokio::task::spawn_blocking(move || until_booted(&log)).await?
    }

    /// Stops the broker where it is (SIGSTOP): it keeps its connections and answers nothing.
    ///
    /// # Errors
    /// It doesn't run.
    pub fn freeze(&self) -> Result<()> {
        self.signal_broker(Signal::STOP)
    }

    /// Lets a frozen broker go on.
    ///
    /// # Errors
    /// It doesn't run.
    pub fn thaw(&self) -> Result<()> {
        self.signal_broker(Signal::CONT)
    }

    /// Leaves both running when this is dropped; [`down`] ends them by the folder.
    pub fn leave_running(mut self) {
        self.name_server.take();
        self.broker.take();
    }

    fn ports_are_free(&self) -> Result<()> {
        let (name_server, broker) = (self.name_server_port, self.broker_port);
        for port in [name_server, broker.saturating_sub(2), broker, broker.saturating_add(1)] {
            if TcpListener::bind(("127.0.0.1", port)).is_err() {
                bail!("port {port} is taken on loopback; choose others, or end what holds it");
            }
        }
        Ok(())
    }

    fn signal_broker(&self, signal: Signal) -> Result<()> {
        let broker = self.broker.as_ref().context("the broker doesn't run")?;
        Ok(kill_process(Pid::from_child(broker), signal)?)
    }

    fn start_name_server_blocking(&mut self) -> Result<()> {
        self.name_server = Some(self.spawn_name_server()?);
        until_booted(&self.out("namesrv"))
    }

    fn spawn_name_server(&self) -> Result<Child> {
        let class = "org.apache.rocketmq.namesrv.NamesrvStartup";
        self.spawn("namesrv", &self.name_server_lib, class, &["-Xms128m", "-Xmx256m"])
    }

    fn start_again_blocking(&mut self) -> Result<()> {
        self.broker = Some(self.spawn_broker()?);
        until_booted(&self.out("broker"))
    }

    /// A broker says "boot success" before the name server knows it, up to 10 s before (5.1).
    fn until_registered(&self) -> Result<()> {
        if self.options.tls {
            // A TLS client for this one question isn't worth it: the users of a TLS broker wait for
            // it themselves.
            return Ok(());
        }
        let start = Instant::now();
        while !registered(&self.name_server())? {
            if BOOT_TIMEOUT < start.elapsed() {
                bail!("the name server {} doesn't get to know the broker", self.name_server());
            }
            rest();
        }
        Ok(())
    }

    fn spawn_broker(&self) -> Result<Child> {
        let class = "org.apache.rocketmq.broker.BrokerStartup";
        let memory = ["-Xms256m", "-Xmx1g", "-XX:MaxDirectMemorySize=1g"];
        self.spawn("broker", &self.lib, class, &memory)
    }

    /// The process gets a group of its own: a person's Ctrl-C, or a signal to the test's group,
    /// must not reach it. Its output goes to `NAME.out`, its id to `NAME.pid`.
    fn spawn(&self, name: &str, lib: &Path, class: &str, memory: &[&str]) -> Result<Child> {
        let dir = &self.options.dir;
        let out = File::create(self.out(name))?;
        let mut java = Command::new("java");
        java.args(memory)
            .args(conf::jvm_options(&self.options, name))
            .arg("-cp")
            .arg(format!("{}/*", lib.display()))
            .arg(class)
            .arg("-c")
            .arg(dir.join(format!("conf/{name}.conf")))
            .env("ROCKETMQ_HOME", dir)
            .current_dir(dir)
            .process_group(0)
            .stdin(Stdio::null())
            .stderr(out.try_clone()?)
            .stdout(out);
        let child = java.spawn().with_context(|| missing("java", "openjdk-17-jdk-headless"))?;
        fs::write(dir.join(format!("{name}.pid")), child.id().to_string())?;
        Ok(child)
    }

    fn out(&self, name: &str) -> PathBuf {
        self.options.dir.join(format!("{name}.out"))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // They are killed at once: a test's broker has nothing worth saving, and a frozen one
        // wouldn't hear a request to stop.
        for child in [self.broker.as_mut(), self.name_server.as_mut()].into_iter().flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Ends what was started in the folder, broker first, and waits for it.
///
/// # Errors
/// One of them can't be signalled, or doesn't end.
pub fn down(dir: &Path) -> Result<Vec<String>> {
    let mut ended = Vec::new();
    for name in ["broker", "namesrv"] {
        let file = dir.join(format!("{name}.pid"));
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let pid = text.trim().parse().ok().and_then(Pid::from_raw);
        let pid = pid.with_context(|| format!("{} holds no process id", file.display()))?;
        // The id may be another process's by now: only one that was started in this folder is
        // ended.
        if runs_in(pid, dir) {
            kill_process(pid, Signal::TERM)?;
            let start = Instant::now();
            while runs_in(pid, dir) {
                if STOP_TIMEOUT < start.elapsed() {
                    bail!("{name} (process {text}) doesn't end");
                }
                rest();
            }
            ended.push(name.to_owned());
        }
        fs::remove_file(&file)?;
    }
    Ok(ended)
}

fn runs_in(pid: Pid, dir: &Path) -> bool {
    let cwd = fs::read_link(format!("/proc/{}/cwd", pid.as_raw_nonzero()));
    matches!((cwd, dir.canonicalize()), (Ok(cwd), Ok(dir)) if cwd == dir)
}

/// Between two looks at a process that starts or ends.
#[expect(clippy::disallowed_methods, reason = "a JVM tells of its start by no other means")]
fn rest() {
    std::thread::sleep(LOOK_EVERY);
}

fn until_booted(out: &Path) -> Result<()> {
    let start = Instant::now();
    loop {
        let told = fs::read_to_string(out).unwrap_or_default();
        if told.contains("boot success") {
            return Ok(());
        }
        let failed =
            told.contains("Address already in use") || told.contains("Exception in thread");
        if failed || BOOT_TIMEOUT < start.elapsed() {
            let lines: Vec<&str> = told.lines().collect();
            let end = lines[lines.len().saturating_sub(15)..].join("\n");
            bail!("{} says no \"boot success\":\n{end}", out.display());
        }
        rest();
    }
}

/// Two free ports, the second with its neighbours that a broker opens as well. They lie outside the
/// range that the system gives away: a JVM binds them seconds later, a killed broker's must still
/// be free when it is started again, and on a busy machine an outgoing connection would have taken
/// one by then.
fn free_ports() -> Result<(u16, u16)> {
    Ok((quiet_port(&[])?, quiet_port(&[-2, 1])?))
}

/// Whether the name server knows a broker: one request of the remoting protocol for the route of
/// the topic that every broker of ours has.
fn registered(name_server: &str) -> Result<bool> {
    let header = r#"{"code":105,"language":"JAVA","version":401,"opaque":1,"flag":0,"extFields":{"topic":"DefaultCluster"}}"#;
    let length = u32::try_from(header.len())?;
    let mut stream = TcpStream::connect(name_server)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(&(length + 4).to_be_bytes())?;
    stream.write_all(&length.to_be_bytes())?;
    stream.write_all(header.as_bytes())?;
    let mut sizes = [0_u8; 8];
    stream.read_exact(&mut sizes)?;
    let mut answer = vec![0_u8; usize::from(u16::from_be_bytes([sizes[6], sizes[7]]))];
    stream.read_exact(&mut answer)?;
    let answer: serde_json::Value = serde_json::from_slice(&answer)?;
    Ok(answer["code"] == 0)
}

fn missing(program: &str, package: &str) -> String {
    format!("{program} can't be run; on Debian: apt-get install -y {package}")
}
