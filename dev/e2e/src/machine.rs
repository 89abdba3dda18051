//! A whole Debian with a systemd of its own, booted from a copy of a tree by systemd-nspawn. It
//! shares this machine's network, so that a test can talk to what runs in it, and nothing else of
//! this machine.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::until;

/// How long a boot may take.
const BOOT_MAX: Duration = Duration::from_secs(60);

/// What a command in the machine finds around it.
const PATH: &str = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";

/// A booted machine. Dropped, it is switched off and its copy deleted.
pub struct Machine {
    /// systemd-nspawn.
    outside: Child,
    /// The machine's own process 1, by its number here.
    init: u32,
    root: PathBuf,
    boot: PathBuf,
}

/// What a command in the machine wrote.
#[derive(Debug)]
pub struct CommandOutput {
    /// Its exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Standard output, without blanks around it.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Machine {
    /// Copies the tree into a folder and boots the copy. The name is its own among this process's
    /// machines.
    ///
    /// # Errors
    /// It takes the rights of root and a kernel that lets systemd-nspawn have namespaces; or it
    /// isn't up within a minute.
    pub async fn boot(tree: &Path, folder: &Path, name: &str) -> Result<Self> {
        let root = folder.join(format!("root-{name}"));
        succeeded(as_root("rm")?.arg("-rf").arg(&root))?;
        succeeded(as_root("cp")?.args(["-aH", "--reflink=auto"]).arg(tree).arg(&root))?;
        let boot = folder.join(format!("boot-{name}.log"));
        let log = File::create(&boot)?;
        // Ends with us, however we end.
        let mut nspawn = as_root("setpriv")?;
        nspawn.args(["--pdeathsig", "KILL", "systemd-nspawn", "--quiet", "--boot"]);
        nspawn.args(["--resolv-conf=off", "--timezone=off", "--link-journal=no"]);
        nspawn.arg(format!("--machine=seckill-{name}-{}", std::process::id()));
        // Without a service manager around it there is nobody to register with.
        if !Path::new("/run/systemd/system").exists() {
            nspawn.args(["--register=no", "--keep-unit"]);
        }
        nspawn.arg("--console=read-only").arg("--directory").arg(&root);
        nspawn.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let outside = nspawn.spawn().context("systemd-nspawn (package systemd-container)")?;
        let mut machine = Self { outside, init: 0, root, boot };
        machine.wait_until_up().await?;
        Ok(machine)
    }

    async fn wait_until_up(&mut self) -> Result<()> {
        let waited = until("the machine is up", BOOT_MAX, || {
            let up = self.is_up();
            async move { up.map(|up| up.then_some(())) }
        });
        let waited = waited.await;
        waited.with_context(|| fs::read_to_string(&self.boot).unwrap_or_default())
    }

    fn is_up(&mut self) -> Result<bool> {
        if let Some(status) = self.outside.try_wait()? {
            bail!("systemd-nspawn ended: {status}");
        }
        let Some(init) = init_below(self.outside.id()) else { return Ok(false) };
        self.init = init;
        let told = self.run(&["systemctl", "is-system-running"])?;
        Ok(["running", "degraded"].contains(&&*told.out))
    }

    /// Runs a command in the machine to its end.
    ///
    /// # Errors
    /// It can't be started.
    pub fn run(&self, command: &[&str]) -> Result<CommandOutput> {
        outcome_of(self.inside(command)?.stdin(Stdio::null()))
    }

    /// Runs a command that must succeed; returns its standard output.
    ///
    /// # Errors
    /// It fails; the message has all that it wrote.
    pub fn done(&self, command: &[&str]) -> Result<String> {
        let told = self.run(command)?;
        ensure!(told.code == Some(0), "{}: {told:#?}", command.join(" "));
        Ok(told.out)
    }

    /// Whether there is something at a path.
    ///
    /// # Errors
    /// As [`Machine::run`].
    pub fn has(&self, path: &str) -> Result<bool> {
        Ok(self.run(&["test", "-e", path])?.code == Some(0))
    }

    /// Writes a file, its mode and owner staying.
    ///
    /// # Errors
    /// It can't be written.
    pub fn write(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let mut tee = self.inside(&["tee", path])?;
        let mut tee = tee.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        tee.stdin.take().context("a pipe")?.write_all(bytes)?;
        ensure!(tee.wait()?.success(), "{path} can't be written");
        Ok(())
    }

    fn inside(&self, command: &[&str]) -> Result<Command> {
        let mut nsenter = as_root("nsenter")?;
        nsenter.arg(format!("--target={}", self.init)).args(["--all", "--"]);
        nsenter.args(["env", "-i", PATH, "DEBIAN_FRONTEND=noninteractive"]).args(command);
        Ok(nsenter)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Each fails only where the last one has done its work already.
        if self.init != 0
            && let Ok(mut kill) = as_root("kill")
        {
            let _ = kill.args(["-KILL", &self.init.to_string()]).stderr(Stdio::null()).status();
        } else {
            let _ = self.outside.kill();
        }
        let _ = self.outside.wait();
        if let Ok(mut rm) = as_root("rm") {
            let _ = rm.arg("-rf").arg(&self.root).status();
        }
    }
}

/// The first process below this one that is number 1 in a namespace of its own.
fn init_below(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    let mut numbers = numbers.split_whitespace();
    if 1 < numbers.clone().count() && numbers.next_back() == Some("1") {
        return Some(pid);
    }
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().find_map(|child| init_below(child.parse().ok()?))
}

fn outcome_of(command: &mut Command) -> Result<CommandOutput> {
    let Output { status, stdout, stderr } = command.output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    Ok(CommandOutput { code: status.code(), out: text(&stdout), err: text(&stderr) })
}

fn succeeded(command: &mut Command) -> Result<()> {
    let told = outcome_of(command)?;
    ensure!(told.code == Some(0), "{command:?}: {told:#?}");
    Ok(())
}

/// A program with the rights of root.
fn as_root(program: &str) -> Result<Command> {
    if rustix::process::geteuid().is_root() {
        return Ok(Command::new(program));
    }
    let sudo = Command::new("sudo").args(["-n", "true"]).output();
    ensure!(
        sudo.is_ok_and(|told| told.status.success()),
        "a machine takes the rights of root: run the tests as root, or let sudo ask for no password"
    );
    let mut command = Command::new("sudo");
    command.args(["-n", program]);
    Ok(command)
}
