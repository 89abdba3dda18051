//! Messages that could not be decided, kept with the reason until an operator deals with them.
//! Listing, resending and discarding them is not done here yet.

use protocol::{EpochMs, OrderMessage};

use super::error::{Fault, ReadError};
use super::writer::Tx;
use super::{Store, unsigned};

/// A message to set aside.
pub(super) struct DeadLetter<'a> {
    /// Where it came from.
    pub(super) origin: &'a str,
    /// What it says, when it can be read.
    pub(super) message: Option<&'a OrderMessage>,
    /// Its bytes.
    pub(super) body: &'a [u8],
    /// Why it is set aside; never quotes the body.
    pub(super) reason: &'a str,
    /// How often it was delivered before.
    pub(super) redeliveries: u32,
    /// When the buyer asked, as far as is known.
    pub(super) charged_at: EpochMs,
}

/// Sets a message aside and tells whether it is new. The same message delivered again is known by
/// its origin together with its time: a rebuilt broker counts its offsets from 0 again.
pub(super) fn bury(tx: &Tx<'_>, letter: &DeadLetter<'_>) -> Result<bool, Fault> {
    let known = tx
        .statement(
            "UPDATE seckill_dead_letter SET redeliveries = MAX(redeliveries, ?3)
              WHERE origin = ?1 AND charged_at = ?2",
        )?
        .execute((letter.origin, letter.charged_at.0, letter.redeliveries))?;
    if 0 < known {
        return Ok(false);
    }
    let message = letter.message;
    tx.statement(
        "INSERT INTO seckill_dead_letter
           (origin, order_id, prod_id, user_phoneno, body, reason, redeliveries, charged_at,
            dead_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute((
        letter.origin,
        message.map(|message| &message.order_id),
        message.map(|message| &message.prod_id),
        message.map(|message| &message.user_phone),
        letter.body,
        letter.reason,
        letter.redeliveries,
        letter.charged_at.0,
        tx.now.0,
    ))?;
    Ok(true)
}

/// Marks the dead letters of an order that has been decided after all.
pub(super) fn resolve(tx: &Tx<'_>, order: &OrderMessage) -> Result<(), Fault> {
    tx.statement(
        "UPDATE seckill_dead_letter SET resolved_at = ?4
          WHERE prod_id = ?1 AND user_phoneno = ?2 AND order_id = ?3 AND resolved_at IS NULL",
    )?
    .execute((&order.prod_id, &order.user_phone, &order.order_id, tx.now.0))?;
    Ok(())
}

impl Store {
    /// How many messages are set aside and not dealt with.
    ///
    /// # Errors
    /// The database can't be read.
    pub async fn dead_letter_count(&self) -> Result<u64, ReadError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT COUNT(*) FROM seckill_dead_letter WHERE resolved_at IS NULL",
                )?
                .query_row([], |row| row.get(0).map(unsigned))
        })
        .await
    }
}
