//! Disks that fail: a small one to fill up, and system calls that are slow or refused while the
//! daemon runs, by strace from outside. The daemon is the shipped build and doesn't notice that it
//! is tested.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::daemon::Daemon;
use crate::until;

/// How long strace may take to hold every thread.
const ATTACHED_MAX: Duration = Duration::from_secs(10);

/// A file system of a few megabytes, in memory. Mounting it needs root.
#[derive(Debug)]
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Mounts a file system of so many MiB.
    ///
    /// # Errors
    /// For anybody but root, and where root may not mount either.
    pub fn mount(mib: u32) -> Result<Self> {
        let is_root = rustix::process::geteuid().is_root();
        ensure!(is_root, "only root can mount the small disk of this test: run it as root");
        let folder = TempDir::new()?;
        let size = format!("size={mib}m");
        done(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()))?;
        Ok(Self { folder })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Fills it to the last byte.
    ///
    /// # Errors
    /// It fails for another reason than being full.
    pub fn fill(&self) -> Result<()> {
        let mut filler = File::create(self.filler())?;
        // Page by page: a larger piece may be refused while a page still fits.
        loop {
            match filler.write(&[0; 4096]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Fills it but for about so many MiB, for programs that map files and would be killed by a
    /// page that can't be had.
    ///
    /// # Errors
    /// There is less room than that already, or it fails.
    pub fn fill_but(&self, mib: u64) -> Result<()> {
        const PIECE: usize = 1 << 20;
        let mut filler = File::create(self.filler())?;
        while u64::try_from(PIECE)? * mib < self.room()? {
            filler.write_all(&vec![0; PIECE])?;
        }
        Ok(())
    }

    /// Bytes that are left.
    fn room(&self) -> Result<u64> {
        let system = rustix::fs::statvfs(self.path())?;
        Ok(system.f_bavail * system.f_frsize)
    }

    /// Gives the space back.
    ///
    /// # Errors
    /// It wasn't filled.
    pub fn free(&self) -> Result<()> {
        Ok(std::fs::remove_file(self.filler())?)
    }

    /// Makes it read-only; only while nobody has a file of it open for writing.
    ///
    /// # Errors
    /// Somebody has.
    pub fn make_read_only(&self) -> Result<()> {
        done(Command::new("mount").args(["-o", "remount,ro"]).arg(self.folder.path()))
    }

    fn filler(&self) -> PathBuf {
        self.folder.path().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Unmounted lazily: a process that still has a file open there ends after us, or is being
        // killed.
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).output();
    }
}

/// A folder that nothing can be written to by its path for as long as this lives; files that are
/// open there already can still be written to. Needs root.
#[derive(Debug)]
pub struct ReadOnly(PathBuf);

impl ReadOnly {
    /// Mounts the folder over itself, read-only.
    ///
    /// # Errors
    /// For anybody but root, and where root may not mount either.
    pub fn over(folder: &Path) -> Result<Self> {
        done(Command::new("mount").arg("--bind").arg(folder).arg(folder))?;
        let mounted = Self(folder.to_owned());
        done(Command::new("mount").args(["-o", "remount,ro,bind"]).arg(folder))?;
        Ok(mounted)
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

/// System calls that are tampered with for as long as this lives.
#[derive(Debug)]
pub struct Tampering {
    strace: Child,
}

impl Tampering {
    /// Has these calls of the daemon end or linger as strace's `--inject` says: `error=EROFS`,
    /// `delay_enter=300ms`.
    ///
    /// # Errors
    /// strace isn't there, or may not trace.
    pub async fn with(daemon: &Daemon, calls: &str, how: &str) -> Result<Self> {
        let pid = daemon.pid();
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-p", &pid.to_string()]);
        command.args(["-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:{how}")]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let strace =
            command.spawn().context("strace can't be run; on Debian: apt-get install -y strace")?;
        let mut tampering = Self { strace };
        until("strace to hold every thread", ATTACHED_MAX, || {
            let held = tampering.holds_all(pid);
            async move { Ok(held?.then_some(())) }
        })
        .await?;
        Ok(tampering)
    }

    fn holds_all(&mut self, pid: u32) -> Result<bool> {
        if let Some(status) = self.strace.try_wait()? {
            bail!("strace may not trace here: {status}");
        }
        let ours = format!("TracerPid:\t{}", self.strace.id());
        for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
            // A thread may end between the two looks.
            let status = std::fs::read_to_string(thread?.path().join("status"));
            if status.is_ok_and(|status| !status.lines().any(|line| line == ours)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Drop for Tampering {
    fn drop(&mut self) {
        // strace is asked to end, so that it lets go of the threads; both calls fail only when it
        // has ended.
        let _ = kill_process(Pid::from_child(&self.strace), Signal::TERM);
        let _ = self.strace.wait();
    }
}

fn done(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
