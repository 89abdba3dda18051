//! Opening the database: its lock, its judgement without a change to it, its settings and
//! migrations. A file that isn't ours, isn't the one that belongs there, is newer than this build,
//! or is damaged stays as it is, byte by byte.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::engine::checkpoint::FILE_BYTES_MAX;
use crate::engine::limits;
use crate::engine::meta;
use crate::engine::migrations::{self, APPLICATION_ID, KNOWN};
use crate::engine::reader::BUSY_TIMEOUT;
use crate::files::id_file::{Expected, IdFiles, shown_ids};
use crate::files::lock::{Lock, hold};
use instruments::clock;

/// Files below this size are checked page by page at the start; checking a larger one would keep
/// the daemon from serving for seconds, and `doctor` can do it at leisure.
const QUICK_CHECK_BYTES_MAX: u64 = 64 << 20;

/// What each SQLite file begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Why the database can't be used. Nothing in it was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Another daemon has it open, or another program keeps it locked.
    #[error("{}: another process holds this database: {why}", path.display())]
    Held {
        /// The database.
        path: PathBuf,
        /// How that shows.
        why: String,
    },
    /// A newer daemon wrote it.
    #[error("{}: its schema has version {found}, this build knows {known} and older", path.display())]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// Its schema version.
        found: i32,
        /// The newest one this build knows.
        known: i32,
    },
    /// The file isn't SQLite's.
    #[error("{}: this file is not a database", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// A SQLite file of another program.
    #[error("{}: this database belongs to another program (application id {application_id})", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Whose it is; 0 when it doesn't say.
        application_id: i32,
    },
    /// It is damaged.
    #[error("{}: this database is damaged: {why}", path.display())]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// There is no database, and one was there before.
    #[error(
        "{}: {why}; put its files back, or restore a copy ({}), or begin with a new one: seckilld \
         run --new-store",
        path.display(),
        copies(path)
    )]
    Gone {
        /// The database.
        path: PathBuf,
        /// How that shows.
        why: String,
    },
    /// It is another store than the one that was there.
    #[error(
        "{}: this is the store {found}, and by {} another belongs here: {}; put that one back, or \
         restore a copy ({}), or take this one: seckilld run --new-store",
        path.display(),
        file.display(),
        shown_ids(expected),
        copies(path)
    )]
    Another {
        /// The database.
        path: PathBuf,
        /// Its id.
        found: String,
        /// What says which one belongs there.
        file: PathBuf,
        /// The ids in it.
        expected: Vec<String>,
    },
    /// It, its folder or its lock file can't be made or written.
    #[error("{}: can't be written: {why}", path.display())]
    Unwritable {
        /// What can't be written.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The system failed otherwise.
    #[error("{}: {why}", path.display())]
    Io {
        /// The database.
        path: PathBuf,
        /// What failed.
        why: String,
    },
}

/// What a start takes for its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// The one that was there; a new one only where none was.
    Known,
    /// Whichever lies there, or a new one: an operator says so.
    Any,
}

/// A database that is ours, held, and of the schema this build knows.
pub(crate) struct Opened {
    /// The writing connection.
    pub(crate) connection: Connection,
    /// Where the file really is.
    pub(crate) path: PathBuf,
    /// Held until it is dropped.
    pub(crate) lock: Lock,
    /// The database file, locked as well; to be dropped after every connection to it, as closing
    /// any descriptor of a file drops this process's locks on it.
    pub(crate) data: File,
    /// The files beside it that have its id.
    pub(crate) id_files: IdFiles,
}

/// Opens or makes the database.
pub(crate) fn open(named: &Path, take: Take) -> Result<Opened, OpenError> {
    limits::tell();
    let path = resolve(named)?;
    let lock = Lock::new(&path, hold(&path)?);
    let id_files = IdFiles::of(named, &path);
    let expected = match take {
        Take::Known => id_files.expected()?,
        Take::Any => Vec::new(),
    };
    if take == Take::Known {
        link_has_no_log(named)?;
    }
    let size = size(&path)?;
    match size {
        None | Some(0) if take == Take::Known => {
            was_none(&path, &expected)?;
            has_no_log(&path)?;
        }
        None | Some(0) => set_log_aside(&path)?,
        Some(_) => judge(&path, &expected)?,
    }
    let data = match size {
        None => make(&path)?,
        Some(_) => existing(&path)?,
    };
    let connect = || {
        let mut connection = connect(&path)?;
        migrations::migrate(&mut connection)?;
        Ok(connection)
    };
    let connection = connect().map_err(|error| classify(&path, &error))?;
    Ok(Opened { connection, path, lock, data, id_files })
}

/// Errs where a store belongs and none is.
pub(crate) fn was_none(path: &Path, expected: &[Expected]) -> Result<(), OpenError> {
    let Some(Expected { file, ids }) = expected.first() else { return Ok(()) };
    let (file, ids) = (file.display(), shown_ids(ids));
    let why = format!("there is no store, and by {file} the store {ids} belongs here");
    Err(OpenError::Gone { path: path.to_owned(), why })
}

/// Errs where a log lies beside a database that is gone: SQLite would remove it, with its orders.
pub(crate) fn has_no_log(path: &Path) -> Result<(), OpenError> {
    let log = beside(path, "-wal");
    if size(&log)?.unwrap_or(0) == 0 {
        return Ok(());
    }
    let why = format!("there is no database, and {} has changes of one", log.display());
    Err(OpenError::Gone { path: path.to_owned(), why })
}

/// Errs where the path is a link and a log lies beside it: the database was moved away without its
/// log, and SQLite looks for that beside the file that the link leads to.
pub(crate) fn link_has_no_log(named: &Path) -> Result<(), OpenError> {
    let log = beside(named, "-wal");
    let is_link = fs::symlink_metadata(named).is_ok_and(|found| found.is_symlink());
    if !is_link || size(&log)?.unwrap_or(0) == 0 {
        return Ok(());
    }
    let why = format!(
        "this is a link, and {} has changes of the database that was here; its place is beside the \
         file that the link leads to",
        log.display()
    );
    Err(OpenError::Gone { path: named.to_owned(), why })
}

/// Gives the log of a database that is gone another name: SQLite would remove it.
fn set_log_aside(path: &Path) -> Result<(), OpenError> {
    let log = beside(path, "-wal");
    if size(&log)?.unwrap_or(0) == 0 {
        return Ok(());
    }
    let aside = beside(path, &format!(".before-new-store-{}-wal", stamp()));
    fs::rename(&log, &aside).map_err(|error| unwritable(&aside, &error))?;
    tracing::warn!(path = %aside.display(), "the log of a database that is gone is kept aside");
    Ok(())
}

/// The moment, as it stands in the names of files that are kept: `20261126T081500.123Z`.
pub(crate) fn stamp() -> String {
    clock::now().to_wire().replace(['-', ':'], "").replace("+0000", "Z")
}

/// Copies that could be restored in the place of a database: the newest one that an ordered stop
/// made when the files were gone, if there is one.
fn copies(path: &Path) -> String {
    let named = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let begin = named + crate::files::copy::RESCUED;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let newest = names.filter(|name| name.starts_with(&begin) && name.ends_with('Z')).max();
    match newest {
        Some(name) => format!("seckilld restore {}", folder.join(name).display()),
        None => "seckilld restore FILE".to_owned(),
    }
}

/// The file's real place, so that two names of one database can't have two locks.
pub(crate) fn resolve(path: &Path) -> Result<PathBuf, OpenError> {
    let unwritable = |error: io::Error| unwritable(path, &error);
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let name = path.file_name().ok_or_else(|| OpenError::Unwritable {
        path: path.to_owned(),
        why: "this names no file".to_owned(),
    })?;
    fs::create_dir_all(parent).map_err(unwritable)?;
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(fs::canonicalize(parent).map_err(unwritable)?.join(name))
        }
        Err(error) => Err(unwritable(error)),
        Ok(path) if path.is_dir() => {
            Err(OpenError::Unwritable { path, why: "this is a folder".to_owned() })
        }
        Ok(path) => Ok(path),
    }
}

/// The same where nothing is to be made: as far as the path can be followed.
pub(crate) fn real(path: &Path) -> PathBuf {
    if let Ok(real) = fs::canonicalize(path) {
        return real;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = fs::canonicalize(folder.unwrap_or(Path::new("."))).ok();
    let real = folder.zip(path.file_name()).map(|(folder, name)| folder.join(name));
    real.unwrap_or_else(|| path.to_owned())
}

/// A file beside the database that belongs to it.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The end of the name of the file beside the database whose lock says that a daemon uses it.
pub const LOCK: &str = ".lock";

/// The ends of the names of what SQLite may have beside a database.
pub const BESIDE: [&str; 3] = ["-wal", "-journal", "-shm"];

/// Bytes of the file, `None` when there is none.
pub(crate) fn size(path: &Path) -> Result<Option<u64>, OpenError> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(OpenError::Io { path: path.to_owned(), why: error.to_string() }),
    }
}

/// Makes an empty file that only its owner can read, as it will hold phone numbers and the key of
/// the order ids. SQLite gives the files beside it the same mode.
fn make(path: &Path) -> Result<File, OpenError> {
    let made = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
    held(path, made.map_err(|error| unwritable(path, &error))?)
}

/// Opens the file that is there, for writing: on some file systems a file that was opened for
/// reading is another than the one that is written to.
fn existing(path: &Path) -> Result<File, OpenError> {
    let opened = OpenOptions::new().read(true).write(true).open(path);
    held(path, opened.map_err(|error| unwritable(path, &error))?)
}

/// The file with a lock of its own, beside SQLite's, of which it takes no notice: where the lock
/// file was removed, or the database has another name by now, a second daemon must not get it.
fn held(path: &Path, file: File) -> Result<File, OpenError> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(OpenError::Held {
            path: path.to_owned(),
            why: "the file itself is locked, by a daemon whose lock file was removed or is \
                  elsewhere"
                .to_owned(),
        }),
        // Not every file system has such locks; the lock file has to do then.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

/// Looks at a file that exists without changing it. It has to be SQLite that looks, since the
/// newest header may lie in the write-ahead log; and its closing checkpoint has to be off.
fn judge(path: &Path, expected: &[Expected]) -> Result<(), OpenError> {
    is_sqlite(path)?;
    let found = look(path).map_err(|error| classify(path, &error))?;
    is_ours(path, &found.header)?;
    if let Some(why) = found.damage {
        return Err(OpenError::Corrupt { path: path.to_owned(), why });
    }
    belongs(path, found.store_id, expected)
}

/// Errs where this id isn't among those that belong at the path. A database without an id counts as
/// none.
pub(crate) fn belongs(
    path: &Path,
    store_id: Option<String>,
    expected: &[Expected],
) -> Result<(), OpenError> {
    let Some(found) = store_id else { return was_none(path, expected) };
    match expected.iter().find(|expected| !expected.ids.contains(&found)) {
        None => Ok(()),
        Some(Expected { file, ids }) => {
            let (path, file, expected) = (path.to_owned(), file.clone(), ids.clone());
            Err(OpenError::Another { path, found, file, expected })
        }
    }
}

/// Errs unless the file begins as SQLite's do.
pub(crate) fn is_sqlite(path: &Path) -> Result<(), OpenError> {
    let mut begin = [0; MAGIC.len()];
    File::open(path).and_then(|mut file| file.read_exact(&mut begin)).or_else(
        |error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Ok(()),
            _ => Err(OpenError::Io { path: path.to_owned(), why: error.to_string() }),
        },
    )?;
    if begin != *MAGIC {
        return Err(OpenError::NotADatabase { path: path.to_owned() });
    }
    Ok(())
}

/// Errs when another program made it, or a newer daemon.
pub(crate) fn is_ours(path: &Path, header: &Header) -> Result<(), OpenError> {
    let (application_id, found) = (header.application_id, header.user_version);
    if application_id != APPLICATION_ID && !header.is_blank() {
        return Err(OpenError::Foreign { path: path.to_owned(), application_id });
    }
    if KNOWN < found {
        return Err(OpenError::NewerSchema { path: path.to_owned(), found, known: KNOWN });
    }
    Ok(())
}

/// What a database says of itself.
pub(crate) struct Header {
    application_id: i32,
    pub(crate) user_version: i32,
    tables: i64,
}

impl Header {
    /// Whether nothing is in the database yet, for instance because its making was cut short.
    pub(crate) const fn is_blank(&self) -> bool {
        self.application_id == 0 && self.user_version == 0 && self.tables == 0
    }
}

/// Reads it.
pub(crate) fn header(connection: &Connection) -> rusqlite::Result<Header> {
    let number = |sql| connection.query_row(sql, [], |row| row.get(0));
    let tables =
        connection.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(Header {
        application_id: number("PRAGMA application_id")?,
        user_version: number("PRAGMA user_version")?,
        tables,
    })
}

/// What a look at a database found.
struct Look {
    header: Header,
    /// By a quick check.
    damage: Option<String>,
    store_id: Option<String>,
}

fn look(path: &Path) -> rusqlite::Result<Look> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let header = header(&connection)?;
    let small = fs::metadata(path).is_ok_and(|file| file.len() < QUICK_CHECK_BYTES_MAX);
    let ours = header.application_id == APPLICATION_ID && header.user_version <= KNOWN;
    let damage = if small && ours { quick_check(&connection)? } else { None };
    let store_id = if ours && damage.is_none() { meta::store_id(&connection)? } else { None };
    Ok(Look { header, damage, store_id })
}

fn quick_check(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((found != "ok").then_some(found))
}

/// The writing connection. `FULL` makes each commit durable before it is answered; the checkpoint
/// is the writer's own business; temporary data stays in memory, savepoint journals above all.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| {
        let mode: String = row.get(0)?;
        if mode == "wal" { Ok(()) } else { Err(rusqlite::Error::InvalidQuery) }
    })?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    // KiB. A whole transaction fits, so none of it is written to the log before its commit.
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.pragma_update(None, "journal_size_limit", FILE_BYTES_MAX)?;
    Ok(connection)
}

/// What an error of SQLite means for the opening.
pub(crate) fn classify(path: &Path, error: &rusqlite::Error) -> OpenError {
    let (path, why) = (path.to_owned(), limits::cause_at(path, error));
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotADatabase { path },
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Corrupt { path, why },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::Held { path, why },
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            OpenError::Unwritable { path, why }
        }
        _ => OpenError::Io { path, why },
    }
}

pub(crate) fn unwritable(path: &Path, error: &io::Error) -> OpenError {
    OpenError::Unwritable { path: path.to_owned(), why: error.to_string() }
}

/// Brings the names of files in a file's folder to the disk.
pub(crate) fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder).and_then(|folder| folder.sync_all())
}
