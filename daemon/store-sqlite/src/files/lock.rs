//! The lock that says that a daemon, or a restore, has a database: held on `<store>.lock`, a file
//! that stays behind, because removing it would race with the next daemon's look at it. Where
//! somebody else removes or replaces the file, it is made and locked again.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::engine::open::{LOCK, OpenError, beside, unwritable};
use crate::files::holder::{holder, holder_of_removed};

/// Only the owner may open it: a user who can open it can keep the daemon from starting.
const MODE: u32 = 0o600;

/// Takes the lock, for as long as the file is open.
///
/// # Errors
/// [`OpenError::Held`] while another process has it, or had it until it was removed under it.
pub(crate) fn hold(database: &Path) -> Result<File, OpenError> {
    let lock = beside(database, LOCK);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(MODE)
        .open(&lock)
        .map_err(|error| unwritable(&lock, &error))?;
    tighten(&file);
    let held = |why: String| OpenError::Held { path: database.to_owned(), why };
    match file.try_lock() {
        Ok(()) => match holder_of_removed(&lock) {
            None => Ok(file),
            Some(pid) => Err(held(format!(
                "process {pid} has the database that was here before; stop it, and it copies what \
                 it has to {}TIME",
                beside(database, crate::files::copy::RESCUED).display()
            ))),
        },
        Err(TryLockError::WouldBlock) => Err(held(match holder(database) {
            None => format!("{} is locked", lock.display()),
            Some(pid) => format!("{} is locked by process {pid}", lock.display()),
        })),
        Err(TryLockError::Error(error)) => {
            Err(OpenError::Io { path: lock, why: error.to_string() })
        }
    }
}

/// Older versions left the file open to others. Only its owner can change that, and a failure is no
/// reason not to start.
fn tighten(file: &File) {
    if file.metadata().is_ok_and(|found| found.mode() & 0o7777 & !MODE != 0) {
        let _ = file.set_permissions(Permissions::from_mode(MODE));
    }
}

/// The lock of a running daemon.
pub(crate) struct Lock {
    database: PathBuf,
    file: Mutex<File>,
}

impl Lock {
    /// A lock that is held already.
    pub(crate) fn new(database: &Path, file: File) -> Self {
        Self { database: database.to_owned(), file: Mutex::new(file) }
    }

    /// Makes and locks the file again where its path no longer leads to it. True where the file was
    /// made.
    ///
    /// # Errors
    /// The file can't be made, or another process has the lock by now.
    pub(crate) fn keep(&self) -> Result<bool, OpenError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let number = |found: fs::Metadata| (found.dev(), found.ino());
        let ours = file.metadata().map(number).ok();
        let there = fs::metadata(beside(&self.database, LOCK)).map(number).ok();
        if there.is_some() && ours == there {
            return Ok(false);
        }
        *file = hold(&self.database)?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::{Lock, OpenError, hold};

    #[test]
    fn it_is_the_owners_alone_also_where_it_was_not() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("store.db");
        let lock = folder.path().join("store.db.lock");
        let mode = || fs::metadata(&lock).unwrap().permissions().mode() & 0o777;
        drop(hold(&database).unwrap());
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&lock, fs::Permissions::from_mode(0o666)).unwrap();
        drop(hold(&database).unwrap());
        assert_eq!(mode(), 0o600);
    }

    #[test]
    fn removed_or_replaced_it_is_made_anew_unless_another_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("store.db");
        let path = folder.path().join("store.db.lock");
        let lock = Lock::new(&database, hold(&database).unwrap());
        assert!(!lock.keep().unwrap());
        fs::remove_file(&path).unwrap();
        assert!(lock.keep().unwrap());
        assert!(matches!(hold(&database), Err(OpenError::Held { .. })));
        fs::rename(&path, folder.path().join("away")).unwrap();
        let other = hold(&database).unwrap();
        assert!(matches!(lock.keep(), Err(OpenError::Held { .. })));
        drop(other);
        assert!(lock.keep().unwrap() && !lock.keep().unwrap());
    }
}
