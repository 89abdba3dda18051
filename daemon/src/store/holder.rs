//! Who holds a database: read from the kernel's list of locks, as trying the lock could be in the
//! way of a daemon that starts at that moment.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::open::{LOCK, beside};

/// The process that has the lock file beside the database locked: the daemon, or a restore.
#[must_use]
pub fn holder(database: &Path) -> Option<u32> {
    let real = fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
    let inode = fs::metadata(beside(&real, LOCK)).ok()?.ino();
    holder_in(&fs::read_to_string("/proc/locks").ok()?, inode)
}

/// Lines such as `1: FLOCK  ADVISORY  WRITE 4711 fe:00:12345 0 EOF`.
fn holder_in(locks: &str, inode: u64) -> Option<u32> {
    locks.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, pid, file, ..] = fields.as_slice() else { return None };
        let found = file.rsplit(':').next()?.parse::<u64>().ok()?;
        if found == inode { pid.parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::holder_in;

    #[test]
    fn the_holder_of_a_lock_is_found_by_the_files_number() {
        let locks = "1: POSIX  ADVISORY  READ 5 fe:00:7 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 4711 fe:00:12345 0 EOF\n";
        assert_eq!(holder_in(locks, 12345), Some(4711));
        assert_eq!(holder_in(locks, 7), None);
    }
}
