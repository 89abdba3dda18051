//! Moves the write-ahead log into the database file, off the commit path: a helper thread with a
//! connection of its own does the long part while the writer goes on committing, and the writer
//! does the rest, which is what was committed meanwhile. SQLite starts the log over only when
//! nothing is left to move, so a helper alone would let it grow for as long as orders come.
//!
//! The helper changes no table's row: what it writes is in the log already, durably.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::{self, JoinHandle};

use instruments::fault_points::{Point, reach};
use rusqlite::Connection;

use crate::engine::limits;
use crate::engine::reader::BUSY_TIMEOUT;
use crate::files::contents::Contents;

/// Pages of write-ahead log (4 KiB each) after which they are moved into the database file while
/// jobs wait for the writer. A page that is changed again and again is moved once for all changes,
/// so a larger number is less work. The build that dies at fault points uses a small one: a test's
/// short sale must get there.
const EVERY_PAGES: i64 = if cfg!(feature = "fault-points") { 64 } else { 4_000 };

/// The same while no job waits. A smaller number is more work, for which there is time then. While
/// a piece is synced each commit waits at the disk behind it, and a smaller piece makes that wait
/// shorter.
const EVERY_PAGES_AT_LEISURE: i64 = EVERY_PAGES / 8;

/// Pages of log from which on the writer makes the log start over. Everything has to be moved for
/// that, and the buyers of that moment wait for it some milliseconds. The helper alone moves only
/// what it finds.
const ANEW_AT_PAGES: i64 = 4 * EVERY_PAGES;

/// Pages that may come while the helper is at work. Then the writer waits for the helper, so that
/// the log stays bounded.
const HELPING_PAGES_MAX: i64 = 3 * EVERY_PAGES;

/// Bytes that the log's file keeps when the log starts over. This is longer than the log gets with
/// no reader in its way: a file that grows costs each commit a change of the file system's own.
pub(crate) const FILE_BYTES_MAX: i64 = 128 << 20;
const _: () = assert!((ANEW_AT_PAGES + HELPING_PAGES_MAX) * 4_120 < FILE_BYTES_MAX);

/// What a page takes in the log.
const PAGE_BYTES: u64 = 4_120;

/// Decides when the log is moved, and who moves it.
pub(crate) struct Checkpointer {
    /// `None` where the helper couldn't be started: the writer moves everything then.
    helper: Option<Helper>,
    contents: Arc<Contents>,
    stage: CheckpointStage,
    /// The log's length in pages when it was last looked after.
    moved_at: i64,
    /// Pages from which on the log starts over so that its file stays below the limit on file
    /// sizes, where there is one.
    limit_pages: Option<i64>,
}

struct Helper {
    wake: SyncSender<()>,
    /// Receives a message when the helper is done with the work it was woken for.
    done: Receiver<()>,
    thread: JoinHandle<()>,
}

/// How far the moving is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CheckpointStage {
    /// The log isn't long.
    Resting,
    /// The helper is at work.
    Helping,
}

impl Checkpointer {
    /// Starts the helper on the database. `data` is the database's file, for syncing. It is kept
    /// open for as long as any connection: closing any descriptor of a file drops this process's
    /// locks on it. Where the helper can't be started, the log is moved all the same.
    pub(crate) fn start(path: &Path, data: Arc<File>, contents: Arc<Contents>) -> Self {
        let helps = Arc::clone(&contents);
        let helper = connect(path).map_err(|error| error.to_string()).and_then(|connection| {
            Helper::start(connection, data, helps).map_err(|error| error.to_string())
        });
        if let Err(error) = &helper {
            tracing::warn!(%error, "the write-ahead log will be moved between two commits");
        }
        let limit_pages =
            limits::bytes().and_then(|bytes| i64::try_from(bytes / 2 / PAGE_BYTES).ok());
        Self {
            helper: helper.ok(),
            contents,
            stage: CheckpointStage::Resting,
            moved_at: 0,
            limit_pages,
        }
    }

    /// Called by the writer between two transactions, when every job has been answered; `jobs_wait`
    /// says whether the next one can begin at once.
    pub(crate) fn after_commit(&mut self, connection: &Connection, jobs_wait: bool) {
        let pages = checkpoint(connection, "PRAGMA wal_checkpoint(NOOP)").unwrap_or(0);
        if self.limit_pages.is_some_and(|most| most <= pages) {
            self.make_room(connection);
        }
        if self.stage == CheckpointStage::Helping {
            let done = match &self.helper {
                Some(helper) if self.moved_at + HELPING_PAGES_MAX <= pages => {
                    helper.wait();
                    true
                }
                Some(helper) => helper.is_done(),
                None => true,
            };
            if done {
                self.stage = CheckpointStage::Resting;
                if ANEW_AT_PAGES <= pages {
                    passively(connection, &self.contents);
                }
            }
            return;
        }
        if pages < self.moved_at {
            // The log started over.
            self.moved_at = 0;
        }
        let every = if jobs_wait { EVERY_PAGES } else { EVERY_PAGES_AT_LEISURE };
        if pages < self.moved_at + every {
            return;
        }
        // A reader may hold the log's end back, or the disk be full: try again after as many pages
        // more.
        self.moved_at = pages;
        match &self.helper {
            Some(helper) if helper.wake.try_send(()).is_ok() => {
                self.stage = CheckpointStage::Helping;
            }
            _ => passively(connection, &self.contents),
        }
    }

    /// Called by the writer when a write has failed. Where the log can't grow, because the disk is
    /// full or a file as large as it may be, it may still start over, if what it holds can be moved
    /// into the database file. Where that can't be moved, the failure of the write has been
    /// reported already.
    pub(crate) fn make_room(&self, connection: &Connection) {
        if self.stage == CheckpointStage::Resting
            && let Some(_moving) = self.contents.moving()
        {
            let _ = checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)");
        }
    }

    /// Ends the helper.
    pub(crate) fn end_helper(self) {
        if self.helper.is_some_and(Helper::ended_in_disorder) {
            tracing::error!("the thread that moves the write-ahead log has died");
        }
    }
}

impl Helper {
    fn start(
        connection: Connection,
        data: Arc<File>,
        contents: Arc<Contents>,
    ) -> std::io::Result<Self> {
        let (wake, woken) = sync_channel::<()>(1);
        let (tell, done) = sync_channel::<()>(1);
        let work = move || {
            while woken.recv().is_ok() {
                reach(Point::Checkpoint);
                help(&connection, &data, &contents);
                if tell.send(()).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("store-log".to_owned()).spawn(work)?;
        Ok(Self { wake, done, thread })
    }

    /// Whether the helper is done, or gone.
    fn is_done(&self) -> bool {
        self.done.try_recv() != Err(TryRecvError::Empty)
    }

    /// Waits until the helper is done, or gone.
    fn wait(&self) {
        // An error says that the helper is gone, which comes to the same.
        let _ = self.done.recv();
    }

    fn ended_in_disorder(self) -> bool {
        drop((self.wake, self.done));
        self.thread.join().is_err()
    }
}

/// The helper's connection. `FULL`, so that the log is safe before the database file is touched,
/// and that file before the log may be written over.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    // A connection knows of the log only once it has read.
    connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))?;
    Ok(connection)
}

/// The helper's part. SQLite syncs the database file only when nothing of the log is left, which is
/// the writer's part: so the file is synced here, and the writer needn't wait for all of it then.
fn help(connection: &Connection, data: &File, contents: &Contents) {
    // Held until the file is synced: some file systems note the time of a change only then.
    let _moving = contents.moving();
    passively(connection, contents);
    if let Err(error) = data.sync_data() {
        // The writer's own sync decides whether the log may be written over.
        tracing::warn!(%error, "the database file could not be synced");
    }
}

/// Moves the whole log and cuts it off, where the database is as it was left.
pub(crate) fn whole(connection: &Connection, contents: &Contents) -> rusqlite::Result<()> {
    let Some(_moving) = contents.moving() else { return Ok(()) };
    let _cutting = contents.committing();
    checkpoint(connection, "PRAGMA wal_checkpoint(TRUNCATE)").map(|_| ())
}

/// Moves, under the same condition, what can be moved without waiting for anybody.
pub(crate) fn passively(connection: &Connection, contents: &Contents) {
    let Some(_moving) = contents.moving() else { return };
    if let Err(error) = checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)") {
        tracing::warn!(%error, "the write-ahead log could not be moved into the database");
    }
}

/// Runs the checkpoint and returns the length of the log in pages.
fn checkpoint(connection: &Connection, sql: &str) -> rusqlite::Result<i64> {
    connection.prepare_cached(sql)?.query_row([], |row| row.get(1))
}
