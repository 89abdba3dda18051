//! The kernel's list of file locks, `/proc/locks`: who has a file locked, read without trying the
//! lock. Processes of other containers aren't in it, or have no number there.

use std::fs;

/// How a lock was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// By `fcntl`, for bytes of the file, as SQLite's are.
    Bytes,
    /// By `flock`, for the file as a whole.
    Whole,
}

/// A lock that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) how: How,
    pub(crate) excludes_others: bool,
    pub(crate) pid: u32,
    /// The file's number on its device.
    pub(crate) inode: u64,
    from: u64,
    to: u64,
}

impl Held {
    /// Whether the byte of the file is locked by it.
    pub(crate) fn has(&self, byte: u64) -> bool {
        (self.from..=self.to).contains(&byte)
    }
}

/// Every lock that is held; `None` where the list can't be read.
pub(crate) fn held() -> Option<Vec<Held>> {
    Some(held_in(&fs::read_to_string("/proc/locks").ok()?))
}

/// Lines such as `1: POSIX  ADVISORY  WRITE 4711 fe:00:12345 120 120`. Those with `->` only wait.
pub(crate) fn held_in(locks: &str) -> Vec<Held> {
    let held = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, how, _, mode, pid, file, from, to] = fields.as_slice() else { return None };
        let how = match *how {
            "POSIX" => How::Bytes,
            "FLOCK" => How::Whole,
            _ => return None,
        };
        Some(Held {
            how,
            excludes_others: *mode == "WRITE",
            pid: pid.parse().ok()?,
            inode: file.rsplit(':').next()?.parse().ok()?,
            from: from.parse().ok()?,
            // `EOF` is the end of whatever the file grows to.
            to: to.parse().unwrap_or(u64::MAX),
        })
    };
    locks.lines().filter_map(held).collect()
}

#[cfg(test)]
mod tests {
    use super::{How, held_in};

    #[test]
    fn what_is_held_is_read_and_what_waits_or_is_unknown_is_not() {
        let locks = "1: POSIX  ADVISORY  READ 5 fe:00:7 124 124\n\
                     1: -> POSIX  ADVISORY  WRITE 9 fe:00:7 124 124\n\
                     2: FLOCK  ADVISORY  WRITE 4711 fe:00:12345 0 EOF\n\
                     3: OFDLCK ADVISORY  WRITE -1 fe:00:8 0 EOF\n\
                     4: LEASE  ACTIVE    READ 6 fe:00:9 0 EOF\n\
                     5: POSIX  ADVISORY  WRITE 12 <none>:0 0 EOF\nno line\n";
        let [read, flock, gone] = held_in(locks).try_into().unwrap();
        assert_eq!(
            (read.how, read.excludes_others, read.pid, read.inode),
            (How::Bytes, false, 5, 7)
        );
        assert!(read.has(124) && !read.has(120));
        assert_eq!((flock.how, flock.excludes_others, flock.pid), (How::Whole, true, 4711));
        assert_eq!((flock.inode, flock.has(u64::MAX)), (12_345, true));
        assert_eq!((gone.pid, gone.inode), (12, 0));
    }
}
