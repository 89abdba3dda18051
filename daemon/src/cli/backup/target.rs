//! The file of a backup. Until the copy is whole, on the disk and judged it has another name, so
//! that a file of that name is a whole backup.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use store_sqlite::{BESIDE, ID, LOCK, beside};

/// Why a backup can't go to a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum TargetError {
    /// It ends in `..` or `/`.
    #[error("{}: this names no file", .0.display())]
    NoName(PathBuf),
    /// `-`, by which other programs mean standard output.
    #[error("-: a backup can't go to standard output; ./- names a file of that name")]
    Output,
    /// Something is there.
    #[error("{}: exists already; nothing is ever written over", .0.display())]
    Taken(PathBuf),
    /// It is the database, or a file that SQLite takes for a part of it.
    #[error("{}: belongs to the database {} itself", file.display(), database.display())]
    Database {
        /// The file.
        file: PathBuf,
        /// The database.
        database: PathBuf,
    },
    /// Its folder can't be used.
    #[error("{}: its folder can't be used: {why}", file.display())]
    Folder {
        /// The file.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// The copy was made and could not be given its name.
    #[error("{}: can't be given its name: {why}", file.display())]
    Unnamed {
        /// The file.
        file: PathBuf,
        /// Why.
        why: String,
    },
}

/// Where a backup goes. Dropped before the copy has its name, it removes what was begun.
#[derive(Debug)]
pub(super) struct BackupTarget {
    file: PathBuf,
    folder: PathBuf,
    begun: PathBuf,
}

impl BackupTarget {
    /// Judges `file` as the place for a copy of `database`.
    pub(super) fn at(file: &Path, database: &Path) -> Result<Self, TargetError> {
        if file == "-" {
            return Err(TargetError::Output);
        }
        let is_folder = file.as_os_str().as_encoded_bytes().ends_with(b"/");
        let name = file.file_name().filter(|_| !is_folder);
        let name = name.ok_or_else(|| TargetError::NoName(file.to_owned()))?;
        let folder = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let folder = fs::canonicalize(folder).and_then(|folder| {
            if folder.is_dir() { Ok(folder) } else { Err(io::ErrorKind::NotADirectory.into()) }
        });
        let folder = folder.map_err(|error| TargetError::Folder {
            file: file.to_owned(),
            why: error.to_string(),
        })?;
        let whole = folder.join(name);
        let real = fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
        let mut parts = BESIDE.iter().chain([&LOCK, &ID]).map(|suffix| beside(&real, suffix));
        if whole == real || parts.any(|part| whole == part) {
            let (file, database) = (file.to_owned(), database.to_owned());
            return Err(TargetError::Database { file, database });
        }
        // A link that leads nowhere is something, too.
        if fs::symlink_metadata(&whole).is_ok() {
            return Err(TargetError::Taken(file.to_owned()));
        }
        let begun = beside(&whole, &format!(".unfinished-{}", std::process::id()));
        Ok(Self { file: whole, folder, begun })
    }

    /// Where the copy is made.
    pub(super) fn begun(&self) -> &Path {
        &self.begun
    }

    /// Gives the copy its name, unless that was taken meanwhile.
    pub(super) fn name(self) -> Result<(), TargetError> {
        let unnamed = |error: io::Error| TargetError::Unnamed {
            file: self.file.clone(),
            why: error.to_string(),
        };
        let named = match renameat_with(CWD, &self.begun, CWD, &self.file, RenameFlags::NOREPLACE) {
            // Not every file system can rename without replacing. Two names for a moment do no
            // harm.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                fs::hard_link(&self.begun, &self.file)
            }
            named => named.map_err(Into::into),
        };
        match named {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(TargetError::Taken(self.file.clone()));
            }
            named => named.map_err(unnamed)?,
        }
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(unnamed)
    }
}

impl Drop for BackupTarget {
    fn drop(&mut self) {
        // Most of these files aren't there, and the error that counts has been printed.
        let parts = BESIDE.map(|suffix| beside(&self.begun, suffix));
        for file in parts.iter().chain([&self.begun]) {
            let _ = fs::remove_file(file);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::{BackupTarget, TargetError};

    #[test]
    fn a_copy_has_its_name_only_when_it_is_given_and_never_anothers() {
        let folder = tempfile::tempdir().unwrap();
        let (file, database) = (folder.path().join("copy"), folder.path().join("store.db"));
        let target = BackupTarget::at(&file, &database).unwrap();
        fs::write(target.begun(), "a").unwrap();
        drop(target);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "something was left");

        let target = BackupTarget::at(&file, &database).unwrap();
        fs::write(target.begun(), "a").unwrap();
        assert!(!file.exists());
        target.name().unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"a");
        assert_eq!(
            BackupTarget::at(&file, &database).unwrap_err(),
            TargetError::Taken(file.clone())
        );

        // The name is taken between the look and the end.
        let other = folder.path().join("other");
        let target = BackupTarget::at(&other, &database).unwrap();
        fs::write(target.begun(), "b").unwrap();
        fs::write(&other, "somebody else's").unwrap();
        let taken = fs::canonicalize(&other).unwrap();
        assert_eq!(target.name().unwrap_err(), TargetError::Taken(taken));
        assert_eq!(fs::read(&other).unwrap(), b"somebody else's");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "something was left");
    }

    #[test]
    fn where_no_copy_may_go() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("store.db");
        fs::write(&database, "a").unwrap();
        symlink("nowhere", folder.path().join("dangling")).unwrap();
        symlink(folder.path(), folder.path().join("here")).unwrap();
        let refused =
            |file: &str| BackupTarget::at(&folder.path().join(file), &database).unwrap_err();
        let parts = ["", "-wal", "-shm", "-journal", ".lock", ".id"];
        for part in parts.map(|end| format!("store.db{end}")) {
            let part = part.as_str();
            assert!(matches!(refused(part), TargetError::Database { .. }), "{part}");
            assert!(
                matches!(refused(&format!("here/{part}")), TargetError::Database { .. }),
                "{part}"
            );
        }
        assert!(matches!(refused("dangling"), TargetError::Taken(_)));
        assert!(matches!(refused("new/"), TargetError::NoName(_)));
        assert!(matches!(refused(".."), TargetError::NoName(_)));
        assert!(matches!(refused("absent/copy"), TargetError::Folder { .. }));
        assert!(matches!(refused("store.db/copy"), TargetError::Folder { .. }));
        assert_eq!(BackupTarget::at(Path::new("-"), &database).unwrap_err(), TargetError::Output);
    }
}
