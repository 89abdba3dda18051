//! The machine and the build of a run: the figures mean nothing without them. What can't be read
//! says `unknown`.

use std::fmt;
use std::path::Path;
use std::process::Command;

use serde::Serialize;

/// The machine, the disk and the build.
#[derive(Debug, Serialize)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// Processors that this process may use.
    pub processors: usize,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// The kernel's release.
    pub kernel: String,
    /// The file system that the databases lie on, and its device.
    pub disk: String,
    /// How the databases are written.
    pub sync: &'static str,
    /// The commit that was built, with `+` where files differ from it.
    pub commit: String,
    /// Load over 1, 5 and 15 minutes at the beginning.
    pub load_average: String,
}

impl Machine {
    /// This one, now; databases lie under `folder`.
    #[must_use]
    pub fn here(folder: &Path) -> Self {
        let cpuinfo = read("/proc/cpuinfo");
        let processor = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
        let meminfo = read("/proc/meminfo");
        let memory = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        Self {
            processor: processor.map_or_else(unknown, |name| {
                name.trim_start_matches([' ', '\t', ':']).trim().to_owned()
            }),
            processors: std::thread::available_parallelism().map_or(0, usize::from),
            memory_mib: memory.and_then(first_number).unwrap_or(0) / 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            disk: disk_of(folder).unwrap_or_else(unknown),
            sync: "WAL, synchronous=FULL",
            commit: commit().unwrap_or_else(unknown),
            load_average: loads(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, processors, memory_mib, kernel, disk, sync, commit, load_average } =
            self;
        write!(
            f,
            "{processor}, {processors} processors, {memory_mib} MiB; Linux {kernel}; {disk}; \
             {sync}; commit {commit}; load average {load_average}"
        )
    }
}

/// The load over the last minute.
#[must_use]
pub fn load_average() -> f64 {
    read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0)
}

/// The load over the last 1, 5 and 15 minutes.
#[must_use]
pub fn loads() -> String {
    read("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

/// The mount with the longest path that the folder lies under.
fn disk_of(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let mounts = read("/proc/self/mounts");
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (device, path, kind) = (fields.next()?, fields.next()?, fields.next()?);
        folder.starts_with(path).then(|| (path.len(), format!("{kind} on {device}")))
    });
    mounts.max_by_key(|(length, _)| *length).map(|(_, disk)| disk)
}

fn commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        let told = Command::new("git").args(arguments).output().ok()?;
        told.status.success().then(|| String::from_utf8_lossy(&told.stdout).trim().to_owned())
    };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(git(&["rev-parse", "--short=12", "HEAD"])? + if changed.is_empty() { "" } else { "+" })
}
