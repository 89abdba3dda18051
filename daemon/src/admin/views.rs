//! What `GET` shows. Everything comes from the snapshot, the meters, the database or the effective
//! configuration; phone numbers are masked but for one order's on demand.

use hyper::StatusCode;
use protocol::{
    Endpoints, Health, HistoryStep, OrderHistory, OrderState, OrderView, Permission, ProductsPage,
    Refusal, RefusalCode, Snapshot, StepKind, mask_phone,
};
use serde::Serialize;
use serde_json::{Value, json};
use tracing::info;
use warp::reply::Response;

use super::access::Caller;
use super::commands::stored;
use super::endpoints::{Name, listed};
use super::query::{Query, bad};
use super::routes::too_slow;
use super::{Desk, UndecidedOrder};
use crate::config::Role;
use crate::http::{self, Call};
use crate::store::{Command, ListError, OrderDetail, OrderFilter};

/// Answers a `GET`.
pub(super) async fn view(
    desk: &Desk,
    call: &Call,
    caller: &Caller,
    name: Name,
    value: Option<String>,
) -> Result<Response, Refusal> {
    let value = value.unwrap_or_default();
    let query = |allowed: &[&str]| Query::parse(&call.query, allowed);
    match name {
        Name::Orders => orders(desk, &query(&["state", "prod", "phone", "limit", "after"])?).await,
        Name::Order => order(desk, caller, &value, &query(&["reveal"])?).await,
        Name::DeadLetters => dead_letters(desk, &query(&["limit", "after"])?).await,
        Name::Audit => {
            let query = query(&["limit", "after"])?;
            let page = desk.parts.store.audit(query.get("after"), query.limit()?).await;
            shown(&read(page)?)
        }
        _ => {
            query(&[])?;
            whole(desk, caller, name, &value).await
        }
    }
}

/// The views without parameters.
async fn whole(desk: &Desk, caller: &Caller, name: Name, value: &str) -> Result<Response, Refusal> {
    match name {
        Name::List => shown(&Endpoints { endpoints: listed(), you: caller.view.clone() }),
        Name::Config => shown(&**desk.parts.config.load()),
        Name::Status => shown(&snapshot(desk).await?),
        Name::Health => Ok(health(&snapshot(desk).await?)),
        Name::Metrics => desk.parts.metrics.answer().await.map_err(|_| too_slow()),
        Name::Products => shown(&ProductsPage { products: snapshot(desk).await?.products }),
        Name::Product => {
            let products = snapshot(desk).await?.products;
            let found = products.into_iter().find(|product| product.prod_id == value);
            shown(&found.ok_or_else(|| nothing(format!("no product has the id {value:?}")))?)
        }
        // The commands, which aren't shown.
        _ => Err(nothing("no such view")),
    }
}

fn shown(body: &impl Serialize) -> Result<Response, Refusal> {
    Ok(http::write(StatusCode::OK, body))
}

fn nothing(msg: impl Into<String>) -> Refusal {
    Refusal::new(RefusalCode::NotFound, msg)
}

fn read<T>(answer: Result<T, impl Into<ListError>>) -> Result<T, Refusal> {
    answer.map_err(|error| match error.into() {
        ListError::Cursor => bad("after is none of the values that `next` gave"),
        ListError::Read(error) => Refusal::new(RefusalCode::StoreFailed, error.to_string()),
    })
}

async fn snapshot(desk: &Desk) -> Result<Snapshot, Refusal> {
    desk.observatory.snapshot().await.map_err(|_| too_slow())
}

fn health(snapshot: &Snapshot) -> Response {
    let healthy = snapshot.is_healthy();
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let (phase, degraded) = (snapshot.phase, snapshot.degraded.clone());
    http::write(status, &Health { healthy, phase, degraded })
}

async fn orders(desk: &Desk, query: &Query) -> Result<Response, Refusal> {
    let filter = OrderFilter {
        state: query.state()?,
        prod_id: query.get("prod").map(str::to_owned),
        phone: query.get("phone").map(str::to_owned),
    };
    let page = desk.parts.store.list_orders(filter, query.get("after"), query.limit()?).await;
    shown(&read(page)?)
}

async fn order(
    desk: &Desk,
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
    let stored = read(desk.parts.store.order_history(order_id).await)?;
    let OrderDetail { mut history, phone } = match stored {
        Some(found) => found,
        None => desk
            .parts
            .owners
            .find_undecided(order_id)
            .map(|order| undecided(order_id, order))
            .ok_or_else(|| nothing(unknown_order(desk, order_id)))?,
    };
    if reveal && phone.is_some() {
        note_shown_phone(desk, caller, order_id).await?;
        history.phone = phone;
    }
    shown(&history)
}

/// Whoever is shown a whole number stands in the audit log before, durably: a line of the log may
/// be dropped.
async fn note_shown_phone(desk: &Desk, caller: &Caller, order_id: &str) -> Result<(), Refusal> {
    let mut number = [0; 16];
    let unable = |error: getrandom::Error| Refusal::new(RefusalCode::Internal, error.to_string());
    getrandom::fill(&mut number).map_err(unable)?;
    let command = Command {
        // Looking has no number of the asker's making, and each look is one of its own.
        request_id: format!("reveal-{:032x}", u128::from_ne_bytes(number)),
        verb: "order.reveal",
        object: order_id.to_owned(),
        arguments: json!({ "reveal": "phone" }),
        reason: None,
        actor: caller.actor(),
    };
    let noted = desk.parts.store.note_command(command, Value::Null, Value::Null, Value::Null).await;
    stored(noted)?;
    info!(uid = caller.view.uid, pid = caller.pid, order_id, "a phone number was shown");
    Ok(())
}

fn unknown_order(desk: &Desk, order_id: &str) -> String {
    let elsewhere = if desk.parts.roles.contains(&Role::Order) {
        "it may still wait in the queue, or be another database's"
    } else {
        "this process has no order role: ask the order node's admin socket"
    };
    format!("no order {order_id:?} is known here; {elsewhere}")
}

/// What a gateway knows of an order that waits in the broker.
fn undecided(order_id: &str, order: UndecidedOrder) -> OrderDetail {
    let step = |at, step, detail: &str| HistoryStep { at, step, detail: detail.to_owned() };
    let (kind, detail) = match order.state {
        OrderState::Unconfirmed => {
            (StepKind::Unconfirmed, "whether the queue has it is not known; it is published again")
        }
        _ => (StepKind::Queued, "the queue has it; nobody has decided it yet"),
    };
    let steps = vec![
        step(Some(order.accepted_at), StepKind::Accepted, "the buyer asked, and a unit is held"),
        step(None, kind, detail),
    ];
    let view = OrderView {
        order_id: order_id.to_owned(),
        prod_id: order.prod_id,
        prod_name: order.prod_name,
        user: mask_phone(&order.user_phone),
        state: order.state,
        reason: None,
        charge_money: Some(order.price),
        charge_time: order.accepted_at,
        decided_at: None,
        duplicates: 0,
    };
    let history = OrderHistory { order: view, phone: None, steps };
    OrderDetail { history, phone: Some(order.user_phone) }
}

async fn dead_letters(desk: &Desk, query: &Query) -> Result<Response, Refusal> {
    if !desk.parts.roles.contains(&Role::Order) {
        let msg = "dead letters are the order role's: ask the order node's admin socket";
        return Err(Refusal::new(RefusalCode::WrongRole, msg));
    }
    let page = desk.parts.store.dead_letters(query.get("after"), query.limit()?).await;
    shown(&read(page)?)
}
