//! What gateways learn of the order role: decisions in sequence, and the products of the same
//! moment.

use domain::ports::{DecidedAfter, ReadError};
use protocol::{Decision, OrderStatus, Outcome, Reason, Seq};
use rusqlite::{Connection, Row};

use crate::engine::columns::{of_text, of_text_or_null};
use crate::sale::products;
use crate::{Store, unsigned};

/// See [`domain::ports::Sale::decisions`]; all from one read transaction.
pub(crate) async fn after(
    store: &Store,
    after: Seq,
    limit: usize,
) -> Result<DecidedAfter, ReadError> {
    let store_id = store.store_id().to_owned();
    let after = i64::try_from(after.0).unwrap_or(i64::MAX);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    store
        .read(move |connection| {
            Ok(DecidedAfter {
                store_id,
                head: head(connection)?,
                decisions: list(connection, after, limit)?,
                products: products::states(connection)?,
            })
        })
        .await
}

pub(crate) fn head(connection: &Connection) -> rusqlite::Result<Seq> {
    connection
        .prepare_cached(
            "SELECT MAX(COALESCE((SELECT MAX(decision_seq) FROM t_seckill_order), 0),
                        COALESCE((SELECT MAX(decision_seq) FROM seckill_duplicate), 0))",
        )?
        .query_row([], |row| Ok(Seq(unsigned(row.get(0)?))))
}

pub(crate) const LIST: &str = "
    SELECT decision_seq, order_id, prod_id, user_phoneno, order_status, reason, NULL
      FROM t_seckill_order WHERE ?1 < decision_seq
    UNION ALL
    SELECT decision_seq, order_id, prod_id, user_phoneno, NULL, NULL, live_order_id
      FROM seckill_duplicate WHERE ?1 < decision_seq
    ORDER BY 1 LIMIT ?2";

pub(crate) fn list(
    connection: &Connection,
    after: i64,
    limit: i64,
) -> rusqlite::Result<Vec<Decision>> {
    connection.prepare_cached(LIST)?.query_map((after, limit), decision)?.collect()
}

fn decision(row: &Row<'_>) -> rusqlite::Result<Decision> {
    let status: Option<u8> = row.get(4)?;
    let reason: Option<String> = row.get(5)?;
    let outcome = match status.map(OrderStatus::from_number) {
        None => Outcome::Duplicate,
        Some(Some(OrderStatus::Failed)) => Outcome::Failed,
        Some(Some(_)) => Outcome::Placed,
        Some(None) => Outcome::Other,
    };
    Ok(Decision {
        seq: Seq(unsigned(row.get(0)?)),
        order_id: of_text(row, 1)?,
        prod_id: of_text(row, 2)?,
        phone: of_text(row, 3)?,
        outcome,
        reason: reason.as_deref().map(Reason::from_text),
        live_order_id: of_text_or_null(row, 6)?,
    })
}
