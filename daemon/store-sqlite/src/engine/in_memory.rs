//! The same jobs and queries on a database in memory, each at once on its caller's thread: for
//! tests that decide themselves when a commit happens and whether it does. The SQL and the rules
//! are the real ones; only the writer's thread, the readers and the files are missing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::ports::{Cause, Seed};
use rusqlite::Connection;

use crate::engine::error::{ReadError, WriteError};
use crate::engine::job::Job;
use crate::engine::migrations;
use crate::engine::signals::Signals;
use crate::engine::tx::{Tx, Undoing};
use crate::queue_table::queue_index::QueueIndex;
use crate::sale::products;
use instruments::clock::Now;

/// A database in memory.
pub(crate) struct InMemory {
    connection: Mutex<Connection>,
    queue_index: Arc<QueueIndex>,
    clock: Now,
    signals: Signals,
    /// Whether the next transaction is undone instead of committed.
    undoes_next: AtomicBool,
    /// Transactions so far.
    writes: AtomicU64,
    is_closed: AtomicBool,
}

impl InMemory {
    /// An empty one, with a table that names the buyers whose orders fail by themselves.
    pub(crate) fn new(
        queue_index: Arc<QueueIndex>,
        clock: Now,
        signals: Signals,
    ) -> rusqlite::Result<Self> {
        let mut connection = Connection::open_in_memory()?;
        connection.set_prepared_statement_cache_capacity(64);
        migrations::migrate(&mut connection)?;
        connection.execute_batch(
            "CREATE TABLE poisonous (user_phoneno TEXT PRIMARY KEY);
             CREATE TRIGGER poison BEFORE INSERT ON t_seckill_order
             WHEN NEW.order_status = 2 AND EXISTS
               (SELECT 1 FROM poisonous p WHERE p.user_phoneno = NEW.user_phoneno)
             BEGIN SELECT RAISE(ABORT, 'poisonous'); END;",
        )?;
        Ok(Self {
            connection: Mutex::new(connection),
            queue_index,
            clock,
            signals,
            undoes_next: AtomicBool::new(false),
            writes: AtomicU64::new(0),
            is_closed: AtomicBool::new(false),
        })
    }

    /// Does a job as a transaction of its own.
    pub(crate) fn run(&self, mut job: Box<dyn Job>) -> Result<(), WriteError> {
        if self.is_closed() {
            return Err(WriteError::Closed);
        }
        self.writes.fetch_add(1, Ordering::Relaxed);
        let committed = self.transact(&mut *job);
        job.settle(committed);
        Ok(())
    }

    fn transact(&self, job: &mut dyn Job) -> Result<(), WriteError> {
        let connection = self.lock();
        let failed = |error: rusqlite::Error| WriteError::Rejected(Cause(error.to_string()));
        let is_undone = self.undoes_next.swap(false, Ordering::Relaxed);
        if is_undone {
            connection.execute_batch("SAVEPOINT undone").map_err(failed)?;
        }
        let tx = Tx::new(&connection, &self.queue_index, (self.clock)(), Undoing::Each);
        // The job's savepoint is the transaction: a history of many is undone as a whole.
        job.run(&tx);
        if is_undone {
            tx.undo_in_index();
            connection.execute_batch("ROLLBACK TO undone; RELEASE undone").map_err(failed)?;
            return Err(WriteError::Rejected(Cause("the commit was to be undone".to_owned())));
        }
        let (tally, effects) = tx.committed();
        self.signals.meters.count(&tally, Duration::ZERO);
        self.signals.tell(effects);
        Ok(())
    }

    /// Answers a query.
    pub(crate) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, ReadError> {
        if self.is_closed() {
            return Err(ReadError::Closed);
        }
        let failed = |error: rusqlite::Error| ReadError::Failed(Cause(error.to_string()));
        query(&self.lock()).map_err(failed)
    }

    /// Refuses jobs and queries from now on.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        self.signals.ended.send_replace(Some(Ok(())));
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// Forgets everything since the last call, which is cheaper than a new database, and puts in
    /// these products.
    pub(crate) fn begin_history(&self, seeds: &[Seed]) -> rusqlite::Result<()> {
        let connection = self.lock();
        if !connection.is_autocommit() {
            connection.execute_batch("ROLLBACK")?;
        }
        connection.execute_batch("BEGIN")?;
        self.queue_index.clear();
        products::seed(&connection, seeds, (self.clock)().0).map(|_| ())
    }

    /// The next transaction is undone, as if the process had died before its commit.
    pub(crate) fn undo_next(&self) {
        self.undoes_next.store(true, Ordering::Relaxed);
    }

    /// How many transactions there were.
    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
