//! What operators do with dead letters: put them back into the queue table of this process, from
//! where the local consumer takes them, or discard them. A resent order never goes to a broker
//! again, so other consumers of the topic never see it twice.

use std::borrow::Cow;

use domain::batch::Candidate;
use protocol::{EpochMs, OrderMessage, Reason, RefusalCode, ResentState};
use rusqlite::{OptionalExtension, Row};
use serde_json::{Value, json};

use crate::Store;
use crate::engine::error::{CommandError, Fault};
use crate::engine::tx::Tx;
use crate::operators::audit::{Carried, Command, Effect, refused};
use crate::queue_table::queue::{self, Returning};
use crate::sale::dead_letters::{self, Resolution};
use crate::sale::placing;

/// Letters that one command puts back: they are moved in one transaction, and the consumer walks
/// over those that aren't due yet. The state says how many are left; the next command takes them.
const RESENT_MAX: usize = 10_000;

impl Store {
    /// Puts one dead letter back into the queue, due at once, with its other open letters dealt
    /// with as well. One whose order was decided meanwhile is only marked as dealt with. Should it
    /// fail again, it becomes another dead letter. The state is a [`ResentState`].
    ///
    /// # Errors
    /// `not_found` when it was dealt with or there is none; `not_resendable` when it holds no
    /// readable order.
    pub async fn resend_dead_letter(
        &self,
        command: Command,
        id: u64,
    ) -> Result<Carried, CommandError> {
        self.carry_out(command, move |tx, _| resend_one(tx, id)).await
    }

    /// Puts all dead letters that hold a readable order back into the queue, those up to the number
    /// `up_to` if there is one, oldest first, up to 10,000, due one after the other at `per_s` a
    /// second (at least 1), after those that are on their way already. The state is a
    /// [`ResentState`].
    ///
    /// # Errors
    /// See [`CommandError`]; nothing to resend is no error.
    pub async fn resend_dead_letters(
        &self,
        command: Command,
        per_s: u32,
        up_to: Option<u64>,
    ) -> Result<Carried, CommandError> {
        self.carry_out(command, move |tx, _| resend_all(tx, per_s.max(1), up_to)).await
    }

    /// Gives a dead letter up. If its order is known and isn't decided, the order fails as
    /// `discarded`: its decision ends the gateway's hold and becomes the buyer's answer. Its other
    /// open letters are dealt with as well. The state is the letter as it was, a
    /// [`protocol::DeadLetterView`].
    ///
    /// # Errors
    /// `not_found` when it was dealt with or there is none.
    pub async fn discard_dead_letter(
        &self,
        command: Command,
        id: u64,
    ) -> Result<Carried, CommandError> {
        self.carry_out(command, move |tx, _| discard(tx, id)).await
    }
}

/// An open dead letter.
struct Letter {
    id: i64,
    order_id: Option<String>,
    prod_id: Option<String>,
    user_phone: Option<String>,
    body: Vec<u8>,
    reason: String,
    charged_at: EpochMs,
    queued_at: Option<EpochMs>,
}

impl Letter {
    /// The order in it, if there is a readable one.
    fn message(&self) -> Option<OrderMessage> {
        self.order_id.as_ref().and_then(|_| OrderMessage::decode(&self.body).ok())
    }

    /// The order in it or, where its body can't be read, the one that its row names.
    fn order(&self) -> Option<OrderMessage> {
        let named = || {
            Some(OrderMessage {
                order_id: self.order_id.clone()?,
                user_phone: self.user_phone.clone()?,
                prod_id: self.prod_id.clone()?,
                charge_money: String::new(),
            })
        };
        self.message().or_else(named)
    }

    /// For the audit log.
    fn in_short(&self, resolution: Option<Resolution>) -> Value {
        json!({
            "order_id": self.order_id,
            "reason": self.reason,
            "resolution": resolution.map(Resolution::as_str),
        })
    }
}

fn find(tx: &Tx<'_>, id: u64) -> Result<Letter, Fault> {
    let letter = tx
        .statement(
            "SELECT id, order_id, prod_id, user_phoneno, body, reason, charged_at, queued_at
               FROM seckill_dead_letter WHERE id = ?1 AND resolved_at IS NULL",
        )?
        .query_row([i64::try_from(id).unwrap_or(i64::MAX)], letter)
        .optional()?;
    letter.ok_or_else(|| {
        let msg = format!("there is no dead letter {id}, or it was dealt with");
        refused(RefusalCode::NotFound, msg)
    })
}

fn letter(row: &Row<'_>) -> rusqlite::Result<Letter> {
    Ok(Letter {
        id: row.get(0)?,
        order_id: row.get(1)?,
        prod_id: row.get(2)?,
        user_phone: row.get(3)?,
        body: row.get(4)?,
        reason: row.get(5)?,
        charged_at: EpochMs(row.get(6)?),
        queued_at: row.get::<_, Option<i64>>(7)?.map(EpochMs),
    })
}

pub(crate) fn resend_one(tx: &Tx<'_>, id: u64) -> Result<Effect, Fault> {
    let letter = find(tx, id)?;
    let Some(message) = letter.message() else {
        let msg = format!("dead letter {id} holds no readable order; it can only be discarded");
        return Err(refused(RefusalCode::NotResendable, msg));
    };
    let resolution = put_back(tx, &letter, &message, 0)?;
    let state = ResentState {
        resent: u64::from(resolution == Resolution::Resent),
        left: dead_letters::count(tx.connection)?,
        over_ms: 0,
    };
    Effect::new(letter.in_short(None), letter.in_short(Some(resolution)), &state)
}

/// Puts a letter back, to be due in `wait_ms`, unless its order is decided.
fn put_back(
    tx: &Tx<'_>,
    letter: &Letter,
    message: &OrderMessage,
    wait_ms: i64,
) -> Result<Resolution, Fault> {
    let resolution = if placing::is_decided(tx, &message.order_id)? {
        Resolution::Decided
    } else {
        let Letter { id: letter_id, body, charged_at, queued_at, .. } = letter;
        let (letter_id, charged_at, queued_at) = (*letter_id, *charged_at, *queued_at);
        queue::put_back(
            tx,
            &Returning { letter_id, message, body, charged_at, queued_at, wait_ms },
        )?;
        Resolution::Resent
    };
    dead_letters::resolve(tx, message, resolution)?;
    // By its number as well, because the body may name another order than the row.
    dead_letters::resolve_one(tx, letter.id, resolution)?;
    Ok(resolution)
}

/// Open letters after one number and up to another that may hold an order, oldest first.
pub(crate) const RESENDABLE: &str = "
    SELECT id, order_id, prod_id, user_phoneno, body, reason, charged_at, queued_at
      FROM seckill_dead_letter
     WHERE resolved_at IS NULL AND ?1 < id AND id <= ?3 AND order_id IS NOT NULL
     ORDER BY id LIMIT ?2";

fn resend_all(tx: &Tx<'_>, per_s: u32, up_to: Option<u64>) -> Result<Effect, Fault> {
    let before = dead_letters::count(tx.connection)?;
    let mut pace = Pace::new(tx, per_s)?;
    let up_to = up_to.and_then(|id| i64::try_from(id).ok()).unwrap_or(i64::MAX);
    let mut last_id = 0;
    // One by one: all bodies at once could take much memory, and a letter that is put back takes
    // the others of its order with it.
    while pace.sent < RESENT_MAX {
        let bounds = (last_id, 1, up_to);
        let next = tx.statement(RESENDABLE)?.query_row(bounds, letter).optional()?;
        let Some(letter) = next else { break };
        last_id = letter.id;
        let Some(message) = letter.message() else { continue };
        if put_back(tx, &letter, &message, pace.next_wait_ms())? == Resolution::Resent {
            pace.sent += 1;
        }
    }
    let left = dead_letters::count(tx.connection)?;
    let state = ResentState { resent: pace.sent as u64, left, over_ms: pace.over_ms() };
    let after = json!({ "dead_letters": left, "resent": state.resent });
    Effect::new(json!({ "dead_letters": before }), after, &state)
}

/// When letters that are put back together are due.
struct Pace {
    per_s: i64,
    first_ms: i64,
    sent: usize,
}

impl Pace {
    /// Begins now, or behind those that are on their way.
    fn new(tx: &Tx<'_>, per_s: u32) -> Result<Self, Fault> {
        let per_s = i64::from(per_s);
        let last = queue::last_put_back_due(tx)?;
        let first_ms = last.map_or(0, |last| last.0 - tx.now.0 + 1_000 / per_s);
        Ok(Self { per_s, first_ms, sent: 0 })
    }

    /// Milliseconds from now until the next is due.
    fn next_wait_ms(&self) -> i64 {
        self.first_ms + i64::try_from(self.sent).unwrap_or(i64::MAX / 1_000) * 1_000 / self.per_s
    }

    /// Milliseconds from now until the last of those sent is due.
    fn over_ms(&self) -> u64 {
        let Some(last) = self.sent.checked_sub(1) else { return 0 };
        let wait_ms = Self { sent: last, ..*self }.next_wait_ms();
        u64::try_from(wait_ms).unwrap_or(0)
    }
}

pub(crate) fn discard(tx: &Tx<'_>, id: u64) -> Result<Effect, Fault> {
    let letter = find(tx, id)?;
    let shown = dead_letters::one(tx.connection, id)?;
    if let Some(message) = letter.order() {
        let Letter { charged_at, queued_at, .. } = letter;
        dead_letters::resolve(tx, &message, Resolution::Discarded)?;
        queue::withdraw(tx, &message.order_id)?;
        let candidate = Candidate { message: Cow::Owned(message), charged_at, queued_at };
        placing::fail(tx, &candidate, Reason::Discarded)?;
    }
    dead_letters::resolve_one(tx, letter.id, Resolution::Discarded)?;
    let after = letter.in_short(Some(Resolution::Discarded));
    Effect::new(letter.in_short(None), after, &shown)
}
