//! One order's whole way, as far as it is recorded: asked for, queued, set aside, dealt with by
//! operators, decided and why.

use std::sync::Arc;

use domain::ports::lists::{Happened, OrderDetail, Step};
use protocol::{EpochMs, OrderId, OrderState, OrderView};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::engine::columns::of_text;
use crate::engine::error::ReadError;
use crate::lists::order_lists::{ListStage, order};
use crate::queue_table::queue_index::{Key, Places, QueueIndex};
use crate::{Store, unsigned};

/// Further orders of the buyer that are listed one by one; the order has their whole number.
const DUPLICATES_MAX: u32 = 100;

impl Store {
    /// See [`Lists::order`](domain::ports::lists::Lists::order).
    pub(crate) async fn order_history(
        &self,
        order_id: &OrderId,
    ) -> Result<Option<OrderDetail>, ReadError> {
        let order_id = order_id.clone();
        let index = Arc::clone(&self.inner.queue_index);
        self.read(move |connection| {
            let queued = index.find(Key::Order(&order_id));
            history(connection, &index, &queued, &order_id)
        })
        .await
    }
}

/// `queued` are the places that the queue's index has for the order.
fn history(
    connection: &Connection,
    index: &QueueIndex,
    queued: &Places,
    order_id: &OrderId,
) -> rusqlite::Result<Option<OrderDetail>> {
    // An order that was decided may still lie among the unconfirmed ones: the later stage is it.
    const NEWEST_FIRST: [ListStage; 6] = [
        ListStage::Decided,
        ListStage::Duplicates,
        ListStage::Queued,
        ListStage::Resent,
        ListStage::SetAside,
        ListStage::Unconfirmed,
    ];
    for stage in NEWEST_FIRST {
        let number = match number(stage) {
            None => queued_at_place(connection, queued, order_id)?,
            Some(sql) => {
                connection.prepare_cached(sql)?.query_row([&*order_id.text()], first).optional()?
            }
        };
        let Some(number) = number else { continue };
        if let Some((order, phone)) = order(connection, index, stage, number)? {
            let steps = steps(connection, &order, stage, number)?;
            return Ok(Some(OrderDetail { order, phone: Some(phone), steps }));
        }
    }
    Ok(None)
}

fn first<T: rusqlite::types::FromSql>(row: &Row<'_>) -> rusqlite::Result<T> {
    row.get(0)
}

/// An order's number in a stage. A letter counts until it is dealt with. `None` for the queue,
/// whose index isn't in the database.
pub(crate) const fn number(stage: ListStage) -> Option<&'static str> {
    match stage {
        ListStage::Queued => None,
        ListStage::Unconfirmed => Some("SELECT rowid FROM seckill_unconfirmed WHERE order_id = ?1"),
        ListStage::Resent => {
            Some("SELECT id FROM seckill_dead_letter WHERE order_id = ?1 AND due_at IS NOT NULL")
        }
        ListStage::SetAside => Some(
            "SELECT MAX(id) FROM seckill_dead_letter
              WHERE order_id = ?1 AND resolved_at IS NULL AND due_at IS NULL
             HAVING 0 < COUNT(*)",
        ),
        ListStage::Decided => Some("SELECT id FROM t_seckill_order WHERE order_id = ?1"),
        ListStage::Duplicates => {
            Some("SELECT decision_seq FROM seckill_duplicate WHERE order_id = ?1")
        }
    }
}

/// The first of these places in the queue that is the order's.
fn queued_at_place(
    connection: &Connection,
    places: &Places,
    order_id: &OrderId,
) -> rusqlite::Result<Option<i64>> {
    let mut look = connection
        .prepare_cached("SELECT seq FROM seckill_queue WHERE seq = ?1 AND order_id = ?2")?;
    for seq in places.iter() {
        if let Some(seq) = look.query_row((seq, &*order_id.text()), first).optional()? {
            return Ok(Some(seq));
        }
    }
    Ok(None)
}

fn steps(
    connection: &Connection,
    order: &OrderView,
    stage: ListStage,
    number: i64,
) -> rusqlite::Result<Vec<Step>> {
    let mut steps = vec![accepted(connection, order, stage, number)?];
    steps.extend(unconfirmed(connection, &order.order_id)?);
    if stage != ListStage::Unconfirmed {
        steps.push(queued(connection, stage, number)?);
    }
    steps.extend(letters(connection, &order.order_id)?);
    steps.extend(put_off(connection, stage, number)?);
    steps.extend(decided(connection, order, number)?);
    steps.extend(duplicates(connection, &order.order_id)?);
    in_sequence(&mut steps);
    Ok(steps)
}

/// Sorts by time. A step whose time isn't recorded stays behind the step before it.
fn in_sequence(steps: &mut Vec<Step>) {
    let mut time = EpochMs(i64::MIN);
    let mut timed: Vec<(EpochMs, Step)> = Vec::with_capacity(steps.len());
    for step in steps.drain(..) {
        time = step.at.unwrap_or(time);
        timed.push((time, step));
    }
    timed.sort_by_key(|(time, _)| time.0);
    steps.extend(timed.into_iter().map(|(_, step)| step));
}

fn step(at: EpochMs, what: Happened) -> Step {
    Step { at: Some(at), what }
}

fn accepted(
    connection: &Connection,
    order: &OrderView,
    stage: ListStage,
    number: i64,
) -> rusqlite::Result<Step> {
    let at = if stage == ListStage::Duplicates {
        // Not recorded by older versions; the order shows the time of its decision then.
        time(
            connection,
            "SELECT charge_time FROM seckill_duplicate WHERE decision_seq = ?1",
            number,
        )?
    } else {
        Some(order.asked_at)
    };
    let (prod_id, price) = (order.prod_id.clone(), order.charge_money);
    Ok(Step { at, what: Happened::Accepted { prod_id, price } })
}

fn queued(connection: &Connection, stage: ListStage, number: i64) -> rusqlite::Result<Step> {
    let sql = match stage {
        ListStage::Decided => "SELECT queued_at FROM t_seckill_order WHERE id = ?1",
        ListStage::Duplicates => "SELECT queued_at FROM seckill_duplicate WHERE decision_seq = ?1",
        ListStage::Resent | ListStage::SetAside => {
            "SELECT queued_at FROM seckill_dead_letter WHERE id = ?1"
        }
        ListStage::Queued | ListStage::Unconfirmed => {
            "SELECT queued_at FROM seckill_queue WHERE seq = ?1"
        }
    };
    let at = time(connection, sql, number)?;
    Ok(Step { at, what: Happened::Queued })
}

fn time(connection: &Connection, sql: &str, number: i64) -> rusqlite::Result<Option<EpochMs>> {
    let at: Option<i64> = connection.prepare_cached(sql)?.query_row([number], first)?;
    Ok(at.map(EpochMs))
}

fn unconfirmed(connection: &Connection, order_id: &OrderId) -> rusqlite::Result<Option<Step>> {
    connection
        .prepare_cached("SELECT since, tries, cause FROM seckill_unconfirmed WHERE order_id = ?1")?
        .query_row([&*order_id.text()], |row| {
            let (tries, cause) = (row.get(1)?, row.get(2)?);
            Ok(step(EpochMs(row.get(0)?), Happened::Unconfirmed { tries, cause }))
        })
        .optional()
}

/// What went wrong at the last try to decide an order that waits, if one went wrong.
fn put_off(
    connection: &Connection,
    stage: ListStage,
    number: i64,
) -> rusqlite::Result<Option<Step>> {
    let sql = match stage {
        ListStage::Queued => {
            "SELECT attempts, not_before, COALESCE(wait_ms, 0), last_error FROM seckill_queue
              WHERE seq = ?1 AND 0 < attempts AND last_error IS NOT NULL"
        }
        ListStage::Resent => {
            "SELECT attempts, due_at, COALESCE(wait_ms, 0), last_error FROM seckill_dead_letter
              WHERE id = ?1 AND 0 < attempts AND last_error IS NOT NULL"
        }
        ListStage::Unconfirmed
        | ListStage::SetAside
        | ListStage::Decided
        | ListStage::Duplicates => {
            return Ok(None);
        }
    };
    connection
        .prepare_cached(sql)?
        .query_row([number], |row| {
            let (due, wait_ms): (i64, i64) = (row.get(1)?, row.get(2)?);
            let (attempts, cause, next) = (row.get(0)?, row.get(3)?, EpochMs(due));
            let at = EpochMs(due.saturating_sub(wait_ms));
            Ok(step(at, Happened::PutOff { attempts, cause, next }))
        })
        .optional()
}

pub(crate) const LETTERS: &str = "
    SELECT id, dead_at, reason, redeliveries, resent_at, resolved_at, resolution
      FROM seckill_dead_letter WHERE order_id = ?1 ORDER BY id";

fn letters(connection: &Connection, order_id: &OrderId) -> rusqlite::Result<Vec<Step>> {
    let mut statement = connection.prepare_cached(LETTERS)?;
    let mut rows = statement.query([&*order_id.text()])?;
    let mut steps = Vec::new();
    while let Some(row) = rows.next()? {
        let letter = unsigned(row.get(0)?);
        let (reason, redeliveries) = (row.get(2)?, row.get(3)?);
        let set_aside = Happened::SetAside { letter, redeliveries, reason };
        steps.push(step(EpochMs(row.get(1)?), set_aside));
        if let Some(resent_at) = row.get(4)? {
            steps.push(step(EpochMs(resent_at), Happened::Resent(letter)));
        }
        let resolution: Option<String> = row.get(6)?;
        if resolution.as_deref() == Some("discarded") {
            let at = row.get::<_, Option<i64>>(5)?.map(EpochMs);
            steps.push(Step { at, what: Happened::Discarded(letter) });
        }
    }
    Ok(steps)
}

fn decided(connection: &Connection, order: &OrderView, number: i64) -> rusqlite::Result<Vec<Step>> {
    let at = order.decided_at;
    Ok(match order.state {
        OrderState::Placed => vec![placed(order)],
        OrderState::Finished => {
            let sql = "SELECT finish_time FROM t_seckill_order WHERE id = ?1";
            let finished_at = time(connection, sql, number)?;
            vec![placed(order), Step { at: finished_at, what: Happened::Finished }]
        }
        OrderState::Failed => {
            vec![Step { at, what: Happened::Failed { reason: order.reason.clone() } }]
        }
        OrderState::Duplicate => {
            let live: OrderId = connection
                .prepare_cached(
                    "SELECT live_order_id FROM seckill_duplicate WHERE decision_seq = ?1",
                )?
                .query_row([number], |row| of_text(row, 0))?;
            vec![Step { at, what: Happened::Duplicate(live) }]
        }
        OrderState::Queued
        | OrderState::Unconfirmed
        | OrderState::DeadLetter
        | OrderState::Other => Vec::new(),
    })
}

fn placed(order: &OrderView) -> Step {
    let name = if order.prod_name.is_empty() { order.prod_id.as_str() } else { &order.prod_name };
    Step { at: order.decided_at, what: Happened::Placed { product: name.to_owned() } }
}

pub(crate) const DUPLICATES: &str = "
    SELECT order_id, decided_at FROM seckill_duplicate WHERE live_order_id = ?1
     ORDER BY decision_seq LIMIT ?2";

fn duplicates(connection: &Connection, order_id: &OrderId) -> rusqlite::Result<Vec<Step>> {
    connection
        .prepare_cached(DUPLICATES)?
        .query_map((&*order_id.text(), DUPLICATES_MAX), |row| {
            Ok(step(EpochMs(row.get(1)?), Happened::DuplicateSetAside(of_text(row, 0)?)))
        })?
        .collect()
}
