//! Lists and details.

use serde_json::{Value, json};

use super::states::product;
use super::{assert_golden, assert_line, text};
use crate::{
    AuditEntry, AuditPage, ConfigEntry, ConfigPage, DeadLetterView, DeadLettersPage, EndpointView,
    Endpoints, EpochMs, Health, HistoryStep, Money, OrderHistory, OrderState, OrderView,
    OrdersPage, PeerView, Permission, Phase, ProductsPage, StepKind, Unlisted, UnlistedPlace,
};

const NOW: EpochMs = EpochMs(1_795_444_100_572);

fn order() -> OrderView {
    OrderView {
        order_id: "0193-order".into(),
        prod_id: "pid_0001".into(),
        prod_name: text("iphoneX2019新款"),
        user: text("152****8881"),
        state: OrderState::Failed,
        reason: Some(text("sold_out")),
        charge_money: Some(Money::from_milli(5_999_000)),
        asked_at: NOW,
        decided_at: Some(EpochMs(NOW.0 + 1_000)),
        duplicates: 1,
    }
}

#[test]
fn endpoints() {
    let endpoint = EndpointView {
        method: text("GET"),
        path: text("/v1/products/{prod_id}"),
        what: text("one product"),
    };
    let you = PeerView {
        uid: 0,
        user: Some(text("root")),
        permission: Permission::Operate,
        missing: None,
    };
    assert_golden(
        &Endpoints { endpoints: vec![endpoint], you },
        include_str!("golden/endpoints.json"),
    );
}

#[test]
fn health() {
    let health = Health { healthy: true, phase: Phase::Serving, degraded: Vec::new() };
    assert_line(&health, r#"{"healthy":true,"phase":"serving","degraded":[]}"#);
    let degraded = vec![text("the disk is full")];
    let health = Health { healthy: false, phase: Phase::Stopping, degraded };
    assert_line(&health, r#"{"healthy":false,"phase":"stopping","degraded":["the disk is full"]}"#);
}

#[test]
fn config() {
    let entry = |key, value| ConfigEntry { key: text(key), value, source: text("--set") };
    let keys = vec![
        entry("rest.listen", json!("127.0.0.1:8080")),
        entry("admin.resend_per_s", json!(50)),
        entry("rocketmq.access_key_file", Value::Null),
    ];
    assert_golden(&ConfigPage { keys }, include_str!("golden/config.json"));
}

#[test]
fn products() {
    assert_golden(
        &ProductsPage { products: vec![product()] },
        include_str!("golden/products.json"),
    );
}

#[test]
fn orders() {
    let undecided = OrderView {
        state: OrderState::Queued,
        reason: None,
        charge_money: None,
        decided_at: None,
        ..order()
    };
    let unlisted =
        Unlisted { place: UnlistedPlace::Broker, count: Some(1_204), text: text("a sentence") };
    let page = OrdersPage {
        orders: vec![order(), undecided],
        next: Some(text("42")),
        unlisted: vec![unlisted],
    };
    assert_golden(&page, include_str!("golden/orders.json"));
    let none = OrdersPage { orders: Vec::new(), next: None, unlisted: Vec::new() };
    assert_line(&none, r#"{"orders":[],"next":null,"unlisted":[]}"#);
    let of_an_earlier = r#"{"orders":[],"next":null}"#;
    assert_eq!(serde_json::from_str::<OrdersPage>(of_an_earlier).unwrap(), none);
}

#[test]
fn order_history() {
    let step = |at, step| HistoryStep { at, step, detail: text("a sentence") };
    let steps = vec![step(Some(NOW), StepKind::Accepted), step(None, StepKind::DuplicateSetAside)];
    let mut history = OrderHistory { order: order(), phone: None, steps };
    assert_golden(&history, include_str!("golden/order_history.json"));
    let masked = serde_json::to_value(&history).unwrap();
    assert!(masked.get("phone").is_none(), "what isn't revealed isn't there");
    history.phone = Some("15200008881".into());
    let revealed = serde_json::to_value(&history).unwrap();
    assert_eq!(revealed["phone"], "15200008881");
    assert_eq!(serde_json::from_value::<OrderHistory>(revealed).unwrap(), history);
}

#[test]
fn dead_letters() {
    let letter = DeadLetterView {
        id: 7,
        origin: text("embedded"),
        reason: text("unreadable"),
        order_id: Some("0193-order".into()),
        prod_id: None,
        user: Some(text("152****8881")),
        redeliveries: 16,
        asked_at: NOW,
        dead_at: NOW,
        content: text("{\"orderId\":"),
        content_bytes: 11,
        resendable: false,
    };
    let page = DeadLettersPage {
        dead_letters: vec![letter],
        next: None,
        total: 1,
        newest: Some(7),
        unlisted: Vec::new(),
    };
    assert_golden(&page, include_str!("golden/dead_letters.json"));
}

#[test]
fn audit() {
    let entry = AuditEntry {
        id: 12,
        at: NOW,
        uid: 1_000,
        user: None,
        pid: Some(4_242),
        verb: text("product.stock"),
        object: text("pid_0001"),
        arguments: json!({ "delta": 50 }),
        before: json!({ "stock": 10 }),
        after: json!({ "stock": 60 }),
        reason: Some(text("补货")),
        request_id: text("ctl-1"),
    };
    let page = AuditPage { entries: vec![entry], next: Some(text("11")) };
    assert_golden(&page, include_str!("golden/audit.json"));
}
