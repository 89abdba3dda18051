//! What operators do with dead letters: put them on their way back to the order role, or discard
//! them. A resent order never goes to a broker again, so other consumers of the topic never see it
//! twice.

use std::borrow::Cow;
use std::num::NonZeroU32;

use domain::batch::Candidate;
use domain::letters::{self, Letter, Pace, Resolution};
use protocol::{EpochMs, OrderMessage, Reason, ResentState};
use rusqlite::{OptionalExtension, Row};
use serde_json::json;

use crate::engine::columns::of_text_or_null;
use crate::engine::error::JobError;
use crate::engine::tx::Tx;
use crate::operators::allowed;
use crate::operators::audit::Effect;
use crate::queue_table::queue;
use crate::sale::{batches, dead_letters, resent};
use crate::unsigned;

fn find(tx: &Tx<'_>, id: u64) -> Result<Letter, JobError> {
    let found = tx
        .statement(
            "SELECT id, order_id, prod_id, user_phoneno, body, reason, charged_at, queued_at
               FROM seckill_dead_letter
              WHERE id = ?1 AND resolved_at IS NULL AND due_at IS NULL",
        )?
        .query_row([number(id)], letter)
        .optional()?;
    allowed(letters::open(id, found))
}

fn letter(row: &Row<'_>) -> rusqlite::Result<Letter> {
    Ok(Letter {
        id: unsigned(row.get(0)?),
        order_id: of_text_or_null(row, 1)?,
        prod_id: of_text_or_null(row, 2)?,
        phone: of_text_or_null(row, 3)?,
        body: row.get(4)?,
        reason: row.get(5)?,
        asked_at: EpochMs(row.get(6)?),
        queued_at: row.get::<_, Option<i64>>(7)?.map(EpochMs),
    })
}

/// A letter's number as the database has it.
fn number(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

pub(crate) fn resend_one(tx: &Tx<'_>, id: u64) -> Result<Effect, JobError> {
    let letter = find(tx, id)?;
    let message = allowed(letter.resendable())?;
    let resolution = put_back(tx, &letter, &message, 0)?;
    let state = ResentState {
        resent: u64::from(resolution == Resolution::Resent),
        left: dead_letters::count(tx.connection)?,
        over_ms: 0,
    };
    Effect::new(letter.in_short(None), letter.in_short(Some(resolution)), &state)
}

/// Puts a letter on its way back, to be due in `wait_ms`, unless its order is decided or waits
/// already: then there is nothing to wait for, and the letter is resolved at once, as all others of
/// the order are.
fn put_back(
    tx: &Tx<'_>,
    letter: &Letter,
    message: &OrderMessage,
    wait_ms: i64,
) -> Result<Resolution, JobError> {
    let (letter_id, order_id) = (number(letter.id), &message.order_id);
    let is_decided = batches::is_decided(tx, order_id)?;
    let resolution = if is_decided { Resolution::Decided } else { Resolution::Resent };
    if is_decided || queue::is_waiting(tx, order_id)? || resent::is_on_its_way(tx, order_id)? {
        // By its number as well, because the body may name another order than the row.
        dead_letters::resolve_one(tx, letter_id, resolution)?;
    } else {
        resent::send(tx, letter_id, message, wait_ms)?;
    }
    dead_letters::resolve(tx, message, resolution)?;
    Ok(resolution)
}

/// Open letters after one number and up to another that may hold an order, oldest first.
pub(crate) const RESENDABLE: &str = "
    SELECT id, order_id, prod_id, user_phoneno, body, reason, charged_at, queued_at
      FROM seckill_dead_letter
     WHERE resolved_at IS NULL AND due_at IS NULL
       AND ?1 < id AND id <= ?3 AND order_id IS NOT NULL
     ORDER BY id LIMIT ?2";

pub(super) fn resend_all(
    tx: &Tx<'_>,
    per_s: NonZeroU32,
    up_to: Option<u64>,
) -> Result<Effect, JobError> {
    let before = dead_letters::count(tx.connection)?;
    let mut pace = Pace::new(per_s, tx.now, resent::last_due(tx)?);
    let up_to = up_to.map_or(i64::MAX, number);
    let mut last_id = 0;
    // One by one: all bodies at once could take much memory, and a letter that is put back takes
    // the others of its order with it.
    while let Some(wait_ms) = pace.next_wait_ms() {
        let bounds = (last_id, 1, up_to);
        let next = tx.statement(RESENDABLE)?.query_row(bounds, letter).optional()?;
        let Some(letter) = next else { break };
        last_id = number(letter.id);
        let Some(message) = letter.message() else { continue };
        if put_back(tx, &letter, &message, wait_ms)? == Resolution::Resent {
            pace.note_sent();
        }
    }
    let left = dead_letters::count(tx.connection)?;
    let state = ResentState { resent: pace.sent(), left, over_ms: pace.over_ms() };
    let after = json!({ "dead_letters": left, "resent": state.resent });
    Effect::new(json!({ "dead_letters": before }), after, &state)
}

pub(crate) fn discard(tx: &Tx<'_>, id: u64) -> Result<Effect, JobError> {
    let letter = find(tx, id)?;
    let shown = dead_letters::one(tx.connection, id)?;
    if let Some(message) = letter.order() {
        let Letter { asked_at, queued_at, .. } = letter;
        dead_letters::resolve(tx, &message, Resolution::Discarded)?;
        queue::withdraw(tx, &message.order_id)?;
        resent::withdraw(tx, &message.order_id)?;
        let candidate = Candidate { message: Cow::Owned(message), asked_at, queued_at };
        batches::fail(tx, &candidate, Reason::Discarded)?;
    }
    dead_letters::resolve_one(tx, number(letter.id), Resolution::Discarded)?;
    let after = letter.in_short(Some(Resolution::Discarded));
    Effect::new(letter.in_short(None), after, &shown)
}
