//! A transaction as its work sees it: the connection, the changes to the queue's rows, the counts
//! for the meters, and how failed work is undone.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};

use domain::ports::Cause;
use protocol::EpochMs;
use rusqlite::{CachedStatement, Connection};

use crate::engine::error::JobError;
use crate::engine::meters::{Counts, Tally};
use crate::queue_table::queue_index::{Entry, QueueIndex};

/// What a job sees of the transaction it runs in.
pub(crate) struct Tx<'a> {
    /// The writing connection.
    pub(crate) connection: &'a Connection,
    /// The moment of the transaction.
    pub(crate) now: EpochMs,
    /// Where the queue's rows are.
    pub(crate) queue_index: &'a QueueIndex,
    /// What it does to the queue's rows.
    moves: RefCell<Moves>,
    /// What it has done so far, for the meters.
    tally: RefCell<Tally>,
    effects: Cell<Effects>,
    /// What a job of this transaction found wrong with the database as a whole.
    pub(crate) trouble: Cell<Option<Cause>>,
    undoing: Undoing,
    spoiled: Cell<bool>,
}

/// How work that fails is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undoing {
    /// Each piece of work by itself, in a savepoint. SQLite then keeps a copy of each page that the
    /// work changes.
    Each,
    /// Only the whole transaction, which is then done over with [`Undoing::Each`]. Failures are
    /// rare, and copies that are never needed were a tenth of the writer's time.
    Whole,
}

/// Rows of the queue that a transaction adds, which the index knows at once, and removes, which it
/// learns after the commit.
#[derive(Debug, Default)]
struct Moves {
    added: Vec<Entry>,
    removed: Vec<Entry>,
}

/// What is signalled to others once it is committed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Effects {
    /// A product changed, or an order was decided.
    pub(crate) changed: bool,
    /// Something was put into the embedded queue.
    pub(crate) queued: bool,
    /// A dead letter was put on its way back.
    pub(crate) resent: bool,
}

impl<'a> Tx<'a> {
    /// Inside a transaction that has begun.
    pub(crate) fn new(
        connection: &'a Connection,
        queue_index: &'a QueueIndex,
        now: EpochMs,
        undoing: Undoing,
    ) -> Self {
        Self {
            connection,
            now,
            queue_index,
            moves: RefCell::default(),
            tally: RefCell::default(),
            effects: Cell::default(),
            trouble: Cell::new(None),
            undoing,
            spoiled: Cell::new(false),
        }
    }

    /// A statement that is compiled once per connection.
    pub(crate) fn statement(&self, sql: &str) -> rusqlite::Result<CachedStatement<'a>> {
        self.connection.prepare_cached(sql)
    }

    /// Notes that `count` orders were decided, and how long the buyers of those that were placed
    /// had waited, in milliseconds.
    pub(crate) fn note_decided(&self, count: u64, waits_ms: &[i64]) {
        let mut tally = self.tally.borrow_mut();
        tally.counts.decided += count;
        tally.waits_ms.extend_from_slice(waits_ms);
        self.note_change();
    }

    /// Notes a delivery, which counts when it isn't the first of its message.
    pub(crate) fn note_delivery(&self, redeliveries: u32) {
        self.tally.borrow_mut().counts.redeliveries += u64::from(0 < redeliveries);
    }

    /// Notes that a product changed, or an order was decided.
    pub(crate) fn note_change(&self) {
        self.effects.set(Effects { changed: true, ..self.effects.get() });
    }

    /// Notes a row that was put into the embedded queue.
    pub(crate) fn note_queued(&self, row: Entry) {
        self.tally.borrow_mut().counts.queued += 1;
        self.queue_index.add(row);
        self.moves.borrow_mut().added.push(row);
        self.effects.set(Effects { queued: true, ..self.effects.get() });
    }

    /// Notes a dead letter that was put on its way back.
    pub(crate) fn note_resent(&self) {
        self.tally.borrow_mut().counts.queued += 1;
        self.effects.set(Effects { resent: true, ..self.effects.get() });
    }

    /// Notes orders that were accepted and decided, without having been in the queue.
    pub(crate) fn note_accepted(&self, count: u64) {
        self.tally.borrow_mut().counts.accepted += count;
    }

    /// Whether the queue has no row, as far as this transaction has come.
    pub(crate) fn queue_is_empty(&self) -> bool {
        let moves = self.moves.borrow();
        self.queue_index.committed() + moves.added.len() as u64 == moves.removed.len() as u64
    }

    /// Notes a row that was taken out of the embedded queue.
    pub(crate) fn note_unqueued(&self, row: Entry) {
        self.moves.borrow_mut().removed.push(row);
    }

    /// Undoes in the index what was done after so many rows were added and removed.
    fn undo_moves(&self, added: usize, removed: usize) {
        let mut moves = self.moves.borrow_mut();
        self.queue_index.undo(&moves.added.split_off(added));
        moves.removed.truncate(removed);
    }

    /// What it did, for the meters.
    pub(crate) fn counts(&self) -> Counts {
        self.tally.borrow().counts
    }

    /// What it did, and whom that concerns; its rows of the queue are settled in the index.
    pub(crate) fn committed(self) -> (Tally, Effects) {
        let moves = self.moves.take();
        self.queue_index.settle(&moves.added, &moves.removed);
        (self.tally.into_inner(), self.effects.get())
    }

    /// Undoes the whole transaction, where SQLite hasn't already.
    pub(crate) fn undo(&self) {
        self.undo_in_index();
        self.roll_back();
    }

    /// Undoes in the queue's index what the transaction did.
    pub(crate) fn undo_in_index(&self) {
        self.undo_moves(0, 0);
    }

    fn roll_back(&self) {
        if !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }

    /// Whether something failed that can only be undone with the whole transaction.
    pub(crate) fn is_spoiled(&self) -> bool {
        self.spoiled.get()
    }

    /// Runs `work`, which is undone when it fails or panics, with all that was noted in it: at
    /// once, or with the whole transaction, which is spoiled then and does no more.
    pub(crate) fn undoable<T>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, JobError>,
    ) -> Result<T, JobError> {
        match self.undoing {
            Undoing::Each => self.in_savepoint(work),
            Undoing::Whole => {
                let done = self.contained(work);
                self.spoiled.set(self.spoiled.get() || done.is_err());
                done
            }
        }
    }

    fn contained<T>(&self, work: impl FnOnce(&Self) -> Result<T, JobError>) -> Result<T, JobError> {
        catch_unwind(AssertUnwindSafe(|| work(self)))
            .unwrap_or_else(|panic| Err(JobError::Panic(panic_text(panic.as_ref()))))
    }

    fn in_savepoint<T>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, JobError>,
    ) -> Result<T, JobError> {
        let (effects, mark) = (self.effects.get(), self.tally.borrow().mark());
        let (added, removed) = (self.moves.borrow().added.len(), self.moves.borrow().removed.len());
        self.statement("SAVEPOINT job")?.execute([])?;
        match self.contained(work) {
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
        if undone.is_err() {
            self.roll_back();
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
