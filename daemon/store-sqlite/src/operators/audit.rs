//! Commands of operators: each is carried out, logged and answered in one transaction, so there is
//! no change without its entry in the audit log and no entry without its change. The same
//! `request_id` again gives the same answer and changes nothing.
//!
//! What a command does is the business of `product_commands`, `controls` and `letter_commands`.

use protocol::{AuditEntry, AuditPage, EpochMs, Refusal, RefusalCode};
use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::engine::error::{CommandError, Fault, ListError};
use crate::engine::tx::Tx;
use crate::engine::writer::Writer;
use crate::{Store, page_limit, unsigned};

/// The user who gives a command, as the kernel names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The user's number.
    pub uid: u32,
    /// The user's name, where there is one.
    pub user: Option<String>,
    /// The asking process: a hint only, as numbers are used again.
    pub pid: Option<i32>,
}

impl Actor {
    /// The user's name, or `uid 1000`.
    #[must_use]
    pub fn name(&self) -> String {
        self.user.clone().unwrap_or_else(|| format!("uid {}", self.uid))
    }
}

/// A command, as the audit log keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// The asker's own number for it.
    pub request_id: String,
    /// What: `intake.pause`, `product.stock` and so on.
    pub verb: &'static str,
    /// To what: a product's id, a dead letter's number; empty for the daemon itself.
    pub object: String,
    /// How, as it was asked. Verb, object and arguments show whether a command is a repeated one or
    /// another one.
    pub arguments: Value,
    /// Why, in that person's words.
    pub reason: Option<String>,
    /// Who.
    pub actor: Actor,
}

/// Whether a command was carried out by this call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firstness {
    /// It was.
    Now,
    /// It had been before; nothing was changed now, and the answer is the one of that time.
    Repeated,
}

/// A command that was carried out.
#[derive(Debug, Clone)]
pub struct Carried {
    /// Its number in the audit log.
    pub audit_id: u64,
    /// When it was carried out.
    pub at: EpochMs,
    /// JSON: the new state of what it changed.
    pub state: Box<RawValue>,
    /// Whether that was now.
    pub first: Firstness,
}

/// What a command did.
pub(crate) struct Effect {
    before: Value,
    after: Value,
    state: Box<RawValue>,
}

impl Effect {
    /// What was there before and after, for the log, and the answer.
    pub(crate) fn new(before: Value, after: Value, state: &impl Serialize) -> Result<Self, Fault> {
        let state = serde_json::value::to_raw_value(state).map_err(unwritable)?;
        Ok(Self { before, after, state })
    }
}

/// A refusal, as what ends the work of a command.
pub(crate) fn refused(code: RefusalCode, msg: impl Into<String>) -> Fault {
    Fault::Refused(Box::new(Refusal::new(code, msg)))
}

/// A refusal with data.
pub(crate) fn refused_with(code: RefusalCode, msg: impl Into<String>, data: Value) -> Fault {
    Fault::Refused(Box::new(Refusal { data, ..Refusal::new(code, msg) }))
}

impl Store {
    /// Logs a command whose effect is not in the database, such as another log level: do it when
    /// this says [`Firstness::Now`].
    ///
    /// # Errors
    /// See [`CommandError`]: don't do it then.
    pub async fn note_command(
        &self,
        command: Command,
        before: Value,
        after: Value,
        state: Value,
    ) -> Result<Carried, CommandError> {
        // The stop above all has to be possible where the database isn't in its place.
        let writer = self.writer().anywhere();
        carry_out_by(&writer, command, move |_, _| Effect::new(before, after, &state)).await
    }

    /// Carries out a command unless it was before. `work` ends with [`refused`] where it can't be
    /// done as asked; whatever it did until then is undone.
    pub(crate) async fn carry_out<F>(
        &self,
        command: Command,
        work: F,
    ) -> Result<Carried, CommandError>
    where
        F: FnOnce(&Tx<'_>, &Command) -> Result<Effect, Fault> + Send + 'static,
    {
        carry_out_by(self.writer(), command, work).await
    }

    /// What this very command came to, where it was carried out before.
    ///
    /// # Errors
    /// `request_id_reused` where another command had its `request_id`; see [`CommandError`].
    pub async fn repeated(&self, command: &Command) -> Result<Option<Carried>, CommandError> {
        let command = command.clone();
        let job = move |tx: &Tx<'_>| {
            let again = |known: Known| known.again(&command).map(Some);
            match known(tx, &command.request_id)?.map_or(Ok(None), again) {
                Err(Fault::Refused(refusal)) => Ok(Err(*refusal)),
                found => found.map(Ok),
            }
        };
        self.writer().write_once(1, job).await?.map_err(CommandError::Refused)
    }

    /// What operators did, newest first: up to `limit` (1 to 500) entries after the cursor `after`.
    ///
    /// # Errors
    /// See [`ListError`].
    pub async fn audit(&self, after: Option<&str>, limit: usize) -> Result<AuditPage, ListError> {
        let before = match after {
            None => i64::MAX,
            Some(cursor) => cursor.parse().map_err(|_| ListError::Cursor)?,
        };
        Ok(self.read(move |connection| page(connection, before, page_limit(limit))).await?)
    }
}

async fn carry_out_by<F>(
    writer: &Writer,
    command: Command,
    work: F,
) -> Result<Carried, CommandError>
where
    F: FnOnce(&Tx<'_>, &Command) -> Result<Effect, Fault> + Send + 'static,
{
    let job = move |tx: &Tx<'_>| match tx.undoable(|tx| carry_out(tx, &command, work)) {
        Err(Fault::Refused(refusal)) => Ok(Err(*refusal)),
        carried => carried.map(Ok),
    };
    writer.write_once(1, job).await?.map_err(CommandError::Refused)
}

fn carry_out(
    tx: &Tx<'_>,
    command: &Command,
    work: impl FnOnce(&Tx<'_>, &Command) -> Result<Effect, Fault>,
) -> Result<Carried, Fault> {
    if let Some(known) = known(tx, &command.request_id)? {
        return known.again(command);
    }
    let effect = work(tx, command)?;
    tx.statement(
        "INSERT INTO seckill_audit
           (at, uid, user_name, pid, verb, object, arguments, before, after, reason, request_id,
            answer)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute((
        tx.now.0,
        command.actor.uid,
        &command.actor.user,
        command.actor.pid,
        command.verb,
        &command.object,
        command.arguments.to_string(),
        effect.before.to_string(),
        effect.after.to_string(),
        &command.reason,
        &command.request_id,
        effect.state.get(),
    ))?;
    let audit_id = unsigned(tx.connection.last_insert_rowid());
    Ok(Carried { audit_id, at: tx.now, state: effect.state, first: Firstness::Now })
}

/// A command of the log.
struct Known {
    audit_id: u64,
    at: EpochMs,
    verb: String,
    object: String,
    arguments: Value,
    answer: String,
}

impl Known {
    fn again(self, command: &Command) -> Result<Carried, Fault> {
        if (self.verb.as_str(), &self.object, &self.arguments)
            != (command.verb, &command.object, &command.arguments)
        {
            let (Self { audit_id, verb, .. }, request_id) = (self, &command.request_id);
            let msg = format!(
                "request_id {request_id} was used for another command, `{verb}` with number \
                 {audit_id} in the audit log: each command needs a request_id of its own"
            );
            return Err(refused(RefusalCode::RequestIdReused, msg));
        }
        let state = RawValue::from_string(self.answer).map_err(unwritable)?;
        let Self { audit_id, at, .. } = self;
        Ok(Carried { audit_id, at, state, first: Firstness::Repeated })
    }
}

fn known(tx: &Tx<'_>, request_id: &str) -> Result<Option<Known>, Fault> {
    let known = tx
        .statement(
            "SELECT id, at, verb, object, arguments, answer FROM seckill_audit
              WHERE request_id = ?1",
        )?
        .query_row([request_id], |row| {
            Ok(Known {
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

fn unwritable(error: serde_json::Error) -> Fault {
    Fault::Sqlite(rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}
