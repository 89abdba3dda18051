//! Exports: pages that follow each other, and whole numbers under one entry of the audit log.

use protocol::{ExportPage, OrderState, Seq};
use serde_json::{Value, json};
use store_sqlite::testing::{delivery, message, order, phone};

use super::{BOTH, Served, We};
use crate::config::Role;

/// Two placed orders and a failed one.
async fn sold(we: We) -> Served {
    let served = Served::with(we, &BOTH).await;
    let failed = delivery(&message("failed", 2, "1"));
    served.fixture.decide(vec![order("a", 1), failed, order("b", 3)]).await;
    served
}

async fn page(served: &Served, query: &str) -> ExportPage {
    let (status, body) = served.get(&format!("/v1/export/orders?{query}")).await;
    assert_eq!(status, 200, "{query}: {body}");
    serde_json::from_value(body).unwrap()
}

async fn entries(served: &Served) -> Vec<Value> {
    served.get("/v1/audit").await.1["entries"].as_array().unwrap().clone()
}

#[tokio::test]
async fn pages_follow_each_other_to_the_newest_decision() {
    let served = sold(We::Operate).await;
    let first = page(&served, "limit=2").await;
    let ids = |page: &ExportPage| -> Vec<String> {
        page.orders.iter().map(|order| order.order_id.to_string()).collect()
    };
    assert_eq!(
        (ids(&first), first.up_to, first.head),
        (vec!["a".into(), "failed".into()], Seq(2), Seq(3))
    );
    let second = page(&served, "limit=2&after=2").await;
    assert_eq!((ids(&second), second.up_to), (vec!["b".to_owned()], Seq(3)));
    let failed = page(&served, "state=failed&since=1970-01-01T00:00:00Z").await;
    assert_eq!(failed.orders[0].state, OrderState::Failed);
    assert!(page(&served, "until=1970-01-01T08:00:00.000%2B0800").await.orders.is_empty());
    assert!(page(&served, "prod=none").await.orders.is_empty());
    assert!(!format!("{first:?}").contains(phone(1).whole()));
    assert_eq!(entries(&served).await, Vec::<Value>::new(), "masked looks aren't in it");
    served.end().await;
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_by_name() {
    let served = sold(We::Operate).await;
    for (query, word) in [
        ("after=x", "after is \"x\""),
        ("after=-1", "a decision's number"),
        ("state=queued", "placed, failed, duplicate, finished"),
        ("since=2026-11-11", "a time with a zone"),
        ("until=2026-11-11T20:00:00+0800", "%2B"),
        ("reveal=all", "reveal is \"all\""),
        ("reveal=7", "no export of yours"),
        ("phone=15200000001", "unknown parameter \"phone\""),
    ] {
        let (status, body) = served.get(&format!("/v1/export/orders?{query}")).await;
        assert_eq!((status, &body["code"]), (400, &json!("bad_request")), "{query}");
        assert!(body["msg"].as_str().unwrap().contains(word), "{query}: {body}");
    }
    served.end().await;
    let gateway = Served::with(We::Operate, &[Role::Gateway]).await;
    assert_eq!(gateway.get("/v1/export/orders").await.1["code"], json!("wrong_role"));
    gateway.end().await;
}

#[tokio::test]
async fn whole_numbers_are_shown_under_one_entry_and_no_further_than_it_says() {
    let served = sold(We::Operate).await;
    let first = page(&served, "reveal=phone&limit=1&state=placed").await;
    assert_eq!(first.orders[0].phone, Some(phone(1)));
    let entry = first.reveal.unwrap();
    served.fixture.decide(vec![order("later", 4)]).await;
    let second = page(&served, &format!("reveal={entry}&after=1&state=placed")).await;
    let shown: Vec<_> = second.orders.iter().map(|order| order.phone.clone()).collect();
    assert_eq!(shown, [Some(phone(3))], "what was decided after the entry takes another");
    assert_eq!((second.up_to, second.head, second.reveal), (Seq(3), Seq(4), Some(entry)));

    let all = entries(&served).await;
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!((&all[0]["verb"], &all[0]["id"]), (&json!("orders.reveal"), &json!(entry)));
    let wanted = json!({ "after": 0, "up_to": 3, "filter": { "state": "placed" } });
    assert_eq!(all[0]["arguments"], wanted);
    for query in [format!("reveal={entry}"), format!("reveal={entry}&state=failed")] {
        let (status, body) = served.get(&format!("/v1/export/orders?{query}")).await;
        assert_eq!(status, 400, "another filter: {body}");
    }
    let from_third = page(&served, "reveal=phone&after=3").await;
    let narrower = from_third.reveal.unwrap();
    let before = format!("/v1/export/orders?reveal={narrower}&after=2");
    assert_eq!(served.get(&before).await.0, 400, "an earlier order isn't under it");
    served.end().await;
}

#[tokio::test]
async fn whole_numbers_are_for_those_who_may_operate() {
    let viewer = sold(We::View).await;
    for query in ["reveal=phone", "reveal=1"] {
        let (status, body) = viewer.get(&format!("/v1/export/orders?{query}")).await;
        assert_eq!((status, &body["code"]), (403, &json!("not_permitted")), "{body}");
    }
    assert!(page(&viewer, "").await.orders.iter().all(|order| order.phone.is_none()));
    viewer.end().await;
}

/// The numbers come after the entry, or not at all.
#[tokio::test]
async fn no_number_is_exported_while_the_audit_log_cannot_be_written() {
    let served = sold(We::Operate).await;
    served.refuse_audit();
    let (status, body) = served.get("/v1/export/orders?reveal=phone").await;
    assert_eq!((status, &body["code"]), (503, &json!("store_failed")), "{body}");
    assert!(!body.to_string().contains("1520000"), "{body}");
    served.end().await;
}
