//! Dead letters on their way back: those with a time at which they are due (`due_at`). Such a
//! letter isn't resolved until its order is decided, which is one transaction, so that no kill in
//! between loses it. How it is put on its way, and what becomes of it there, is here; which letters
//! are, and when they are due, `letter_commands` says.

use domain::letters::Resolution;
use domain::ports::resent::{RESENT, ResentLetters};
use domain::ports::{BoxFuture, Look, QueueLag, ReadError, TakingLimits, WriteError};
use protocol::{EpochMs, OrderId, OrderMessage};
use rusqlite::Connection;
use tokio::sync::watch;

use crate::engine::error::JobError;
use crate::engine::tx::Tx;
use crate::sale::dead_letters;
use crate::sale::waiting::{self, End, Taken, WaitingRows};
use crate::{Store, unsigned};

/// Puts an open letter on its way, to be due in `wait_ms`. It takes the names of the order in its
/// body: that one is decided.
pub(crate) fn send(
    tx: &Tx<'_>,
    letter_id: i64,
    message: &OrderMessage,
    wait_ms: i64,
) -> Result<(), JobError> {
    tx.statement(
        "UPDATE seckill_dead_letter
            SET resent_at = ?2, due_at = ?2 + ?3, wait_ms = ?3,
                order_id = ?4, prod_id = ?5, user_phoneno = ?6
          WHERE id = ?1",
    )?
    .execute((
        letter_id,
        tx.now.0,
        wait_ms,
        &*message.order_id.text(),
        message.prod_id.as_str(),
        message.phone.whole(),
    ))?;
    tx.note_resent();
    Ok(())
}

/// Whether a letter of this order is on its way.
pub(crate) fn is_on_its_way(tx: &Tx<'_>, order_id: &OrderId) -> Result<bool, JobError> {
    let is = tx
        .statement(
            "SELECT EXISTS (SELECT 1 FROM seckill_dead_letter
                             WHERE order_id = ?1 AND due_at IS NOT NULL)",
        )?
        .query_row([&*order_id.text()], |row| row.get(0))?;
    Ok(is)
}

/// When the last of the letters that wait for their first try is due, if that isn't past.
pub(crate) fn last_due(tx: &Tx<'_>) -> Result<Option<EpochMs>, JobError> {
    let last: Option<i64> = tx
        .statement(
            "SELECT MAX(due_at) FROM seckill_dead_letter
              WHERE due_at IS NOT NULL AND 0 < wait_ms AND attempts = 0
                AND ?1 <= due_at AND due_at <= ?1 + wait_ms",
        )?
        .query_row([tx.now.0], |row| row.get(0))?;
    Ok(last.map(EpochMs))
}

/// Resolves the letter of an order that is on its way, where the order is decided in another way.
pub(crate) fn withdraw(tx: &Tx<'_>, order_id: &OrderId) -> Result<(), JobError> {
    tx.statement(
        "UPDATE seckill_dead_letter SET resolved_at = ?2, resolution = ?3, due_at = NULL
          WHERE order_id = ?1 AND due_at IS NOT NULL",
    )?
    .execute((&*order_id.text(), tx.now.0, Resolution::Resent.as_str()))?;
    Ok(())
}

pub(crate) const DUE: &str = "
    SELECT id, body, charged_at, attempts, queued_at FROM seckill_dead_letter
     WHERE due_at IS NOT NULL AND (due_at <= ?1 OR ?1 + COALESCE(wait_ms, ?2) < due_at)
     ORDER BY due_at, id LIMIT ?3";

pub(crate) const NEXT_DUE: &str =
    "SELECT MIN(due_at) FROM seckill_dead_letter WHERE due_at IS NOT NULL";

/// The letters on their way as messages that wait.
struct ResentRows;

impl WaitingRows for ResentRows {
    const DUE: &'static str = DUE;
    const NEXT_DUE: &'static str = NEXT_DUE;
    const ORDER: &'static str =
        "SELECT order_id, user_phoneno, prod_id FROM seckill_dead_letter WHERE id = ?1";
    const PUT_OFF: &'static str = "
        UPDATE seckill_dead_letter SET attempts = ?2, due_at = ?3, wait_ms = ?4, last_error = ?5
         WHERE id = ?1";
    const ORIGIN: &'static str = "letter";

    fn end(tx: &Tx<'_>, letter_id: i64, _: &OrderMessage, end: End) -> Result<(), JobError> {
        dead_letters::resolve_one(
            tx,
            letter_id,
            match end {
                End::Decided => Resolution::Decided,
                End::Buried => Resolution::Resent,
            },
        )
    }
}

impl Store {
    /// As [`ResentLetters::decide_due`].
    ///
    /// # Errors
    /// The store failed; the letters stay as they were, or (`Unknown`) may be decided.
    pub(crate) async fn decide_resent(&self, limits: TakingLimits) -> Result<Taken, WriteError> {
        let limits = TakingLimits { batch_max: limits.batch_max.max(1), ..limits };
        let job = move |tx: &Tx<'_>| waiting::take::<ResentRows>(tx, &limits);
        self.writer().write(limits.batch_max, job).await
    }
}

impl ResentLetters for Store {
    fn decide_due(&self, limits: TakingLimits) -> BoxFuture<'_, Result<Look, WriteError>> {
        Box::pin(async move { Ok(self.decide_resent(limits).await?.into()) })
    }

    fn on_their_way(&self) -> BoxFuture<'_, Result<QueueLag, ReadError>> {
        let now = self.now();
        Box::pin(self.read(move |connection| lag(connection, now)))
    }

    fn resent(&self) -> watch::Receiver<u64> {
        self.inner.signals.resent.subscribe()
    }

    fn now(&self) -> EpochMs {
        Self::now(self)
    }
}

/// How many are on their way, and the age of the oldest: from the index alone.
pub(crate) const ON_THEIR_WAY: &str =
    "SELECT COUNT(*), MIN(charged_at) FROM seckill_dead_letter WHERE due_at IS NOT NULL";

fn lag(connection: &Connection, now: EpochMs) -> rusqlite::Result<QueueLag> {
    let (messages, oldest): (i64, Option<i64>) = connection
        .prepare_cached(ON_THEIR_WAY)?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let oldest_age_ms = oldest.map(|asked_at| unsigned(now.0.saturating_sub(asked_at)));
    let name = RESENT.to_owned();
    Ok(QueueLag { name, messages: unsigned(messages), oldest_age_ms, ..QueueLag::default() })
}
