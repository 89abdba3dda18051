//! How often each outcome came about: counted in the same transaction as the outcome itself, so
//! that the figures survive a crash and never disagree with the orders.

use domain::outcomes::Outcomes;
use rusqlite::Connection;

use crate::engine::error::JobError;
use crate::engine::tx::Tx;
use crate::unsigned;

/// Adds them to the durable figures.
pub(crate) fn store(tx: &Tx<'_>, outcomes: &Outcomes) -> Result<(), JobError> {
    let mut add = tx.statement(
        "INSERT INTO seckill_counter (name, value) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
    )?;
    for (name, count) in outcomes.named().filter(|(_, count)| 0 < *count) {
        add.execute((name, i64::try_from(count).unwrap_or(i64::MAX)))?;
    }
    Ok(())
}

/// All outcomes since the database was made.
pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Outcomes> {
    let mut outcomes = Outcomes::default();
    let names: Vec<&str> = outcomes.named().map(|(name, _)| name).collect();
    let mut statement = connection.prepare_cached("SELECT name, value FROM seckill_counter")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let value = unsigned(row.get(1)?);
        for (count, _) in outcomes.counts_mut().zip(&names).filter(|(_, known)| **known == name) {
            *count = value;
        }
    }
    Ok(outcomes)
}
