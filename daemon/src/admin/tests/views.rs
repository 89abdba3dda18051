//! What `GET` shows, to whom, and how it refuses.

use protocol::{
    Endpoint, Endpoints, EpochMs, Health, Money, OrderHistory, OrderState, OrdersPage, Permission,
    Phase, Snapshot, StepKind,
};
use serde_json::json;
use store_sqlite::testing::outgoing;

use super::{BOTH, Served, We};
use crate::admin::{Reached, UndecidedOrder};
use crate::config::Role;

#[tokio::test]
async fn the_state_is_shown_and_the_file_removed_at_the_end() {
    let served = Served::operated().await;
    let (status, body) = served.get("/v1/status").await;
    assert_eq!(status, 200);
    let shown: Snapshot = serde_json::from_value(body).unwrap();
    assert_eq!((shown.name.as_str(), shown.phase), ("seckilld", Phase::Serving));

    let (status, body) = served.get("/v1/").await;
    let list: Endpoints = serde_json::from_value(body).unwrap();
    assert_eq!((status, list.endpoints.len()), (200, Endpoint::all().len()));
    assert_eq!(list.you.permission, Permission::Operate);

    served.shown.0.lock().unwrap().degraded.push("the broker is away".to_owned());
    let (status, body) = served.get("/v1/health").await;
    let health: Health = serde_json::from_value(body).unwrap();
    assert_eq!((status, health.healthy), (503, false));
    assert_eq!(health.degraded, ["the broker is away"]);
    served.shown.0.lock().unwrap().degraded.clear();
    assert_eq!(served.get("/v1/health").await.0, 200);

    let (status, body) = served.get("/v1/config").await;
    assert_eq!((status, &body["keys"][0]["key"]), (200, &json!("gateway.listen")));
    served.end().await;
}

#[tokio::test]
async fn refusals_say_what_is_wrong() {
    let served = Served::operated().await;
    let refused = async |line: &str, headers: &str| {
        let (status, body, head) = served.ask(line, headers, "").await;
        (status, body["code"].clone(), body["msg"].as_str().unwrap_or_default().to_owned(), head)
    };
    let (status, code, msg, _) = refused("GET /v2/", "").await;
    assert_eq!((status, code), (404, json!("not_found")));
    assert!(msg.contains("GET /v1/ lists them"), "{msg}");
    let (status, code, msg, head) = refused("DELETE /v1/products", "").await;
    assert_eq!((status, code), (405, json!("method_not_allowed")));
    assert!(msg.contains("GET, POST") && head.contains("allow: GET, POST, HEAD"), "{msg} {head}");
    for header in ["origin: http://x\r\n", "Referer: \r\n"] {
        let (status, code, msg, _) = refused("GET /v1/status", header).await;
        assert_eq!((status, code), (403, json!("not_permitted")), "{msg}");
    }
    for (path, word) in [
        ("/v1/status?a=1", "unknown parameter \"a\""),
        ("/v1/orders?state=lost", "state is \"lost\""),
        ("/v1/orders?limit=501", "from 1 to 500"),
        ("/v1/orders?after=nowhere", "after is none"),
        ("/v1/orders/x?reveal=all", "reveal is \"all\""),
    ] {
        let (status, code, msg, _) = refused(&format!("GET {path}"), "").await;
        assert_eq!((status, code), (400, json!("bad_request")), "{path}: {msg}");
        assert!(msg.contains(word), "{path}: {msg}");
    }
    let (status, _, msg, _) = refused("GET /v1/products/none", "").await;
    assert!(status == 404 && msg.contains("\"none\""), "{status} {msg}");
    served.end().await;
}

#[tokio::test]
async fn who_may_only_look_can_do_just_that_and_a_stranger_nothing() {
    let viewer = Served::with(We::View, &BOTH).await;
    assert_eq!(viewer.get("/v1/status").await.0, 200);
    for path in ["/v1/intake/pause", "/v1/shutdown"] {
        let (status, body) = viewer.post(path, &json!({ "request_id": "a" })).await;
        assert_eq!((status, &body["code"]), (403, &json!("not_permitted")), "{path}");
        assert!(body["msg"].as_str().unwrap().contains("group"), "{body}");
    }
    let (status, _) = viewer.get("/v1/orders/x?reveal=phone").await;
    assert_eq!(status, 403);
    assert!(viewer.owners.applied.lock().unwrap().is_empty());
    assert_eq!(viewer.get("/v1/audit").await.1["entries"], json!([]));
    viewer.end().await;

    let stranger = Served::with(We::Nothing, &BOTH).await;
    for path in ["/v1/status", "/v1/", "/v1/nothing", "/v1/events"] {
        assert_eq!(stranger.get(path).await.0, 403, "{path}");
    }
    stranger.end().await;
}

#[tokio::test]
async fn an_order_is_listed_masked_and_its_number_shown_on_demand() {
    let served = Served::operated().await;
    served.fixture.store.enqueue(vec![outgoing("a", 1)]).await.unwrap();
    let (status, body) = served.get("/v1/orders?state=queued").await;
    assert_eq!(status, 200, "{body}");
    assert!(!body.to_string().contains("1520000"), "{body}");
    let page: OrdersPage = serde_json::from_value(body).unwrap();
    assert_eq!(page.orders[0].state, OrderState::Queued);

    let path = format!("/v1/orders/{}", page.orders[0].order_id);
    let (_, body) = served.get(&path).await;
    let history: OrderHistory = serde_json::from_value(body).unwrap();
    assert_eq!((history.phone, history.steps[0].step), (None, StepKind::Accepted));
    let (_, body) = served.get(&format!("{path}?reveal=phone")).await;
    let history: OrderHistory = serde_json::from_value(body).unwrap();
    assert_eq!(history.phone.unwrap(), outgoing("a", 1).message.phone);
    served.end().await;
}

#[tokio::test]
async fn whoever_is_shown_a_whole_number_stands_in_the_audit_log() {
    let served = Served::operated().await;
    served.fixture.store.enqueue(vec![outgoing("a", 1)]).await.unwrap();
    let (_, body) = served.get("/v1/orders?state=queued").await;
    let page: OrdersPage = serde_json::from_value(body).unwrap();
    let order_id = &page.orders[0].order_id;
    for path in [order_id.to_string(), format!("{order_id}?reveal=phone"), "x?reveal=phone".into()]
    {
        served.get(&format!("/v1/orders/{path}")).await;
    }
    let (_, audit) = served.get("/v1/audit").await;
    let entries = audit["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "masked looks and unknown orders aren't in it: {audit}");
    assert_eq!(entries[0]["verb"], json!("order.reveal"));
    assert_eq!(entries[0]["object"], json!(order_id));
    assert!(entries[0]["uid"].is_u64(), "{audit}");
    assert!(!audit.to_string().contains("1520000"), "{audit}");
    served.get(&format!("/v1/orders/{order_id}?reveal=phone")).await;
    let (_, audit) = served.get("/v1/audit").await;
    assert_eq!(audit["entries"].as_array().unwrap().len(), 2, "each look is one of its own");
    served.end().await;
}

/// The number comes after the entry, or not at all.
#[tokio::test]
async fn no_number_is_shown_while_the_audit_log_cannot_be_written() {
    let served = Served::operated().await;
    served.fixture.store.enqueue(vec![outgoing("a", 1)]).await.unwrap();
    let (_, body) = served.get("/v1/orders?state=queued").await;
    let page: OrdersPage = serde_json::from_value(body).unwrap();
    served.refuse_audit();
    let path = format!("/v1/orders/{}?reveal=phone", page.orders[0].order_id);
    let (status, body) = served.get(&path).await;
    assert_eq!((status, &body["code"]), (503, &json!("store_failed")), "{body}");
    assert!(!body.to_string().contains("1520000"), "{body}");
    served.end().await;
}

#[tokio::test]
async fn what_only_the_gateway_knows_is_told_too() {
    let served = Served::with(We::Operate, &[Role::Gateway]).await;
    *served.owners.outside.lock().unwrap() = Some(Ok(0));
    let (status, body) = served.get("/v1/orders/far").await;
    assert_eq!(status, 404);
    assert!(body["msg"].as_str().unwrap().contains("order node"), "{body}");
    served.owners.undecided.lock().unwrap().push(UndecidedOrder {
        order_id: "far".into(),
        phone: "15200008881".into(),
        prod_id: "p".into(),
        prod_name: "P".to_owned(),
        price: Money::from_milli(1_000),
        asked_at: EpochMs(5),
        reached: Reached::Unconfirmed,
    });
    let (_, body) = served.get("/v1/orders/far").await;
    let history: OrderHistory = serde_json::from_value(body).unwrap();
    assert_eq!((history.order.user.as_str(), history.phone), ("152****8881", None));
    assert_eq!(history.steps[1].step, StepKind::Unconfirmed);
    assert_eq!(served.get("/v1/dead-letters").await.1["code"], json!("wrong_role"));
    served.end().await;
}
