//! The embedded queue's rows: put in durably, taken and placed and removed in one transaction, so
//! that an order is in the queue or decided, never both and never neither.

use std::collections::HashSet;
use std::sync::Arc;

use domain::backoff::Backoff;
use domain::ports::{Lag, Outgoing, Pending, QueueLag, TakingLimits};
use protocol::{EpochMs, ORDER_TOPIC, OrderId, OrderMessage, Phone};
use rusqlite::{Connection, OptionalExtension};

use crate::engine::columns::of_text;
use crate::engine::error::{JobError, ReadError, WriteError};
use crate::engine::tx::Tx;
use crate::queue_table::queue_index::{Key, Places};
use crate::sale::waiting::{self, End, Taken, WaitingRows};
use crate::{Store, unsigned};

/// The name of the only queue, in lag readings and in the origin of dead letters.
const NAME: &str = "embedded";

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
        let limits = TakingLimits { batch_max: batch_max.max(1), deliveries_max, backoff };
        self.writer()
            .write(limits.batch_max, move |tx| waiting::take::<QueueRows>(tx, &limits))
            .await
    }

    /// Every order that waits to be decided: in the queue, oldest first, and as resent letters.
    ///
    /// # Errors
    /// The database can't be read.
    pub async fn pending(&self) -> Result<Vec<Pending>, ReadError> {
        self.read(|connection| {
            let mut orders = pending(connection, PENDING)?;
            orders.extend(pending(connection, RESENT)?);
            Ok(orders)
        })
        .await
    }

    /// Every order that is known here and not decided: those in the queue, and those set aside,
    /// which an operator may still resend or has resent, so that they hold their units. In no
    /// sequence.
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

const RESENT: &str = "
    SELECT order_id, prod_id, user_phoneno, charged_at FROM seckill_dead_letter
     WHERE due_at IS NOT NULL ORDER BY due_at, id";

/// Also those that are on their way back.
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

/// Whether an order is set aside, for another order of its buyer or for an operator, who may have
/// resent it.
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

/// The queue's rows as messages that wait.
struct QueueRows;

impl WaitingRows for QueueRows {
    const DUE: &'static str = "
        SELECT seq, body, charged_at, attempts, queued_at FROM seckill_queue
         WHERE not_before <= ?1 OR ?1 + COALESCE(wait_ms, ?2) < not_before
         ORDER BY seq LIMIT ?3";
    const NEXT_DUE: &'static str = "SELECT MIN(not_before) FROM seckill_queue WHERE 0 < not_before";
    const ORDER: &'static str =
        "SELECT order_id, user_phoneno, prod_id FROM seckill_queue WHERE seq = ?1";
    const PUT_OFF: &'static str = "
        UPDATE seckill_queue SET attempts = ?2, not_before = ?3, wait_ms = ?4, last_error = ?5
         WHERE seq = ?1";
    const ORIGIN: &'static str = NAME;

    fn end(tx: &Tx<'_>, seq: i64, message: &OrderMessage, _: End) -> Result<(), JobError> {
        tx.statement("DELETE FROM seckill_queue WHERE seq = ?1")?.execute([seq])?;
        tx.note_unqueued(tx.queue_index.entry(seq, &message.order_id, &message.phone));
        Ok(())
    }
}

/// Whether an order is in the queue, as far as this transaction has come.
pub(crate) fn is_waiting(tx: &Tx<'_>, order_id: &OrderId) -> Result<bool, JobError> {
    let places = tx.queue_index.find(Key::Order(order_id));
    Ok(is_queued(tx.connection, order_id, &places)?)
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
