//! A whole look at a database, for `doctor` and for every copy: integrity, schema, books. The look
//! changes no byte of the database, and a daemon that has it open goes on meanwhile.

use std::fs;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use domain::ports::Balance;
use protocol::ProductState;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::engine::meta;
use crate::engine::migrations::{self, KNOWN};
use crate::engine::open::{self, OpenError};
use crate::engine::reader::BUSY_TIMEOUT;
use crate::files::id_file::IdFiles;
use crate::sale::products;
use crate::unsigned;

/// Faults that are shown of one database.
const FAULTS_MAX: u32 = 5;

/// What was found in a database of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// Its schema's version; 0 when nothing was made in it yet.
    pub schema: i32,
    /// The version that this build writes.
    pub known: i32,
    /// Bytes of its file, the log beside it not counted.
    pub bytes: u64,
    /// What `PRAGMA integrity_check` found, nothing when all is well; `None` when it took too
    /// long.
    pub faults: Option<Vec<String>>,
    /// Every product's books.
    pub books: Vec<Balance>,
    /// Every product.
    pub products: Vec<ProductState>,
    /// Orders that are decided, failed ones as well; those set aside as second ones not counted.
    pub orders: u64,
    /// Orders that wait to be decided: in the embedded queue, and as resent dead letters.
    pub queued: u64,
}

/// Looks at the database; `None` when there is none. The check of its integrity is given up after
/// `timeout`. It blocks, so call it on a thread that may.
///
/// # Errors
/// The database isn't ours, is newer than this build, is damaged, or can't be read.
pub fn examine(path: &Path, timeout: Duration) -> Result<Option<Examined>, OpenError> {
    let bytes = match open::size(path)? {
        None => return Ok(None),
        Some(bytes) => bytes,
    };
    let blank = Examined {
        schema: 0,
        known: KNOWN,
        bytes,
        faults: Some(Vec::new()),
        books: Vec::new(),
        products: Vec::new(),
        orders: 0,
        queued: 0,
    };
    if bytes == 0 {
        return Ok(Some(blank));
    }
    open::is_sqlite(path)?;
    let has_log = || open::beside(path, "-wal").exists();
    let (before, mut seen) = (has_log(), look(path, &blank, has_log(), timeout));
    if !before && has_log() {
        // A daemon started meanwhile: what was read without its log may be of two moments.
        seen = look(path, &blank, true, timeout);
    }
    seen.map(Some)
}

/// Whether a start would find the store that was there. Changes nothing.
///
/// # Errors
/// A start would be refused, or that can't be found out.
pub fn recognise(named: &Path) -> Result<(), OpenError> {
    let path = open::real(named);
    let expected = IdFiles::of(named, &path).expected()?;
    open::link_has_no_log(named)?;
    match open::size(&path) {
        Ok(None | Some(0)) => {
            return open::was_none(&path, &expected).and_then(|()| open::has_no_log(&path));
        }
        Ok(Some(_)) => {}
        // Whether a store can be made there is another question.
        Err(_) => return Ok(()),
    }
    let has_log = open::beside(&path, "-wal").exists();
    let id = connect(&path, has_log).and_then(|connection| meta::store_id(&connection));
    open::belongs(&path, id.map_err(|error| open::classify(&path, &error))?, &expected)
}

fn look(
    path: &Path,
    blank: &Examined,
    has_log: bool,
    timeout: Duration,
) -> Result<Examined, OpenError> {
    let failed = |error: rusqlite::Error| open::classify(path, &error);
    let connection = connect(path, has_log).map_err(failed)?;
    let header = open::header(&connection).map_err(failed)?;
    open::is_ours(path, &header)?;
    if header.is_blank() {
        return Ok(blank.clone());
    }
    migrations::show_as_known(&connection, header.user_version).map_err(failed)?;
    // Everything is read of one moment.
    let moment = connection.unchecked_transaction().map_err(failed)?;
    let faults = within(timeout, &connection, integrity).map_err(failed)?;
    if faults.as_ref().is_some_and(|faults| !faults.is_empty()) {
        // The books of a damaged database say nothing.
        return Ok(Examined { schema: header.user_version, faults, ..blank.clone() });
    }
    let books = products::balances(&moment).map_err(failed)?;
    let products = products::states(&moment).map_err(failed)?;
    let count = |sql| moment.query_row(sql, [], |row| row.get(0).map(unsigned));
    let orders = count("SELECT COUNT(*) FROM t_seckill_order").map_err(failed)?;
    let resent = "SELECT COUNT(*) FROM seckill_dead_letter WHERE due_at IS NOT NULL";
    let queued = count("SELECT COUNT(*) FROM seckill_queue").map_err(failed)?
        + count(resent).map_err(failed)?;
    let schema = header.user_version;
    Ok(Examined { schema, faults, books, products, orders, queued, ..blank.clone() })
}

/// With a write-ahead log beside the database, a daemon runs or has died, and the database is read
/// through its log. Without one, no process has it open: it is read as a file that nobody changes
/// (`immutable=1`), the only mode in which SQLite makes no files beside it.
pub(crate) fn connect(path: &Path, has_log: bool) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let how = if has_log { "mode=ro" } else { "immutable=1" };
    let connection = Connection::open_with_flags(format!("file:{}?{how}", encoded(path)), flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(connection)
}

/// A path in a URI.
fn encoded(path: &Path) -> String {
    use std::fmt::Write;
    use std::os::unix::ffi::OsStrExt;

    let whole = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    whole.as_os_str().as_bytes().iter().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"/-_.".contains(byte) {
            text.push(char::from(*byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

fn integrity(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut check = connection.prepare(&format!("PRAGMA integrity_check({FAULTS_MAX})"))?;
    let lines: rusqlite::Result<Vec<String>> = check.query_map([], |row| row.get(0))?.collect();
    Ok(lines?.into_iter().filter(|line| line != "ok").collect())
}

/// Interrupts the work when it takes too long: `None`.
fn within<T>(
    timeout: Duration,
    connection: &Connection,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    let interrupter = connection.get_interrupt_handle();
    let (done, waiting) = sync_channel::<()>(1);
    thread::scope(|scope| {
        scope.spawn(move || {
            if waiting.recv_timeout(timeout) == Err(RecvTimeoutError::Timeout) {
                interrupter.interrupt();
            }
        });
        let result = work(connection);
        drop(done);
        match result {
            Err(error)
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted) =>
            {
                Ok(None)
            }
            result => result.map(Some),
        }
    })
}
