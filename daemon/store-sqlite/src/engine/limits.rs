//! The limit on file sizes (`ulimit -f`, `LimitFSIZE=`). SQLite calls a write beyond it an
//! input/output error like any other; that it was the limit shows in the files' sizes.

use std::fs;
use std::path::Path;

use domain::ports::Cause;
use rusqlite::{Connection, ErrorCode};
use rustix::process::{Resource, getrlimit};

use crate::engine::error::JobError;
use crate::engine::open::beside;

/// What the database writes to.
const WRITTEN: [&str; 3] = ["", "-wal", "-journal"];

/// Logs the limit, where there is one, because the database can't grow for ever then.
pub(crate) fn tell() {
    if let Some(limit_bytes) = bytes() {
        tracing::warn!(
            limit_bytes,
            "files may not be larger than this (ulimit -f, LimitFSIZE=): once the database is, no \
             order is taken any more"
        );
    }
}

/// The cause in words: where it is the limit on file sizes, with that.
pub(crate) fn cause(connection: &Connection, error: &rusqlite::Error) -> Cause {
    let path = connection.path().map(Path::new);
    Cause(path.map_or_else(|| error.to_string(), |path| cause_at(path, error)))
}

/// Likewise, by the database's path.
pub(crate) fn cause_at(path: &Path, error: &rusqlite::Error) -> String {
    match reached_by(path, error) {
        Some(limit) => format!(
            "{error}: a file of the database has reached the limit on file sizes (ulimit -f, \
             LimitFSIZE=) of {limit} bytes"
        ),
        None => error.to_string(),
    }
}

/// Likewise for what ended a job.
pub(crate) fn cause_of(connection: &Connection, fault: &JobError) -> Cause {
    match fault {
        JobError::Sqlite(error) => cause(connection, error),
        _ => fault.cause(),
    }
}

/// Whether the database's files could take no more, so that nothing of a commit that failed can
/// turn up later: the write that ends it is the last one.
pub(crate) fn is_full(connection: &Connection, error: &rusqlite::Error) -> bool {
    let path = connection.path().map(Path::new);
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
        || path.and_then(|path| reached_by(path, error)).is_some()
}

/// The limit on each file's bytes, where there is one.
pub(crate) fn bytes() -> Option<u64> {
    getrlimit(Resource::Fsize).current
}

/// The limit in bytes, where it is why the write failed.
fn reached_by(path: &Path, error: &rusqlite::Error) -> Option<u64> {
    if error.sqlite_error_code() != Some(ErrorCode::SystemIoFailure) {
        return None;
    }
    reached(path, bytes()?)
}

/// The limit, where one of the files has it. A write across it fills the file up to it first.
fn reached(path: &Path, limit: u64) -> Option<u64> {
    let size = |end: &&str| fs::metadata(beside(path, end)).map_or(0, |file| file.len());
    WRITTEN.iter().any(|end| limit <= size(end)).then_some(limit)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::reached;

    #[test]
    fn the_limit_is_reached_by_any_file_that_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.db");
        File::create(&path).unwrap().set_len(4_096).unwrap();
        assert_eq!(reached(&path, 8_192), None);
        assert_eq!(reached(&path, 4_096), Some(4_096));
        File::create(folder.path().join("s.db-wal")).unwrap().set_len(8_192).unwrap();
        assert_eq!(reached(&path, 8_192), Some(8_192));
        File::create(folder.path().join("s.db-shm")).unwrap().set_len(32_768).unwrap();
        assert_eq!(reached(&path, 8_193), None);
    }
}
