//! A whole copy of a database, of one moment, while its daemon goes on selling: SQLite's online
//! backup, of which every step belongs to one read transaction. Without that transaction the backup
//! would begin again whenever the daemon writes between two steps, and would never end beside a
//! sale. A reader doesn't hold up the writer; but the log can't start over before the copy is done,
//! so it grows meanwhile.
//!
//! The copy is judged, as `doctor` judges a database, before it is reported as made.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::EpochMs;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::engine::meta;
use crate::engine::open::{self, Header, OpenError};
use crate::engine::reader::BUSY_TIMEOUT;
use crate::files::examine::{self, Examined};
use instruments::clock;

/// Pages (4 KiB) of one step.
const STEP_PAGES: i32 = 1_024;

/// Steps after which what was copied is brought to the disk: a commit of the daemon that comes
/// meanwhile waits for so much at most, not for all of it at the end.
const STEPS_PER_SYNC: u32 = 4;

/// The integrity check of a copy may take as long as it needs: nobody waits for it.
const NO_LIMIT: Duration = Duration::MAX;

/// A copy that is whole, on the disk, and found to be in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// What was found in it.
    pub examined: Examined,
    /// Everything that was committed before this moment is in it; `None` for a copy of a copy that
    /// has no moment.
    pub moment: Option<EpochMs>,
    /// How long the source's log was when the copying was done, in bytes.
    pub log_bytes: u64,
}

/// Why there is no copy. The file that was begun is left for the caller to remove.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// There is nothing to copy.
    #[error("{}: there is no such file", .0.display())]
    Absent(PathBuf),
    /// A database in which nothing was made yet.
    #[error("{}: there is nothing in this database yet", .0.display())]
    Blank(PathBuf),
    /// The source can't be used.
    #[error(transparent)]
    Source(#[from] OpenError),
    /// The copy can't be made at that place.
    #[error("{}: can't be made: {why}", path.display())]
    CantCreate {
        /// The copy.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Copying broke off.
    #[error("{} could not be copied to {}: {why}", from.display(), path.display())]
    Broken {
        /// The source.
        from: PathBuf,
        /// The copy.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The copy isn't in order: the source isn't either, or a disk fails.
    #[error("{}: its copy is not in order: {}", path.display(), faults.join("; "))]
    Faulty {
        /// The source.
        path: PathBuf,
        /// What was found.
        faults: Vec<String>,
    },
}

/// What a copy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To be kept. It is one file that can be read where nothing can be written, and it knows its
    /// moment.
    Keep,
    /// To be a daemon's database. The copy gets a new store id, because its decisions go on
    /// otherwise than those of the source: a gateway that knew the source starts over with the
    /// copy.
    Live,
}

/// Copies a database to a file that mustn't exist. It blocks.
///
/// # Errors
/// There is no copy, or it isn't in order.
pub fn copy(from: &Path, to: &Path) -> Result<Copied, CopyError> {
    copy_for(Purpose::Keep, from, to)
}

pub(crate) fn copy_for(purpose: Purpose, from: &Path, to: &Path) -> Result<Copied, CopyError> {
    match open::size(from)? {
        None => return Err(CopyError::Absent(from.to_owned())),
        Some(0) => return Err(CopyError::Blank(from.to_owned())),
        Some(_) => open::is_sqlite(from)?,
    }
    let before = clock::now();
    let source = begin(from)?;
    let target = make(to)?;
    let broken =
        |why: String| CopyError::Broken { from: from.to_owned(), path: to.to_owned(), why };
    let copied = copy_pages(&source, to, &target);
    copied.map_err(|error| broken(sentence_of(&error)))?;
    let log_bytes = open::size(&open::beside(from, "-wal"))?.unwrap_or(0);
    drop(source);
    let moment = settle(purpose, to, before).map_err(|error| broken(sentence_of(&error)))?;
    target.sync_all().map_err(|error| broken(error.to_string()))?;
    let examined = judge(from, to)?;
    Ok(Copied { examined, moment, log_bytes })
}

/// The end of the name of a copy that is made when the database isn't at its path any more.
pub(crate) const RESCUED: &str = ".rescued-";

/// Copies a database by the connection that has it open: into the folder where it belongs, or the
/// working folder where that is gone or takes no copy. The error says why the copy is in neither
/// folder.
pub(crate) fn rescue(source: &Connection, path: &Path) -> Result<PathBuf, String> {
    let name = path.file_name().map(Path::new).unwrap_or(Path::new("seckill.db"));
    let end = format!("{RESCUED}{}", open::stamp());
    let beside = open::beside(path, &end);
    let why = match rescue_to(source, &beside) {
        Ok(()) => return Ok(beside),
        Err(error) => format!("{}: {}", beside.display(), sentence_of(&error)),
    };
    let here = std::path::absolute(open::beside(name, &end));
    let here = here.map_err(|error| format!("{why}; the working folder is gone, too ({error})"))?;
    match rescue_to(source, &here) {
        Ok(()) => Ok(here),
        Err(error) => Err(format!("{why}; {}: {}", here.display(), sentence_of(&error))),
    }
}

/// The end of the name of a rescued copy that isn't in order.
const DAMAGED: &str = ".damaged";

/// Rescues likewise, and judges the copy, because another program wrote into the open files.
pub(crate) fn rescue_what_is_left(source: &Connection, path: &Path) -> Result<PathBuf, String> {
    let copy = rescue(source, path)?;
    let Err(error) = judge(path, &copy) else { return Ok(copy) };
    let aside = open::beside(&copy, DAMAGED);
    match std::fs::rename(&copy, &aside) {
        Ok(()) => Err(format!("{error}; that copy is {}", aside.display())),
        Err(_) => Err(error.to_string()),
    }
}

/// Until the copy is whole and on the disk it has another name.
fn rescue_to(source: &Connection, to: &Path) -> rusqlite::Result<()> {
    let begun = open::beside(to, ".unfinished");
    let target = make(&begun).map_err(|error| failed_to_write(io::Error::other(error)))?;
    let copied = copy_begun(source, &begun, &target).and_then(|()| {
        settle(Purpose::Keep, &begun, clock::now())?;
        target.sync_all().map_err(failed_to_write)?;
        std::fs::rename(&begun, to).and_then(|()| open::sync_folder(to)).map_err(failed_to_write)
    });
    if copied.is_err() {
        // The error that counts is returned.
        let _ = std::fs::remove_file(&begun);
    }
    copied
}

/// Copies everything, of one moment.
fn copy_begun(source: &Connection, to: &Path, target: &File) -> rusqlite::Result<()> {
    source.execute_batch("BEGIN")?;
    let copied = copy_pages(source, to, target);
    source.execute_batch("COMMIT")?;
    copied
}

/// A connection in the one transaction of which everything is read.
fn begin(path: &Path) -> Result<Connection, CopyError> {
    let has_log = open::beside(path, "-wal").exists();
    let begun = connect(path, has_log).and_then(begun).or_else(|error| {
        match error.sqlite_error_code() {
            // Nothing can be written beside the database: then nobody can change it either.
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) if !has_log => {
                examine::connect(path, has_log).and_then(begun)
            }
            _ => Err(error),
        }
    });
    let (source, header) = begun.map_err(|error| open::classify(path, &error))?;
    open::is_ours(path, &header)?;
    if header.is_blank() {
        return Err(CopyError::Blank(path.to_owned()));
    }
    Ok(source)
}

fn begun(connection: Connection) -> rusqlite::Result<(Connection, Header)> {
    connection.execute_batch("BEGIN")?;
    let header = open::header(&connection)?;
    Ok((connection, header))
}

/// The connection that reads. Where no log lies beside the database, no process has it open; for a
/// daemon that starts meanwhile, the connection is one more reader. The empty log that this
/// connection makes is removed with it, for which it must be able to write. A log that a dead
/// daemon left stays as it is.
fn connect(path: &Path, has_log: bool) -> rusqlite::Result<Connection> {
    let flags = match has_log {
        true => OpenFlags::SQLITE_OPEN_READ_ONLY,
        false => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, has_log)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// An empty file that only its owner can read: it will hold phone numbers and the key of the order
/// ids.
fn make(path: &Path) -> Result<File, CopyError> {
    let made = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
    made.map_err(|error| CopyError::CantCreate { path: path.to_owned(), why: error.to_string() })
}

fn copy_pages(source: &Connection, to: &Path, target: &File) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy = Connection::open_with_flags(to, flags)?;
    // A copy that is cut short is thrown away, so no journal is wanted; the copy is synced by its
    // own file.
    copy.pragma_update(None, "journal_mode", "OFF")?;
    copy.pragma_update(None, "synchronous", "OFF")?;
    let backup = Backup::new(source, &mut copy)?;
    let mut steps = 0;
    loop {
        match backup.step(STEP_PAGES)? {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            // Busy or locked can't be: the source's transaction has begun, and the target is ours
            // alone.
            _ => return Err(rusqlite::Error::InvalidQuery),
        }
        steps += 1;
        if steps % STEPS_PER_SYNC == 0 {
            target.sync_data().map_err(failed_to_write)?;
        }
    }
}

fn failed_to_write(error: io::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}

/// Makes of the bare pages what the copy is for, in one file with nothing beside it. Returns the
/// copy's moment; a copy of a copy has the first one's, where that is known.
fn settle(purpose: Purpose, path: &Path, moment: EpochMs) -> rusqlite::Result<Option<EpochMs>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    // No other process has the copy open, so that no memory has to be shared by a file.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    let (mode, moment) = match purpose {
        Purpose::Keep => {
            meta::set_moment(&connection, moment)?;
            ("DELETE", Some(moment))
        }
        Purpose::Live => ("WAL", meta::begin_anew(&connection)?),
    };
    connection.pragma_update_and_check(None, "journal_mode", mode, |row| {
        let now: String = row.get(0)?;
        if now.eq_ignore_ascii_case(mode) { Ok(()) } else { Err(rusqlite::Error::InvalidQuery) }
    })?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(moment)
}

/// Looks at the whole of the copy, as `doctor` does.
fn judge(from: &Path, to: &Path) -> Result<Examined, CopyError> {
    let examined = examine::examine(to, NO_LIMIT).map_err(|error| CopyError::Faulty {
        path: from.to_owned(),
        faults: vec![error.to_string()],
    })?;
    let examined = examined.ok_or_else(|| CopyError::Absent(to.to_owned()))?;
    let mut faults = examined.faults.clone().unwrap_or_default();
    let off = examined.books.iter().filter(|balance| !balance.holds());
    faults.extend(off.map(ToString::to_string));
    if faults.is_empty() {
        return Ok(examined);
    }
    Err(CopyError::Faulty { path: from.to_owned(), faults })
}

/// A full disk in words: SQLite's own words say that the database is full.
fn sentence_of(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full".to_owned(),
        _ => error.to_string(),
    }
}
