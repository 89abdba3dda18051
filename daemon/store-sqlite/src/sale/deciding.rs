//! A group of orders on its way through the tables: gathers the facts, has `domain::batch` decide,
//! writes what that says.
//!
//! Most orders are new and get a unit. Their row is written first and the facts are looked up only
//! where a constraint refuses it: the constraints have to look for both facts anyway.

use domain::batch::{Batch, Candidate, Known, NewOrder, Product, SetAside, Write};
use domain::letters::Resolution;
use domain::ordering::Verdict;
use domain::outcomes::Outcomes;
use protocol::{EpochMs, Money, OrderId, OrderMessage, OrderStatus, ProdId, Reason, Seq};
use rusqlite::{CachedStatement, OptionalExtension};

use crate::engine::columns::of_text_or_null;
use crate::engine::error::JobError;
use crate::engine::tx::Tx;
use crate::sale::batches::gives_up;
use crate::sale::{dead_letters, terms};
use crate::unsigned;

/// The state of deciding one group of orders.
pub(crate) struct Deciding<'a> {
    tx: &'a Tx<'a>,
    /// The statements that every order may need, looked up once.
    facts: CachedStatement<'a>,
    insert: CachedStatement<'a>,
    insert_new: CachedStatement<'a>,
    /// Decides; the products' stock goes down in it, and is written once, at the end.
    batch: Batch,
    /// Whether a decided order may still lie among the dead letters.
    dead_letters: bool,
    /// Whether there are orders that were decided without a row among the orders.
    duplicates: bool,
}

/// Whether an order's id is decided, and the buyer's live order for the product.
pub(crate) const FACTS: &str = "
    SELECT EXISTS (SELECT 1 FROM t_seckill_order WHERE order_id = ?1)
        OR EXISTS (SELECT 1 FROM seckill_duplicate WHERE order_id = ?1),
           (SELECT order_id FROM t_seckill_order
             WHERE prod_id = ?2 AND user_phoneno = ?3
               AND record_status = 0 AND order_status IN (0, 2))";

/// A decided order's row, and what follows the values.
macro_rules! insert {
    ($end:literal) => {
        concat!(
            "INSERT INTO t_seckill_order
               (gmt_create, gmt_update, order_id, order_status, user_phoneno, prod_id, prod_name,
                charge_money, charge_time, finish_time, reason, placed_at, decision_seq, queued_at)
             VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            $end
        )
    };
}

/// A decided order's row.
const INSERT: &str = insert!("");

/// The same, but nothing where the id is decided or the buyer has a live order: the table's own
/// constraints look for both while they find the row's place, so that a look beforehand would be
/// the same work twice.
const INSERT_NEW: &str = insert!(" ON CONFLICT DO NOTHING");

impl<'a> Deciding<'a> {
    pub(crate) fn open(tx: &'a Tx<'a>) -> Result<Self, JobError> {
        let (head, dead_letters, duplicates) = tx
            .statement(
                "SELECT MAX(COALESCE((SELECT MAX(decision_seq) FROM t_seckill_order), 0),
                            COALESCE((SELECT MAX(decision_seq) FROM seckill_duplicate), 0)),
                        EXISTS (SELECT 1 FROM seckill_dead_letter
                                 WHERE resolved_at IS NULL AND due_at IS NULL),
                        EXISTS (SELECT 1 FROM seckill_duplicate)",
            )?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(Self {
            tx,
            facts: tx.statement(FACTS)?,
            insert: tx.statement(INSERT)?,
            insert_new: tx.statement(INSERT_NEW)?,
            batch: Batch::new(tx.now, Seq(unsigned(head))),
            dead_letters,
            duplicates,
        })
    }

    pub(crate) fn decide(&mut self, candidate: &Candidate<'_>) -> Result<(), JobError> {
        self.look_up(&candidate.message.prod_id)?;
        // A duplicate's id has no row among the orders for a constraint to find.
        if !self.duplicates && self.batch.judge(candidate, Known::NotAsked) == Verdict::Place {
            match self.place_new(candidate) {
                Ok(true) => return self.resolve_dead_letter(&candidate.message),
                Err(fault) if gives_up(self.tx, &fault) => return Err(fault),
                // A repeated order, or one at fault: the look below tells which it is.
                Ok(false) | Err(_) => {}
            }
        }
        let (decided, live) = self.known(&candidate.message)?;
        let known = Known::Facts { decided, live_order_id: live.as_ref() };
        let verdict = self.batch.judge(candidate, known);
        self.carry_out(candidate, verdict)?;
        if verdict == Verdict::AlreadyDecided {
            return Ok(());
        }
        self.resolve_dead_letter(&candidate.message)
    }

    /// Fails the order unless it is decided.
    pub(crate) fn fail(
        &mut self,
        candidate: &Candidate<'_>,
        reason: Reason,
    ) -> Result<(), JobError> {
        let (decided, _) = self.known(&candidate.message)?;
        if !decided {
            self.look_up(&candidate.message.prod_id)?;
            self.carry_out(candidate, Verdict::Fail(reason))?;
        }
        Ok(())
    }

    /// Whether its id is decided, and its buyer's live order.
    fn known(&mut self, order: &OrderMessage) -> Result<(bool, Option<OrderId>), JobError> {
        let id = order.order_id.text();
        let key = (&*id, order.prod_id.as_str(), order.phone.whole());
        Ok(self.facts.query_row(key, |row| Ok((row.get(0)?, of_text_or_null(row, 1)?)))?)
    }

    fn look_up(&mut self, prod_id: &ProdId) -> Result<(), JobError> {
        if self.batch.has_met(prod_id) {
            return Ok(());
        }
        let mut product = self
            .tx
            .statement(concat!(
                "SELECT prod_name, prod_stock, ",
                terms::columns!(),
                " FROM t_seckill_product WHERE prod_id = ?1"
            ))?
            .query_row([prod_id.as_str()], |row| {
                Ok(Product {
                    name: row.get(0)?,
                    terms: terms::of_row(row, 2)?,
                    windows: Vec::new(),
                    stock: unsigned(row.get(1)?),
                })
            })
            .optional()?;
        if let Some(product) = &mut product {
            product.windows = terms::windows(self.tx.connection, prod_id, &product.terms)?;
        }
        self.batch.meet(prod_id, product);
        Ok(())
    }

    /// Places an order unless its id is decided or its buyer has a live one: true when it did.
    fn place_new(&mut self, candidate: &Candidate<'_>) -> Result<bool, JobError> {
        let Some(Write::Order(row)) = self.batch.write(candidate, Verdict::Place) else {
            return Ok(false);
        };
        let inserted = insert(&mut self.insert_new, &self.batch, &row)?;
        if inserted {
            self.batch.enter(candidate, Verdict::Place);
        }
        Ok(inserted)
    }

    /// Writes what a verdict says, and counts it.
    fn carry_out(
        &mut self,
        candidate: &Candidate<'_>,
        verdict: Verdict<'_>,
    ) -> Result<(), JobError> {
        match self.batch.write(candidate, verdict) {
            None => {}
            Some(Write::Order(row)) => {
                insert(&mut self.insert, &self.batch, &row)?;
            }
            Some(Write::SetAside(aside)) => {
                set_aside(self.tx, &aside)?;
                self.duplicates = true;
            }
        }
        self.batch.enter(candidate, verdict);
        Ok(())
    }

    /// An order that was set aside, came again and is decided now is no dead letter any more.
    fn resolve_dead_letter(&self, order: &OrderMessage) -> Result<(), JobError> {
        if self.dead_letters {
            dead_letters::resolve(self.tx, order, Resolution::Decided)?;
        }
        Ok(())
    }

    /// Writes what the group changed as a whole.
    pub(crate) fn close(self) -> Result<Outcomes, JobError> {
        for (prod_id, count) in self.batch.sold() {
            self.tx
                .statement(
                    "UPDATE t_seckill_product
                        SET prod_stock = prod_stock - ?2, sold = sold + ?2,
                            version = version + ?2, gmt_update = ?3
                      WHERE prod_id = ?1",
                )?
                .execute((prod_id.as_str(), signed(count), self.tx.now.0))?;
        }
        let outcomes = *self.batch.outcomes();
        if 0 < outcomes.decided() {
            self.tx.note_decided(outcomes.decided(), self.batch.waits_ms());
        }
        Ok(outcomes)
    }
}

fn insert(
    statement: &mut CachedStatement<'_>,
    batch: &Batch,
    row: &NewOrder<'_>,
) -> Result<bool, JobError> {
    let NewOrder { candidate, seq, status, reason } = *row;
    let (order, EpochMs(now)) = (&candidate.message, batch.now());
    let placed = matches!(status, OrderStatus::Placed);
    let rows = statement.execute((
        now,
        &*order.order_id.text(),
        status.number(),
        order.phone.whole(),
        order.prod_id.as_str(),
        batch.name_of(candidate),
        candidate.charge_money().map(Money::milli),
        candidate.asked_at.0,
        (!placed).then_some(now),
        reason.map(Reason::as_str),
        placed.then_some(now),
        signed(seq.0),
        candidate.queued_at.map(|at| at.0),
    ))?;
    Ok(0 < rows)
}

fn set_aside(tx: &Tx<'_>, aside: &SetAside<'_>) -> Result<(), JobError> {
    let SetAside { candidate, seq, live_order_id } = *aside;
    let (order, now) = (&candidate.message, tx.now.0);
    tx.statement(
        "INSERT INTO seckill_duplicate
           (order_id, prod_id, user_phoneno, live_order_id, decision_seq, decided_at,
            charge_money, charge_time, queued_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute((
        &*order.order_id.text(),
        order.prod_id.as_str(),
        order.phone.whole(),
        &*live_order_id.text(),
        signed(seq.0),
        now,
        candidate.charge_money().map(Money::milli),
        candidate.asked_at.0,
        candidate.queued_at.map(|at| at.0),
    ))?;
    tx.statement(
        "UPDATE t_seckill_order SET duplicates = duplicates + 1, gmt_update = ?2
          WHERE order_id = ?1",
    )?
    .execute((&*live_order_id.text(), now))?;
    Ok(())
}

/// A number as the database keeps it.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
