//! Messages that wait in a table until they are due: taken, decided and ended in one transaction,
//! so that an order waits or is decided, never both and never neither. Two tables have such rows:
//! the embedded queue's, and the dead letters', where those that were resent are on their way back.

use std::borrow::Cow;

use domain::backoff::Backoff;
use domain::batch::Candidate;
use domain::outcomes::Outcomes;
use domain::ports::{Look, TakingLimits};
use protocol::{EpochMs, OrderMessage};

use crate::engine::columns::of_text;
use crate::engine::error::JobError;
use crate::engine::mishaps::Mishaps;
use crate::engine::tx::Tx;
use crate::sale::batches::decide_all;
use crate::sale::dead_letters::{self, DeadLetter};
use crate::sale::outcomes;

/// The longest wait of a row, in milliseconds: a year. Keeps sums with it within their type.
const LONGEST_MS: i64 = 365 * 24 * 3_600_000;

/// What one look at a table did.
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

impl From<Taken> for Look {
    fn from(taken: Taken) -> Self {
        let Taken { taken, outcomes, put_off, next_due } = taken;
        let (decided, dead_lettered) = (outcomes.decided(), outcomes.dead_lettered);
        Self { taken, decided, dead_lettered, put_off, next_due }
    }
}

/// How a row ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Its order is decided.
    Decided,
    /// It was given up, and is a dead letter of its own now.
    Buried,
}

/// A table with rows that wait.
pub(crate) trait WaitingRows {
    /// The rows whose time has come at `?1`, `?3` at most: number, body, when the buyer asked,
    /// deliveries before, when it was queued. A row that would have to wait longer than its own
    /// wait (else `?2` milliseconds) was put off before the wall clock was set back, and is due as
    /// well.
    const DUE: &'static str;
    /// When the next row is due; asked when none that is due is left.
    const NEXT_DUE: &'static str;
    /// Order, buyer and product of row `?1`.
    const ORDER: &'static str;
    /// Puts row `?1` off: deliveries so far, when it is due, how long that is, the cause.
    const PUT_OFF: &'static str;
    /// Begins the origin of the dead letter that a row becomes; its number follows.
    const ORIGIN: &'static str;

    /// Ends a row.
    fn end(tx: &Tx<'_>, number: i64, message: &OrderMessage, end: End) -> Result<(), JobError>;
}

/// A row that is due.
struct Due {
    number: i64,
    body: Vec<u8>,
    asked_at: EpochMs,
    queued_at: Option<EpochMs>,
    attempts: u32,
}

/// Takes due rows, decides their orders and ends the rows.
pub(crate) fn take<W: WaitingRows>(tx: &Tx<'_>, limits: &TakingLimits) -> Result<Taken, JobError> {
    let rows = due::<W>(tx, limits)?;
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
                let known = of_columns::<W>(tx, row.number)?;
                let reason = malformed.to_string();
                bury::<W>(tx, &row, &known, &reason, (&mut outcomes, &mut mishaps))?;
            }
        }
    }
    let decided = decide_all(tx, &candidates)?;
    let mut put_off = 0;
    let mut at_fault = decided.at_fault.into_iter().peekable();
    for (at, (row, candidate)) in readable.iter().zip(&candidates).enumerate() {
        match at_fault.next_if(|(index, _)| *index == at) {
            None => W::end(tx, row.number, &candidate.message, End::Decided)?,
            Some((_, fault)) if row.attempts + 1 < limits.deliveries_max => {
                let order = &candidate.message;
                mishaps.put_off(order, row.attempts + 1, &fault);
                postpone::<W>(tx, row, &fault, limits.backoff)?;
                put_off += 1;
            }
            Some((_, fault)) => {
                let reason = fault.to_string();
                let message = &candidate.message;
                bury::<W>(tx, row, message, &reason, (&mut outcomes, &mut mishaps))?;
            }
        }
    }
    let outcomes = outcomes.plus(&decided.outcomes);
    outcomes::store(tx, &outcomes)?;
    let next_due = if taken < limits.batch_max { next_due::<W>(tx)? } else { None };
    Ok(Taken { taken, outcomes, put_off, next_due })
}

fn due<W: WaitingRows>(tx: &Tx<'_>, limits: &TakingLimits) -> Result<Vec<Due>, JobError> {
    let longest = i64::try_from(limits.backoff.max_ms).unwrap_or(i64::MAX).min(LONGEST_MS);
    let most = i64::try_from(limits.batch_max).unwrap_or(i64::MAX);
    let rows = tx
        .statement(W::DUE)?
        .query_map((tx.now.0, longest, most), |row| {
            Ok(Due {
                number: row.get(0)?,
                body: row.get(1)?,
                asked_at: EpochMs(row.get(2)?),
                attempts: row.get(3)?,
                queued_at: row.get::<_, Option<i64>>(4)?.map(EpochMs),
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(rows)
}

fn next_due<W: WaitingRows>(tx: &Tx<'_>) -> Result<Option<EpochMs>, JobError> {
    let next: Option<i64> = tx.statement(W::NEXT_DUE)?.query_row([], |row| row.get(0))?;
    Ok(next.map(EpochMs))
}

/// The order by the other columns of a row whose body can't be read: its buyer was answered
/// "queueing", and must not be answered that there is no such order.
fn of_columns<W: WaitingRows>(tx: &Tx<'_>, number: i64) -> Result<OrderMessage, JobError> {
    Ok(tx.statement(W::ORDER)?.query_row([number], |row| {
        Ok(OrderMessage {
            order_id: of_text(row, 0)?,
            phone: of_text(row, 1)?,
            prod_id: of_text(row, 2)?,
            charge_money: String::new(),
        })
    })?)
}

fn postpone<W: WaitingRows>(
    tx: &Tx<'_>,
    row: &Due,
    fault: &JobError,
    backoff: Backoff,
) -> Result<(), JobError> {
    let attempts = row.attempts + 1;
    let wait_ms = i64::try_from(backoff.after_ms(attempts)).unwrap_or(i64::MAX).min(LONGEST_MS);
    tx.statement(W::PUT_OFF)?.execute((
        row.number,
        attempts,
        tx.now.0 + wait_ms,
        wait_ms,
        fault.to_string(),
    ))?;
    Ok(())
}

/// Makes a dead letter of a row.
fn bury<W: WaitingRows>(
    tx: &Tx<'_>,
    row: &Due,
    message: &OrderMessage,
    reason: &str,
    counts: (&mut Outcomes, &mut Mishaps),
) -> Result<(), JobError> {
    let origin = format!("{}@{}", W::ORIGIN, row.number);
    let letter = DeadLetter {
        origin: &origin,
        message: Some(message),
        body: &row.body,
        reason,
        redeliveries: row.attempts,
        asked_at: row.asked_at,
        queued_at: row.queued_at,
    };
    dead_letters::bury(tx, &letter, counts)?;
    W::end(tx, row.number, message, End::Buried)
}
