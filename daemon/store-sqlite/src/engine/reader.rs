//! The read-only connections that answer queries, beside the writer and without waiting for it.
//! Queries run on threads that may block, never on those that serve requests.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::ports::Cause;
use instruments::background;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::engine::error::ReadError;
#[cfg(any(test, feature = "testing"))]
use crate::engine::in_memory::InMemory;

/// How long a connection waits for a lock that another process holds. (The writing thread waits
/// less: [`LOCK_WAIT`](crate::engine::writer::LOCK_WAIT).)
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Where queries are answered.
#[derive(Clone)]
pub(crate) enum Reader {
    /// On the reading connections.
    Pool(Arc<Readers>),
    /// At once on the caller's thread, in memory.
    #[cfg(any(test, feature = "testing"))]
    AtOnce(Arc<InMemory>),
}

impl Reader {
    /// Runs `query` on one moment of the database.
    pub(crate) async fn read<T, F>(&self, query: F) -> Result<T, ReadError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        match self {
            Self::Pool(readers) => readers.read(query).await,
            #[cfg(any(test, feature = "testing"))]
            Self::AtOnce(memory) => memory.read(query),
        }
    }

    /// As `read`, for a query that takes long and can wait; see [`background`].
    pub(crate) async fn read_in_background<T, F>(&self, query: F) -> Result<T, ReadError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        match self {
            Self::Pool(readers) => readers.read_in_background(query).await,
            #[cfg(any(test, feature = "testing"))]
            Self::AtOnce(memory) => memory.read(query),
        }
    }

    /// Waits for the queries that run and refuses further ones.
    pub(crate) async fn close(&self) {
        match self {
            Self::Pool(readers) => readers.close().await,
            // It is closed together with its writer.
            #[cfg(any(test, feature = "testing"))]
            Self::AtOnce(_) => {}
        }
    }
}

/// A fixed number of connections; further queries wait for one.
pub(crate) struct Readers {
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
    count: u32,
}

impl Readers {
    /// Opens `count` connections, at least one.
    pub(crate) fn open(path: &Path, count: usize) -> rusqlite::Result<Arc<Self>> {
        let count = u32::try_from(count.max(1)).unwrap_or(u32::MAX);
        let idle = (0..count).map(|_| connect(path)).collect::<rusqlite::Result<Vec<_>>>()?;
        let permits = Arc::new(Semaphore::new(idle.len()));
        Ok(Arc::new(Self { idle: Mutex::new(idle), permits, count }))
    }

    /// Runs `query` on one of the connections, in one read transaction.
    async fn read<T, F>(self: &Arc<Self>, query: F) -> Result<T, ReadError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let job = self.job(query).await?;
        spawn_blocking(job).await.unwrap_or(Err(ReadError::Closed))
    }

    /// As `read`, for a query that takes long and can wait; see [`background`].
    async fn read_in_background<T, F>(self: &Arc<Self>, query: F) -> Result<T, ReadError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let job = self.job(query).await?;
        background::run(job).await.unwrap_or(Err(ReadError::Closed))
    }

    /// The query with its turn at a connection.
    async fn job<T, F>(
        self: &Arc<Self>,
        query: F,
    ) -> Result<impl FnOnce() -> Result<T, ReadError> + use<T, F>, ReadError>
    where
        F: FnOnce(&Connection) -> rusqlite::Result<T>,
    {
        // The permit moves to the thread: a caller who stops waiting doesn't free the connection.
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| ReadError::Closed)?;
        let readers = Arc::clone(self);
        Ok(move || {
            let answer = readers.run(query);
            drop(permit);
            answer
        })
    }

    fn run<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, ReadError> {
        let connection = self.idle().pop().ok_or(ReadError::Closed)?;
        let answer = catch_unwind(AssertUnwindSafe(|| {
            let transaction = connection.unchecked_transaction()?;
            let answer = query(&transaction)?;
            transaction.commit()?;
            Ok(answer)
        }));
        self.idle().push(connection);
        match answer {
            Ok(answer) => answer.map_err(|error: rusqlite::Error| Cause(error.to_string())),
            Err(_) => Err(Cause("the query panicked".to_owned())),
        }
        .map_err(ReadError::Failed)
    }

    /// Waits for the queries that run, closes their connections and refuses further ones.
    async fn close(&self) {
        let all = self.permits.acquire_many(self.count).await;
        self.permits.close();
        drop(all);
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(32);
    // A connection opens the log with its first reading: not later, when another may lie there.
    connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))?;
    Ok(connection)
}
