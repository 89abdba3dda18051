//! The one thread that writes to the database. It takes all jobs that wait as one transaction and
//! answers them after the commit, so that many orders share one fsync without an artificial wait.
//!
//! What a job does is the business of the other files here. A job that fails or panics is undone
//! alone. Jobs that can be repeated run without a savepoint; if one of them fails, the whole
//! transaction is repeated with a savepoint for each job.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use domain::ports::Cause;
use instruments::fault_points::{Commit, Point, around_commit, reach};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};
use tokio::sync::{mpsc, watch};

use crate::engine::checkpoint::{self, Checkpointer};
use crate::engine::error::{CloseError, JobError, WriteError};
#[cfg(any(test, feature = "testing"))]
use crate::engine::in_memory::InMemory;
use crate::engine::job::{Job, Needs, Reply, task};
use crate::engine::limits;
use crate::engine::progress::WriterStage;
use crate::engine::signals::Signals;
use crate::engine::tx::{Effects, Tx, Undoing};
use crate::files::copy;
use crate::files::open_files::{Ground, OpenFiles};
use crate::queue_table::queue_index::QueueIndex;
use instruments::clock::Now;

/// Orders that one commit takes at most: a bound on how long the first waits for the last.
const ORDERS_PER_COMMIT_MAX: usize = 1_024;

/// How long a transaction waits for the write lock where another program holds it. After that the
/// transaction was definitely not begun, and its jobs are answered so.
pub(crate) const LOCK_WAIT: Duration = Duration::from_secs(2);

/// A job of orders is answered within this time where only a lock is in its way: it waits behind
/// one transaction that can't begin, and is in the next. A caller that gives up earlier has to call
/// unknown what is definitely not stored.
pub const ANSWERED_WITHIN: Duration =
    LOCK_WAIT.saturating_mul(2).saturating_add(Duration::from_secs(1));

enum Message {
    Job(Box<dyn Job>),
    Close,
}

/// Hands jobs to the writing thread.
#[derive(Clone)]
pub(crate) struct Writer {
    way: Way,
    needs: Needs,
}

/// Where jobs are done.
#[derive(Clone)]
enum Way {
    /// On the writing thread.
    Thread(mpsc::Sender<Message>),
    /// At once on the caller's thread, in memory.
    #[cfg(any(test, feature = "testing"))]
    AtOnce(Arc<InMemory>),
}

impl Writer {
    /// The same, for jobs that are done even while the files aren't in their place.
    pub(crate) fn anywhere(&self) -> Self {
        Self { needs: Needs::Nothing, way: self.way.clone() }
    }

    /// Does `work` in the next transaction. Waits while the channel to the thread is full. `work`
    /// may run twice, as the first transaction may be undone, so it must give the same result each
    /// time.
    pub(crate) async fn write<T, F>(&self, orders: usize, work: F) -> Result<T, WriteError>
    where
        T: Send + 'static,
        F: FnMut(&Tx<'_>) -> Result<T, JobError> + Send + 'static,
    {
        self.send(task(orders, true, self.needs, work)).await
    }

    /// As `write`, for work that can be done only once.
    pub(crate) async fn write_once<T, F>(&self, orders: usize, work: F) -> Result<T, WriteError>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T, JobError> + Send + 'static,
    {
        let mut work = Some(work);
        let once = move |tx: &Tx<'_>| match work.take() {
            Some(work) => work(tx),
            None => Err(JobError::Panic("work that is done once was asked for again".to_owned())),
        };
        self.send(task(orders, false, self.needs, once)).await
    }

    async fn send<T>(&self, (job, reply): (Box<dyn Job>, Reply<T>)) -> Result<T, WriteError> {
        match &self.way {
            Way::Thread(messages) => {
                messages.send(Message::Job(job)).await.map_err(|_| WriteError::Closed)?;
            }
            #[cfg(any(test, feature = "testing"))]
            Way::AtOnce(memory) => return done_at_once(memory, job, reply),
        }
        reply.await.unwrap_or_else(|_| Err(lost()))
    }

    /// As `write`, but refuses at once when the channel is full.
    pub(crate) async fn try_write<T, F>(&self, orders: usize, work: F) -> Result<T, WriteError>
    where
        T: Send + 'static,
        F: FnMut(&Tx<'_>) -> Result<T, JobError> + Send + 'static,
    {
        let (job, reply) = task(orders, true, self.needs, work);
        match &self.way {
            Way::Thread(messages) => {
                messages.try_send(Message::Job(job)).map_err(|error| match error {
                    mpsc::error::TrySendError::Full(_) => WriteError::Overloaded,
                    mpsc::error::TrySendError::Closed(_) => WriteError::Closed,
                })?;
            }
            #[cfg(any(test, feature = "testing"))]
            Way::AtOnce(memory) => return done_at_once(memory, job, reply),
        }
        reply.await.unwrap_or_else(|_| Err(lost()))
    }

    /// Lets the thread finish what waits and end; later jobs are answered `Closed`.
    pub(crate) async fn close(&self) {
        match &self.way {
            // An error means that it has ended already.
            Way::Thread(messages) => drop(messages.send(Message::Close).await),
            #[cfg(any(test, feature = "testing"))]
            Way::AtOnce(memory) => memory.close(),
        }
    }

    /// Whether jobs are refused.
    pub(crate) fn is_closed(&self) -> bool {
        match &self.way {
            Way::Thread(messages) => messages.is_closed(),
            #[cfg(any(test, feature = "testing"))]
            Way::AtOnce(memory) => memory.is_closed(),
        }
    }

    /// One that has its jobs done in memory, at once.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn at_once(memory: Arc<InMemory>) -> Self {
        Self { way: Way::AtOnce(memory), needs: Needs::Place }
    }
}

/// The answer to a job that is done on this thread. It is there when the job is: nothing waits.
#[cfg(any(test, feature = "testing"))]
fn done_at_once<T>(
    memory: &InMemory,
    job: Box<dyn Job>,
    mut reply: Reply<T>,
) -> Result<T, WriteError> {
    memory.run(job)?;
    reply.try_recv().unwrap_or_else(|_| Err(lost()))
}

/// The thread took the job and died: it may have been in the middle of the commit.
fn lost() -> WriteError {
    WriteError::Unknown(Cause("the writing thread ended before it answered".to_owned()))
}

/// The writing thread's own things.
struct Loop {
    connection: Connection,
    place: Arc<OpenFiles>,
    /// Whether the log was moved into a database that lost it.
    is_folded: bool,
    queue_index: Arc<QueueIndex>,
    messages: mpsc::Receiver<Message>,
    clock: Now,
    signals: Signals,
}

/// Starts the thread. It ends after `close`, or when the last handle is gone, and only then lets go
/// of the lock.
pub(crate) fn start(
    connection: Connection,
    queue_index: Arc<QueueIndex>,
    checkpointer: Checkpointer,
    ground: Ground,
    waiting_max: usize,
    clock: Now,
    signals: Signals,
) -> std::io::Result<(Writer, thread::JoinHandle<Result<(), CloseError>>)> {
    connection.busy_timeout(LOCK_WAIT).map_err(std::io::Error::other)?;
    let (sender, messages) = mpsc::channel(waiting_max.max(1));
    let place = ground.place();
    let (is_folded, ended) = (false, signals.ended.clone());
    let work = Loop { connection, place, is_folded, queue_index, messages, clock, signals };
    let thread = thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
        let _ground = ground;
        let _obituary = Obituary(ended.clone());
        let outcome = work.run(checkpointer);
        ended.send_replace(Some(outcome.clone()));
        outcome
    })?;
    Ok((Writer { way: Way::Thread(sender), needs: Needs::Place }, thread))
}

/// Says in the log that the thread has died by a panic; its callers are then answered `Closed`.
struct Obituary(watch::Sender<Option<Result<(), CloseError>>>);

impl Drop for Obituary {
    fn drop(&mut self) {
        if thread::panicking() {
            tracing::error!("the store's writing thread has died; nothing can be stored any more");
            self.0.send_replace(Some(Err(CloseError::WriterDied)));
        }
    }
}

impl Loop {
    fn run(mut self, mut checkpointer: Checkpointer) -> Result<(), CloseError> {
        while let Some(first) = self.messages.blocking_recv() {
            self.signals.pulse.begin();
            let jobs = self.gather(first);
            let displaced = self.place.look();
            let jobs = self.admitted(jobs, displaced.as_ref());
            self.commit(jobs);
            if displaced.is_none() {
                self.signals.progress.enter(WriterStage::Log);
                checkpointer.after_commit(&self.connection, !self.messages.is_empty());
                if self.is_in_trouble() {
                    checkpointer.make_room(&self.connection);
                }
            }
            self.signals.pulse.rest();
            self.signals.progress.rest();
        }
        reach(Point::StopBeforeCheckpoint);
        checkpointer.end_helper();
        if self.place.look().is_some() {
            return Err(self.rescue());
        }
        let folded = checkpoint::whole(&self.connection, self.place.contents());
        // Closing the last connection would remove what lies at the log's path.
        if self.place.leave().is_some() {
            return Err(self.rescue());
        }
        folded.map_err(|error| CloseError::Checkpoint(Cause(error.to_string())))
    }

    /// Copies what is open to where it can be found, and leaves alone what lies at its path.
    fn rescue(&mut self) -> CloseError {
        let cause = self.place.leave().unwrap_or_else(|| Cause("it was for a moment".to_owned()));
        // Without this, closing would remove the log by its name, which may be another's.
        let kept = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        if let Err(error) = kept {
            tracing::error!(%error, "what lies at the log's path may be removed");
        }
        let rescued = match self.place.contents().wrong() {
            None => copy::rescue(&self.connection, self.place.path()),
            Some(_) => copy::rescue_what_is_left(&self.connection, self.place.path()),
        };
        self.is_folded = false;
        self.fold();
        CloseError::Displaced { cause, rescued }
    }

    /// The jobs that are done: all of them, or while the files aren't in their place those that
    /// don't need it. The others are refused.
    fn admitted(
        &mut self,
        jobs: Vec<Box<dyn Job>>,
        displaced: Option<&Cause>,
    ) -> Vec<Box<dyn Job>> {
        let Some(cause) = displaced else {
            self.is_folded = false;
            return jobs;
        };
        self.fold();
        let (done, refused): (Vec<_>, Vec<_>) =
            jobs.into_iter().partition(|job| job.needs() == Needs::Nothing);
        for job in refused {
            job.settle(Err(WriteError::Rejected(cause.clone())));
        }
        done
    }

    /// Moves the open log into the database, once, where the database is in its place and the log
    /// isn't: the next program that opens the database finds everything.
    fn fold(&mut self) {
        if !self.is_folded && self.place.may_fold() {
            checkpoint::passively(&self.connection, self.place.contents());
            self.is_folded = true;
        }
    }

    /// The jobs of the next transaction: all that wait, up to the bound.
    fn gather(&mut self, first: Message) -> Vec<Box<dyn Job>> {
        let mut jobs = Vec::new();
        let mut orders = 0;
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Job(job) => {
                    orders += job.orders();
                    jobs.push(job);
                }
                Message::Close => self.messages.close(),
            }
            next =
                if orders < ORDERS_PER_COMMIT_MAX { self.messages.try_recv().ok() } else { None };
        }
        jobs
    }

    fn commit(&self, mut jobs: Vec<Box<dyn Job>>) {
        if jobs.is_empty() {
            return;
        }
        let mut trouble = None;
        let committing = self.place.contents().committing();
        let committed = self.transact(&mut jobs, &mut trouble);
        drop(committing);
        self.note(committed.as_ref().err().map(|error| Cause(error.to_string())).or(trouble));
        if let Ok(effects) = committed {
            self.signals.tell(effects);
        }
        for job in jobs {
            job.settle(committed.as_ref().map(|_| ()).map_err(Clone::clone));
        }
    }

    fn note(&self, now: Option<Cause>) {
        self.signals.trouble.send_if_modified(|trouble| {
            let changed = *trouble != now;
            *trouble = now;
            changed
        });
    }

    fn is_in_trouble(&self) -> bool {
        self.signals.trouble.borrow().is_some()
    }

    fn transact(
        &self,
        jobs: &mut [Box<dyn Job>],
        trouble: &mut Option<Cause>,
    ) -> Result<Effects, WriteError> {
        let began = Instant::now();
        let repeatable = jobs.iter().all(|job| job.is_repeatable());
        let tx = self.begin(if repeatable { Undoing::Whole } else { Undoing::Each })?;
        let mut tx = run(jobs, tx);
        if tx.is_spoiled() {
            tx.undo();
            tx = run(jobs, self.begin(Undoing::Each)?);
        }
        *trouble = tx.trouble.take();
        if self.connection.is_autocommit() {
            tx.undo();
            let cause = trouble.take().unwrap_or_else(|| {
                Cause("another write of the same transaction undid it all".to_owned())
            });
            return Err(WriteError::Rejected(cause));
        }
        let counts = tx.counts();
        self.signals.progress.enter(WriterStage::Commit);
        around_commit(Commit::Ahead, counts.queued + counts.accepted, counts.decided);
        self.execute("COMMIT").map_err(|error| {
            tx.undo();
            commit_failed(&error, &self.connection)
        })?;
        let (tally, effects) = tx.committed();
        around_commit(Commit::Done, counts.queued + counts.accepted, counts.decided);
        self.signals.meters.count(&tally, began.elapsed());
        Ok(effects)
    }

    fn begin(&self, undoing: Undoing) -> Result<Tx<'_>, WriteError> {
        self.signals.progress.enter(WriterStage::Lock);
        self.execute("BEGIN IMMEDIATE").map_err(|error| self.not_begun(&error))?;
        self.signals.progress.enter(WriterStage::Work);
        Ok(Tx::new(&self.connection, &self.queue_index, (self.clock)(), undoing))
    }

    /// Nothing was written. Where the lock couldn't be had, the process that has it is looked up
    /// now: later it may be gone.
    fn not_begun(&self, error: &rusqlite::Error) -> WriteError {
        let cause = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                format!("{error}: {}", self.signals.progress.who_locks())
            }
            _ => return WriteError::Rejected(limits::cause(&self.connection, error)),
        };
        WriteError::Rejected(Cause(cause))
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<usize> {
        self.connection.prepare_cached(sql)?.execute([])
    }
}

/// Runs the jobs, for as long as there is a transaction that can be committed.
fn run<'a>(jobs: &mut [Box<dyn Job>], tx: Tx<'a>) -> Tx<'a> {
    for job in jobs {
        job.run(&tx);
        if tx.is_spoiled() || tx.connection.is_autocommit() {
            break;
        }
    }
    tx
}

/// A full disk, or a file as large as it may be, fails the commit before its last frame is in the
/// log, so nothing can be replayed; after any other failure, notably of fsync, the frames may lie
/// there complete.
fn commit_failed(error: &rusqlite::Error, connection: &Connection) -> WriteError {
    let cause = limits::cause(connection, error);
    match error.sqlite_error_code() {
        _ if limits::is_full(connection, error) => WriteError::Rejected(cause),
        Some(ErrorCode::DatabaseBusy | ErrorCode::ReadOnly | ErrorCode::ConstraintViolation) => {
            WriteError::Rejected(cause)
        }
        _ => WriteError::Unknown(cause),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, ffi};

    use super::{WriteError, commit_failed};

    #[test]
    fn a_commit_that_may_be_replayed_is_unknown_and_a_full_disk_is_not() {
        let connection = Connection::open_in_memory().unwrap();
        let failed = |code| {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            commit_failed(&error, &connection)
        };
        for code in [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_NOMEM] {
            assert!(matches!(failed(code), WriteError::Unknown(_)), "{code}");
        }
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_BUSY, ffi::SQLITE_READONLY] {
            assert!(matches!(failed(code), WriteError::Rejected(_)), "{code}");
        }
    }
}
