//! The operator's switches: intake, consumption, and the drain that sets both. They are kept in the
//! database, so that a pause survives a restart; acting on them is the roles' business.

use protocol::{Controls, DrainView, EpochMs, RefusalCode, SwitchView};
use rusqlite::{Connection, Row};
use serde_json::Value;

use crate::engine::error::{CommandError, Fault, ReadError};
use crate::engine::tx::Tx;
use crate::operators::audit::{Carried, Command, Effect, refused_with};
use crate::{Store, unsigned};

/// What can be done with the switches. Doing what is done already is fine, and changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ControlVerb {
    /// New orders are refused.
    PauseIntake,
    /// New orders are taken. Undoes a drain.
    ResumeIntake,
    /// No orders are taken from the queue. A drain could never end so, and is none any more: its
    /// mark goes, and intake stays paused.
    PauseConsumption,
    /// Orders are taken from the queue.
    ResumeConsumption,
    /// New orders are refused and consumption goes on until nothing waits.
    Drain,
}

const INTAKE: &str = "intake";
const CONSUMPTION: &str = "consumption";
const DRAIN: &str = "drain";

impl Store {
    /// The switches as they were left, those of both roles, whichever this process has. Of a drain
    /// it isn't known here whether it came to its end: `drained` is always false.
    ///
    /// # Errors
    /// The database can't be read.
    pub async fn controls(&self) -> Result<Controls, ReadError> {
        self.read(controls).await
    }

    /// Sets the switches, if they are of the generation that the asker has seen. The state is
    /// [`Controls`] as in [`Store::controls`]. Commands are carried out one after the other, but
    /// their answers may cross: a caller that acts on the switches should read them again and not
    /// take an answer for the newest state.
    ///
    /// # Errors
    /// `stale_version` with the current `generation`; see [`CommandError`].
    pub async fn set_controls(
        &self,
        command: Command,
        verb: ControlVerb,
        if_generation: Option<u64>,
    ) -> Result<Carried, CommandError> {
        let work =
            move |tx: &Tx<'_>, command: &Command| set_controls(tx, command, verb, if_generation);
        self.carry_out(command, work).await
    }
}

fn set_controls(
    tx: &Tx<'_>,
    command: &Command,
    verb: ControlVerb,
    if_generation: Option<u64>,
) -> Result<Effect, Fault> {
    let before = controls(tx.connection)?;
    let generation = before.generation.unwrap_or(0);
    if let Some(asked) = if_generation.filter(|asked| *asked != generation) {
        let msg = format!(
            "the switches were set by somebody meanwhile (generation {generation}, not {asked}): \
             look at them again"
        );
        let data = serde_json::json!({ "generation": generation });
        return Err(refused_with(RefusalCode::StaleVersion, msg, data));
    }
    match verb {
        ControlVerb::PauseIntake => engage(tx, command, INTAKE)?,
        ControlVerb::ResumeIntake => {
            disengage(tx, command, INTAKE)?;
            disengage(tx, command, DRAIN)?;
        }
        ControlVerb::PauseConsumption => {
            engage(tx, command, CONSUMPTION)?;
            disengage(tx, command, DRAIN)?;
        }
        ControlVerb::ResumeConsumption => disengage(tx, command, CONSUMPTION)?,
        ControlVerb::Drain => {
            engage(tx, command, INTAKE)?;
            disengage(tx, command, CONSUMPTION)?;
            engage(tx, command, DRAIN)?;
        }
    }
    let mut after = controls(tx.connection)?;
    let (was, is) = (summary(&before), summary(&after));
    // Its own entry in the audit log, from which generations are counted, follows.
    after.generation = Some(generation + u64::from(was != is));
    Effect::new(was, is, &after)
}

/// Engages a switch; one that is engaged keeps since when, by whom and why.
fn engage(tx: &Tx<'_>, command: &Command, name: &str) -> Result<(), Fault> {
    tx.statement(
        "INSERT INTO seckill_control (name, engaged, since, switched_by, reason)
         VALUES (?1, 1, ?2, ?3, ?4)
         ON CONFLICT (name) DO UPDATE
            SET engaged = 1, since = excluded.since, switched_by = excluded.switched_by,
                reason = excluded.reason
          WHERE engaged = 0",
    )?
    .execute((name, tx.now.0, command.actor.name(), &command.reason))?;
    Ok(())
}

/// Disengages a switch; one that isn't engaged stays as it is.
fn disengage(tx: &Tx<'_>, command: &Command, name: &str) -> Result<(), Fault> {
    tx.statement(
        "UPDATE seckill_control SET engaged = 0, since = ?2, switched_by = ?3, reason = ?4
          WHERE name = ?1 AND engaged = 1",
    )?
    .execute((name, tx.now.0, command.actor.name(), &command.reason))?;
    Ok(())
}

fn controls(connection: &Connection) -> rusqlite::Result<Controls> {
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

/// How often a command has changed a switch, by what the audit log has of it ([`summary`]).
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

/// The switches in short, for the audit log.
fn summary(controls: &Controls) -> Value {
    let paused = |switch: &Option<SwitchView>| switch.as_ref().map(|switch| switch.paused);
    serde_json::json!({
        "intake_paused": paused(&controls.intake),
        "consumption_paused": paused(&controls.consumption),
        "draining": controls.drain.is_some(),
    })
}
