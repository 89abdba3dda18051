//! `GET /v1/export/orders`: decided orders by their decisions' numbers. Whole phone numbers are
//! shown under one entry of the audit log for all pages of an export, which is written before the
//! first of them is shown and names what may be seen.

use domain::ports::desk::Noted;
use domain::ports::lists::{ExportFilter, Phones};
use protocol::{AuditEntry, ExportPage, Permission, ProdId, Refusal, RefusalCode, Seq};
use serde_json::{Value, json};
use tracing::info;
use warp::reply::Response;

use super::AdminShared;
use super::access::Caller;
use super::query::{Query, bad};
use super::views::{note_shown, read, shown};
use crate::config::Role;

/// The parameters that an export takes.
pub(super) const PARAMETERS: &[&str] =
    &["after", "state", "prod", "since", "until", "limit", "reveal"];

/// How phone numbers are asked for.
enum Reveal {
    /// Masked.
    No,
    /// Whole, from here on.
    Begins,
    /// Whole, as the entry of this number says.
    GoesOn(u64),
}

/// A page of the export.
///
/// # Errors
/// This process doesn't decide orders, a parameter can't be used, the caller may not see whole
/// numbers, or the database can't be read or written.
pub(super) async fn page(
    desk: &AdminShared,
    caller: &Caller,
    query: &Query,
) -> Result<Response, Refusal> {
    if !desk.parts.roles.contains(&Role::Order) {
        let msg = "decided orders are the order role's: ask the order node's admin socket";
        return Err(Refusal::new(RefusalCode::WrongRole, msg));
    }
    let reveal = reveal(query)?;
    let is_masked = matches!(reveal, Reveal::No);
    if !is_masked && caller.view.permission < Permission::Operate {
        let missing = caller.view.missing.clone().unwrap_or_default();
        return Err(Refusal::new(RefusalCode::NotPermitted, missing));
    }
    let mut filter = filter(query)?;
    if !is_masked {
        filter.phones = Phones::Whole;
    }
    let mut entry = None;
    if let Reveal::GoesOn(number) = reveal {
        filter.up_to = Some(permitted(desk, caller, query, number, filter.after).await?);
        entry = Some(number);
    }
    let after = filter.after;
    let found = read(desk.parts.lists.decided(filter, query.limit()?).await)?;
    if matches!(reveal, Reveal::Begins) {
        let arguments = arguments(query, after, found.head);
        let noted = note_shown(desk, caller, Noted::PhonesExported, "", arguments).await?;
        info!(uid = caller.view.uid, pid = caller.pid, noted, "phone numbers are exported");
        entry = Some(noted);
    }
    let (orders, up_to, head) = (found.orders, found.up_to, found.head);
    shown(&ExportPage { orders, up_to, head, reveal: entry })
}

fn filter(query: &Query) -> Result<ExportFilter, Refusal> {
    let filter = ExportFilter {
        after: query.seq("after")?.unwrap_or_default(),
        up_to: None,
        state: query.state()?,
        prod_id: query.get("prod").map(ProdId::from),
        since: query.time("since")?,
        until: query.time("until")?,
        phones: Phones::Masked,
    };
    if let Some(state) = filter.state.filter(|state| !state.is_decided()) {
        let msg = format!(
            "state is {:?}; an export is of decided orders: placed, failed, duplicate, finished",
            state.as_str()
        );
        return Err(bad(msg));
    }
    Ok(filter)
}

fn reveal(query: &Query) -> Result<Reveal, Refusal> {
    match query.get("reveal") {
        None => Ok(Reveal::No),
        Some("phone") => Ok(Reveal::Begins),
        Some(text) => text.parse().map(Reveal::GoesOn).map_err(|_| {
            bad(format!("reveal is {text:?}; it can only be phone, or the number of a page before"))
        }),
    }
}

/// What the audit log says of an export with whole numbers.
fn arguments(query: &Query, after: Seq, up_to: Seq) -> Value {
    json!({ "after": after, "up_to": up_to, "filter": filters(query) })
}

/// The filters as they were given.
fn filters(query: &Query) -> Value {
    let given = ["state", "prod", "since", "until"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), Value::from(query.get(name)?))));
    Value::Object(given.collect())
}

/// Up to which decision this caller may see whole numbers by that entry. It holds for the same user
/// and the same filter, and for no order that was decided after it: whoever wants those says so.
async fn permitted(
    desk: &AdminShared,
    caller: &Caller,
    query: &Query,
    number: u64,
    after: Seq,
) -> Result<Seq, Refusal> {
    let place = number.saturating_add(1).to_string();
    let page = read(desk.parts.operators.audit(Some(&place), 1).await)?;
    let is_it = |entry: &&AuditEntry| {
        entry.id == number && entry.verb == "orders.reveal" && entry.uid == caller.view.uid
    };
    let entry = page.entries.iter().find(is_it).filter(|entry| {
        let begun = entry.arguments["after"].as_u64();
        entry.arguments["filter"] == filters(query) && begun.is_some_and(|begun| begun <= after.0)
    });
    let up_to = entry.and_then(|entry| entry.arguments["up_to"].as_u64());
    up_to.map(Seq).ok_or_else(|| {
        bad(format!("reveal is {number}; no export of yours with these filters has that number"))
    })
}
