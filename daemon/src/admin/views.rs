//! What `GET` shows. Everything comes from the snapshot, the meters, the database or the effective
//! configuration; phone numbers are masked but for one order's on demand.

use domain::ports::desk::{Asked, Command, Note, Noted, Operation};
use domain::ports::lists::{Letters, ListError, OrderFilter};
use edge::Call;
use hyper::StatusCode;
use protocol::{
    DeadLettersPage, Endpoints, Health, OrderId, Permission, Phone, ProdId, ProductsPage, Refusal,
    RefusalCode, Snapshot, Unlisted, UnlistedPlace, grouped, normal_phone,
};
use serde::Serialize;
use serde_json::{Value, json};
use tracing::info;
use warp::reply::Response;

use super::access::Caller;
use super::endpoints::{ViewName, listed};
use super::history::Told;
use super::query::{Query, bad};
use super::routes::too_slow;
use super::{AdminShared, export, orders, refusals};
use crate::config::Role;
use crate::request::PhonePattern;

/// Answers a `GET`.
pub(super) async fn view(
    desk: &AdminShared,
    call: &Call,
    caller: &Caller,
    name: ViewName,
    value: Option<String>,
) -> Result<Response, Refusal> {
    let value = value.unwrap_or_default();
    let query = Query::parse(&call.query, parameters(name))?;
    match name {
        ViewName::List => shown(&Endpoints { endpoints: listed(), you: caller.view.clone() }),
        ViewName::Config => shown(&**desk.parts.config.load()),
        ViewName::Status => shown(&snapshot(desk).await?),
        ViewName::Health => Ok(health(&snapshot(desk).await?)),
        ViewName::Metrics => desk.parts.metrics.answer().await.map_err(|_| too_slow()),
        ViewName::Products => shown(&ProductsPage { products: snapshot(desk).await?.products }),
        ViewName::Product => {
            let products = snapshot(desk).await?.products;
            let found = products.into_iter().find(|product| product.prod_id == *value);
            shown(&found.ok_or_else(|| nothing(format!("no product has the id {value:?}")))?)
        }
        ViewName::Orders => orders(desk, &query).await,
        ViewName::Order => order(desk, caller, &value, &query).await,
        ViewName::ExportOrders => export::page(desk, caller, &query).await,
        ViewName::DeadLetters => dead_letters(desk, &query).await,
        ViewName::Audit => {
            let page = desk.parts.operators.audit(query.get("after"), query.limit()?).await;
            shown(&read(page)?)
        }
    }
}

/// The parameters that a view takes.
const fn parameters(name: ViewName) -> &'static [&'static str] {
    match name {
        ViewName::Orders => &["state", "prod", "phone", "id", "limit", "after"],
        ViewName::Order => &["reveal"],
        ViewName::ExportOrders => export::PARAMETERS,
        ViewName::DeadLetters | ViewName::Audit => &["limit", "after"],
        ViewName::List
        | ViewName::Status
        | ViewName::Health
        | ViewName::Metrics
        | ViewName::Config
        | ViewName::Products
        | ViewName::Product => &[],
    }
}

pub(super) fn shown(body: &impl Serialize) -> Result<Response, Refusal> {
    Ok(edge::write(StatusCode::OK, body))
}

/// A refusal of what isn't there.
pub(super) fn nothing(msg: impl Into<String>) -> Refusal {
    Refusal::new(RefusalCode::NotFound, msg)
}

/// What was read, or why not.
pub(super) fn read<T>(answer: Result<T, impl Into<ListError>>) -> Result<T, Refusal> {
    answer.map_err(|error| match error.into() {
        ListError::Cursor => no_cursor(),
        ListError::Read(error) => Refusal::new(RefusalCode::StoreFailed, error.to_string()),
    })
}

/// The refusal of an `after` that no page has given.
pub(super) fn no_cursor() -> Refusal {
    bad("after is none of the values that `next` gave")
}

async fn snapshot(desk: &AdminShared) -> Result<Snapshot, Refusal> {
    desk.observatory.snapshot().await.map_err(|_| too_slow())
}

fn health(snapshot: &Snapshot) -> Response {
    let healthy = snapshot.is_healthy();
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let (phase, degraded) = (snapshot.phase, snapshot.degraded.clone());
    edge::write(status, &Health { healthy, phase, degraded })
}

async fn orders(desk: &AdminShared, query: &Query) -> Result<Response, Refusal> {
    let filter = OrderFilter {
        state: query.state()?,
        prod_id: query.get("prod").map(ProdId::from),
        phone: query.get("phone").map(|typed| phone(desk, typed)).transpose()?,
        id: query.id()?,
    };
    let others = filter.phone.as_ref().map(other_spellings).unwrap_or_default();
    let (after, limit) = (query.get("after"), query.limit()?);
    let mut page = orders::page(desk, filter.clone(), after, limit).await?;
    for phone in others {
        if !page.orders.is_empty() {
            break;
        }
        let filter = OrderFilter { phone: Some(phone), ..filter.clone() };
        let other = orders::page(desk, filter, after, limit).await?;
        if !other.orders.is_empty() {
            page = other;
        }
    }
    shown(&page)
}

/// As other senders on the topic may have written the number: what a gateway of ours takes has one
/// form, but `query.do` and the orders that are placed know theirs as it came.
fn other_spellings(phone: &Phone) -> Vec<Phone> {
    let with = |code| Phone::from(format!("{code}{}", phone.whole()));
    ["+86", "86", "0086", "+86 ", "+86-"].map(with).into()
}

/// The whole number that is meant. One that has the form that this profile takes is taken as it is.
fn phone(desk: &AdminShared, typed: &str) -> Result<Phone, Refusal> {
    let page = desk.parts.config.load();
    let entry = page.keys.iter().find(|entry| entry.key == "gateway.phone_pattern");
    let pattern = entry.and_then(|entry| PhonePattern::new(entry.value.as_str()?).ok());
    let is_known = |text: &str| pattern.as_ref().is_some_and(|pattern| pattern.matches(text));
    normal_phone(typed, is_known).map_err(|why| bad(format!("phone: {why}")))
}

async fn order(
    desk: &AdminShared,
    caller: &Caller,
    order_id: &str,
    query: &Query,
) -> Result<Response, Refusal> {
    let reveal = match query.get("reveal") {
        None => false,
        Some("phone") => true,
        Some(other) => return Err(bad(format!("reveal is {other:?}; it can only be phone"))),
    };
    if reveal && caller.view.permission < Permission::Operate {
        let missing = caller.view.missing.clone().unwrap_or_default();
        return Err(Refusal::new(RefusalCode::NotPermitted, missing));
    }
    let stored = read(desk.parts.lists.order(&OrderId::from(order_id)).await)?;
    let Told { mut history, phone } = match stored {
        Some(found) => found.into(),
        None => orders::find(desk, order_id).await?,
    };
    if reveal && phone.is_some() {
        // The whole id, where only its beginning was given.
        let order_id = history.order.order_id.text();
        let arguments = json!({ "reveal": "phone" });
        note_shown(desk, caller, Noted::PhoneShown, &order_id, arguments).await?;
        let order_id = &*order_id;
        info!(uid = caller.view.uid, pid = caller.pid, order_id, "a phone number was shown");
        history.phone = phone;
    }
    shown(&history)
}

/// An operator who is shown whole numbers stands in the audit log before, durably: a line of the
/// log may be dropped. Returns the entry's number.
pub(super) async fn note_shown(
    desk: &AdminShared,
    caller: &Caller,
    noted: Noted,
    object: &str,
    arguments: Value,
) -> Result<u64, Refusal> {
    let mut number = [0; 16];
    let unable = |error: getrandom::Error| Refusal::new(RefusalCode::Internal, error.to_string());
    getrandom::fill(&mut number).map_err(unable)?;
    let asked = Asked {
        // Looking has no number of the asker's making, and each look is one of its own.
        request_id: format!("reveal-{:032x}", u128::from_ne_bytes(number)),
        arguments,
        reason: None,
        actor: caller.actor(),
    };
    let note = Note {
        noted,
        object: object.to_owned(),
        before: Value::Null,
        after: Value::Null,
        state: Value::Null,
    };
    let command = Command { asked, operation: Operation::Note(Box::new(note)) };
    let carried = desk.parts.operators.carry_out(command).await.map_err(refusals::of_command)?;
    Ok(carried.audit_id)
}

async fn dead_letters(desk: &AdminShared, query: &Query) -> Result<Response, Refusal> {
    if !desk.parts.roles.contains(&Role::Order) {
        let msg = "dead letters are the order role's: ask the order node's admin socket";
        return Err(Refusal::new(RefusalCode::WrongRole, msg));
    }
    let page = desk.parts.lists.dead_letters(query.get("after"), query.limit()?).await;
    let Letters { dead_letters, next, total, newest } = read(page)?;
    let at_broker = snapshot(desk).await?.queue.broker_dead_letters.filter(|count| 0 < *count);
    let unlisted = at_broker.map(|count| Unlisted {
        place: UnlistedPlace::BrokerDeadLetters,
        count: Some(count),
        text: format!(
            "{} in the broker's own dead-letter topic of our group and not listed: see there",
            if count == 1 {
                "1 message is".to_owned()
            } else {
                format!("{} messages are", grouped(count))
            },
        ),
    });
    let unlisted = unlisted.into_iter().collect();
    shown(&DeadLettersPage { dead_letters, next, total, newest, unlisted })
}
