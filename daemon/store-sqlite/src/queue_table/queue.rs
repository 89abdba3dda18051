//! The embedded queue's rows: put in durably, taken and placed and removed in one transaction, so
//! that an order is in the queue or decided, never both and never neither.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use domain::backoff::Backoff;
use domain::batch::Candidate;
use domain::outcomes::Outcomes;
use domain::ports::{Lag, Outgoing, Pending, QueueLag};
use protocol::{EpochMs, ORDER_TOPIC, OrderId, OrderMessage, Phone};
use rusqlite::{Connection, OptionalExtension};

use crate::engine::columns::of_text;
use crate::engine::error::{JobError, ReadError, WriteError};
use crate::engine::mishaps::Mishaps;
use crate::engine::tx::Tx;
use crate::queue_table::queue_index::{Key, Places};
use crate::sale::batches::decide_all;
use crate::sale::dead_letters::{self, DeadLetter};
use crate::sale::outcomes;
use crate::{Store, unsigned};

/// The name of the only queue, in lag readings and in the origin of dead letters.
const NAME: &str = "embedded";

/// The longest wait of a row, in milliseconds: a year. Keeps sums with it within their type.
const LONGEST_MS: i64 = 365 * 24 * 3_600_000;

/// What one look at the queue did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Rows that were due and taken.
    pub taken: usize,
    /// How they ended.
    pub outcomes: Outcomes,
    /// Rows that failed unexpectedly and will be tried again.
    pub put_off: usize,
    /// When the next row is due, if one waits for its time.
    pub next_due: Option<EpochMs>,
}

impl Store {
    /// Takes up to `batch_max` due rows, oldest first, decides and removes them in one transaction.
    /// A row that fails unexpectedly by itself waits for `backoff` and becomes a dead letter at its
    /// delivery number `deliveries_max`.
    ///
    /// # Errors
    /// The store failed; the rows stay as they were, or (`Unknown`) may be decided.
    pub(crate) async fn decide_from_queue(
        &self,
        batch_max: usize,
        deliveries_max: u32,
        backoff: Backoff,
    ) -> Result<Taken, WriteError> {
        let terms = TakingLimits { batch_max: batch_max.max(1), deliveries_max, backoff };
        self.writer().write(terms.batch_max, move |tx| take(tx, &terms)).await
    }

    /// Every order in the queue, oldest first.
    ///
    /// # Errors
    /// The database can't be read.
    pub async fn pending(&self) -> Result<Vec<Pending>, ReadError> {
        self.read(|connection| pending(connection, PENDING)).await
    }

    /// Every order that is known here and not decided: those in the queue, and those set aside,
    /// which an operator may still resend, so that they hold their units. In no sequence.
    ///
    /// # Errors
    /// The database can't be read.
    pub(crate) async fn undecided(&self) -> Result<Vec<Pending>, ReadError> {
        self.read(undecided).await
    }

    /// The queue's length, retries that wait included, and the age of its oldest order.
    ///
    /// # Errors
    /// The database can't be read.
    pub(crate) async fn embedded_lag(&self) -> Result<Lag, ReadError> {
        let (index, now) = (Arc::clone(&self.inner.queue_index), self.now());
        self.read(move |connection| lag(connection, index.committed(), now)).await
    }
}

const PENDING: &str =
    "SELECT order_id, prod_id, user_phoneno, charged_at FROM seckill_queue ORDER BY seq";

const SET_ASIDE: &str = "
    SELECT order_id, prod_id, user_phoneno, MIN(charged_at) FROM seckill_dead_letter
     WHERE resolved_at IS NULL AND order_id IS NOT NULL
     GROUP BY order_id";

fn pending(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<Pending>> {
    connection
        .prepare_cached(sql)?
        .query_map([], |row| {
            Ok(Pending {
                order_id: of_text(row, 0)?,
                prod_id: of_text(row, 1)?,
                phone: of_text(row, 2)?,
                asked_at: EpochMs(row.get(3)?),
            })
        })?
        .collect()
}

pub(crate) fn undecided(connection: &Connection) -> rusqlite::Result<Vec<Pending>> {
    let mut orders = pending(connection, PENDING)?;
    let queued: HashSet<OrderId> = orders.iter().map(|order| order.order_id.clone()).collect();
    let set_aside = pending(connection, SET_ASIDE)?.into_iter();
    orders.extend(set_aside.filter(|order| !queued.contains(&order.order_id)));
    Ok(orders)
}

/// Whether an order is in the queue.
pub(crate) fn is_queued(
    connection: &Connection,
    order_id: &OrderId,
    places: &Places,
) -> rusqlite::Result<bool> {
    if places.is_none() {
        return Ok(false);
    }
    let mut is = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM seckill_queue WHERE seq = ?1 AND order_id = ?2)",
    )?;
    let order_id = order_id.text();
    for seq in places.iter() {
        if is.query_row((seq, &*order_id), |row| row.get(0))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether any order at all is set aside. Only then is it looked up for each order by itself.
const OTHERS: &str = "
    SELECT EXISTS (SELECT 1 FROM seckill_duplicate)
        OR EXISTS (SELECT 1 FROM seckill_dead_letter WHERE resolved_at IS NULL)";

/// Whether an order is set aside, for another order of its buyer or for an operator.
const ASIDE: &str = "
    SELECT EXISTS (SELECT 1 FROM seckill_duplicate WHERE order_id = ?1)
        OR EXISTS (SELECT 1 FROM seckill_dead_letter
                    WHERE order_id = ?1 AND resolved_at IS NULL)";

/// An order's row.
const PUT: &str = "
    INSERT INTO seckill_queue (order_id, prod_id, user_phoneno, body, charged_at, queued_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

/// Those of the orders that are not set aside.
pub(crate) fn not_aside<'o>(
    tx: &Tx<'_>,
    orders: impl IntoIterator<Item = &'o Outgoing>,
) -> Result<Vec<&'o Outgoing>, JobError> {
    let mut fresh: Vec<_> = orders.into_iter().collect();
    if tx.statement(OTHERS)?.query_row([], |row| row.get(0))? {
        let mut aside = tx.statement(ASIDE)?;
        let mut of_each = Vec::with_capacity(fresh.len());
        for order in &fresh {
            let id = order.message.order_id.text();
            of_each.push(aside.query_row([&*id], |row| row.get::<_, bool>(0))?);
        }
        let mut of_each = of_each.into_iter();
        fresh.retain(|_| of_each.next() == Some(false));
    }
    Ok(fresh)
}

/// Puts in those orders that are neither queued nor decided nor set aside.
pub(crate) fn enqueue<'o>(
    tx: &Tx<'_>,
    orders: impl IntoIterator<Item = &'o Outgoing>,
) -> Result<(), JobError> {
    let mut decided =
        tx.statement("SELECT EXISTS (SELECT 1 FROM t_seckill_order WHERE order_id = ?1)")?;
    let mut put = tx.statement(PUT)?;
    for Outgoing { message, asked_at } in not_aside(tx, orders)? {
        let (id, text) = (&message.order_id, message.order_id.text());
        let places = tx.queue_index.find(Key::Order(id));
        if decided.query_row([&*text], |row| row.get(0))? || is_queued(tx.connection, id, &places)?
        {
            continue;
        }
        let seq = put.insert((
            &*text,
            message.prod_id.as_str(),
            message.phone.whole(),
            message.encode(ORDER_TOPIC),
            asked_at.0,
            tx.now.0,
        ))?;
        tx.note_queued(tx.queue_index.entry(seq, id, &message.phone));
    }
    Ok(())
}

/// On what terms rows are taken.
pub(crate) struct TakingLimits {
    /// Rows at most.
    pub(crate) batch_max: usize,
    /// Deliveries after which a row becomes a dead letter.
    pub(crate) deliveries_max: u32,
    /// Waits before redeliveries.
    pub(crate) backoff: Backoff,
}

/// A row that is due.
struct Due {
    seq: i64,
    body: Vec<u8>,
    asked_at: EpochMs,
    queued_at: Option<EpochMs>,
    attempts: u32,
}

pub(crate) fn take(tx: &Tx<'_>, terms: &TakingLimits) -> Result<Taken, JobError> {
    let rows = due(tx, terms)?;
    let taken = rows.len();
    let mut outcomes = Outcomes::default();
    let mut mishaps = Mishaps::default();
    let mut readable = Vec::with_capacity(taken);
    let mut candidates = Vec::with_capacity(taken);
    for row in rows {
        tx.note_delivery(row.attempts);
        match OrderMessage::decode(&row.body) {
            Ok(message) => {
                let Due { asked_at, queued_at, .. } = row;
                let message = Cow::Owned(message);
                candidates.push(Candidate { message, asked_at, queued_at });
                readable.push(row);
            }
            Err(malformed) => {
                let known = of_columns(tx, row.seq)?;
                let reason = malformed.to_string();
                bury(tx, &row, &known, &reason, (&mut outcomes, &mut mishaps))?;
            }
        }
    }
    let decided = decide_all(tx, &candidates)?;
    let mut put_off = 0;
    let mut at_fault = decided.at_fault.into_iter().peekable();
    for (at, (row, candidate)) in readable.iter().zip(&candidates).enumerate() {
        match at_fault.next_if(|(index, _)| *index == at) {
            None => remove(tx, row.seq, &candidate.message)?,
            Some((_, fault)) if row.attempts + 1 < terms.deliveries_max => {
                let order = &candidate.message;
                mishaps.put_off(order, row.attempts + 1, &fault);
                postpone(tx, row, &fault, terms.backoff)?;
                put_off += 1;
            }
            Some((_, fault)) => {
                let reason = fault.to_string();
                let message = &candidate.message;
                bury(tx, row, message, &reason, (&mut outcomes, &mut mishaps))?;
            }
        }
    }
    let outcomes = outcomes.plus(&decided.outcomes);
    outcomes::store(tx, &outcomes)?;
    let next_due = if taken < terms.batch_max { next_due(tx)? } else { None };
    Ok(Taken { taken, outcomes, put_off, next_due })
}

/// The rows whose time has come. A row that would have to wait longer than its own `wait_ms` was
/// put off before the wall clock was set back, and is due as well.
fn due(tx: &Tx<'_>, terms: &TakingLimits) -> Result<Vec<Due>, JobError> {
    let longest = i64::try_from(terms.backoff.max_ms).unwrap_or(i64::MAX);
    let rows = tx
        .statement(
            "SELECT seq, body, charged_at, attempts, queued_at FROM seckill_queue
              WHERE not_before <= ?1 OR ?1 + COALESCE(wait_ms, ?2) < not_before
              ORDER BY seq LIMIT ?3",
        )?
        .query_map(
            (tx.now.0, longest.min(LONGEST_MS), i64::try_from(terms.batch_max).unwrap_or(i64::MAX)),
            |row| {
                Ok(Due {
                    seq: row.get(0)?,
                    body: row.get(1)?,
                    asked_at: EpochMs(row.get(2)?),
                    attempts: row.get(3)?,
                    queued_at: row.get::<_, Option<i64>>(4)?.map(EpochMs),
                })
            },
        )?
        .collect::<rusqlite::Result<_>>()?;
    Ok(rows)
}

/// When the next of the rows that are put off is due; asked when none of the others is left.
fn next_due(tx: &Tx<'_>) -> Result<Option<EpochMs>, JobError> {
    let next: Option<i64> = tx
        .statement("SELECT MIN(not_before) FROM seckill_queue WHERE 0 < not_before")?
        .query_row([], |row| row.get(0))?;
    Ok(next.map(EpochMs))
}

/// The order by the other columns of a row whose body can't be read: its buyer was answered
/// "queueing", and must not be answered that there is no such order.
fn of_columns(tx: &Tx<'_>, seq: i64) -> Result<OrderMessage, JobError> {
    let sql = "SELECT order_id, user_phoneno, prod_id FROM seckill_queue WHERE seq = ?1";
    Ok(tx.statement(sql)?.query_row([seq], |row| {
        Ok(OrderMessage {
            order_id: of_text(row, 0)?,
            phone: of_text(row, 1)?,
            prod_id: of_text(row, 2)?,
            charge_money: String::new(),
        })
    })?)
}

fn remove(tx: &Tx<'_>, seq: i64, message: &OrderMessage) -> Result<(), JobError> {
    tx.statement("DELETE FROM seckill_queue WHERE seq = ?1")?.execute([seq])?;
    tx.note_unqueued(tx.queue_index.entry(seq, &message.order_id, &message.phone));
    Ok(())
}

fn postpone(tx: &Tx<'_>, row: &Due, fault: &JobError, backoff: Backoff) -> Result<(), JobError> {
    let attempts = row.attempts + 1;
    let wait_ms = i64::try_from(backoff.after_ms(attempts)).unwrap_or(i64::MAX).min(LONGEST_MS);
    tx.statement(
        "UPDATE seckill_queue SET attempts = ?2, not_before = ?3, wait_ms = ?4, last_error = ?5
          WHERE seq = ?1",
    )?
    .execute((row.seq, attempts, tx.now.0 + wait_ms, wait_ms, fault.to_string()))?;
    Ok(())
}

/// A dead letter on its way back into the queue.
pub(crate) struct Returning<'a> {
    /// The letter's number.
    pub(crate) letter_id: i64,
    /// What it says.
    pub(crate) message: &'a OrderMessage,
    /// Its bytes.
    pub(crate) body: &'a [u8],
    /// When the buyer asked.
    pub(crate) asked_at: EpochMs,
    /// When the queue had it first, where that is known.
    pub(crate) queued_at: Option<EpochMs>,
    /// Milliseconds from now until it is due.
    pub(crate) wait_ms: i64,
}

/// Puts a dead letter's order back into the queue, at its end. One that is there already stays as
/// it is.
pub(crate) fn put_back(tx: &Tx<'_>, letter: &Returning<'_>) -> Result<(), JobError> {
    let message = letter.message;
    let places = tx.queue_index.find(Key::Order(&message.order_id));
    if is_queued(tx.connection, &message.order_id, &places)? {
        return Ok(());
    }
    let seq = tx
        .statement(
            "INSERT INTO seckill_queue
               (order_id, prod_id, user_phoneno, body, charged_at, queued_at, not_before, wait_ms,
                letter_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .insert((
            &*message.order_id.text(),
            message.prod_id.as_str(),
            message.phone.whole(),
            letter.body,
            letter.asked_at.0,
            letter.queued_at.map(|at| at.0),
            if letter.wait_ms == 0 { 0 } else { tx.now.0 + letter.wait_ms },
            letter.wait_ms,
            letter.letter_id,
        ))?;
    tx.note_queued(tx.queue_index.entry(seq, &message.order_id, &message.phone));
    Ok(())
}

/// When the last of the letters that are on their way back is due, if that isn't past.
pub(crate) fn last_put_back_due(tx: &Tx<'_>) -> Result<Option<EpochMs>, JobError> {
    let last: Option<i64> = tx
        .statement(
            "SELECT MAX(not_before) FROM seckill_queue
              WHERE 0 < not_before AND letter_id IS NOT NULL AND attempts = 0
                AND ?1 <= not_before AND not_before <= ?1 + wait_ms",
        )?
        .query_row([tx.now.0], |row| row.get(0))?;
    Ok(last.map(EpochMs))
}

/// Takes an order out of the queue that is decided in another way.
pub(crate) fn withdraw(tx: &Tx<'_>, order_id: &OrderId) -> Result<(), JobError> {
    for seq in tx.queue_index.find(Key::Order(order_id)).iter() {
        let buyer: Option<Phone> = tx
            .statement(
                "DELETE FROM seckill_queue WHERE seq = ?1 AND order_id = ?2
                 RETURNING user_phoneno",
            )?
            .query_row((seq, &*order_id.text()), |row| of_text(row, 0))
            .optional()?;
        if let Some(phone) = buyer {
            tx.note_unqueued(tx.queue_index.entry(seq, order_id, &phone));
        }
    }
    Ok(())
}

/// Moves a row to the dead letters.
fn bury(
    tx: &Tx<'_>,
    row: &Due,
    message: &OrderMessage,
    reason: &str,
    (outcomes, mishaps): (&mut Outcomes, &mut Mishaps),
) -> Result<(), JobError> {
    let origin = format!("{NAME}@{}", row.seq);
    let letter = DeadLetter {
        origin: &origin,
        message: Some(message),
        body: &row.body,
        reason,
        redeliveries: row.attempts,
        asked_at: row.asked_at,
        queued_at: row.queued_at,
    };
    if dead_letters::bury(tx, &letter)? {
        outcomes.dead_lettered += 1;
        mishaps.set_aside(&letter);
    }
    remove(tx, row.seq, message)
}

pub(crate) fn lag(connection: &Connection, messages: u64, now: EpochMs) -> rusqlite::Result<Lag> {
    let oldest: Option<i64> = connection
        .prepare_cached("SELECT charged_at FROM seckill_queue ORDER BY seq LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let oldest_age_ms = oldest.map(|asked_at| unsigned(now.0.saturating_sub(asked_at)));
    let queues =
        vec![QueueLag { name: NAME.to_owned(), messages, oldest_age_ms, ..QueueLag::default() }];
    Ok(Lag { messages, oldest_age_ms, queues, passed_over: 0 })
}
