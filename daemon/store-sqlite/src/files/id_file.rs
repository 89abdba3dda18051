//! `<store>.id`: beside the database, says which store belongs at its path. So a start that finds
//! another store there, or none, is refused and doesn't sell all of the stock again. A line is an
//! id; while a restore is at work there are two, as either store may be found.
//!
//! Where the configured path is a link, the file stands beside the link as well, so that a link
//! that was turned to another store is found, too.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use protocol::escaped;

use crate::engine::open::{OpenError, beside, sync_folder};

/// The end of the file's name.
pub const ID: &str = ".id";

/// The end of the name that the file has until it is whole and on the disk.
const BEGUN: &str = ".new";

/// Characters of a line that are shown: an id, and what `open_files` adds to it.
const ID_CHARS_MAX: usize = 100;

/// Bytes of the file that are read: some dozens of ids.
const BYTES_MAX: u64 = 4_096;

/// The file, or the two of a path that is a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdFiles(Vec<PathBuf>);

/// What one of the files says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    /// The file.
    pub(crate) file: PathBuf,
    /// The stores of which any may lie at the path.
    pub(crate) ids: Vec<String>,
}

impl IdFiles {
    /// The files of the database at `path`, which the configuration calls `named`.
    pub(crate) fn of(named: &Path, path: &Path) -> Self {
        let mut files = vec![beside(path, ID)];
        // `path` is real: a name that leads elsewhere by a folder only is the same file's.
        let real_folder = named.parent().and_then(|folder| match folder.as_os_str().is_empty() {
            true => fs::canonicalize(".").ok(),
            false => fs::canonicalize(folder).ok(),
        });
        let real = real_folder.zip(named.file_name()).map(|(folder, name)| folder.join(name));
        if let Some(link) = real.filter(|real| real != path) {
            files.push(beside(&link, ID));
        }
        Self(files)
    }

    /// What the files say; nothing where there are none.
    pub(crate) fn expected(&self) -> Result<Vec<Expected>, OpenError> {
        let mut all = Vec::new();
        for file in &self.0 {
            if let Some(ids) = read(file)? {
                all.push(Expected { file: file.clone(), ids });
            }
        }
        Ok(all)
    }

    /// Writes that any of these stores may lie there. A kill at any time leaves each file old or
    /// new, and whole.
    pub(crate) fn write(&self, ids: &[&str]) -> Result<(), OpenError> {
        for file in &self.0 {
            if read(file).is_ok_and(|found| found.is_some_and(|found| found == ids)) {
                continue;
            }
            write(file, ids).map_err(|error| OpenError::Unwritable {
                path: file.clone(),
                why: error.to_string(),
            })?;
        }
        Ok(())
    }

    /// Makes sure that the files are there and name this store, while its database lies at its
    /// path. Where it doesn't, a file that names another store is left as it is: somebody may have
    /// put that store there.
    pub(crate) fn keep(&self, id: &str, is_in_place: bool) -> Result<(), OpenError> {
        let missing = |file: &PathBuf| is_in_place || matches!(read(file), Ok(None));
        Self(self.0.iter().filter(|file| missing(file)).cloned().collect()).write(&[id])
    }

    /// The files.
    pub(crate) fn paths(&self) -> &[PathBuf] {
        &self.0
    }
}

/// The ids of a file, which may have been overwritten with anything, as they are shown.
pub(crate) fn shown_ids(ids: &[String]) -> String {
    let one = |id: &String| escaped(&id.chars().take(ID_CHARS_MAX).collect::<String>());
    match ids {
        [] => "none that can be told, as that file is empty".to_owned(),
        _ => ids.iter().map(one).collect::<Vec<_>>().join(" or "),
    }
}

fn read(file: &Path) -> Result<Option<Vec<String>>, OpenError> {
    let mut bytes = Vec::new();
    let opened = File::open(file).and_then(|file| file.take(BYTES_MAX).read_to_end(&mut bytes));
    match opened {
        Ok(_) => {
            let text = String::from_utf8_lossy(&bytes);
            let ids = text.lines().map(str::trim).filter(|line| !line.is_empty());
            Ok(Some(ids.map(str::to_owned).collect()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        // Something that is no folder stands in the folder's place.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(None),
        Err(error) => Err(OpenError::Io { path: file.to_owned(), why: error.to_string() }),
    }
}

fn write(file: &Path, ids: &[&str]) -> io::Result<()> {
    let begun = beside(file, BEGUN);
    let mut new =
        OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&begun)?;
    new.write_all((ids.join("\n") + "\n").as_bytes())?;
    new.sync_all()?;
    fs::rename(&begun, file)?;
    sync_folder(file)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::IdFiles;

    #[test]
    fn a_link_has_one_beside_it_and_another_name_of_the_folder_has_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = fs::canonicalize(folder.path()).unwrap();
        fs::create_dir(at.join("a")).unwrap();
        symlink(at.join("a"), at.join("b")).unwrap();
        let path = at.join("a/store.db");
        let files = |named: &str| IdFiles::of(&at.join(named), &path).0;
        assert_eq!(files("a/store.db"), [at.join("a/store.db.id")]);
        assert_eq!(files("b/store.db"), [at.join("a/store.db.id")]);
        assert_eq!(files("link.db"), [at.join("a/store.db.id"), at.join("link.db.id")]);
    }

    #[test]
    fn what_is_written_is_read_and_what_is_there_is_kept_out_of_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let files = IdFiles::of(&path, &path);
        assert_eq!(files.expected().unwrap(), []);
        files.write(&["one", "two"]).unwrap();
        assert_eq!(files.expected().unwrap()[0].ids, ["one", "two"]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "something was left");
        let mode = fs::metadata(folder.path().join("store.db.id")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        files.keep("three", false).unwrap();
        assert_eq!(files.expected().unwrap()[0].ids, ["one", "two"]);
        files.keep("three", true).unwrap();
        assert_eq!(files.expected().unwrap()[0].ids, ["three"]);
        fs::remove_file(folder.path().join("store.db.id")).unwrap();
        files.keep("four", false).unwrap();
        assert_eq!(files.expected().unwrap()[0].ids, ["four"]);
    }
}
