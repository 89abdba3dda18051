//! A log that nobody takes: a pipe that isn't read, a reader that has left, a disk that is full, a
//! terminal that is stopped. Nobody who buys, operates or stops the daemon waits for it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, PipeReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use seckill_e2e::admin::Admin;
use seckill_e2e::daemon::Options;
use seckill_e2e::http::{Answer, Client};
use seckill_e2e::ports::quiet_port;
use seckill_e2e::process::{Running, STOP_MAX};
use seckill_e2e::terminal::Terminal;
use seckill_e2e::until;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long anything may take.
const LONG: Duration = Duration::from_secs(60);
/// A refusal is logged with what was given: so long a line needs few commands.
const LONG_LINE: usize = 20_000;
/// More than the hand-over, a pipe and a line on its way have room for.
const LINES: u64 = 120;

/// Where a daemon answers whose log can't be read.
pub(crate) struct SilencedDaemon {
    pub(crate) admin: Admin,
    pub(crate) gateway: String,
    client: Client,
}

impl SilencedDaemon {
    pub(crate) async fn until_ready(&self) -> Result<()> {
        until("the start", LONG, || async {
            let ready = self.client.get(&format!("{}/readyz", self.gateway)).await;
            Ok(ready.is_ok_and(|answer| answer.status == 200).then_some(()))
        })
        .await
    }

    pub(crate) async fn charge(&self, phone: &str) -> Result<Answer> {
        let url = format!("{}/api/charge.do", self.gateway);
        let fields = [("userPhoneNum", phone), ("chargePrice", "5999.000"), ("prodId", "pid_0001")];
        self.client.post_form(&url, &fields).await
    }

    /// Has more logged than there is room for.
    pub(crate) async fn flood(&self) -> Result<()> {
        for _ in 0..LINES {
            let body = json!({ "request_id": "x".repeat(LONG_LINE), "level": "info" });
            let refused = self.admin.post("/v1/log-level", body).await?;
            assert_eq!(refused.status, 400);
        }
        Ok(())
    }

    /// Everybody is served while nobody takes the log.
    pub(crate) async fn serves(&self) -> Result<()> {
        for number in 0..20 {
            let told = self.charge(&format!("152000010{number:02}")).await?.json()?;
            assert_eq!(told["code"], "10000", "{told}");
        }
        let level = json!({ "level": "debug" });
        self.admin.command("/v1/log-level", level).await?;
        self.until_ready().await
    }

    pub(crate) async fn dropped(&self) -> Result<u64> {
        Ok(self.admin.status().await?.log.dropped)
    }

    pub(crate) async fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.admin.status().await?.pid)?;
        Ok(kill_process(Pid::from_raw(pid).context("no process")?, signal)?)
    }

    /// Has it stop, and waits until nobody answers.
    async fn stop(&self) -> Result<()> {
        self.signal(Signal::TERM).await?;
        until("the end", STOP_MAX, || async {
            Ok(self.admin.status().await.is_err().then_some(()))
        })
        .await
    }
}

/// A daemon's command, and where it will answer.
pub(crate) fn command_of(folder: &Path, options: Options) -> Result<(Command, SilencedDaemon)> {
    let gateway = format!("127.0.0.1:{}", quiet_port(&[])?);
    let options = options.set("gateway.listen", &*gateway);
    let command = options.command(folder, "run")?;
    let admin = Admin::at(&options.socket(folder));
    Ok((
        command,
        SilencedDaemon { admin, gateway: format!("http://{gateway}"), client: Client::default() },
    ))
}

pub(crate) async fn ended(daemon: &mut Running) -> Result<()> {
    let status = until("the end", STOP_MAX, || {
        let status = daemon.0.try_wait();
        async move { Ok(status?) }
    });
    let status = status.await?;
    ensure!(status.success(), "{status}");
    Ok(())
}

/// A daemon that logs to where the test says, and is ready.
struct Logging {
    daemon: Running,
    silenced: SilencedDaemon,
    _folder: TempDir,
}

impl Logging {
    async fn to(stderr: impl Into<Stdio>) -> Result<Self> {
        let folder = TempDir::new()?;
        let (mut command, silenced) = command_of(folder.path(), Options::embedded())?;
        let daemon = Running(command.stderr(stderr).spawn()?);
        silenced.until_ready().await?;
        Ok(Self { daemon, silenced, _folder: folder })
    }

    async fn stop(&mut self) -> Result<()> {
        self.silenced.signal(Signal::TERM).await?;
        ended(&mut self.daemon).await
    }
}

/// The same in a terminal, by a shell's script for which the daemon's command is `"$0" "$@"`.
async fn in_a_terminal(folder: &Path, script: &str) -> Result<(Terminal, SilencedDaemon)> {
    let options = Options::embedded().set("log.format", "pretty");
    let (command, silenced) = command_of(folder, options)?;
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Option<Vec<&str>> = words.map(OsStr::to_str).collect();
    let arguments = [&["-c", script][..], &words.context("no text")?].concat();
    let terminal = Terminal::run(folder, (80, 24), Path::new("/bin/bash"), &arguments)?;
    silenced.until_ready().await?;
    Ok((terminal, silenced))
}

/// The lines of a log, by a thread of its own, up to its end.
fn read(pipe: PipeReader) -> thread::JoinHandle<Vec<Value>> {
    thread::spawn(move || {
        let lines = BufReader::new(pipe).lines().map_while(Result::ok);
        lines.map(|line| serde_json::from_str(&line).unwrap_or(Value::String(line))).collect()
    })
}

#[tokio::test]
async fn a_start_that_is_refused_ends_though_nobody_reads_why() -> Result<()> {
    let folder = TempDir::new()?;
    let (unread, mut pipe) = std::io::pipe()?;
    rustix::io::ioctl_fionbio(&pipe, true)?;
    while pipe.write(&[b'x'; 4_096]).is_ok() {}
    rustix::io::ioctl_fionbio(&pipe, false)?;
    let options = Options::embedded().set("gateway.listen", "nowhere");
    let mut command = options.command(folder.path(), "run")?;
    let mut daemon = Running(command.stderr(pipe).spawn()?);
    drop(command);
    let status = until("the end", STOP_MAX, || {
        let status = daemon.0.try_wait();
        async move { Ok(status?) }
    });
    ensure!(status.await?.code() == Some(78));
    drop(unread);
    Ok(())
}

#[tokio::test]
async fn a_pipe_that_nobody_reads_holds_nobody_up_and_the_stop_neither() -> Result<()> {
    let (unread, pipe) = std::io::pipe()?;
    let mut logging = Logging::to(pipe).await?;
    let silenced = &logging.silenced;
    silenced.flood().await?;
    silenced.serves().await?;
    let state = silenced.admin.status().await?;
    ensure!(0 < state.log.dropped && state.log.is_losing, "{:?}", state.log);
    ensure!(state.log.dropped_grave == 0, "a flood of information took the warnings' room");
    let told = state.warnings.iter().any(|warning| warning.contains("the log's lines"));
    ensure!(told, "{:?}", state.warnings);
    let metrics = silenced.admin.get("/metrics").await?.text();
    let series = format!("seckill_log_lines_dropped_total{{level=\"info\"}} {}", state.log.dropped);
    ensure!(metrics.contains(&series), "not {series}: {metrics}");
    ensure!(metrics.contains("seckill_log_lines_dropped_total{level=\"warn\"} 0"), "{metrics}");
    logging.stop().await?;
    drop(unread);
    Ok(())
}

#[tokio::test]
async fn once_lines_flow_again_one_says_how_many_were_lost_and_the_last_ones_come() -> Result<()> {
    let (pipe, written) = std::io::pipe()?;
    let mut logging = Logging::to(written).await?;
    let silenced = &logging.silenced;
    silenced.flood().await?;
    let dropped = silenced.dropped().await?;
    ensure!(0 < dropped);
    let lines = read(pipe);
    until("the log flows", LONG, || async {
        Ok((!silenced.admin.status().await?.log.is_losing).then_some(()))
    })
    .await?;
    ensure!(silenced.dropped().await? == dropped);
    logging.stop().await?;
    let lines = lines.join().ok().context("the reader")?;
    let lost: Vec<&Value> = lines.iter().filter(|line| line["lines"].is_u64()).collect();
    let [lost] = lost.as_slice() else { anyhow::bail!("{} lines of losses", lost.len()) };
    assert_eq!((&lost["level"], &lost["lines"]), (&json!("WARN"), &json!(dropped)), "{lost}");
    let refusals = lines.iter().filter(|line| line["message"] == "a command was refused").count();
    assert_eq!(refusals as u64, LINES - dropped, "what isn't lost comes");
    let last = lines.last().context("no lines")?;
    let stopped = "stopped: everything in flight was finished";
    assert_eq!(last["message"], stopped, "{last}");
    Ok(())
}

#[tokio::test]
async fn a_reader_that_has_left_and_a_full_disk_stop_nothing() -> Result<()> {
    let (reader, left) = std::io::pipe()?;
    drop(reader);
    let full: Stdio = File::options().write(true).open("/dev/full")?.into();
    for stderr in [left.into(), full] {
        let mut logging = Logging::to(stderr).await?;
        logging.silenced.serves().await?;
        ensure!(0 < logging.silenced.dropped().await?, "what can't be written is counted");
        logging.stop().await?;
    }
    Ok(())
}

/// Standard error is shared with other processes and must not be changed: they would find it
/// non-blocking.
#[tokio::test]
async fn what_standard_error_is_shared_with_stays_as_it_is() -> Result<()> {
    let (reader, shared) = std::io::pipe()?;
    let mut logging = Logging::to(shared.try_clone()?).await?;
    ensure!(!rustix::fs::fcntl_getfl(&shared)?.contains(rustix::fs::OFlags::NONBLOCK));
    logging.stop().await?;
    (&shared).write_all(b"still there\n")?;
    drop(shared);
    let lines = read(reader).join().ok().context("the reader")?;
    assert_eq!(lines.last(), Some(&json!("still there")));
    Ok(())
}

#[tokio::test]
async fn a_terminal_that_is_stopped_holds_nobody_up() -> Result<()> {
    let folder = TempDir::new()?;
    let (terminal, silenced) = in_a_terminal(folder.path(), "exec \"$0\" \"$@\"").await?;
    terminal.press("C-s")?;
    silenced.flood().await?;
    silenced.serves().await?;
    ensure!(0 < silenced.dropped().await?, "the terminal wasn't stopped");
    silenced.stop().await
}

/// A shell's background job on a terminal that keeps such jobs from writing (`stty tostop`).
#[tokio::test]
async fn a_daemon_in_the_background_of_a_terminal_is_not_stopped_by_its_log() -> Result<()> {
    let folder = TempDir::new()?;
    let script = "set -m; stty tostop; env --default-signal=TTOU \"$0\" \"$@\" & sleep 600";
    let (_terminal, silenced) = in_a_terminal(folder.path(), script).await?;
    silenced.serves().await?;
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", silenced.admin.status().await?.pid))?;
    ensure!(!status.contains("State:\tT"), "{status}");
    silenced.stop().await
}
