//! The file of a backup. Until the copy is whole, on the disk and judged it has another name, so
//! that whatever has the name is a backup.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use store_sqlite::{BESIDE, ID, LOCK, beside};

/// Why a backup can't be there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum PlaceError {
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
pub(super) struct Place {
    file: PathBuf,
    folder: PathBuf,
    begun: PathBuf,
}

impl Place {
    /// Judges `file` as the place for a copy of `database`.
    pub(super) fn at(file: &Path, database: &Path) -> Result<Self, PlaceError> {
        if file == "-" {
            return Err(PlaceError::Output);
        }
        let is_folder = file.as_os_str().as_encoded_bytes().ends_with(b"/");
        let name = file.file_name().filter(|_| !is_folder);
        let name = name.ok_or_else(|| PlaceError::NoName(file.to_owned()))?;
        let folder = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let folder = fs::canonicalize(folder).and_then(|folder| {
            if folder.is_dir() { Ok(folder) } else { Err(io::ErrorKind::NotADirectory.into()) }
        });
        let folder = folder.map_err(|error| PlaceError::Folder {
            file: file.to_owned(),
            why: error.to_string(),
        })?;
        let whole = folder.join(name);
        let real = fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
        let mut parts = BESIDE.iter().chain([&LOCK, &ID]).map(|suffix| beside(&real, suffix));
        if whole == real || parts.any(|part| whole == part) {
            let (file, database) = (file.to_owned(), database.to_owned());
            return Err(PlaceError::Database { file, database });
        }
        // A link that leads nowhere is something, too.
        if fs::symlink_metadata(&whole).is_ok() {
            return Err(PlaceError::Taken(file.to_owned()));
        }
        let begun = beside(&whole, &format!(".unfinished-{}", std::process::id()));
        Ok(Self { file: whole, folder, begun })
    }

    /// Where the copy is made.
    pub(super) fn begun(&self) -> &Path {
        &self.begun
    }

    /// Gives the copy its name, unless that was taken meanwhile.
    pub(super) fn name(self) -> Result<(), PlaceError> {
        let unnamed = |error: io::Error| PlaceError::Unnamed {
            file: self.file.clone(),
            why: error.to_string(),
        };
        let named = match renameat_with(CWD, &self.begun, CWD, &self.file, RenameFlags::NOREPLACE) {
            // Not every file system can do it in one step. Two names for a moment are no harm.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                fs::hard_link(&self.begun, &self.file)
            }
            named => named.map_err(Into::into),
        };
        match named {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(PlaceError::Taken(self.file.clone()));
            }
            named => named.map_err(unnamed)?,
        }
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(unnamed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Most of them aren't there, and the error that counts has been told.
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

    use super::{Place, PlaceError};

    #[test]
    fn a_copy_has_its_name_only_when_it_is_given_and_never_anothers() {
        let folder = tempfile::tempdir().unwrap();
        let (file, database) = (folder.path().join("copy"), folder.path().join("store.db"));
        let place = Place::at(&file, &database).unwrap();
        fs::write(place.begun(), "a").unwrap();
        drop(place);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "something was left");

        let place = Place::at(&file, &database).unwrap();
        fs::write(place.begun(), "a").unwrap();
        assert!(!file.exists());
        place.name().unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"a");
        assert_eq!(Place::at(&file, &database).unwrap_err(), PlaceError::Taken(file.clone()));

        // Taken between the look and the end.
        let other = folder.path().join("other");
        let place = Place::at(&other, &database).unwrap();
        fs::write(place.begun(), "b").unwrap();
        fs::write(&other, "somebody else's").unwrap();
        let taken = fs::canonicalize(&other).unwrap();
        assert_eq!(place.name().unwrap_err(), PlaceError::Taken(taken));
        assert_eq!(fs::read(&other).unwrap(), b"somebody else's");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "something was left");
    }

    #[test]
    fn what_is_no_place_for_a_copy() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("store.db");
        fs::write(&database, "a").unwrap();
        symlink("nowhere", folder.path().join("dangling")).unwrap();
        symlink(folder.path(), folder.path().join("here")).unwrap();
        let told = |file: &str| Place::at(&folder.path().join(file), &database).unwrap_err();
        let parts = ["", "-wal", "-shm", "-journal", ".lock", ".id"];
        for part in parts.map(|end| format!("store.db{end}")) {
            let part = part.as_str();
            assert!(matches!(told(part), PlaceError::Database { .. }), "{part}");
            assert!(matches!(told(&format!("here/{part}")), PlaceError::Database { .. }), "{part}");
        }
        assert!(matches!(told("dangling"), PlaceError::Taken(_)));
        assert!(matches!(told("new/"), PlaceError::NoName(_)));
        assert!(matches!(told(".."), PlaceError::NoName(_)));
        assert!(matches!(told("absent/copy"), PlaceError::Folder { .. }));
        assert!(matches!(told("store.db/copy"), PlaceError::Folder { .. }));
        assert_eq!(Place::at(Path::new("-"), &database).unwrap_err(), PlaceError::Output);
    }
}
