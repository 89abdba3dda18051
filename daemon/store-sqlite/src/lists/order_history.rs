//! One order's whole way, as far as it is recorded: asked for, queued, set aside, dealt with by
//! operators, decided and why.

use std::sync::Arc;

use domain::ports::lists::OrderDetail;
use protocol::{EpochMs, HistoryStep, OrderHistory, OrderState, OrderView, StepKind};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::Store;
use crate::engine::error::ReadError;
use crate::lists::order_lists::{Stage, order};
use crate::queue_table::queue_index::{Key, Places, QueueIndex};

/// Further orders of the buyer that are listed one by one; the order has their whole number.
const DUPLICATES_MAX: u32 = 100;

impl Store {
    /// See [`Lists::order`](domain::ports::lists::Lists::order).
    pub(crate) async fn order_history(
        &self,
        order_id: &str,
    ) -> Result<Option<OrderDetail>, ReadError> {
        let order_id = order_id.to_owned();
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
    order_id: &str,
) -> rusqlite::Result<Option<OrderDetail>> {
    // An order that was decided may still lie among the unconfirmed ones: the later stage is it.
    const NEWEST_FIRST: [Stage; 5] =
        [Stage::Decided, Stage::Duplicates, Stage::Queued, Stage::SetAside, Stage::Unconfirmed];
    for stage in NEWEST_FIRST {
        let number = match number(stage) {
            None => queued_at_place(connection, queued, order_id)?,
            Some(sql) => connection.prepare_cached(sql)?.query_row([order_id], first).optional()?,
        };
        let Some(number) = number else { continue };
        if let Some((order, phone)) = order(connection, index, stage, number)? {
            let steps = steps(connection, &order, stage, number)?;
            let history = OrderHistory { order, phone: None, steps };
            return Ok(Some(OrderDetail { history, phone: Some(phone) }));
        }
    }
    Ok(None)
}

fn first<T: rusqlite::types::FromSql>(row: &Row<'_>) -> rusqlite::Result<T> {
    row.get(0)
}

/// An order's number in a stage. A letter counts until it is dealt with. `None` for the queue,
/// whose index isn't in the database.
pub(crate) const fn number(stage: Stage) -> Option<&'static str> {
    match stage {
        Stage::Queued => None,
        Stage::Unconfirmed => Some("SELECT rowid FROM seckill_unconfirmed WHERE order_id = ?1"),
        Stage::SetAside => Some(
            "SELECT MAX(id) FROM seckill_dead_letter
              WHERE order_id = ?1 AND resolved_at IS NULL HAVING 0 < COUNT(*)",
        ),
        Stage::Decided => Some("SELECT id FROM t_seckill_order WHERE order_id = ?1"),
        Stage::Duplicates => Some("SELECT decision_seq FROM seckill_duplicate WHERE order_id = ?1"),
    }
}

/// The first of these places in the queue that is the order's.
fn queued_at_place(
    connection: &Connection,
    places: &Places,
    order_id: &str,
) -> rusqlite::Result<Option<i64>> {
    let mut look = connection
        .prepare_cached("SELECT seq FROM seckill_queue WHERE seq = ?1 AND order_id = ?2")?;
    for seq in places.iter() {
        if let Some(seq) = look.query_row((seq, order_id), first).optional()? {
            return Ok(Some(seq));
        }
    }
    Ok(None)
}

fn steps(
    connection: &Connection,
    order: &OrderView,
    stage: Stage,
    number: i64,
) -> rusqlite::Result<Vec<HistoryStep>> {
    let mut steps = vec![accepted(connection, order, stage, number)?];
    steps.extend(unconfirmed(connection, &order.order_id)?);
    if stage != Stage::Unconfirmed {
        steps.push(queued(connection, stage, number)?);
    }
    steps.extend(letters(connection, &order.order_id)?);
    if stage == Stage::Queued {
        steps.extend(put_off(connection, number)?);
    }
    steps.extend(decided(connection, order, number)?);
    steps.extend(duplicates(connection, &order.order_id)?);
    in_sequence(&mut steps);
    Ok(steps)
}

/// Sorts by time. A step whose time isn't recorded stays behind the step before it.
fn in_sequence(steps: &mut Vec<HistoryStep>) {
    let mut time = EpochMs(i64::MIN);
    let mut timed: Vec<(EpochMs, HistoryStep)> = Vec::with_capacity(steps.len());
    for step in steps.drain(..) {
        time = step.at.unwrap_or(time);
        timed.push((time, step));
    }
    timed.sort_by_key(|(time, _)| time.0);
    steps.extend(timed.into_iter().map(|(_, step)| step));
}

fn step(at: Option<EpochMs>, step: StepKind, detail: impl Into<String>) -> HistoryStep {
    HistoryStep { at, step, detail: detail.into() }
}

fn accepted(
    connection: &Connection,
    order: &OrderView,
    stage: Stage,
    number: i64,
) -> rusqlite::Result<HistoryStep> {
    let at = if stage == Stage::Duplicates {
        // Not recorded by older versions; the order shows the time of its decision then.
        time(
            connection,
            "SELECT charge_time FROM seckill_duplicate WHERE decision_seq = ?1",
            number,
        )?
    } else {
        Some(order.charge_time)
    };
    let price = order.charge_money.map_or_else(String::new, |money| format!(" for {money}"));
    Ok(step(at, StepKind::Accepted, format!("the buyer asked for {}{price}", order.prod_id)))
}

fn queued(connection: &Connection, stage: Stage, number: i64) -> rusqlite::Result<HistoryStep> {
    let sql = match stage {
        Stage::Decided => "SELECT queued_at FROM t_seckill_order WHERE id = ?1",
        Stage::Duplicates => "SELECT queued_at FROM seckill_duplicate WHERE decision_seq = ?1",
        Stage::SetAside => "SELECT queued_at FROM seckill_dead_letter WHERE id = ?1",
        Stage::Queued | Stage::Unconfirmed => "SELECT queued_at FROM seckill_queue WHERE seq = ?1",
    };
    let at = time(connection, sql, number)?;
    Ok(step(at, StepKind::Queued, "the queue had it durably"))
}

fn time(connection: &Connection, sql: &str, number: i64) -> rusqlite::Result<Option<EpochMs>> {
    let at: Option<i64> = connection.prepare_cached(sql)?.query_row([number], first)?;
    Ok(at.map(EpochMs))
}

fn unconfirmed(connection: &Connection, order_id: &str) -> rusqlite::Result<Option<HistoryStep>> {
    connection
        .prepare_cached("SELECT since, tries, cause FROM seckill_unconfirmed WHERE order_id = ?1")?
        .query_row([order_id], |row| {
            let (tries, cause): (u32, String) = (row.get(1)?, row.get(2)?);
            let detail = format!("the send's result is unknown after {tries} tries: {cause}");
            Ok(step(Some(EpochMs(row.get(0)?)), StepKind::Unconfirmed, detail))
        })
        .optional()
}

/// What went wrong at the last try to decide an order in the queue, if one went wrong.
fn put_off(connection: &Connection, seq: i64) -> rusqlite::Result<Option<HistoryStep>> {
    connection
        .prepare_cached(
            "SELECT attempts, not_before, COALESCE(wait_ms, 0), last_error FROM seckill_queue
              WHERE seq = ?1 AND 0 < attempts AND last_error IS NOT NULL",
        )?
        .query_row([seq], |row| {
            let (attempts, due): (u32, i64) = (row.get(0)?, row.get(1)?);
            let (wait_ms, cause): (i64, String) = (row.get(2)?, row.get(3)?);
            let next = EpochMs(due).to_wire();
            let detail =
                format!("try {attempts} to decide it failed: {cause}; the next is at {next}");
            Ok(step(Some(EpochMs(due.saturating_sub(wait_ms))), StepKind::PutOff, detail))
        })
        .optional()
}

pub(crate) const LETTERS: &str = "
    SELECT id, dead_at, reason, redeliveries, resolved_at, resolution
      FROM seckill_dead_letter WHERE order_id = ?1 ORDER BY id";

fn letters(connection: &Connection, order_id: &str) -> rusqlite::Result<Vec<HistoryStep>> {
    let mut statement = connection.prepare_cached(LETTERS)?;
    let mut rows = statement.query([order_id])?;
    let mut steps = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, reason, again): (i64, String, u32) = (row.get(0)?, row.get(2)?, row.get(3)?);
        let detail = format!("dead letter {id} after {again} redeliveries: {reason}");
        steps.push(step(Some(EpochMs(row.get(1)?)), StepKind::SetAside, detail));
        let dealt_with_at = row.get::<_, Option<i64>>(4)?.map(EpochMs);
        let resolution: Option<String> = row.get(5)?;
        steps.extend(match resolution.as_deref() {
            Some("resent") => {
                let detail = format!("an operator put dead letter {id} back into the queue");
                Some(step(dealt_with_at, StepKind::Resent, detail))
            }
            Some("discarded") => {
                let detail = format!("an operator discarded dead letter {id}");
                Some(step(dealt_with_at, StepKind::Discarded, detail))
            }
            _ => None,
        });
    }
    Ok(steps)
}

fn decided(
    connection: &Connection,
    order: &OrderView,
    number: i64,
) -> rusqlite::Result<Vec<HistoryStep>> {
    let at = order.decided_at;
    let reason = order.reason.as_deref().unwrap_or("no reason");
    Ok(match order.state {
        OrderState::Placed => vec![placed(order)],
        OrderState::Finished => {
            let sql = "SELECT finish_time FROM t_seckill_order WHERE id = ?1";
            let finished_at = time(connection, sql, number)?;
            vec![placed(order), step(finished_at, StepKind::Finished, "it was delivered")]
        }
        OrderState::Failed => {
            vec![step(at, StepKind::Failed, format!("it got no unit: {reason}"))]
        }
        OrderState::Duplicate => {
            let live: String = connection
                .prepare_cached(
                    "SELECT live_order_id FROM seckill_duplicate WHERE decision_seq = ?1",
                )?
                .query_row([number], first)?;
            let detail = format!("set aside: the buyer has order {live}");
            vec![step(at, StepKind::Duplicate, detail)]
        }
        OrderState::Queued | OrderState::Unconfirmed | OrderState::DeadLetter => Vec::new(),
    })
}

fn placed(order: &OrderView) -> HistoryStep {
    let name = if order.prod_name.is_empty() { &order.prod_id } else { &order.prod_name };
    step(order.decided_at, StepKind::Placed, format!("it got a unit of {name}"))
}

pub(crate) const DUPLICATES: &str = "
    SELECT order_id, decided_at FROM seckill_duplicate WHERE live_order_id = ?1
     ORDER BY decision_seq LIMIT ?2";

fn duplicates(connection: &Connection, order_id: &str) -> rusqlite::Result<Vec<HistoryStep>> {
    connection
        .prepare_cached(DUPLICATES)?
        .query_map((order_id, DUPLICATES_MAX), |row| {
            let other: String = row.get(0)?;
            let detail = format!("order {other} of the same buyer was set aside");
            Ok(step(Some(EpochMs(row.get(1)?)), StepKind::DuplicateSetAside, detail))
        })?
        .collect()
}
