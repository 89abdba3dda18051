//! Puts a copy in a database's place. Nothing of the old database is ever deleted: it is kept aside
//! under a name with the time.
//!
//! A log that lies beside a database is taken for its own, so the old one's must not meet the new
//! database for a moment. Nor may there be a moment without a database, in which a daemon would
//! begin with all of its stock. Hence the sequence, which may be cut off anywhere and be done over:
//!
//! 1. The copy is made beside the database, judged, and brought to the disk.
//! 2. The old log is moved into the old database: it is whole in one file.
//! 3. The old database gets its second name.
//! 4. What may still lie beside it goes after it. There is something only when the old one is too
//!    damaged for step 2.
//! 5. The file with the store's id says that the copy may be found there, too.
//! 6. The copy is given the database's name, which takes it from the old one in the same step; then
//!    its id stands alone.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::io::Errno;

use crate::engine::open::{self, OpenError, unwritable};
use crate::engine::{meta, reader};
use crate::files::copy::{Copied, CopyError, Purpose, copy_for};
use crate::files::id_file::IdFiles;
use crate::files::{examine, lock};

/// The least that a page of SQLite's has.
const PAGE_BYTES_MIN: u64 = 512;

/// What is in the database's place now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The database, by its real path.
    pub path: PathBuf,
    /// What was put there.
    pub copied: Copied,
    /// What stood there.
    pub aside: Aside,
}

/// What became of the database that was replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// Where it is now; `None` when there was none.
    pub path: Option<PathBuf>,
    /// Why its log isn't in it but beside it, when that is so.
    pub damage: Option<String>,
}

/// Why nothing was restored. What stood there stands there still.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// A daemon or another program has the database open, or it isn't ours to replace.
    #[error(transparent)]
    Place(#[from] OpenError),
    /// The file to restore isn't fit.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The file to restore is the database, or what a restore that was cut off left.
    #[error("{}: belongs to the database itself", .0.display())]
    Itself(PathBuf),
}

/// Puts a copy of `from` in the place of the database at `path`. It blocks.
///
/// # Errors
/// What stood there stands there still, unless the folder can't be synced at the very end.
pub fn restore(from: &Path, path: &Path) -> Result<Restored, RestoreError> {
    // Checked before a folder is made for the database.
    if open::size(from)?.is_none() {
        return Err(CopyError::Absent(from.to_owned()).into());
    }
    let named = path;
    let path = open::resolve(named)?;
    let fresh = open::beside(&path, ".restoring");
    if same(from, &path) || same(from, &fresh) {
        return Err(RestoreError::Itself(from.to_owned()));
    }
    let lock = lock::hold(&path)?;
    let owner = owner_of(&path)?;
    own(&lock, owner, &open::beside(&path, open::LOCK))?;
    is_replaceable(&path)?;
    // A restore that was cut off left this file. It never was the database.
    remove_with_all_beside(&fresh)?;
    let made = copy_for(Purpose::Live, from, &fresh).map_err(RestoreError::from);
    let done = made.and_then(|copied| {
        let id_files = IdFiles::of(named, &path);
        let aside = replace(&path, &fresh, owner, &id_files)?;
        Ok(Restored { path: path.clone(), copied, aside })
    });
    if done.is_err() {
        // An error here would hide the one that counts; the next restore removes the file.
        let _ = remove_with_all_beside(&fresh);
    }
    drop(lock);
    done
}

/// Whether two names are one file's.
fn same(one: &Path, other: &Path) -> bool {
    let number = |path| fs::metadata(path).ok().map(|file: fs::Metadata| (file.dev(), file.ino()));
    number(one).is_some_and(|one| number(other) == Some(one))
}

/// User and group of the database, or of its folder: root restores, and the daemon must be able to
/// read it.
fn owner_of(path: &Path) -> Result<(u32, u32), OpenError> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let found = fs::metadata(path).or_else(|_| fs::metadata(folder));
    let found = found.map_err(|error| failed(path, &error))?;
    Ok((found.uid(), found.gid()))
}

/// Gives a file of ours to that user and group.
fn own(file: &File, (user, group): (u32, u32), path: &Path) -> Result<(), OpenError> {
    let have = file.metadata().map_err(|error| failed(path, &error))?;
    if (have.uid(), have.gid()) == (user, group) {
        return Ok(());
    }
    std::os::unix::fs::fchown(file, Some(user), Some(group)).map_err(|error| {
        let why = format!("it can't be given to user {user}: {error}");
        OpenError::Unwritable { path: path.to_owned(), why }
    })
}

/// Errs on the database of another program: the path is wrong then. A file that is damaged, newer
/// or no database at all is what restoring is for.
fn is_replaceable(path: &Path) -> Result<(), OpenError> {
    if open::size(path)?.unwrap_or(0) == 0 || open::is_sqlite(path).is_err() {
        return Ok(());
    }
    let has_log = open::beside(path, "-wal").exists();
    let header = examine::connect(path, has_log).and_then(|connection| open::header(&connection));
    match header.map(|header| open::is_ours(path, &header)) {
        Ok(Err(foreign @ OpenError::Foreign { .. })) => Err(foreign),
        _ => Ok(()),
    }
}

/// Steps 2 to 6.
fn replace(
    path: &Path,
    fresh: &Path,
    owner: (u32, u32),
    id_files: &IdFiles,
) -> Result<Aside, OpenError> {
    let file = File::open(fresh).map_err(|error| failed(fresh, &error))?;
    own(&file, owner, fresh)?;
    file.sync_all().map_err(|error| failed(fresh, &error))?;
    let damage = fold(path)?;
    // Held until the new database has the name.
    let alone = alone(path)?;
    let aside = aside_name(path);
    if alone.is_some() {
        fs::hard_link(path, &aside).map_err(|error| unwritable(&aside, &error))?;
        sync_folder(path)?;
    }
    for suffix in open::BESIDE {
        let (from, to) = (open::beside(path, suffix), open::beside(&aside, suffix));
        match fs::rename(&from, &to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            moved => moved.map_err(|error| failed(&from, &error))?,
        }
    }
    let id = id_of(fresh)?;
    announce(id_files, &id, owner)?;
    fs::rename(fresh, path).map_err(|error| failed(path, &error))?;
    sync_folder(path)?;
    id_files.write(&[&id])?;
    own_all(id_files, owner)?;
    Ok(Aside { path: alone.map(|_| aside), damage })
}

/// The id of a copy that nobody has open.
fn id_of(fresh: &Path) -> Result<String, OpenError> {
    let read = examine::connect(fresh, false).and_then(|copy| meta::store_id(&copy));
    let id = read.map_err(|error| open::classify(fresh, &error))?;
    id.ok_or_else(|| OpenError::Corrupt { path: fresh.to_owned(), why: "it has no id".to_owned() })
}

/// Writes that the copy may be found as well as the database before it: a start between the two
/// next steps must take either.
fn announce(id_files: &IdFiles, id: &str, owner: (u32, u32)) -> Result<(), OpenError> {
    let expected = id_files.expected()?;
    if expected.is_empty() {
        return Ok(());
    }
    let mut ids: Vec<&str> = vec![id];
    for known in expected.iter().flat_map(|expected| &expected.ids) {
        if !ids.contains(&known.as_str()) {
            ids.push(known);
        }
    }
    id_files.write(&ids)?;
    own_all(id_files, owner)
}

fn own_all(id_files: &IdFiles, owner: (u32, u32)) -> Result<(), OpenError> {
    for path in id_files.paths() {
        if let Ok(file) = File::open(path) {
            own(&file, owner, path)?;
        }
    }
    Ok(())
}

/// Moves the log into the database, as a daemon's ordered stop does; closing removes it then.
/// Returns why where the damage makes that impossible; errs where it could be done another time.
fn fold(path: &Path) -> Result<Option<String>, OpenError> {
    // SQLite removes the log of a database without a page.
    match open::size(path)?.unwrap_or(0) {
        0 => return Ok(None),
        size if size < PAGE_BYTES_MIN => return Ok(Some("it is cut short".to_owned())),
        _ => {}
    }
    if let Err(fault @ OpenError::NotADatabase { .. }) = open::is_sqlite(path) {
        return Ok(Some(fault.to_string()));
    }
    let work = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(reader::BUSY_TIMEOUT)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        // A connection knows of the log only once it has read.
        connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))?;
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        let busy = connection.query_row(checkpoint, [], |row| row.get::<_, i64>(0))?;
        connection.close().map_err(|(_, error)| error)?;
        Ok(busy != 0)
    };
    match work().map_err(|error: rusqlite::Error| (error.sqlite_error_code(), error)) {
        Ok(false) => Ok(None),
        Ok(true) => Err(in_use(path)),
        Err((
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::SystemIoFailure),
            error,
        )) => Ok(Some(error.to_string())),
        Err((_, error)) => Err(open::classify(path, &error)),
    }
}

/// Errs while any other process has the database open: SQLite keeps a lock on it for as long, and
/// at its end such a process would remove the log by its name, which is the new database's by then.
/// `None` where there is no database.
fn alone(path: &Path) -> Result<Option<File>, OpenError> {
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unwritable(path, &error)),
    };
    match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::AGAIN | Errno::ACCESS) => Err(in_use(path)),
        Err(error) => Err(failed(path, &error.into())),
    }
}

fn in_use(path: &Path) -> OpenError {
    let why = "it is no daemon, and has it open: sqlite3, a backup or doctor, perhaps";
    OpenError::Held { path: path.to_owned(), why: why.to_owned() }
}

/// Where the old database goes, such as `seckill.db.before-restore-20261126T081500.123Z`.
fn aside_name(path: &Path) -> PathBuf {
    open::beside(path, &format!(".before-restore-{}", open::stamp()))
}

fn remove_with_all_beside(path: &Path) -> Result<(), OpenError> {
    let beside = open::BESIDE.map(|suffix| open::beside(path, suffix));
    for file in beside.iter().map(PathBuf::as_path).chain([path]) {
        match fs::remove_file(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => removed.map_err(|error| unwritable(file, &error))?,
        }
    }
    Ok(())
}

/// Brings names to the disk.
fn sync_folder(path: &Path) -> Result<(), OpenError> {
    open::sync_folder(path).map_err(|error| failed(path.parent().unwrap_or(path), &error))
}

fn failed(path: &Path, error: &io::Error) -> OpenError {
    OpenError::Io { path: path.to_owned(), why: error.to_string() }
}
