//! The operator's switches in the database. Which command turns which is the domain's rule.

use domain::controls::{ControlVerb, Position, Switch, in_short, turn, turned};
use domain::ports::desk::Asked;
use protocol::{Controls, DrainView, EpochMs, SwitchView};
use rusqlite::{Connection, Row};

use crate::engine::error::{JobError, ReadError};
use crate::engine::tx::Tx;
use crate::operators::allowed;
use crate::operators::audit::Effect;
use crate::{Store, unsigned};

impl Store {
    /// See [`OperatorDesk::controls`](domain::ports::desk::OperatorDesk::controls).
    pub(crate) async fn controls(&self) -> Result<Controls, ReadError> {
        self.read(controls).await
    }
}

/// Sets the switches, if they are of the generation that the asker has seen.
pub(super) fn set(
    tx: &Tx<'_>,
    asked: &Asked,
    verb: ControlVerb,
    if_generation: Option<u64>,
) -> Result<Effect, JobError> {
    let before = controls(tx.connection)?;
    for (switch, position) in allowed(turn(&before, verb, if_generation))? {
        match position {
            Position::Engaged => engage(tx, asked, *switch)?,
            Position::Disengaged => disengage(tx, asked, *switch)?,
        }
    }
    // This command's own entry in the audit log, from which generations are counted, follows.
    let after = turned(&before, controls(tx.connection)?);
    Effect::new(in_short(&before), in_short(&after), &after)
}

/// Engages a switch; one that is engaged keeps since when, by whom and why.
fn engage(tx: &Tx<'_>, asked: &Asked, switch: Switch) -> Result<(), JobError> {
    tx.statement(
        "INSERT INTO seckill_control (name, engaged, since, switched_by, reason)
         VALUES (?1, 1, ?2, ?3, ?4)
         ON CONFLICT (name) DO UPDATE
            SET engaged = 1, since = excluded.since, switched_by = excluded.switched_by,
                reason = excluded.reason
          WHERE engaged = 0",
    )?
    .execute((switch.as_str(), tx.now.0, asked.actor.name(), &asked.reason))?;
    Ok(())
}

/// Disengages a switch; one that isn't engaged stays as it is.
fn disengage(tx: &Tx<'_>, asked: &Asked, switch: Switch) -> Result<(), JobError> {
    tx.statement(
        "UPDATE seckill_control SET engaged = 0, since = ?2, switched_by = ?3, reason = ?4
          WHERE name = ?1 AND engaged = 1",
    )?
    .execute((switch.as_str(), tx.now.0, asked.actor.name(), &asked.reason))?;
    Ok(())
}

fn controls(connection: &Connection) -> rusqlite::Result<Controls> {
    const INTAKE: &str = Switch::Intake.as_str();
    const CONSUMPTION: &str = Switch::Consumption.as_str();
    let mut statement = connection
        .prepare_cached("SELECT name, engaged, since, switched_by, reason FROM seckill_control")?;
    let mut rows = statement.query([])?;
    let (mut intake, mut consumption) = (SwitchView::default(), SwitchView::default());
    let mut drain = None;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let switch = switch(row)?;
        match name.as_str() {
            INTAKE => intake = switch,
            CONSUMPTION => consumption = switch,
            _ => {
                let since = switch.since.filter(|_| switch.paused);
                drain = since.map(|since| DrainView { since, drained: false });
            }
        }
    }
    let generation = Some(generation(connection)?);
    Ok(Controls { intake: Some(intake), consumption: Some(consumption), drain, generation })
}

/// How often a command has changed a switch, by what the audit log has of it ([`in_short`]).
fn generation(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .prepare_cached(
            "SELECT COUNT(*) FROM seckill_audit
              WHERE json_extract(before, '$.draining') IS NOT NULL AND before <> after",
        )?
        .query_row([], |row| row.get(0).map(unsigned))
}

fn switch(row: &Row<'_>) -> rusqlite::Result<SwitchView> {
    Ok(SwitchView {
        paused: row.get(1)?,
        since: Some(EpochMs(row.get(2)?)),
        by: row.get(3)?,
        reason: row.get(4)?,
    })
}
