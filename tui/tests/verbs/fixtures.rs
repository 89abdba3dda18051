//! What a daemon would answer: the protocol's own values, so that a change of the contract shows.

use protocol::{
    AuditEntry, AuditPage, ConfigEntry, ConfigPage, Controls, DeadLetterView, DeadLettersPage,
    Done, EpochMs, GatewayView, HistoryStep, Money, Notable, NotableKind, OrderHistory, OrderState,
    OrderView, OrdersPage, OrdersView, OverdueView, Phase, ProductView, QueuePart, QueueView,
    Refusal, RefusalCode, RocketmqBroker, RocketmqView, Severity, Snapshot, StepKind, SwitchView,
    Terms, Trend, UnconfirmedView,
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::daemon::Reply;

/// 2026-11-23 14:28:20Z.
pub(crate) const NOW: EpochMs = EpochMs(1_795_444_100_572);

fn text(text: &str) -> String {
    text.to_owned()
}

pub(crate) fn product() -> ProductView {
    ProductView {
        state: None,
        prod_id: "pid_0001".into(),
        prod_name: text("iphoneX2019新款"),
        terms: Terms { on_shelf: true, ..Terms::at(Money::from_milli(5_999_000)) },
        initial: 100,
        added: 0,
        stock: 60,
        sold: 40,
        held: Some(2),
        free: Some(58),
        balanced: true,
        missing: 0,
        version: 40,
        terms_version: 2,
        terms_set: None,
        charges: None,
    }
}

pub(crate) fn snapshot() -> Snapshot {
    let switch = Some(SwitchView::default());
    Snapshot {
        seq: 7,
        at: NOW,
        name: text("seckilld"),
        version: text("0.1.0"),
        env_type: text("embedded"),
        roles: vec![text("gateway"), text("order")],
        phase: Phase::Serving,
        uptime_s: 7,
        log_level: text("info"),
        controls: Controls { intake: switch.clone(), consumption: switch, ..Controls::default() },
        products: vec![product()],
        gateway: Some(GatewayView::default()),
        orders: Some(OrdersView { placed: 40, ..OrdersView::default() }),
        queue: QueueView {
            kind: text("embedded"),
            lag_messages: Some(2),
            lag_age_ms: Some(1_200),
            lag_slope_per_s: Some(0),
            trend: Some(Trend::Steady),
            dead_letters: Some(1),
            queues: vec![QueuePart {
                name: text("embedded"),
                lag_messages: 2,
                lag_age_ms: Some(1_200),
                ..QueuePart::default()
            }],
            ..QueueView::default()
        },
        unconfirmed: Some(UnconfirmedView { count: 0, limit: 1000 }),
        overdue: Some(OverdueView { count: 0, bound_ms: 30_000, oldest_at: None }),
        notables: vec![notable(1, "serving")],
        ..Snapshot::default()
    }
}

pub(crate) fn at_a_broker() -> Snapshot {
    let mut state = snapshot();
    state.queue.kind = text("rocketmq");
    state.queue.queues = vec![
        QueuePart {
            name: text("broker-a:seckill:0"),
            lag_messages: 2,
            lag_age_ms: Some(1_200),
            broker: Some(text("broker-a")),
            end_offset: Some(1042),
            consumed_offset: Some(1040),
            owner: Some(text("node1@4242")),
        },
        QueuePart { name: text("broker-a:seckill:1"), ..QueuePart::default() },
    ];
    state.rocketmq = Some(RocketmqView {
        connection: text("connected"),
        producer_ready: true,
        consumer_running: false,
        name_servers: vec![text("127.0.0.1:9876")],
        topic: text("seckill"),
        group: text("GID_seckill"),
        brokers: vec![RocketmqBroker {
            name: text("broker-a"),
            address: text("127.0.0.1:10911"),
            version: Some(text("V5_4_0")),
        }],
    });
    state
}

pub(crate) fn notable(id: u64, sentence: &str) -> Notable {
    let (kind, severity) = (NotableKind::Phase, Severity::Info);
    Notable { id, at: NOW, kind, severity, text: text(sentence) }
}

pub(crate) fn order(number: u32, state: OrderState, reason: Option<&str>) -> OrderView {
    OrderView {
        order_id: format!("order-{number}").into(),
        prod_id: "pid_0001".into(),
        prod_name: text("iphoneX2019新款"),
        user: text("152****8881"),
        state,
        reason: reason.map(text),
        charge_money: Some(Money::from_milli(5_999_000)),
        asked_at: NOW,
        decided_at: reason.map(|_| EpochMs(NOW.0 + 1_000)),
        duplicates: 0,
    }
}

pub(crate) fn orders(numbers: std::ops::Range<u32>, next: Option<&str>) -> OrdersPage {
    let orders = numbers.map(|number| order(number, OrderState::Placed, None)).collect();
    OrdersPage { orders, next: next.map(text), unlisted: Vec::new() }
}

pub(crate) fn history() -> OrderHistory {
    let step = |at, step, detail| HistoryStep { at, step, detail: text(detail) };
    OrderHistory {
        order: order(1, OrderState::Failed, Some("sold_out")),
        phone: None,
        steps: vec![
            step(Some(NOW), StepKind::Accepted, "asked for at the gateway"),
            step(None, StepKind::Queued, "in the queue"),
            step(Some(EpochMs(NOW.0 + 1_000)), StepKind::Failed, "no unit was left"),
        ],
    }
}

pub(crate) fn dead_letter(id: u64, order_id: Option<&str>) -> DeadLetterView {
    DeadLetterView {
        id,
        origin: text("embedded"),
        reason: text("unreadable: no JSON"),
        order_id: order_id.map(Into::into),
        prod_id: order_id.map(|_| "pid_0001".into()),
        user: order_id.map(|_| text("152****8881")),
        redeliveries: 3,
        asked_at: NOW,
        dead_at: NOW,
        content: text("{\"x\":"),
        content_bytes: 5,
        resendable: order_id.is_some(),
    }
}

pub(crate) fn dead_letters() -> DeadLettersPage {
    let dead_letters = vec![dead_letter(4, None), dead_letter(7, Some("order-1"))];
    DeadLettersPage { dead_letters, next: None, total: 2, newest: Some(9), unlisted: Vec::new() }
}

pub(crate) fn audit() -> AuditPage {
    let entry = |id, user: Option<&str>, reason: Option<&str>| AuditEntry {
        id,
        at: NOW,
        uid: 1000,
        user: user.map(text),
        pid: Some(4242),
        verb: text("product.stock"),
        object: text("pid_0001"),
        arguments: json!({ "delta": 50 }),
        before: json!({ "stock": 10 }),
        after: json!({ "stock": 60 }),
        reason: reason.map(text),
        request_id: text("r1"),
    };
    AuditPage {
        entries: vec![entry(2, Some("ops"), Some("补货")), entry(1, None, None)],
        next: None,
    }
}

pub(crate) fn config() -> ConfigPage {
    let entry = |key, value, source| ConfigEntry { key: text(key), value, source: text(source) };
    ConfigPage {
        keys: vec![
            entry("admin.resend_per_s", json!(50), "profile embedded"),
            entry("rest.listen", json!("127.0.0.1:8080"), "--set"),
            entry("rocketmq.access_key_file", Value::Null, "default"),
        ],
    }
}

/// A command that was carried out.
pub(crate) fn done(state: impl Serialize) -> Value {
    let done = Done { request_id: text("r1"), audit_id: 12, state };
    serde_json::to_value(done).unwrap()
}

pub(crate) fn refused(code: RefusalCode, msg: &str) -> Reply {
    Reply::Json(code.status(), serde_json::to_value(Refusal::new(code, msg)).unwrap())
}

/// The document with something that this version doesn't know.
pub(crate) fn of_a_later_version(document: impl Serialize) -> Value {
    let mut document = serde_json::to_value(document).unwrap();
    document["of_a_later_version"] = 1.into();
    document
}
