//! What the writing thread is doing, and since when, so that a slow write can be explained. Either
//! another process holds the database's write lock, and the kernel's list of locks names it; or
//! none does, and all that is known is what the thread waits for.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::ports::Cause;

use crate::beside;
use crate::files::proc_locks::{self, Held, How};

/// The byte of the `-shm` file that a writer of the write-ahead log has locked (SQLite's file
/// format, "WAL-Index Format").
const WRITE_LOCK_BYTE: u64 = 120;

/// Times that are shown as "over so long", in seconds: a text that changed with every look would
/// read as news.
const OVER_S: [u64; 6] = [300, 60, 30, 10, 5, 2];

/// What the writing thread is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriterStage {
    /// It waits for the write lock.
    Lock,
    /// It runs jobs within a transaction.
    Work,
    /// It commits: the log is written and synced.
    Commit,
    /// It looks after the log's length.
    Log,
}

/// Where the writing thread is.
#[derive(Debug)]
pub(crate) struct Progress {
    database: PathBuf,
    at: Mutex<Option<(WriterStage, Instant)>>,
}

/// A process that has a file locked.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Locker {
    pid: u32,
    name: String,
}

impl Progress {
    pub(crate) const fn of(database: PathBuf) -> Self {
        Self { database, at: Mutex::new(None) }
    }

    /// The thread begins another stage.
    pub(crate) fn enter(&self, stage: WriterStage) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = Some((stage, Instant::now()));
    }

    /// The thread has nothing to do.
    pub(crate) fn rest(&self) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Why the write under way takes so long, once it has been in one stage for `after`. Reads the
    /// kernel's list of locks.
    pub(crate) fn stall(&self, after: Duration) -> Option<Cause> {
        let (stage, since) = (*self.at.lock().unwrap_or_else(PoisonError::into_inner))?;
        let lasts = since.elapsed();
        (after <= lasts).then(|| Cause(stalled(stage, lasts, self.locker().as_ref())))
    }

    /// Which process keeps the write lock from us, in words.
    pub(crate) fn who_locks(&self) -> String {
        locked(self.locker().as_ref())
    }

    fn locker(&self) -> Option<Locker> {
        let inode = |path: &Path| fs::metadata(path).ok().map(|file| file.ino());
        let (data, index) = (inode(&self.database), inode(&beside(&self.database, "-shm")));
        let pid = locker_in(&proc_locks::held()?, data, index, std::process::id())?;
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        let name = name.chars().filter(|one| !one.is_control()).collect();
        Some(Locker { pid, name })
    }
}

/// A process other than `us` that has the write lock of the write-ahead log, or the database itself
/// locked.
fn locker_in(locks: &[Held], data: Option<u64>, index: Option<u64>, us: u32) -> Option<u32> {
    let keeps_us_out = |lock: &&Held| {
        let file = Some(lock.inode);
        let is_write_lock = file == index && lock.has(WRITE_LOCK_BYTE);
        let excludes = lock.how == How::Bytes && lock.excludes_others;
        excludes && lock.pid != us && (is_write_lock || file == data)
    };
    locks.iter().find(keeps_us_out).map(|lock| lock.pid)
}

fn locked(locker: Option<&Locker>) -> String {
    match locker {
        Some(Locker { pid, name }) if name.is_empty() => {
            format!("process {pid} holds the database's write lock")
        }
        Some(Locker { pid, name }) => {
            format!("process {pid} ({name}) holds the database's write lock")
        }
        None => "no other process is seen to hold a lock on it".to_owned(),
    }
}

fn stalled(stage: WriterStage, lasts: Duration, locker: Option<&Locker>) -> String {
    let over = OVER_S.into_iter().find(|seconds| *seconds <= lasts.as_secs());
    let over = over.map_or_else(String::new, |seconds| format!(" for over {seconds} s"));
    let who = locked(locker);
    match stage {
        WriterStage::Lock => format!("a write waits for the database's lock{over}: {who}"),
        WriterStage::Work => format!("a transaction is at work{over}: {who}"),
        WriterStage::Commit => format!("a commit is being written and synced{over}: {who}"),
        WriterStage::Log => format!("the write-ahead log is being moved{over}: {who}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Locker, WriterStage, locker_in, stalled};
    use crate::files::proc_locks::held_in;

    const LOCKS: &str = "1: POSIX  ADVISORY  READ 5 fe:00:7 124 124\n\
                         2: POSIX  ADVISORY  WRITE 100 fe:00:7 120 120\n\
                         3: -> POSIX  ADVISORY  WRITE 9 fe:00:8 120 120\n\
                         4: POSIX  ADVISORY  WRITE 4711 fe:00:8 120 120\n\
                         5: FLOCK  ADVISORY  WRITE 6 fe:00:8 0 EOF\n\
                         6: POSIX  ADVISORY  WRITE 12 fe:00:9 1073741824 EOF\n";

    #[test]
    fn the_write_lock_of_another_process_is_found() {
        let locker = |data, index| locker_in(&held_in(LOCKS), data, index, 100);
        assert_eq!(locker(Some(1), Some(8)), Some(4711));
        assert_eq!(locker(Some(9), Some(2)), Some(12), "on the database itself");
        assert_eq!(locker(Some(1), Some(7)), None, "it is our own");
        assert_eq!(locker(Some(1), None), None);
    }

    #[test]
    fn what_is_known_is_told_and_nothing_else() {
        let python = Locker { pid: 4711, name: "python3".to_owned() };
        assert_eq!(
            stalled(WriterStage::Lock, Duration::from_millis(7_400), Some(&python)),
            "a write waits for the database's lock for over 5 s: process 4711 (python3) holds the \
             database's write lock"
        );
        assert_eq!(
            stalled(WriterStage::Commit, Duration::from_secs(1), None),
            "a commit is being written and synced: no other process is seen to hold a lock on it"
        );
    }
}
