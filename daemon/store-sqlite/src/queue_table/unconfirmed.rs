//! Sends of this process's gateway whose result is unknown, kept over a restart until the queue
//! confirms them. When to publish them again is the gateway's business.

use domain::ports::{Cause, Outgoing};
use protocol::{EpochMs, Malformed, ORDER_TOPIC, OrderId, OrderMessage};
use rusqlite::Row;
use rusqlite::types::Type;

use crate::Store;
use crate::engine::error::{ReadError, WriteError};

/// A send with an unknown result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unconfirmed {
    /// What was sent.
    pub(crate) order: Outgoing,
    /// When its result was first unknown.
    pub(crate) since: EpochMs,
    /// How often it was published.
    pub(crate) tries: u32,
    /// Why the last result is unknown.
    pub(crate) cause: Cause,
}

impl Store {
    /// Keeps the sends; those of ids that are kept already take the new values.
    ///
    /// # Errors
    /// See [`WriteError`]; waits where too many writes wait, as these can't be refused.
    pub(crate) async fn keep_unconfirmed(&self, sends: Vec<Unconfirmed>) -> Result<(), WriteError> {
        self.writer()
            .anywhere()
            .write(sends.len(), move |tx| {
                let mut keep = tx.statement(
                    "INSERT INTO seckill_unconfirmed
                       (order_id, body, prod_id, user_phoneno, charged_at, since, tries, cause)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                     ON CONFLICT (order_id) DO UPDATE SET tries = excluded.tries, cause = excluded.cause",
                )?;
                for Unconfirmed { order, since, tries, cause } in &sends {
                    let message = &order.message;
                    keep.execute((
                        &*message.order_id.text(),
                        message.encode(ORDER_TOPIC),
                        message.prod_id.as_str(),
                        message.phone.whole(),
                        order.asked_at.0,
                        since.0,
                        tries,
                        &cause.0,
                    ))?;
                }
                Ok(())
            })
            .await
    }

    /// Forgets the sends of these order ids: they are confirmed.
    ///
    /// # Errors
    /// See [`WriteError`]. They are then published once more, which is harmless.
    pub(crate) async fn forget_unconfirmed(
        &self,
        order_ids: Vec<OrderId>,
    ) -> Result<(), WriteError> {
        self.writer()
            .anywhere()
            .write(order_ids.len(), move |tx| {
                let mut forget =
                    tx.statement("DELETE FROM seckill_unconfirmed WHERE order_id = ?1")?;
                for order_id in &order_ids {
                    forget.execute([&*order_id.text()])?;
                }
                Ok(())
            })
            .await
    }

    /// All kept sends, oldest first. A row that can't be read any more is logged and left out: it
    /// must not keep the others.
    ///
    /// # Errors
    /// The database can't be read.
    pub(crate) async fn unconfirmed(&self) -> Result<Vec<Unconfirmed>, ReadError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT body, charged_at, since, tries, cause
                       FROM seckill_unconfirmed ORDER BY since, order_id",
                )?
                .query_map([], kept)?
                .filter(|row| {
                    let damaged = matches!(row, Err(rusqlite::Error::FromSqlConversionFailure(..)));
                    if damaged {
                        tracing::error!("an unconfirmed send can't be read and is left out");
                    }
                    !damaged
                })
                .collect()
        })
        .await
    }
}

fn kept(row: &Row<'_>) -> rusqlite::Result<Unconfirmed> {
    let body: Vec<u8> = row.get(0)?;
    let message = OrderMessage::decode(&body).map_err(|malformed: Malformed| {
        rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, Box::new(malformed))
    })?;
    Ok(Unconfirmed {
        order: Outgoing { message, asked_at: EpochMs(row.get(1)?) },
        since: EpochMs(row.get(2)?),
        tries: row.get(3)?,
        cause: Cause(row.get(4)?),
    })
}
