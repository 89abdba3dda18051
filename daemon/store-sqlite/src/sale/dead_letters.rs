//! Messages that could not be decided, kept with the reason until an operator deals with them: open
//! letters. What operators do with them is in `letter_commands`; those on their way back, which
//! aren't open any more and not resolved yet, are in `resent`.

use domain::letters::Resolution;
use domain::outcomes::Outcomes;
use domain::ports::lists::{Letters, ListError};
use protocol::{DeadLetterView, Ending, EpochMs, OrderMessage, Phone, mask_phones, printable};
use rusqlite::{Connection, Row};

use crate::engine::columns::of_text_or_null;
use crate::engine::error::JobError;
use crate::engine::mishaps::Mishaps;
use crate::engine::tx::Tx;
use crate::{Store, page_limit, unsigned};

/// Characters of a letter's content that are shown.
const CONTENT_CHARS_MAX: usize = 512;

/// Bytes of a letter that are looked at to show its content.
const CONTENT_BYTES_MAX: usize = 4_096;

/// A message to set aside.
pub(crate) struct DeadLetter<'a> {
    /// Where it came from.
    pub(crate) origin: &'a str,
    /// What it says, when it can be read.
    pub(crate) message: Option<&'a OrderMessage>,
    /// Its bytes.
    pub(crate) body: &'a [u8],
    /// Why it is set aside; never quotes the body.
    pub(crate) reason: &'a str,
    /// How often it was delivered before.
    pub(crate) redeliveries: u32,
    /// When the buyer asked, as far as is known.
    pub(crate) asked_at: EpochMs,
    /// When the queue had it, where that is known.
    pub(crate) queued_at: Option<EpochMs>,
}

/// Sets a message aside, and counts and notes it where it is new.
pub(crate) fn bury(
    tx: &Tx<'_>,
    letter: &DeadLetter<'_>,
    (outcomes, mishaps): (&mut Outcomes, &mut Mishaps),
) -> Result<(), JobError> {
    if is_entered(tx, letter)? {
        outcomes.dead_lettered += 1;
        mishaps.set_aside(letter);
    }
    Ok(())
}

/// Enters a message and says whether it is new. The same message delivered again is known by its
/// origin together with its time: a rebuilt broker counts its offsets from 0 again.
fn is_entered(tx: &Tx<'_>, letter: &DeadLetter<'_>) -> Result<bool, JobError> {
    let known = tx
        .statement(
            "UPDATE seckill_dead_letter SET redeliveries = MAX(redeliveries, ?3)
              WHERE origin = ?1 AND charged_at = ?2",
        )?
        .execute((letter.origin, letter.asked_at.0, letter.redeliveries))?;
    if 0 < known {
        return Ok(false);
    }
    let message = letter.message;
    tx.statement(
        "INSERT INTO seckill_dead_letter
           (origin, order_id, prod_id, user_phoneno, body, reason, redeliveries, charged_at,
            dead_at, queued_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute((
        letter.origin,
        message.map(|message| message.order_id.text()).as_deref(),
        message.map(|message| message.prod_id.as_str()),
        message.map(|message| message.phone.whole()),
        letter.body,
        letter.reason,
        letter.redeliveries,
        letter.asked_at.0,
        tx.now.0,
        letter.queued_at.map(|at| at.0),
    ))?;
    Ok(true)
}

/// Marks all open dead letters of an order as dealt with. One that is on its way back is resolved
/// where it is taken.
pub(crate) fn resolve(
    tx: &Tx<'_>,
    order: &OrderMessage,
    resolution: Resolution,
) -> Result<(), JobError> {
    tx.statement(
        "UPDATE seckill_dead_letter SET resolved_at = ?4, resolution = ?5,
                resent_at = COALESCE(resent_at, ?6)
          WHERE prod_id = ?1 AND user_phoneno = ?2 AND order_id = ?3
            AND resolved_at IS NULL AND due_at IS NULL",
    )?
    .execute((
        order.prod_id.as_str(),
        order.phone.whole(),
        &*order.order_id.text(),
        tx.now.0,
        resolution.as_str(),
        (resolution == Resolution::Resent).then_some(tx.now.0),
    ))?;
    Ok(())
}

/// Marks one dead letter as dealt with; its way back, if it was on one, is at its end.
pub(crate) fn resolve_one(tx: &Tx<'_>, id: i64, resolution: Resolution) -> Result<(), JobError> {
    tx.statement(
        "UPDATE seckill_dead_letter
            SET resolved_at = ?2, resolution = ?3, due_at = NULL,
                resent_at = COALESCE(resent_at, ?4)
          WHERE id = ?1",
    )?
    .execute((
        id,
        tx.now.0,
        resolution.as_str(),
        (resolution == Resolution::Resent).then_some(tx.now.0),
    ))?;
    Ok(())
}

impl Store {
    /// See [`Lists::dead_letters`](domain::ports::lists::Lists::dead_letters).
    pub(crate) async fn dead_letters(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Letters, ListError> {
        let after = match after {
            None => 0,
            Some(cursor) => cursor.parse().map_err(|_| ListError::Cursor)?,
        };
        Ok(self.read(move |connection| page(connection, after, page_limit(limit))).await?)
    }

    /// One of them; `None` when it was dealt with or there never was one of that number.
    #[cfg(test)]
    pub(crate) async fn dead_letter(
        &self,
        id: u64,
    ) -> Result<Option<DeadLetterView>, domain::ports::ReadError> {
        self.read(move |connection| one(connection, id)).await
    }
}

/// The open one of this number.
pub(crate) fn one(connection: &Connection, id: u64) -> rusqlite::Result<Option<DeadLetterView>> {
    let before = i64::try_from(id).unwrap_or(i64::MAX).saturating_sub(1);
    let first = list(connection, before, 1)?.into_iter().next();
    Ok(first.filter(|letter| letter.id == id))
}

/// How many are open.
pub(crate) fn count(connection: &Connection) -> rusqlite::Result<u64> {
    Ok(extent(connection)?.0)
}

/// How many are open, and the number of the newest.
fn extent(connection: &Connection) -> rusqlite::Result<(u64, Option<u64>)> {
    connection
        .prepare_cached(
            "SELECT COUNT(*), MAX(id) FROM seckill_dead_letter
              WHERE resolved_at IS NULL AND due_at IS NULL",
        )?
        .query_row([], |row| {
            Ok((unsigned(row.get(0)?), row.get::<_, Option<i64>>(1)?.map(unsigned)))
        })
}

fn page(connection: &Connection, after: i64, limit: usize) -> rusqlite::Result<Letters> {
    let mut dead_letters = list(connection, after, limit + 1)?;
    let is_last = dead_letters.len() <= limit;
    dead_letters.truncate(limit);
    let next = dead_letters.last().filter(|_| !is_last).map(|letter| letter.id.to_string());
    let (total, newest) = extent(connection)?;
    Ok(Letters { dead_letters, next, total, newest })
}

/// Open letters by number. Of a body only its beginning and its length are read, unless there may
/// be an order in it. (SQLite makes NULL of a part of an empty body.)
pub(crate) const LIST: &str = "
    SELECT id, origin, reason, order_id, prod_id, user_phoneno, redeliveries, charged_at, dead_at,
           CASE WHEN order_id IS NULL THEN COALESCE(substr(body, 1, ?3), x'') ELSE body END,
           length(body)
      FROM seckill_dead_letter
     WHERE resolved_at IS NULL AND due_at IS NULL AND ?1 < id ORDER BY id LIMIT ?2";

fn list(
    connection: &Connection,
    after: i64,
    limit: usize,
) -> rusqlite::Result<Vec<DeadLetterView>> {
    let window = i64::try_from(CONTENT_BYTES_MAX).unwrap_or(i64::MAX);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    connection.prepare_cached(LIST)?.query_map((after, limit, window), view)?.collect()
}

fn view(row: &Row<'_>) -> rusqlite::Result<DeadLetterView> {
    let order_id = of_text_or_null(row, 3)?;
    let user: Option<Phone> = of_text_or_null(row, 5)?;
    let body: Vec<u8> = row.get(9)?;
    let content_bytes = unsigned(row.get(10)?);
    Ok(DeadLetterView {
        id: unsigned(row.get(0)?),
        origin: row.get(1)?,
        reason: row.get(2)?,
        resendable: order_id.is_some() && OrderMessage::decode(&body).is_ok(),
        order_id,
        prod_id: of_text_or_null(row, 4)?,
        user: user.map(|phone| phone.to_string()),
        redeliveries: row.get(6)?,
        asked_at: EpochMs(row.get(7)?),
        dead_at: EpochMs(row.get(8)?),
        content: content(&body, content_bytes),
        content_bytes,
    })
}

/// What can be shown of the beginning of a body of `whole` bytes: phone numbers are masked, also
/// one that is cut off here, and what isn't fit to be shown is replaced.
fn content(body: &[u8], whole: u64) -> String {
    let begin = &body[..body.len().min(CONTENT_BYTES_MAX)];
    let ending = if (begin.len() as u64) < whole { Ending::CutOff } else { Ending::Whole };
    let masked = mask_phones(&String::from_utf8_lossy(begin), ending);
    printable(&masked).chars().take(CONTENT_CHARS_MAX).collect()
}

impl DeadLetter<'_> {
    /// The id of the order that it is of, where it can be read. A stranger's text is masked,
    /// whatever it is called: it may be a phone number.
    pub(crate) fn id_for_the_log(&self) -> Option<String> {
        match self.message {
            Some(message) => Some(message.order_id.to_string()),
            None => OrderMessage::id_in(self.body).map(|id| mask_phones(&id.text(), Ending::Whole)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CONTENT_BYTES_MAX, CONTENT_CHARS_MAX, content};

    fn shown(body: &[u8]) -> String {
        content(body, body.len() as u64)
    }

    #[test]
    fn what_may_be_a_phone_number_is_masked_and_what_is_no_text_replaced() {
        let body = r#"{"userPhoneNo":"15200008881","n":123456,"m":1234567}"#;
        let masked = r#"{"userPhoneNo":"152****8881","n":123456,"m":****}"#;
        assert_eq!(shown(body.as_bytes()), masked);
        let id = r#"{"orderId":"12345678-1234-8234-8234-152000088810","at":1795444100572}"#;
        assert_eq!(shown(id.as_bytes()), id, "ids and times are no phone numbers");
        assert_eq!(shown("１５２００００８８８１".as_bytes()), "１５２****８８８１");
        assert_eq!(shown(b"a\x1b[2J\xffb\n"), "a\u{FFFD}[2J\u{FFFD}b\u{FFFD}");
        assert_eq!(shown("a\u{202E}b".as_bytes()), "a\u{FFFD}b");
    }

    #[test]
    fn a_long_body_is_cut_and_no_number_shows_at_the_cut() {
        assert_eq!(shown(&[b'x'; 9_000]).len(), CONTENT_CHARS_MAX);
        // Masked, the many numbers before leave the cut within what is shown.
        let numbers = "1".repeat(CONTENT_BYTES_MAX - 7) + " 152000";
        let body = numbers + "08881";
        assert_eq!(shown(body.as_bytes()), "111****1111 ****");
        assert_eq!(content(b"152000", 6), "152000");
    }
}
