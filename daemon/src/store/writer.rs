//! The one thread that writes to the database. It takes all jobs that wait as one transaction and
//! answers them after the commit, so that many orders share one fsync without an artificial wait.
//!
//! What a job does is the business of the other files here. Each job runs in a savepoint of its
//! own: one that fails, or panics, undoes itself and nobody else.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use protocol::EpochMs;
use rusqlite::{CachedStatement, Connection, ErrorCode};
use tokio::sync::{mpsc, oneshot, watch};

use super::checkpoint::Checkpointer;
use super::clock::Clock;
use super::error::{CloseError, Fault, WriteError};
use super::meters::{StoreMeters, Tally};
use super::queue_index::{Entry, QueueIndex};
use crate::fault_points::{Commit, Point, around_commit, reach};
use crate::queue::Cause;
use crate::vitals::Pulse;

/// Orders that one commit takes at most: a bound on how long the first waits for the last.
const ORDERS_PER_COMMIT_MAX: usize = 1_024;

/// What a job sees of the transaction it runs in.
pub(super) struct Tx<'a> {
    /// The writing connection, inside the job's savepoint.
    pub(super) connection: &'a Connection,
    /// The moment of the transaction.
    pub(super) now: EpochMs,
    /// Where the queue's rows are.
    pub(super) queue_index: &'a QueueIndex,
    /// What it does to the queue's rows.
    moves: RefCell<Moves>,
    /// What it has done so far, for the meters.
    tally: RefCell<Tally>,
    effects: Cell<Effects>,
    /// What a job of this transaction found wrong with the database as a whole.
    trouble: Cell<Option<Cause>>,
}

/// Rows of the queue that a transaction adds, which the index knows at once, and removes, which it
/// learns after the commit.
#[derive(Debug, Default)]
struct Moves {
    added: Vec<Entry>,
    removed: Vec<Entry>,
}

/// What others have to be told of once it is committed.
#[derive(Debug, Clone, Copy, Default)]
struct Effects {
    changed: bool,
    queued: bool,
}

impl<'a> Tx<'a> {
    /// Inside a transaction that has begun.
    pub(super) fn new(
        connection: &'a Connection,
        queue_index: &'a QueueIndex,
        now: EpochMs,
    ) -> Self {
        Self {
            connection,
            now,
            queue_index,
            moves: RefCell::default(),
            tally: RefCell::default(),
            effects: Cell::default(),
            trouble: Cell::new(None),
        }
    }

    /// A statement that is compiled once per connection.
    pub(super) fn statement(&self, sql: &str) -> rusqlite::Result<CachedStatement<'a>> {
        self.connection.prepare_cached(sql)
    }

    /// Notes that `count` orders were decided, and how long the buyers of those that were placed
    /// had waited, in milliseconds.
    pub(super) fn note_decided(&self, count: u64, waits_ms: &[i64]) {
        let mut tally = self.tally.borrow_mut();
        tally.counts.decided += count;
        tally.waits_ms.extend_from_slice(waits_ms);
        self.note_change();
    }

    /// Notes a delivery, which counts when it isn't the first of its message.
    pub(super) fn note_delivery(&self, redeliveries: u32) {
        self.tally.borrow_mut().counts.redeliveries += u64::from(0 < redeliveries);
    }

    /// Notes that a product changed, or an order was decided.
    pub(super) fn note_change(&self) {
        self.effects.set(Effects { changed: true, ..self.effects.get() });
    }

    /// Notes a row that was put into the embedded queue.
    pub(super) fn note_queued(&self, row: Entry) {
        self.tally.borrow_mut().counts.queued += 1;
        self.queue_index.add(row);
        self.moves.borrow_mut().added.push(row);
        self.effects.set(Effects { queued: true, ..self.effects.get() });
    }

    /// Notes orders that were accepted and decided, without having been in the queue.
    pub(super) fn note_accepted(&self, count: u64) {
        self.tally.borrow_mut().counts.accepted += count;
    }

    /// Whether the queue has no row, as far as this transaction has come.
    pub(super) fn queue_is_empty(&self) -> bool {
        let moves = self.moves.borrow();
        self.queue_index.committed() + moves.added.len() as u64 == moves.removed.len() as u64
    }

    /// Notes a row that was taken out of the embedded queue.
    pub(super) fn note_unqueued(&self, row: Entry) {
        self.moves.borrow_mut().removed.push(row);
    }

    /// Tells the index that all of it is committed.
    pub(super) fn settle_moves(&self) {
        let moves = self.moves.take();
        self.queue_index.settle(&moves.added, &moves.removed);
    }

    /// Tells the index that what was done beyond so many rows is undone.
    pub(super) fn undo_moves(&self, added: usize, removed: usize) {
        let mut moves = self.moves.borrow_mut();
        self.queue_index.undo(&moves.added.split_off(added));
        moves.removed.truncate(removed);
    }

    /// Runs `work` in a savepoint, which is undone when it fails or panics, with all that was noted
    /// in it.
    pub(super) fn in_savepoint<T>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let (effects, mark) = (self.effects.get(), self.tally.borrow().mark());
        let (added, removed) = (self.moves.borrow().added.len(), self.moves.borrow().removed.len());
        self.statement("SAVEPOINT job")?.execute([])?;
        let done = catch_unwind(AssertUnwindSafe(|| work(self)))
            .unwrap_or_else(|panic| Err(Fault::Panic(panic_text(panic.as_ref()))));
        match done {
            Ok(value) => {
                self.statement("RELEASE job")?.execute([])?;
                Ok(value)
            }
            Err(fault) => {
                self.undo_savepoint();
                self.effects.set(effects);
                self.tally.borrow_mut().return_to(&mark);
                self.undo_moves(added, removed);
                Err(fault)
            }
        }
    }

    /// SQLite gives up the whole transaction on some errors, and then there is no savepoint to
    /// return to; where there is one and it can't be returned to, the transaction has to go as
    /// well, or half a job would be committed.
    fn undo_savepoint(&self) {
        let undone = self.connection.execute_batch("ROLLBACK TO job; RELEASE job");
        if undone.is_err() && !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

/// A unit of work whose result waits for the commit.
trait Job: Send {
    /// How much of a commit's bound it takes.
    fn orders(&self) -> usize;
    /// Does the work and keeps its result.
    fn run(&mut self, tx: &Tx<'_>);
    /// Answers, now that the commit's outcome is known.
    fn settle(self: Box<Self>, commit: Result<(), WriteError>);
}

struct Task<T, F> {
    orders: usize,
    work: Option<F>,
    done: Option<Result<T, Fault>>,
    reply: oneshot::Sender<Result<T, WriteError>>,
}

impl<T, F> Job for Task<T, F>
where
    T: Send,
    F: FnOnce(&Tx<'_>) -> Result<T, Fault> + Send,
{
    fn orders(&self) -> usize {
        self.orders
    }

    fn run(&mut self, tx: &Tx<'_>) {
        self.done = self.work.take().map(|work| tx.in_savepoint(work));
        if let Some(Err(fault)) = &self.done
            && !fault.is_of_the_work()
        {
            tx.trouble.set(Some(fault.cause()));
        }
    }

    fn settle(self: Box<Self>, commit: Result<(), WriteError>) {
        let answer = match (self.done, commit) {
            (Some(Err(fault)), _) => Err(WriteError::Rejected(fault.cause())),
            (_, Err(error)) => Err(error),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(WriteError::Closed),
        };
        // Whoever asked may have stopped waiting; what is stored is stored.
        let _ = self.reply.send(answer);
    }
}

enum Message {
    Job(Box<dyn Job>),
    Close,
}

/// Hands jobs to the writing thread.
#[derive(Clone)]
pub(super) struct Writer {
    messages: mpsc::Sender<Message>,
}

impl Writer {
    /// Does `work` in the next transaction; waits for a place in the row when it is full.
    pub(super) async fn write<T, F>(&self, orders: usize, work: F) -> Result<T, WriteError>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let (message, reply) = task(orders, work);
        self.messages.send(message).await.map_err(|_| WriteError::Closed)?;
        reply.await.unwrap_or_else(|_| Err(lost()))
    }

    /// As `write`, but refuses at once when the row is full.
    pub(super) async fn try_write<T, F>(&self, orders: usize, work: F) -> Result<T, WriteError>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let (message, reply) = task(orders, work);
        self.messages.try_send(message).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => WriteError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => WriteError::Closed,
        })?;
        reply.await.unwrap_or_else(|_| Err(lost()))
    }

    /// As `write`, from a thread that may block.
    pub(super) fn write_blocking<T, F>(&self, orders: usize, work: F) -> Result<T, WriteError>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let (message, reply) = task(orders, work);
        self.messages.blocking_send(message).map_err(|_| WriteError::Closed)?;
        reply.blocking_recv().unwrap_or_else(|_| Err(lost()))
    }

    /// Lets the thread finish what waits and end; later jobs are answered `Closed`.
    pub(super) async fn close(&self) {
        // An error means that it has ended already.
        let _ = self.messages.send(Message::Close).await;
    }

    /// Whether jobs are refused.
    pub(super) fn is_closed(&self) -> bool {
        self.messages.is_closed()
    }
}

fn task<T, F>(orders: usize, work: F) -> (Message, oneshot::Receiver<Result<T, WriteError>>)
where
    T: Send + 'static,
    F: FnOnce(&Tx<'_>) -> Result<T, Fault> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    let orders = orders.max(1);
    (Message::Job(Box::new(Task { orders, work: Some(work), done: None, reply })), answer)
}

/// The thread took the job and died: it may have been in the middle of the commit.
fn lost() -> WriteError {
    WriteError::Unknown(Cause("the writing thread ended before it answered".to_owned()))
}

/// Numbers that go up when there is something to look at.
#[derive(Clone)]
pub(super) struct Signals {
    /// Commits that decided an order or changed a product.
    pub(super) changes: watch::Sender<u64>,
    /// Commits that put something into the embedded queue.
    pub(super) queued: watch::Sender<u64>,
    /// Why the last commit failed; `None` when it didn't.
    pub(super) trouble: watch::Sender<Option<Cause>>,
    /// Counts what commits do.
    pub(super) meters: Arc<StoreMeters>,
    /// The writer's sign of life.
    pub(super) pulse: Arc<Pulse>,
}

/// The writing thread's own things.
struct Loop {
    connection: Connection,
    queue_index: Arc<QueueIndex>,
    messages: mpsc::Receiver<Message>,
    clock: Clock,
    signals: Signals,
}

/// Starts the thread. It ends when it is told to, or when the last handle is gone, and only then
/// lets go of `lock`.
pub(super) fn start(
    connection: Connection,
    queue_index: Arc<QueueIndex>,
    checkpointer: Checkpointer,
    lock: File,
    waiting_max: usize,
    clock: Clock,
    signals: Signals,
) -> std::io::Result<(Writer, thread::JoinHandle<Result<(), CloseError>>)> {
    let (sender, messages) = mpsc::channel(waiting_max.max(1));
    let work = Loop { connection, queue_index, messages, clock, signals };
    let thread = thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
        let _lock = lock;
        let _obituary = Obituary;
        work.run(checkpointer)
    })?;
    Ok((Writer { messages: sender }, thread))
}

/// Says in the log that the thread has died by a panic; its callers are then told `Closed`.
struct Obituary;

impl Drop for Obituary {
    fn drop(&mut self) {
        if thread::panicking() {
            tracing::error!("the store's writing thread has died; nothing can be stored any more");
        }
    }
}

impl Loop {
    fn run(mut self, mut checkpointer: Checkpointer) -> Result<(), CloseError> {
        while let Some(first) = self.messages.blocking_recv() {
            self.signals.pulse.begin();
            let jobs = self.gather(first);
            self.commit(jobs);
            checkpointer.after_commit(&self.connection);
            self.signals.pulse.rest();
        }
        reach(Point::StopBeforeCheckpoint);
        checkpointer
            .finish(&self.connection)
            .map_err(|error| CloseError::Checkpoint(Cause(error.to_string())))
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
        let committed = self.transact(&mut jobs, &mut trouble);
        self.note(committed.as_ref().err().map(|error| Cause(error.to_string())).or(trouble));
        if let Ok(effects) = committed {
            self.tell(effects);
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

    fn transact(
        &self,
        jobs: &mut [Box<dyn Job>],
        trouble: &mut Option<Cause>,
    ) -> Result<Effects, WriteError> {
        let rejected = |error: rusqlite::Error| WriteError::Rejected(Cause(error.to_string()));
        let execute = |sql| self.connection.prepare_cached(sql)?.execute([]);
        let began = Instant::now();
        execute("BEGIN IMMEDIATE").map_err(rejected)?;
        let tx = Tx::new(&self.connection, &self.queue_index, (self.clock)());
        for job in jobs {
            job.run(&tx);
            if self.connection.is_autocommit() {
                tx.undo_moves(0, 0);
                let cause = tx.trouble.take().unwrap_or_else(|| {
                    Cause("another write of the same transaction undid it all".to_owned())
                });
                return Err(WriteError::Rejected(cause));
            }
        }
        *trouble = tx.trouble.take();
        let counts = tx.tally.borrow().counts;
        around_commit(Commit::Ahead, counts.queued + counts.accepted, counts.decided);
        execute("COMMIT").map_err(|error| {
            tx.undo_moves(0, 0);
            self.give_up(&error)
        })?;
        tx.settle_moves();
        around_commit(Commit::Done, counts.queued + counts.accepted, counts.decided);
        self.signals.meters.count(&tx.tally.take(), began.elapsed());
        Ok(tx.effects.get())
    }

    fn give_up(&self, error: &rusqlite::Error) -> WriteError {
        if !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        commit_failed(error)
    }

    fn tell(&self, effects: Effects) {
        if effects.changed {
            self.signals.changes.send_modify(|count| *count += 1);
        }
        if effects.queued {
            self.signals.queued.send_modify(|count| *count += 1);
        }
    }
}

/// A full disk fails the commit before its last frame is in the log, so nothing can be replayed;
/// after any other failure, notably of fsync, the frames may lie there complete.
fn commit_failed(error: &rusqlite::Error) -> WriteError {
    let cause = Cause(error.to_string());
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DiskFull
            | ErrorCode::DatabaseBusy
            | ErrorCode::ReadOnly
            | ErrorCode::ConstraintViolation,
        ) => WriteError::Rejected(cause),
        _ => WriteError::Unknown(cause),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::{WriteError, commit_failed};

    #[test]
    fn a_commit_that_may_be_replayed_is_unknown_and_a_full_disk_is_not() {
        let failed =
            |code| commit_failed(&rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        for code in [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_NOMEM] {
            assert!(matches!(failed(code), WriteError::Unknown(_)), "{code}");
        }
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_BUSY, ffi::SQLITE_READONLY] {
            assert!(matches!(failed(code), WriteError::Rejected(_)), "{code}");
        }
    }
}
