//! `seckillctl config`, `audit` and `log-level`: how the daemon is set, who did what to it, and how
//! much it tells its log.

use protocol::{AuditEntry, AuditPage, ConfigPage, Endpoint, LogLevelState, SetLogLevel, Snapshot};
use serde_json::{Value, json};

use crate::args::{Audit, LogLevel, Shape};
use crate::exit::Fault;
use crate::table::{number, table, text};
use crate::text::{moment, printable};
use crate::verbs::command::{give, request_id};
use crate::verbs::desk::{self, Desk, Printed};
use crate::verbs::pages::{gather, tell_more};

/// The effective configuration.
pub(crate) async fn config(desk: &Desk, shape: Shape) -> Result<Printed, Fault> {
    let answer = desk.ask::<ConfigPage>(&Endpoint::Config.address()).await?;
    let render = |page: &ConfigPage| {
        let cells = page
            .keys
            .iter()
            .map(|entry| [printable(&entry.key), printable(&entry.source), value(&entry.value)]);
        table([text("KEY"), text("SOURCE"), text("VALUE")], cells.collect())
    };
    Ok(Printed::fine(answer.print(shape, render)))
}

/// What operators did, newest first.
pub(crate) async fn audit(desk: &Desk, options: &Audit) -> Result<Printed, Fault> {
    let answer =
        gather::<AuditPage>(desk, Endpoint::Audit, &[], "entries", &options.extent).await?;
    tell_more(answer.view.next.as_ref(), options.shape);
    Ok(Printed::fine(answer.print(options.shape, |page| entries(&page.entries))))
}

/// The log's level, changed first when one is given.
pub(crate) async fn log_level(desk: &Desk, options: LogLevel) -> Result<Printed, Fault> {
    let terms = options.plain.terms;
    let Some(level) = options.level else {
        let state = desk.state().await?;
        return Ok(Printed::fine(level_in_force(&state, terms.shape)));
    };
    let command =
        SetLogLevel { request_id: request_id(&terms)?, reason: options.plain.reason, level };
    let answer =
        give::<LogLevelState>(desk, &Endpoint::LogLevel.address(), &command.request_id, &command)
            .await?;
    let render = |level: &str| format!("{}\n", printable(level));
    Ok(Printed::fine(answer.print(terms.shape, |done| render(&done.state.level))))
}

/// There is no question for the level alone; the JSON has the form of a change's `state`.
fn level_in_force(state: &Snapshot, shape: Shape) -> String {
    if shape.json {
        desk::json(&json!({ "level": state.log_level }))
    } else {
        format!("{}\n", printable(&state.log_level))
    }
}

fn entries(entries: &[AuditEntry]) -> String {
    let columns = [
        number("ID"),
        text("AT"),
        text("WHO"),
        text("VERB"),
        text("OBJECT"),
        text("REASON"),
        text("ARGUMENTS"),
        text("BEFORE"),
        text("AFTER"),
    ];
    let cells = |entry: &AuditEntry| {
        let user = entry.user.as_deref().map(printable);
        [
            entry.id.to_string(),
            moment(entry.at),
            user.unwrap_or_else(|| format!("uid {}", entry.uid)),
            printable(&entry.verb),
            printable(&entry.object),
            entry.reason.as_deref().map(printable).unwrap_or_default(),
            value(&entry.arguments),
            value(&entry.before),
            value(&entry.after),
        ]
    };
    table(columns, entries.iter().map(cells).collect())
}

/// A text as it is, `null` as an empty text, all else as JSON in one line.
fn value(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => printable(text),
        other => printable(&other.to_string()),
    }
}
