//! What `POST` does, once and never twice, and how it is written down.

use protocol::{
    AuditPage, Controls, Done, LogLevelState, ProductView, Refusal, RefusalCode, ResentState,
    Snapshot,
};
use serde_json::{Value, json};
use store_sqlite::testing::PROD;

use super::{Served, We};
use crate::config::Role;

fn id(number: u32) -> Value {
    json!({ "request_id": format!("r-{number}") })
}

/// A command's body with further fields.
fn with(number: u32, fields: &Value) -> Value {
    let mut body = id(number);
    let fields = fields.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(fields);
    body
}

#[tokio::test]
async fn a_pause_is_stored_put_into_effect_told_and_written_down_once() {
    let served = Served::operated().await;
    let body = with(1, &json!({ "reason": "the price is wrong" }));
    let mut answers = Vec::new();
    for _ in 0..2 {
        let (status, answer) = served.post("/v1/intake/pause", &body).await;
        assert_eq!(status, 200, "{answer}");
        answers.push(answer);
    }
    assert_eq!(answers[0], answers[1], "the same id gives the same answer");
    let done: Done<Controls> = serde_json::from_value(answers.remove(0)).unwrap();
    let intake = done.state.intake.unwrap();
    assert!(intake.paused && intake.since.is_some());
    assert_eq!(intake.reason.as_deref(), Some("the price is wrong"));
    {
        let applied = served.owners.applied.lock().unwrap();
        assert_eq!(applied.len(), 1, "repeated, it must not undo what came between");
        assert!(applied[0].intake.as_ref().unwrap().paused);
    }
    let page: AuditPage = serde_json::from_value(served.get("/v1/audit").await.1).unwrap();
    let [entry] = &page.entries[..] else { panic!("{page:?}") };
    assert_eq!((entry.verb.as_str(), entry.id, entry.uid), ("intake.pause", done.audit_id, 0));
    assert_eq!(entry.reason.as_deref(), Some("the price is wrong"));
    let state: Snapshot = serde_json::from_value(served.get("/v1/status").await.1).unwrap();
    let told: Vec<&str> = state.notables.iter().map(|notable| notable.text.as_str()).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].ends_with("paused intake: the price is wrong"), "{told:?}");
    served.end().await;
}

#[tokio::test]
async fn switches_go_on_and_off_and_a_drain_is_undone_by_resuming() {
    let served = Served::operated().await;
    let switch = async |number: u32, path: &str| -> Controls {
        let (status, answer) = served.post(path, &id(number)).await;
        assert_eq!(status, 200, "{answer}");
        serde_json::from_value::<Done<Controls>>(answer).unwrap().state
    };
    assert!(switch(1, "/v1/consumption/pause").await.consumption.unwrap().paused);
    assert!(switch(2, "/v1/consumption/pause").await.consumption.unwrap().paused, "twice is fine");
    let draining = switch(3, "/v1/drain").await;
    assert!(draining.drain.is_some() && draining.intake.unwrap().paused);
    assert!(!draining.consumption.unwrap().paused, "a drain wants consumption");
    let resumed = switch(4, "/v1/intake/resume").await;
    assert!(resumed.drain.is_none() && !resumed.intake.unwrap().paused);
    assert_eq!(served.owners.applied.lock().unwrap().last().unwrap().drain, None);
    served.end().await;
}

#[tokio::test]
async fn products_are_made_filled_and_shelved() {
    let served = Served::operated().await;
    let made = json!({ "prod_id": "new", "prod_name": "新", "price": "9.900", "stock": 10 });
    let (status, answer) = served.post("/v1/products", &with(1, &made)).await;
    assert_eq!(status, 200, "{answer}");
    let product = serde_json::from_value::<Done<ProductView>>(answer).unwrap().state;
    assert_eq!((product.stock, product.terms.on_shelf), (10, false));
    let (status, answer) = served.post("/v1/products", &with(2, &made)).await;
    assert_eq!((status, &answer["code"]), (409, &json!("product_exists")));

    let more = |number, delta: i64| with(number, &json!({ "delta": delta, "reason": "more came" }));
    for _ in 0..3 {
        let (status, answer) = served.post("/v1/products/new/stock", &more(3, 50)).await;
        assert_eq!((status, &answer["state"]["stock"]), (200, &json!(60)), "{answer}");
    }
    let (status, answer) = served.post("/v1/products/new/stock", &more(4, -61)).await;
    assert_eq!((status, &answer["code"]), (409, &json!("not_enough_stock")));
    assert!(answer["msg"].as_str().unwrap().contains("60"), "{answer}");
    let (status, _) = served.post("/v1/products/none/stock", &more(5, 1)).await;
    assert_eq!(status, 404);

    let shelve =
        |number, version: u64| with(number, &json!({ "on_shelf": true, "if_version": version }));
    let (status, answer) = served.post("/v1/products/new/shelf", &shelve(6, 99)).await;
    assert_eq!((status, &answer["code"]), (409, &json!("stale_version")));
    let version = answer["data"]["version"].as_u64().unwrap();
    let (status, answer) = served.post("/v1/products/new/shelf", &shelve(7, version)).await;
    assert_eq!((status, &answer["state"]["on_shelf"]), (200, &json!(true)));

    let cost = |number, price| with(number, &json!({ "price": price, "reason": "a typo" }));
    let (status, answer) = served.post("/v1/products/new/price", &cost(8, "12.340")).await;
    assert_eq!((status, &answer["state"]["price"]), (200, &json!("12.340")), "{answer}");
    let (status, answer) = served.post("/v1/products/new/price", &cost(9, "0.000")).await;
    assert_eq!((status, &answer["code"]), (400, &json!("bad_request")));
    assert!(answer["msg"].as_str().unwrap().contains("0.000"), "{answer}");
    served.end().await;
}

#[tokio::test]
async fn terms_are_changed_together_or_not_at_all() {
    let served = Served::operated().await;
    let made = json!({ "prod_id": "new", "prod_name": "新", "price": "9.900", "stock": 10 });
    assert_eq!(served.post("/v1/products", &with(1, &made)).await.0, 200);
    let path = "/v1/products/new";
    let both = json!({
        "price": "8.500", "on_shelf": true, "if_terms_version": 0, "reason": "the sale begins",
    });
    for _ in 0..2 {
        let (status, answer) = served.patch(path, &with(2, &both)).await;
        let state = &answer["state"];
        assert_eq!((status, &state["price"]), (200, &json!("8.500")), "{answer}");
        assert_eq!((&state["on_shelf"], &state["terms_version"]), (&json!(true), &json!(1)));
    }
    let state: Snapshot = serde_json::from_value(served.get("/v1/status").await.1).unwrap();
    let told: Vec<&str> = state.notables.iter().map(|notable| notable.text.as_str()).collect();
    let text = "changed the terms of new: price 8.500, shelf on: the sale begins";
    assert_eq!(told.iter().filter(|told| told.ends_with(text)).count(), 1, "{told:?}");
    let (status, answer) = served.patch(path, &with(3, &both)).await;
    assert_eq!((status, &answer["code"]), (409, &json!("stale_version")));
    assert_eq!(answer["data"], json!({ "terms_version": 1 }));
    assert!(answer["msg"].as_str().unwrap().contains("terms_version 1 and not at 0"), "{answer}");
    for (body, why) in [
        (json!({}), "name one at least of price, on_shelf"),
        (json!({ "prise": "1.000" }), "unknown field `prise`"),
        (json!({ "on_shelf": false, "if_version": 1 }), "unknown field `if_version`"),
        (json!({ "price": "8.000" }), "a change of price wants one"),
        (json!({ "price": "0", "on_shelf": false, "reason": "r" }), "price: 0.000 is no amount"),
    ] {
        let (status, answer) = served.patch(path, &with(4, &body)).await;
        assert_eq!((status, &answer["code"]), (400, &json!("bad_request")), "{body}");
        assert!(answer["msg"].as_str().unwrap().contains(why), "{body}: {answer}");
    }
    let (status, answer) = served.patch("/v1/products/none", &with(5, &both)).await;
    assert_eq!((status, &answer["code"]), (404, &json!("not_found")));
    let (_, now) = served.patch(path, &with(6, &json!({ "on_shelf": true }))).await;
    assert_eq!(now["state"]["terms_version"], 1, "what is so already raises nothing");
    served.end().await;
}

#[tokio::test]
async fn dead_letters_go_back_or_are_discarded() {
    let served = Served::operated().await;
    let (status, answer) = served.post("/v1/dead-letters/resend", &id(1)).await;
    let resent = serde_json::from_value::<Done<ResentState>>(answer).unwrap().state;
    assert_eq!((status, resent.resent, resent.left), (200, 0, 0));
    for (path, body) in [
        ("/v1/dead-letters/9/resend", id(2)),
        ("/v1/dead-letters/9/discard", with(3, &json!({ "reason": "gone" }))),
    ] {
        let (status, answer) = served.post(path, &body).await;
        assert_eq!((status, &answer["code"]), (404, &json!("not_found")), "{path}");
    }
    let (status, answer) = served.post("/v1/dead-letters/x/resend", &id(4)).await;
    assert_eq!(status, 400, "{answer}");
    let (status, answer) =
        served.post("/v1/dead-letters/resend", &with(5, &json!({ "per_s": 101 }))).await;
    assert_eq!(status, 400, "{answer}");
    assert!(answer["msg"].as_str().unwrap().contains("admin.resend_per_s"), "{answer}");
    served.end().await;
}

#[tokio::test]
async fn the_sales_clock_is_set_by_an_operators_word_and_not_while_a_product_is_open() {
    let served = Served::operated().await;
    let (status, answer) = served.post("/v1/clock/adopt", &id(1)).await;
    assert_eq!((status, &answer["code"]), (409, &json!("sale_is_open")));
    *served.owners.clock_ahead_ms.lock().unwrap() = Some(-90_000);
    let (status, answer) = served.post("/v1/clock/adopt", &id(2)).await;
    assert_eq!((status, &answer["state"]["set_ms"]), (200, &json!(-90_000)), "{answer}");
    assert_eq!(*served.owners.clock_ahead_ms.lock().unwrap(), Some(0), "it was set");
    // Asked again, it is answered as before and not set again.
    *served.owners.clock_ahead_ms.lock().unwrap() = Some(5_000);
    let again = served.post("/v1/clock/adopt", &id(2)).await.1;
    assert_eq!((&again["state"], &again["audit_id"]), (&answer["state"], &answer["audit_id"]));
    assert_eq!(*served.owners.clock_ahead_ms.lock().unwrap(), Some(5_000));
    let (_, audit) = served.get("/v1/audit").await;
    let entries = audit["entries"].as_array().unwrap();
    assert_eq!((entries.len(), &entries[0]["verb"]), (1, &json!("clock.adopt")), "{audit}");
    served.end().await;
}

#[tokio::test]
async fn the_log_and_the_stop_are_written_down_first() {
    let served = Served::operated().await;
    let level = |number, level: &str| with(number, &json!({ "level": level }));
    let (status, answer) = served.post("/v1/log-level", &level(1, "loud")).await;
    assert_eq!(status, 400, "{answer}");
    assert!(answer["msg"].as_str().unwrap().contains("\"loud\""), "{answer}");
    for (text, words) in [
        ("debug\r", "ends with a carriage return (U+000D)"),
        (" debug", "begins with a blank (U+0020)"),
        ("debug\u{a0}", "ends with a no-break space (U+00A0)"),
        ("info,\u{a0}seckilld=debug", "is neither a level"),
    ] {
        let (status, answer) = served.post("/v1/log-level", &level(1, text)).await;
        let msg = answer["msg"].as_str().unwrap();
        assert!(status == 400 && msg.contains(words) && msg.contains("error, warn"), "{answer}");
    }
    let (status, answer) = served.post("/v1/log-level", &level(2, "debug")).await;
    let done: Done<LogLevelState> = serde_json::from_value(answer).unwrap();
    assert_eq!((status, done.state.level.as_str()), (200, "debug"));
    assert_eq!(*served.owners.level.lock().unwrap(), "debug");

    assert!(!served.owners.stopped.is_cancelled());
    let (status, answer) = served.post("/v1/shutdown", &id(3)).await;
    assert_eq!((status, &answer["state"]["phase"]), (200, &json!("stopping")));
    assert!(served.owners.stopped.is_cancelled());
    let (status, answer) = served.post("/v1/intake/pause", &id(4)).await;
    assert_eq!((status, &answer["code"]), (409, &json!("stopping")));
    assert_eq!(served.post("/v1/shutdown", &id(3)).await.0, 200, "asked again");
    let audit = served.get("/v1/audit?limit=2").await.1;
    assert_eq!(audit["entries"][0]["verb"], "shutdown");
    assert_eq!(audit["entries"][1]["after"]["level"], "debug");
    served.end().await;
}

#[tokio::test]
async fn bodies_are_judged_field_by_field_and_nothing_is_changed() {
    let served = Served::operated().await;
    let long = "x".repeat(501);
    for (path, body, word) in [
        ("/v1/intake/pause", json!({}), "request_id"),
        ("/v1/intake/pause", json!({ "request_id": "a b" }), "A-Z a-z 0-9 . _ -"),
        ("/v1/intake/pause", json!({ "request_id": "" }), "1 to 64"),
        ("/v1/intake/pause", with(1, &json!({ "if_version": 1 })), "if_version"),
        ("/v1/intake/pause", with(1, &json!({ "reason": long })), "reason must have"),
        ("/v1/products/p/stock", with(1, &json!({ "delta": 1 })), "reason"),
        ("/v1/products/p/stock", with(1, &json!({ "delta": 0, "reason": "r" })), "delta is 0"),
        ("/v1/products/p/stock", with(1, &json!({ "delta": "1", "reason": "r" })), "expected i64"),
        ("/v1/dead-letters/1/discard", id(1), "reason"),
    ] {
        let (status, answer) = served.post(path, &body).await;
        assert_eq!((status, &answer["code"]), (400, &json!("bad_request")), "{path} {answer}");
        assert!(answer["msg"].as_str().unwrap().contains(word), "{path} {answer}");
    }
    let (status, answer) = served.post("/v1/intake/pause?now=1", &id(1)).await;
    assert_eq!(status, 400, "{answer}");
    let (status, _) = served.post("/v1/intake/pause", &id(1)).await;
    assert_eq!(status, 200, "the id is still unused");
    let (status, answer) = served.post("/v1/intake/resume", &id(1)).await;
    assert_eq!((status, &answer["code"]), (409, &json!("request_id_reused")));
    served.end().await;
}

#[tokio::test]
async fn a_role_that_is_not_here_cannot_be_commanded() {
    for (roles, paths) in [
        (vec![Role::Order], ["/v1/intake/pause", "/v1/intake/resume", "/v1/drain"]),
        (
            vec![Role::Gateway],
            ["/v1/consumption/pause", "/v1/dead-letters/resend", "/v1/consumption/resume"],
        ),
    ] {
        let served = Served::with(We::Operate, &roles).await;
        for path in paths {
            let (status, answer) = served.post(path, &id(1)).await;
            assert_eq!((status, &answer["code"]), (409, &json!("wrong_role")), "{path}");
        }
        served.end().await;
    }
    let served = Served::with(We::Operate, &[Role::Gateway]).await;
    let body = with(1, &json!({ "delta": 1, "reason": "r" }));
    let (status, _) = served.post(&format!("/v1/products/{PROD}/stock"), &body).await;
    assert_eq!(status, 409, "stock is the order role's");
    let (_, answer) = served.post("/v1/intake/pause", &id(2)).await;
    assert_eq!(answer["state"]["consumption"], Value::Null, "{answer}");
    served.end().await;
}

#[tokio::test]
async fn a_reload_is_its_owners_business_and_a_refusal_comes_back_whole() {
    let served = Served::operated().await;
    let mut answers = Vec::new();
    for _ in 0..2 {
        let (status, answer, head) = served.ask("POST /v1/reload", "", &id(1).to_string()).await;
        assert_eq!(status, 200, "{answer}");
        answers.push((answer, head.contains("seckill-repeated: true")));
    }
    assert_eq!(answers[0].0, answers[1].0);
    assert_eq!((answers[0].1, answers[1].1), (false, true));
    assert_eq!(answers[0].0["state"]["generation"], 2);
    let keys = json!({ "generation": 2, "keys": [{ "key": "store.path" }] });
    let msg = "nothing was changed: a key takes a restart:\n  store.path";
    let refusal = Refusal { data: keys.clone(), ..Refusal::new(RefusalCode::RestartNeeded, msg) };
    *served.owners.refuses_reload.lock().unwrap() = Some(refusal);
    let (status, answer) = served.post("/v1/reload", &id(2)).await;
    assert_eq!((status, &answer["code"], &answer["data"]), (409, &json!("restart_needed"), &keys));
    assert_eq!(answer["msg"], msg);
    served.end().await;
}

#[tokio::test]
async fn texts_with_what_cannot_be_seen_are_refused_by_name() {
    let served = Served::operated().await;
    let product = |number, id: &str, name: &str| {
        with(number, &json!({ "prod_id": id, "prod_name": name, "price": "9.900", "stock": 1 }))
    };
    for (number, id, name, told) in [
        (1, "p\r", "P", "prod_id is \"p\\r\", which ends with a carriage return (U+000D)"),
        (2, "p\u{200b}1", "P", "prod_id is \"p\\u{200b}1\", which holds a zero-width space"),
        (3, "p", "P\n", "prod_name is \"P\\n\", which ends with a line feed (U+000A)"),
        (4, "p", " P", "prod_name is \" P\", which begins with a blank (U+0020)"),
    ] {
        let (status, answer) = served.post("/v1/products", &product(number, id, name)).await;
        assert_eq!((status, &answer["code"]), (400, &json!("bad_request")), "{answer}");
        assert!(answer["msg"].as_str().unwrap().contains(told), "{answer}");
    }
    let why = with(5, &json!({ "reason": "two\nlines" }));
    let (status, answer) = served.post("/v1/intake/pause", &why).await;
    assert_eq!((status, &answer["code"]), (400, &json!("bad_request")), "{answer}");
    let told = "reason holds a line feed (U+000A); it is one line of text";
    assert_eq!(answer["msg"], json!(told));
    served.end().await;
}
