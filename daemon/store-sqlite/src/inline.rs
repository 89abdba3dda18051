//! The store's transactions on a database in memory, one at a time on the caller's thread: for the
//! simulation, which decides itself when a commit happens and whether its answer arrives. The SQL
//! and the rules are the real ones; only the writer's thread, the readers and the file are missing.

use std::cell::{Cell, RefCell};

use domain::backoff::Backoff;
use domain::ports::Pending;
use domain::ports::{Consuming, Delivery, Lag, Outgoing};
use domain::product::{Change, NewProduct, Shelf, units};
use protocol::{DecisionsPage, EpochMs};
use rusqlite::Connection;

use crate::engine::error::Fault;
use crate::engine::migrations;
use crate::engine::tx::{Tx, Undoing};
use crate::operators::{letter_commands, product_commands};
use crate::queue_table::queue::{Taken, Terms};
use crate::queue_table::queue_index::{Key, QueueIndex};
use crate::queue_table::{accepting, queue};
use crate::sale::{decisions, deliveries, orders, products};
use crate::{Balance, OrderRow, Outcomes, Seed};

/// What the database is called; one name, as a history never changes databases.
const STORE_ID: &str = "simulated";

/// A database in memory.
pub struct InlineStore {
    connection: Connection,
    /// As the history before left it, until the next begins.
    queue_index: RefCell<QueueIndex>,
    now: Cell<EpochMs>,
    /// Goes up with each transaction.
    writes: Cell<u64>,
}

/// What becomes of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    Done,
    /// The process died, or the disk refused, before the commit.
    Undone,
}

impl InlineStore {
    /// An empty one, with a table that names the buyers whose orders fail by themselves.
    pub fn empty() -> Self {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.set_prepared_statement_cache_capacity(64);
        migrations::migrate(&mut connection).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE poisonous (user_phoneno TEXT PRIMARY KEY);
                 CREATE TRIGGER poison BEFORE INSERT ON t_seckill_order
                 WHEN NEW.order_status = 2 AND EXISTS
                   (SELECT 1 FROM poisonous p WHERE p.user_phoneno = NEW.user_phoneno)
                 BEGIN SELECT RAISE(ABORT, 'poisonous'); END;",
            )
            .unwrap();
        let queue_index = RefCell::default();
        Self { connection, queue_index, now: Cell::new(EpochMs(0)), writes: Cell::new(0) }
    }

    /// Forgets everything that the history before this one did: cheaper than a new database.
    pub fn begin_history(&self, seeds: &[Seed]) {
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK").unwrap();
        }
        self.connection.execute_batch("BEGIN").unwrap();
        self.queue_index.replace(QueueIndex::default());
        products::seed(&self.connection, seeds, 0).unwrap();
    }

    /// How many transactions there were.
    pub const fn writes(&self) -> u64 {
        self.writes.get()
    }

    pub fn set_now(&self, now: EpochMs) {
        self.now.set(now);
    }

    /// One transaction. `None` where it was undone.
    fn write<T>(
        &self,
        commit: Commit,
        work: impl FnOnce(&Tx<'_>) -> Result<T, Fault>,
    ) -> Option<T> {
        self.writes.set(self.writes.get() + 1);
        let queue_index = self.queue_index.borrow();
        let tx = Tx::new(&self.connection, &queue_index, self.now.get(), Undoing::Each);
        let mut done = None;
        let ended = tx.undoable(|tx| {
            done = Some(work(tx)?);
            match commit {
                Commit::Done => Ok(()),
                Commit::Undone => Err(Fault::Panic("undone".to_owned())),
            }
        });
        match ended {
            Ok(()) => {
                tx.committed();
                done
            }
            Err(Fault::Refused(_)) => None,
            Err(Fault::Panic(why)) if why == "undone" => None,
            Err(fault) => panic!("a transaction failed: {fault}"),
        }
    }

    pub fn accept(&self, orders: &[Outgoing], consuming: Consuming) {
        self.write(Commit::Done, |tx| accepting::accept(tx, orders, consuming));
    }

    /// Places from the queue's table; a row that fails by itself becomes a dead letter at once.
    pub fn take(&self, batch_max: usize, commit: Commit) -> Option<Taken> {
        let backoff = Backoff { first_ms: 1, max_ms: 1 };
        let terms = Terms { batch_max, deliveries_max: 1, backoff };
        self.write(commit, |tx| queue::take(tx, &terms))
    }

    pub fn place(&self, deliveries: Vec<Delivery>, commit: Commit) -> Option<Outcomes> {
        let read: Vec<_> = deliveries.into_iter().map(deliveries::read).collect();
        self.write(commit, |tx| deliveries::place(tx, &read))
    }

    pub fn change_stock(&self, prod_id: &str, delta: i64) -> bool {
        let Ok(delta) = units(delta) else { return false };
        self.change(prod_id, Change::Stock(delta))
    }

    pub fn create(&self, product: &NewProduct) -> bool {
        self.write(Commit::Done, |tx| product_commands::create(tx, product)).is_some()
    }

    pub fn set_shelf(&self, prod_id: &str, shelf: Shelf) {
        self.change(prod_id, Change::Shelf(shelf));
    }

    fn change(&self, prod_id: &str, change: Change) -> bool {
        let work = |tx: &Tx<'_>| product_commands::change(tx, prod_id, change, None);
        self.write(Commit::Done, work).is_some()
    }

    pub fn resend(&self, letter: u64) {
        self.write(Commit::Done, |tx| letter_commands::resend_one(tx, letter));
    }

    pub fn discard(&self, letter: u64) {
        self.write(Commit::Done, |tx| letter_commands::discard(tx, letter));
    }

    /// Orders of this buyer that get a unit fail from now on, as if the row couldn't be written.
    pub fn poison(&self, user_phone: &str) {
        let sql = "INSERT OR IGNORE INTO poisonous VALUES (?1)";
        self.connection.execute(sql, [user_phone]).unwrap();
    }

    pub fn cure_all(&self) {
        self.connection.execute("DELETE FROM poisonous", []).unwrap();
    }

    pub fn decisions(&self, after: u64, limit: i64) -> DecisionsPage {
        let after = i64::try_from(after).unwrap();
        DecisionsPage {
            store_id: STORE_ID.to_owned(),
            head: decisions::head(&self.connection).unwrap(),
            decisions: decisions::list(&self.connection, after, limit).unwrap(),
            products: products::states(&self.connection).unwrap(),
            paused: false,
        }
    }

    pub fn find(&self, prod_id: &str, user_phone: &str) -> Option<OrderRow> {
        let queued = self.queue_index.borrow().find(Key::Buyer(user_phone));
        orders::find(&self.connection, &queued, prod_id, user_phone).unwrap()
    }

    pub fn lag(&self) -> Lag {
        queue::lag(&self.connection, self.queue_index.borrow().committed(), self.now.get()).unwrap()
    }

    pub fn undecided(&self) -> Vec<Pending> {
        queue::undecided(&self.connection).unwrap()
    }

    pub fn balances(&self) -> Vec<Balance> {
        products::balances(&self.connection).unwrap()
    }

    /// The numbers of the open dead letters.
    pub fn open_letters(&self) -> Vec<u64> {
        let sql = "SELECT id FROM seckill_dead_letter WHERE resolved_at IS NULL ORDER BY id";
        let mut statement = self.connection.prepare_cached(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(|row| crate::unsigned(row.unwrap())).collect()
    }
}
