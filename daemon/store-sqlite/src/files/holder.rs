//! Who holds a database: read from the kernel's list of locks, because trying the lock could be in
//! the way of a daemon that starts at that moment; and which files a process has open, from its own
//! list of them.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::engine::open::{LOCK, beside, real};
use crate::files::proc_locks::{self, Held, How};

/// Device and number of a file: two names of one file have the same.
pub(crate) type FileNumber = (u64, u64);

/// The number of a file that was found.
pub(crate) fn number(found: &Metadata) -> FileNumber {
    (found.dev(), found.ino())
}

/// The process that has the lock file beside the database locked: the daemon, or a restore.
#[must_use]
pub fn holder(database: &Path) -> Option<u32> {
    let real = real(database);
    let inode = fs::metadata(beside(&real, LOCK)).ok()?.ino();
    holder_in(&proc_locks::held()?, inode)
}

fn holder_in(locks: &[Held], inode: u64) -> Option<u32> {
    let of_the_file = |lock: &&Held| lock.how == How::Whole && lock.inode == inode;
    locks.iter().find(of_the_file).map(|lock| lock.pid)
}

/// Another process that has a file open that was at this path and was removed. Only those whose
/// files this user may look at are found.
pub(crate) fn holder_of_removed(path: &Path) -> Option<u32> {
    let mut removed = OsString::from(path);
    removed.push(" (deleted)");
    let own = std::process::id();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| *pid != own).find(|pid| {
        open_files(&pid.to_string()).any(|file| {
            fs::read_link(&file).is_ok_and(|target| target.as_os_str() == removed.as_os_str())
        })
    })
}

/// The number of a file that this process has open and that was opened by this path: looked at by
/// the descriptor, without opening it once more.
pub(crate) fn number_of_open(path: &Path) -> Option<FileNumber> {
    let file = open_files("self").find(|file| fs::read_link(file).is_ok_and(|to| to == path))?;
    fs::metadata(file).ok().as_ref().map(number)
}

/// Says in words which of the database's files (itself and those that SQLite keeps beside it) are
/// no longer the ones that a process has open. `None` where the process's files can't be looked at.
#[must_use]
pub fn out_of_place(pid: u32, database: &Path) -> Option<Vec<String>> {
    fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let open: Vec<FileNumber> = open_files(&pid.to_string())
        .filter_map(|file| fs::metadata(file).ok().as_ref().map(number))
        .collect();
    let real = real(database);
    let off = ["", "-wal", "-shm"].into_iter().filter_map(|end| {
        let path = beside(&real, end);
        off(&path, |found| open.contains(&found))
    });
    Some(off.collect())
}

/// What is wrong with a path that is to lead to an open file; `None` when nothing is.
pub(crate) fn off(path: &Path, is_open: impl Fn(FileNumber) -> bool) -> Option<String> {
    off_as_found(path, fs::metadata(path), is_open)
}

/// Likewise, where a link to that file isn't enough.
pub(crate) fn off_itself(path: &Path, is_open: impl Fn(FileNumber) -> bool) -> Option<String> {
    off_as_found(path, fs::symlink_metadata(path), is_open)
}

fn off_as_found(
    path: &Path,
    found: io::Result<Metadata>,
    is_open: impl Fn(FileNumber) -> bool,
) -> Option<String> {
    let shown = path.display();
    match found {
        Ok(found) if is_open(number(&found)) => None,
        Ok(found) if found.is_symlink() => Some(format!("{shown} is a link")),
        Ok(_) => Some(format!("{shown} is another file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(format!("{shown} is gone")),
        Err(error) => Some(format!("{shown} can't be looked at ({error})")),
    }
}

/// The files that a process has open, as the links in its list of them.
fn open_files(process: &str) -> impl Iterator<Item = PathBuf> + use<> {
    let files = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    files.map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::path::Path;

    use super::{holder_in, number, number_of_open, out_of_place};
    use crate::files::proc_locks::held_in;

    #[test]
    fn the_holder_of_a_lock_is_found_by_the_files_number() {
        let locks = "1: POSIX  ADVISORY  READ 5 fe:00:7 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 4711 fe:00:12345 0 EOF\n";
        assert_eq!(holder_in(&held_in(locks), 12345), Some(4711));
        assert_eq!(holder_in(&held_in(locks), 7), None);
    }

    #[test]
    fn a_file_that_is_open_is_known_by_its_descriptor_and_not_by_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let at = fs::canonicalize(folder.path()).unwrap();
        let path = at.join("store.db");
        let all = ["", "-wal", "-shm"].map(|end| File::create(at.join(format!("store.db{end}"))));
        let ours = all[0].as_ref().unwrap().metadata().unwrap();
        assert_eq!(number_of_open(&path), Some(number(&ours)));
        let off = || out_of_place(std::process::id(), &path).unwrap();
        assert_eq!(off(), Vec::<String>::new());
        fs::remove_file(at.join("store.db-wal")).unwrap();
        fs::rename(&path, at.join("aside")).unwrap();
        fs::write(&path, "another").unwrap();
        let [first, second] = off().try_into().unwrap();
        assert!(first.ends_with("store.db is another file"), "{first}");
        assert!(second.ends_with("store.db-wal is gone"), "{second}");
        assert_eq!(out_of_place(0, Path::new("/")), None);
    }
}
