//! What the process costs, by `/proc/self`, under the names that every Prometheus client uses.

use std::fs;

use rustix::process::{Resource, getrlimit};

/// The unit of times in `/proc`, the same on every platform that we build for.
const TICKS_PER_S: u64 = 100;

/// What the process costs; `None` where `/proc` doesn't say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Process {
    /// User and system time since the start, in ticks of a hundredth of a second.
    pub(super) cpu_ticks: Option<u64>,
    pub(super) resident_bytes: Option<u64>,
    pub(super) open_fds: Option<u64>,
    /// `None` as well where there is no limit.
    pub(super) max_fds: Option<u64>,
    pub(super) threads: Option<u64>,
    /// When it started, in ticks since 1970.
    pub(super) started_ticks: Option<u64>,
}

impl Process {
    /// Reads it all. Blocks for as long as the kernel takes, which is microseconds and a little for
    /// each open file.
    pub(super) fn read() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let machine = fs::read_to_string("/proc/stat").unwrap_or_default();
        let open_fds = fs::read_dir("/proc/self/fd").ok().map(|folder| folder.count() as u64);
        Self {
            // The folder itself is open while it is read.
            open_fds: open_fds.map(|count| count.saturating_sub(1)),
            max_fds: getrlimit(Resource::Nofile).current,
            ..Self::parsed(&stat, &status, &machine)
        }
    }

    fn parsed(stat: &str, status: &str, machine: &str) -> Self {
        // The name in parentheses may hold anything; field 3 begins behind the name.
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .map(|(_, rest)| rest.split_whitespace().collect())
            .unwrap_or_default();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let booted_s = labelled(machine, "btime ");
        Self {
            cpu_ticks: field(14).zip(field(15)).map(|(user, system)| user + system),
            resident_bytes: labelled(status, "VmRSS:").map(|kib| kib * 1_024),
            threads: labelled(status, "Threads:"),
            started_ticks: field(22).zip(booted_s).map(|(ticks, s)| ticks + s * TICKS_PER_S),
            ..Self::default()
        }
    }

    /// Ticks in seconds.
    pub(super) fn seconds(ticks: u64) -> String {
        super::text::seconds(ticks, TICKS_PER_S)
    }
}

/// The number at the beginning of what follows a label at a line's start.
fn labelled(text: &str, label: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(label))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::Process;

    #[test]
    fn proc_is_read_past_a_name_with_blanks_and_what_is_missing_is_none() {
        let stat = "7 (a b) c) S 1 1 1 0 -1 4 5 6 7 8 150 50 0 0 20 0 9 0 1234 1 2";
        let told = Process::parsed(stat, "Name:\tx\nVmRSS:\t  12 kB\nThreads:\t9\n", "btime 100\n");
        let expected = Process {
            cpu_ticks: Some(200),
            resident_bytes: Some(12_288),
            threads: Some(9),
            started_ticks: Some(11_234),
            ..Process::default()
        };
        assert_eq!(told, expected);
        assert_eq!(Process::parsed("", "", ""), Process::default());
        assert_eq!(Process::seconds(11_234), "112.34");
    }

    #[test]
    fn this_process_is_told() {
        let process = Process::read();
        assert!(process.resident_bytes.is_some_and(|bytes| 1_000_000 < bytes), "{process:?}");
        assert!(process.open_fds.is_some_and(|count| 3 <= count), "{process:?}");
        assert!(process.started_ticks.is_some() && process.cpu_ticks.is_some(), "{process:?}");
    }
}
