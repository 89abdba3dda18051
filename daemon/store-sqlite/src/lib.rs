//! The database of this process: one writing thread, a few reading connections, and the only place
//! with SQL. It decides nothing by itself; the placing rules are in `domain::batch`.
//!
//! One file per kind of row: `orders`, `products`, `decisions`, `queue` (the embedded queue),
//! `dead_letters`, `resent` (those on their way back), `unconfirmed`, `outcomes`, `meta`; `placing`
//! and `deciding` join them in one transaction, for `deliveries` and for `waiting`: the queue's
//! rows and the resent letters.
//!
//! For operators: `audit` carries commands out and logs them (`product_commands`, `controls`,
//! `letter_commands`); `order_lists` and `order_history` show orders wherever they stand. What a
//! command may do is judged in `domain`.
//!
//! `accepting` lets orders into the embedded queue, or past it where nothing waits.
//!
//! `place` looks whether the open files are still those at their paths; `lock` and `id_file` are
//! what stands beside the database for the next start.
//!
//! `checkpoint` moves the write-ahead log into the database file beside the writer. `copy` makes a
//! whole copy of one moment beside it, and `restore` puts one in a database's place.

mod engine;
mod files;
mod lists;
mod notebook;
mod operators;
mod queue_table;
mod sale;
#[cfg(any(test, feature = "testing"))]
#[expect(missing_docs, clippy::panic, clippy::unwrap_used, reason = "of the tests above")]
pub mod testing;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use domain::outcomes::Outcomes;
use domain::ports::Cause;
use domain::ports::lists::PAGE_MAX;
pub use domain::ports::{Balance, OrderRow, ReadError, Seed, WriteError};
use protocol::EpochMs;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::watch;

use crate::engine::checkpoint::Checkpointer;
pub use crate::engine::error::CloseError;
use crate::engine::meta;
use crate::engine::meta::Identity;
pub use crate::engine::meters::StoreMeters;
use crate::engine::open;
pub use crate::engine::open::{BESIDE, LOCK, beside};
pub use crate::engine::open::{OpenError, Take};
use crate::engine::reader::{Reader, Readers};
use crate::engine::signals::Signals;
use crate::engine::writer;
pub use crate::engine::writer::ANSWERED_WITHIN;
use crate::engine::writer::Writer;
use crate::files::contents::Contents;
pub use crate::files::copy::{Copied, CopyError, copy};
pub use crate::files::examine::{Examined, examine, recognise};
pub use crate::files::holder::{holder, out_of_place};
pub use crate::files::id_file::ID;
use crate::files::open_files::{FilesKeeper, Ground, OpenFiles};
pub use crate::files::restore::{Aside, RestoreError, Restored, restore};
use crate::queue_table::queue_index::QueueIndex;
use crate::sale::products;
use instruments::clock::{self, Now, SaleClock};
use instruments::signs_of_life::Pulse;

/// What a probe writes: 16 pages.
const PROBE_BYTES: usize = 64 * 1024;

/// How the store is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The database file. Its folder is made when absent.
    pub path: PathBuf,
    /// Connections that answer queries; at least one.
    pub readers: usize,
    /// Jobs that may wait for the writer; one more is refused, or waits outside.
    pub writes_waiting_max: usize,
    /// Which store is taken, where another was.
    pub take: Take,
}

/// The store. Clones are handles to the same one; when the last is dropped the writer finishes what
/// waits, and `close` does the same in good order.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

/// The fields are dropped in this sequence: the writer's thread ends once its last handle is gone,
/// and only then can it be joined.
struct Inner {
    writer: Writer,
    thread: Thread,
    reader: Reader,
    signals: Signals,
    queue_index: Arc<QueueIndex>,
    identity: Identity,
    clock: Now,
    path: PathBuf,
    meter_base: Instant,
    /// `None` for a database in memory.
    disk: Option<Disk>,
}

/// What a database has on the disk.
struct Disk {
    place: Arc<OpenFiles>,
    /// The database file, let go of after every connection to it: see `checkpoint`.
    _data: Arc<File>,
}

/// The database's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The database, by its real path.
    pub path: PathBuf,
    /// Its size in bytes; `None` where that can't be read.
    pub size_bytes: Option<u64>,
    /// The write-ahead log's size in bytes, likewise; it stays as long as it once was.
    pub wal_bytes: Option<u64>,
}

impl Store {
    /// Opens the database, or makes it, and takes its lock. Puts in the products that are absent
    /// and checks the books of all: a mismatch is logged as an error and left as it is. Blocks.
    ///
    /// # Errors
    /// Says why the database can't be used; an existing file is then unchanged.
    pub fn open(settings: &Settings, seeds: &[Seed]) -> Result<Self, OpenError> {
        Self::open_with_clock(settings, seeds, Arc::new(clock::now))
    }

    /// The same with the process's sale clock: all that is stored goes by it.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub fn open_by(
        settings: &Settings,
        seeds: &[Seed],
        clock: Arc<SaleClock>,
    ) -> Result<Self, OpenError> {
        Self::open_with_clock(settings, seeds, Arc::new(move || clock.now()))
    }

    pub(crate) fn open_with_clock(
        settings: &Settings,
        seeds: &[Seed],
        clock: Now,
    ) -> Result<Self, OpenError> {
        let open::Opened { mut connection, path, lock, data, id_files } =
            open::open(&settings.path, settings.take)?;
        let failed = |error: rusqlite::Error| open::classify(&path, &error);
        let broken =
            |error: io::Error| OpenError::Io { path: path.clone(), why: error.to_string() };
        let identity = furnish(&mut connection, seeds, clock().0).map_err(failed)?;
        let identity = identity.ok_or_else(|| OpenError::Corrupt {
            path: path.clone(),
            why: "its identity in seckill_meta is unreadable".to_owned(),
        })?;
        if let Err(error) = id_files.write(&[&identity.store_id]) {
            // A disk that is full is no reason not to start; the keeper tries again.
            tracing::warn!(%error, "the store's id can't be written beside it");
        }
        check_books(&connection, &path).map_err(failed)?;
        let queue_index = Arc::new(QueueIndex::of(&connection).map_err(failed)?);
        let readers = Readers::open(&path, settings.readers).map_err(failed)?;
        let reader = Reader::Pool(readers);
        let meter_base = Instant::now();
        let signals = Signals::new(meter_base, &path);
        let data = Arc::new(data);
        let contents = Arc::new(Contents::of(&path));
        let checkpointer = Checkpointer::start(&path, Arc::clone(&data), Arc::clone(&contents));
        // Every connection has what it needs open by now.
        let place =
            Arc::new(OpenFiles::of(&settings.path, &path, &data, contents).map_err(broken)?);
        let lock = Arc::new(lock);
        let (id, kept) = (identity.store_id.clone(), Arc::clone(&lock));
        let keeper = FilesKeeper::start(Arc::clone(&place), kept, id_files, id).map_err(broken)?;
        let (writer, thread) = writer::start(
            connection,
            Arc::clone(&queue_index),
            checkpointer,
            Ground::new(Arc::clone(&place), Arc::clone(&data), keeper, lock),
            settings.writes_waiting_max,
            Arc::clone(&clock),
            signals.clone(),
        )
        .map_err(broken)?;
        let thread = Thread(Mutex::new(Some(thread)));
        let inner = Inner {
            writer,
            thread,
            reader,
            signals,
            queue_index,
            identity,
            clock,
            path,
            meter_base,
            disk: Some(Disk { place, _data: data }),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Finishes what waits, moves the write-ahead log into the database and lets go of the lock.
    /// Later reads and writes are answered `Closed`. Closing again, from any handle, is harmless,
    /// and ends as the first time did.
    ///
    /// # Errors
    /// What went wrong at the end; everything that was answered is stored all the same, but where
    /// the error says so: [`CloseError::Displaced`].
    pub async fn close(&self) -> Result<(), CloseError> {
        // The writer's connection has to be the last: those that only read can't remove the log.
        self.inner.reader.close().await;
        self.inner.writer.close().await;
        if let Some(thread) = self.inner.thread.take() {
            // How it ended is returned below; once joined, it has let go of the lock.
            drop(tokio::task::spawn_blocking(move || thread.join()).await);
        }
        let mut ended = self.inner.signals.ended.subscribe();
        let ended = ended.wait_for(Option::is_some).await;
        ended.map_or(Ok(()), |outcome| outcome.clone().unwrap_or(Ok(())))
    }

    /// How closing it ended; `None` until it has.
    #[must_use]
    pub fn closed(&self) -> Option<Result<(), CloseError>> {
        self.inner.signals.ended.borrow().clone()
    }

    /// Why the files that are open aren't those at their paths any more: nothing is accepted then.
    #[must_use]
    pub fn displaced(&self) -> Option<Cause> {
        self.open_files()?.displaced()
    }

    /// A receiver that sees each change of [`Store::displaced`].
    #[must_use]
    pub fn watch_place(&self) -> watch::Receiver<Option<Cause>> {
        self.open_files().map_or_else(|| watch::Sender::new(None).subscribe(), OpenFiles::watch)
    }

    /// Names the database: a UUID made with it. Decision numbers are comparable within one name
    /// only.
    #[must_use]
    pub fn store_id(&self) -> &str {
        &self.inner.identity.store_id
    }

    /// The key of the order ids, made with the database. Secret: with it the buyer can be found
    /// from an order id.
    #[must_use]
    pub fn order_id_key(&self) -> [u8; 32] {
        self.inner.identity.order_id_key
    }

    /// Goes up with each commit that put something into the embedded queue.
    #[must_use]
    pub fn queued(&self) -> watch::Receiver<u64> {
        self.inner.signals.queued.subscribe()
    }

    /// The writing thread's sign of life.
    #[must_use]
    pub fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.inner.signals.pulse)
    }

    /// Why nothing can be stored at the moment: the database isn't in its place, the last commit
    /// failed, or the writer is gone.
    #[must_use]
    pub fn trouble(&self) -> Option<Cause> {
        if self.is_closed() {
            return Some(Cause(WriteError::Closed.to_string()));
        }
        self.displaced().or_else(|| self.inner.signals.trouble.borrow().clone())
    }

    /// Writes about as much as a commit of orders does, to see how writing goes now: on a full disk
    /// a little still finds room where orders find none.
    ///
    /// # Errors
    /// See [`WriteError`].
    pub async fn probe(&self) -> Result<(), WriteError> {
        let mut value = self.now().0.to_be_bytes().to_vec();
        value.resize(PROBE_BYTES, 0);
        self.set_meta("probed_at", value).await
    }

    /// Why the next start on this database would be refused; `None` while it wouldn't.
    #[must_use]
    pub fn closed_to_a_start(&self) -> Option<Cause> {
        self.open_files()?.closed_to_a_start()
    }

    /// Why the write under way takes so long, once it has been at one thing for `after`; `None`
    /// while none does. Reads `/proc`.
    #[must_use]
    pub fn stall(&self, after: Duration) -> Option<Cause> {
        self.inner.signals.progress.stall(after)
    }

    /// Whether writes are refused because the store is closed or its writer has died.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.writer.is_closed()
    }

    /// The moment, by the store's clock.
    #[must_use]
    pub fn now(&self) -> EpochMs {
        (self.inner.clock)()
    }

    /// What the writer did and does.
    #[must_use]
    pub fn meters(&self) -> &StoreMeters {
        &self.inner.signals.meters
    }

    /// Where the seconds of [`Store::meters`] begin: meters that are shown beside them take it as
    /// their own base.
    #[must_use]
    pub fn meter_base(&self) -> Instant {
        self.inner.meter_base
    }

    /// The database's files and their sizes. Asks the file system, so it may block for as long as
    /// that does.
    #[must_use]
    pub fn files(&self) -> Files {
        let path = self.inner.path.clone();
        let size_of = |path: &Path| std::fs::metadata(path).ok().map(|file| file.len());
        let log = beside(&path, "-wal");
        Files { size_bytes: size_of(&path), wal_bytes: size_of(&log), path }
    }

    fn open_files(&self) -> Option<&OpenFiles> {
        self.inner.disk.as_ref().map(|disk| &*disk.place)
    }

    pub(crate) fn writer(&self) -> &Writer {
        &self.inner.writer
    }

    pub(crate) async fn read<T, F>(&self, query: F) -> Result<T, ReadError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.inner.reader.read(query).await
    }
}

/// The writer's thread, joined when the last handle is dropped unless `close` did it: a database
/// that is let go of can be opened again at once.
struct Thread(Mutex<Option<JoinHandle<Result<(), CloseError>>>>);

impl Thread {
    fn take(&self) -> Option<JoinHandle<Result<(), CloseError>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        if let Some(Ok(Err(error))) = self.take().map(JoinHandle::join) {
            tracing::warn!(%error, "the database was not closed in good order");
        }
    }
}

/// Makes what each database has: its identity, and the products that are absent.
fn furnish(
    connection: &mut Connection,
    seeds: &[Seed],
    now: i64,
) -> rusqlite::Result<Option<Identity>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let identity = meta::identity(&transaction)?;
    products::seed(&transaction, seeds, now)?;
    transaction.commit()?;
    Ok(identity)
}

/// Looks whether every unit is accounted for. A mismatch is for an operator to look into, not for a
/// start to paper over.
fn check_books(connection: &Connection, path: &Path) -> rusqlite::Result<()> {
    for balance in products::balances(connection)?.iter().filter(|balance| !balance.holds()) {
        let path = path.display();
        tracing::error!(%path, ?balance, "the books of a product do not balance");
    }
    Ok(())
}

/// Rows of one page of a list: what was asked for, within 1 to 500.
pub(crate) fn page_limit(asked: usize) -> usize {
    asked.clamp(1, PAGE_MAX)
}

/// Figures that can't be negative, in a database that can't hold unsigned ones.
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
