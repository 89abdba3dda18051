//! Commands of operators: each is carried out, logged and answered in one transaction, so there is
//! no change without its entry in the audit log and no entry without its change. The same
//! `request_id` again gives the same answer and changes nothing.

use domain::ports::desk::{
    Asked, Carried, Command, CommandError, Firstness, Named, Operation, Refusal,
};
use domain::ports::lists::ListError;
use protocol::{AuditEntry, AuditPage, EpochMs};
use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::engine::error::JobError;
use crate::engine::tx::Tx;
use crate::operators::perform;
use crate::{Store, page_limit, unsigned};

/// What a command did.
pub(crate) struct Effect {
    before: Value,
    after: Value,
    state: Box<RawValue>,
}

impl Effect {
    /// What was there before and after, for the log, and the answer.
    pub(crate) fn new(
        before: Value,
        after: Value,
        state: &impl Serialize,
    ) -> Result<Self, JobError> {
        let state = serde_json::value::to_raw_value(state).map_err(unwritable)?;
        Ok(Self { before, after, state })
    }
}

impl Store {
    /// See [`OperatorDesk::carry_out`](domain::ports::desk::OperatorDesk::carry_out).
    pub(crate) async fn carry_out(&self, command: Command) -> Result<Carried, CommandError> {
        let writer = match command.operation {
            Operation::Note(_) => &self.writer().anywhere(),
            _ => self.writer(),
        };
        let job = move |tx: &Tx<'_>| match tx.undoable(|tx| carry_out(tx, &command)) {
            Err(JobError::Refused(refusal)) => Ok(Err(*refusal)),
            carried => carried.map(Ok),
        };
        writer.write_once(1, job).await?.map_err(CommandError::Refused)
    }

    /// See [`OperatorDesk::repeated`](domain::ports::desk::OperatorDesk::repeated).
    pub(crate) async fn repeated(
        &self,
        asked: &Asked,
        named: Named<'_>,
    ) -> Result<Option<Carried>, CommandError> {
        let asked = asked.clone();
        let named = Named { object: named.object.into_owned().into(), ..named };
        let job = move |tx: &Tx<'_>| {
            let again = |known: LoggedCommand| known.again(&asked, &named).map(Some);
            match known(tx, &asked.request_id)?.map_or(Ok(None), again) {
                Err(JobError::Refused(refusal)) => Ok(Err(*refusal)),
                found => found.map(Ok),
            }
        };
        self.writer().write_once(1, job).await?.map_err(CommandError::Refused)
    }

    /// See [`OperatorDesk::audit`](domain::ports::desk::OperatorDesk::audit).
    pub(crate) async fn audit(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<AuditPage, ListError> {
        let before = match after {
            None => i64::MAX,
            Some(cursor) => cursor.parse().map_err(|_| ListError::Cursor)?,
        };
        Ok(self.read(move |connection| page(connection, before, page_limit(limit))).await?)
    }
}

fn carry_out(tx: &Tx<'_>, command: &Command) -> Result<Carried, JobError> {
    let (asked, named) = (&command.asked, command.operation.named());
    if let Some(known) = known(tx, &asked.request_id)? {
        return known.again(asked, &named);
    }
    let effect = perform(tx, command)?;
    tx.statement(
        "INSERT INTO seckill_audit
           (at, uid, user_name, pid, verb, object, arguments, before, after, reason, request_id,
            answer)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute((
        tx.now.0,
        asked.actor.uid,
        &asked.actor.user,
        asked.actor.pid,
        named.verb,
        &named.object,
        asked.arguments.to_string(),
        effect.before.to_string(),
        effect.after.to_string(),
        &asked.reason,
        &asked.request_id,
        effect.state.get(),
    ))?;
    let audit_id = unsigned(tx.connection.last_insert_rowid());
    Ok(Carried { audit_id, at: tx.now, state: effect.state, first: Firstness::Now })
}

/// A command of the log.
struct LoggedCommand {
    audit_id: u64,
    at: EpochMs,
    verb: String,
    object: String,
    arguments: Value,
    answer: String,
}

impl LoggedCommand {
    fn again(self, asked: &Asked, named: &Named<'_>) -> Result<Carried, JobError> {
        if (self.verb.as_str(), self.object.as_str(), &self.arguments)
            != (named.verb, &*named.object, &asked.arguments)
        {
            let (Self { audit_id, verb, .. }, request_id) = (self, asked.request_id.clone());
            let refusal = Refusal::RequestIdReused { request_id, verb, audit_id };
            return Err(JobError::Refused(Box::new(refusal)));
        }
        let state = RawValue::from_string(self.answer).map_err(unwritable)?;
        let Self { audit_id, at, .. } = self;
        Ok(Carried { audit_id, at, state, first: Firstness::Repeated })
    }
}

fn known(tx: &Tx<'_>, request_id: &str) -> Result<Option<LoggedCommand>, JobError> {
    let known = tx
        .statement(
            "SELECT id, at, verb, object, arguments, answer FROM seckill_audit
              WHERE request_id = ?1",
        )?
        .query_row([request_id], |row| {
            Ok(LoggedCommand {
                audit_id: unsigned(row.get(0)?),
                at: EpochMs(row.get(1)?),
                verb: row.get(2)?,
                object: row.get(3)?,
                arguments: json(row, 4)?,
                answer: row.get(5)?,
            })
        })
        .optional()?;
    Ok(known)
}

fn page(connection: &Connection, before: i64, limit: usize) -> rusqlite::Result<AuditPage> {
    let entries: Vec<AuditEntry> = connection
        .prepare_cached(
            "SELECT id, at, uid, user_name, pid, verb, object, arguments, before, after, reason,
                    request_id
               FROM seckill_audit WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
        )?
        .query_map((before, i64::try_from(limit).unwrap_or(i64::MAX)), entry)?
        .collect::<rusqlite::Result<_>>()?;
    let next = entries.last().filter(|last| entries.len() == limit && 1 < last.id);
    Ok(AuditPage { next: next.map(|last| last.id.to_string()), entries })
}

fn entry(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        id: unsigned(row.get(0)?),
        at: EpochMs(row.get(1)?),
        uid: row.get(2)?,
        user: row.get(3)?,
        pid: row.get(4)?,
        verb: row.get(5)?,
        object: row.get(6)?,
        arguments: json(row, 7)?,
        before: json(row, 8)?,
        after: json(row, 9)?,
        reason: row.get(10)?,
        request_id: row.get(11)?,
    })
}

/// A value of the log. Text that isn't JSON is shown as it is; this program writes none.
fn json(row: &Row<'_>, at: usize) -> rusqlite::Result<Value> {
    let text: String = row.get(at)?;
    Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn unwritable(error: serde_json::Error) -> JobError {
    JobError::Sqlite(rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}
