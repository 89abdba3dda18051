//! The daemon's program as a process: where it is, a run to its end, what its log announces, and
//! what it costs by /proc.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::until;

/// The longest that a stop may take by the requirements.
pub const STOP_MAX: Duration = Duration::from_secs(10);
/// How long a run that ends by itself may take: far more than any takes, because some give way to
/// everything else on the machine.
const RUN_MAX: Duration = Duration::from_secs(120);
/// The unit of times in /proc, the same on every platform that we build for.
const TICKS_PER_S: u64 = 100;

/// The program in a folder, its environment empty: nothing of the developer's own may change a
/// test.
///
/// # Errors
/// The program isn't built.
pub fn bare_command(folder: &Path) -> Result<Command> {
    let mut command = Command::new(program()?);
    command.current_dir(folder).env_clear().env("RUST_BACKTRACE", "1").stdin(Stdio::null());
    Ok(command)
}

#[expect(clippy::disallowed_methods, reason = "the tests' own switch, not the daemon's")]
fn chosen() -> Option<PathBuf> {
    std::env::var_os("SECKILLD").map(PathBuf::from)
}

/// Whether the variable `SECKILLD` names a program to test other than the one that was built along
/// with the tests.
#[must_use]
pub fn is_chosen() -> bool {
    chosen().is_some()
}

/// The built daemon: beside the tests, or where the variable `SECKILLD` points.
fn program() -> Result<PathBuf> {
    match chosen() {
        Some(chosen) if chosen.is_file() => Ok(chosen),
        Some(chosen) => bail!("SECKILLD is {}, where no program is", chosen.display()),
        None => built("seckilld"),
    }
}

/// A program of the workspace, as it was built with the tests.
///
/// # Errors
/// It isn't built.
pub fn built(name: &str) -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let beside = this.ancestors().nth(2).context("the tests are in no target folder")?;
    let program = beside.join(name);
    if !program.is_file() {
        bail!("{} isn't built: cargo test --workspace builds it", program.display());
    }
    Ok(program)
}

/// The command with a socket as its file number 3. A shell puts it there: the shell knows its own
/// process id, and can move the socket to that number, which a parent can't without unsafe code.
pub(crate) fn passing(command: &Command, name: &str, socket: &OwnedFd) -> Result<Command> {
    let script = "exec 3<&0 0</dev/null; LISTEN_PID=$$; export LISTEN_PID; exec \"$0\" \"$@\"";
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", script]).arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    shell.env_clear().envs(variables).env("LISTEN_FDS", "1").env("LISTEN_FDNAMES", name);
    shell.stdin(socket.try_clone()?);
    Ok(shell)
}

/// The command, killed at its `nth` call (from 1) of this system call, before the call is carried
/// out: by strace from outside.
#[must_use]
pub fn killed_at(command: &Command, call: &str, nth: u32) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    strace.args(["-e", &format!("inject={call}:signal=KILL:when={nth}")]);
    strace.arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        strace.current_dir(folder);
    }
    let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    strace.env_clear().envs(variables).stdin(Stdio::null());
    strace
}

/// How a run ended that was to end by itself.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// What it wrote to standard error and output.
    pub log: String,
}

/// Runs a command that is to end by itself; its log goes into the folder.
///
/// # Errors
/// It doesn't end within two minutes; it is then killed.
pub async fn ended(folder: &Path, mut command: Command) -> Result<Ended> {
    let path = folder.join(format!("ended-{}.log", unique()));
    let file = File::create(&path)?;
    let child = command.stdout(file.try_clone()?).stderr(file).spawn()?;
    let mut running = Running(child);
    let waited = until("the end of the run", RUN_MAX, || {
        let status = running.0.try_wait();
        async move { Ok(status?) }
    });
    let status = waited.await;
    let log = read_from(&path, 0)?;
    Ok(Ended { code: status.with_context(|| log.clone())?.code(), log })
}

/// A number no other call in this process gets.
fn unique() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A child that never outlives us.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a process costs.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// Processor time since its start.
    pub cpu: Duration,
    /// Resident memory in KiB.
    pub rss_kib: u64,
    /// How often its threads went to sleep and were woken, since their starts; of those that have
    /// ended nothing is known.
    pub wakes: u64,
    /// Open file descriptors.
    pub open_files: usize,
}

/// What a process costs at the moment.
///
/// # Errors
/// The process is gone.
pub fn usage(pid: u32) -> Result<Usage> {
    let folder = PathBuf::from(format!("/proc/{pid}"));
    let stat = std::fs::read_to_string(folder.join("stat"))?;
    let status = std::fs::read_to_string(folder.join("status"))?;
    let open_files = std::fs::read_dir(folder.join("fd"))?.count();
    // A thread that ends meanwhile isn't counted.
    let threads = std::fs::read_dir(folder.join("task"))?.flatten();
    let wakes = threads
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("status")).ok())
        .filter_map(|status| field(&status, "voluntary_ctxt_switches:"))
        .sum();
    usage_from(&stat, &status, wakes, open_files).context("/proc reads otherwise than expected")
}

/// A number behind its name in one of /proc's `status` files.
fn field(status: &str, name: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    value.split_whitespace().next()?.parse().ok()
}

fn usage_from(stat: &str, status: &str, wakes: u64, open_files: usize) -> Option<Usage> {
    // The name in parentheses may hold anything; user and system time are fields 14 and 15.
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut times = after_name.split_whitespace().skip(11);
    let mut next = || times.next()?.parse::<u64>().ok();
    let ticks = next()? + next()?;
    Some(Usage {
        cpu: Duration::from_millis(ticks * 1000 / TICKS_PER_S),
        rss_kib: field(status, "VmRSS:")?,
        wakes,
        open_files,
    })
}

/// A file's text from a place on.
pub(crate) fn read_from(path: &Path, from: u64) -> Result<String> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The address at which a log says that this role listens.
pub(crate) fn announced(log: &str, role: &str) -> Option<SocketAddr> {
    log.lines().find_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        // The JSON format nests an event's fields unless it is set to flatten them.
        let event = line.get("fields").unwrap_or(&line);
        let is_it = event["message"] == "listening" && event["role"] == role;
        event["address"].as_str().filter(|_| is_it)?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::usage_from;

    #[test]
    fn proc_is_read_past_a_name_with_blanks() {
        let stat = "7 (a b) c) S 1 1 1 0 -1 4 5 6 7 8 150 50 0 0 20 0";
        let usage = usage_from(stat, "Name:\tx\nVmRSS:\t   1234 kB\n", 3, 7);
        let usage = usage.map(|usage| (usage.rss_kib, usage.cpu.as_millis()));
        assert_eq!(usage, Some((1234, 2000)));
    }
}
