//! The whole state, its changes, and the lines that carry them.

use std::collections::BTreeMap;

use super::{assert_golden, assert_line, text};
use crate::{
    Bucket, Change, ChargesView, ConfigView, Controls, Counted, DrainView, EdgeView, EpochMs,
    GatewayView, LatencyView, Line, LogView, Money, Notable, NotableKind, OrdersView, OverdueView,
    PeerView, Permission, Phase, ProductView, QueuePart, QueueView, Rate, ReloadOutcome,
    ReloadView, RocketmqBroker, RocketmqView, SaleClockView, Seconds, Severity, Snapshot,
    StoreView, SwitchView, Terms, TermsSet, Trend, Trouble, TroubleState, UnconfirmedView,
};

const NOW: EpochMs = EpochMs(1_795_444_100_572);
const START: EpochMs = EpochMs(1_795_444_000_000);

pub(super) fn product() -> ProductView {
    ProductView {
        state: None,
        prod_id: "pid_0001".into(),
        prod_name: text("iphoneX2019新款"),
        terms: Terms { on_shelf: true, ..Terms::at(Money::from_milli(5_999_000)) },
        initial: 100,
        added: -5,
        stock: 60,
        sold: 34,
        held: Some(2),
        free: None,
        balanced: false,
        missing: 1,
        version: 40,
        terms_version: 2,
        terms_set: Some(TermsSet { at: START, by: text("root") }),
        charges: Some(outcomes()),
    }
}

fn rate(last_1s: u64) -> Rate {
    Rate { last_1s, last_60s: 60 * last_1s }
}

fn latency() -> LatencyView {
    LatencyView {
        count: 3,
        p50_us: 800,
        p99_us: 4_000,
        p999_us: 9_000,
        max_us: 9_100,
        buckets: vec![Bucket { up_to_us: 1_024, count: 2 }, Bucket { up_to_us: 16_384, count: 1 }],
    }
}

fn counts(name: &str) -> BTreeMap<String, u64> {
    BTreeMap::from([(text(name), 7)])
}

fn outcomes() -> ChargesView {
    let counted = |name, total| (text(name), Counted { total, last_1s: 2, last_60s: 5 });
    ChargesView([counted("accepted", 36), counted("sold_out", 7)].into())
}

fn controls() -> Controls {
    let intake = SwitchView {
        paused: true,
        since: Some(NOW),
        by: Some(text("root")),
        reason: Some(text("maintenance")),
    };
    let drain = DrainView { since: NOW, drained: false };
    Controls { intake: Some(intake), consumption: None, drain: Some(drain), generation: Some(4) }
}

fn gateway() -> GatewayView {
    GatewayView {
        charges: counts("10000"),
        queries: counts("41004"),
        outcomes: outcomes(),
        invalid_charges: counts("chargePrice not_the_price"),
        invalid_queries: counts("prodId blank"),
        charge_rate: rate(7),
        accepted_rate: rate(6),
        charge_latency: Some(latency()),
        in_flight: 1,
        publish_waiting: 2,
        publish_waiting_max: 4_096,
    }
}

fn orders() -> OrdersView {
    OrdersView {
        placed: 34,
        failed: counts("sold_out"),
        duplicate_orders: 1,
        duplicate_deliveries: 2,
        dead_lettered: 3,
        redeliveries: 4,
        placed_rate: rate(5),
        decided_rate: rate(6),
        accept_to_placed: None,
        invalid_queries: counts("body not_an_object"),
        unreadable: Some(text("the database is locked")),
    }
}

fn queue() -> QueueView {
    let part = QueuePart {
        name: text("broker-a:seckill:0"),
        lag_messages: 12,
        lag_age_ms: Some(2_345),
        broker: Some(text("broker-a")),
        end_offset: Some(112),
        consumed_offset: Some(100),
        owner: None,
    };
    QueueView {
        kind: text("rocketmq"),
        lag_messages: Some(12),
        lag_age_ms: Some(2_345),
        lag_slope_per_s: Some(-3),
        trend: Some(Trend::Draining),
        queues: vec![part],
        dead_letters: Some(1),
        broker_dead_letters: None,
        unreadable: Some(text("the broker's own dead letters: no route")),
    }
}

fn store() -> StoreView {
    StoreView {
        path: text("seckill.db"),
        size_bytes: Some(40_960),
        wal_bytes: None,
        commits: 21,
        commit_rate: rate(2),
        order_rate: rate(9),
        commit_latency: Some(latency()),
        trouble: Some(text("the disk is full")),
    }
}

fn rocketmq() -> RocketmqView {
    let broker = RocketmqBroker { name: text("broker-a"), address: text("b:10911"), version: None };
    RocketmqView {
        connection: text("connected"),
        producer_ready: true,
        consumer_running: false,
        name_servers: vec![text("n:9876")],
        topic: text("seckill"),
        group: text("GID_seckill"),
        brokers: vec![broker],
    }
}

fn edge() -> EdgeView {
    EdgeView {
        role: text("gateway"),
        connections_open: 1,
        connections_max: 10_000,
        requests: 2,
        panics: 3,
        timeouts: 4,
        too_large: 5,
        malformed: 6,
    }
}

fn overdue() -> OverdueView {
    OverdueView { count: 1, bound_ms: 30_000, oldest_at: Some(START) }
}

fn notable(id: u64) -> Notable {
    let (kind, severity) = (NotableKind::Product, Severity::Error);
    Notable { id, at: NOW, kind, severity, text: text("pid_0001 is out of balance") }
}

fn config() -> ConfigView {
    let reload = ReloadView {
        at: NOW,
        by: text("SIGHUP"),
        outcome: ReloadOutcome::Refused,
        text: text("store.path takes a restart"),
    };
    ConfigView {
        generation: 3,
        since: START,
        reloads_unchanged: 1,
        reloads_refused: 2,
        last_reload: Some(reload),
    }
}

pub(super) fn trouble() -> Trouble {
    Trouble {
        part: text("store"),
        what: text("nothing can be stored"),
        state: TroubleState::Failing,
        since: START,
        orders: 3,
        refuses: true,
        text: text("nothing can be stored: the disk is full"),
    }
}

const fn sale_clock() -> SaleClockView {
    SaleClockView { follows: false, wall_ahead_s: 90, order_node_ahead_ms: Some(-20) }
}

fn snapshot() -> Snapshot {
    Snapshot {
        seq: 9,
        at: NOW,
        name: text("seckilld"),
        version: text("0.1.0"),
        env_type: text("offline"),
        roles: vec![text("gateway"), text("order")],
        pid: 4_242,
        started_at: START,
        clock_step_s: 0,
        sale_clock: sale_clock(),
        uptime_s: 100,
        phase: Phase::Serving,
        log_level: text("info"),
        log: LogView { dropped: 7, dropped_grave: 1, is_losing: true },
        config: config(),
        degraded: vec![text("the disk is full")],
        warnings: vec![text("a stranger consumes in our group")],
        troubles: vec![trouble()],
        controls: controls(),
        products: vec![product()],
        gateway: Some(gateway()),
        orders: Some(orders()),
        queue: queue(),
        store: store(),
        rocketmq: Some(rocketmq()),
        unconfirmed: Some(UnconfirmedView { count: 1, limit: 1_000 }),
        overdue: Some(overdue()),
        edges: vec![edge()],
        seconds: Seconds { charges: vec![1, 2], placed: vec![0, 1] },
        notables: vec![notable(3)],
    }
}

#[test]
fn the_whole_state() {
    assert_golden(&snapshot(), include_str!("golden/snapshot.json"));
}

#[test]
fn the_state_of_a_process_with_little_to_tell() {
    assert_golden(&Snapshot::default(), include_str!("golden/snapshot_empty.json"));
}

/// What was there before the console came is enough to read a state.
#[test]
fn what_an_earlier_daemon_does_not_tell_is_not_known() {
    let json = r#"{"name":"seckilld","version":"0.0.9","env_type":"embedded","roles":["order"],
        "uptime_s":5,"phase":"serving","degraded":[],"warnings":[],"products":[],"queue":{"kind":"embedded"},"of_a_later_version":1}"#;
    let read: Snapshot = serde_json::from_str(json).unwrap();
    let expected = Snapshot {
        name: text("seckilld"),
        version: text("0.0.9"),
        env_type: text("embedded"),
        roles: vec![text("order")],
        uptime_s: 5,
        phase: Phase::Serving,
        queue: QueueView { kind: text("embedded"), ..QueueView::default() },
        ..Snapshot::default()
    };
    assert_eq!(read, expected);
    assert_eq!((read.queue.lag_messages, read.gateway, read.overdue), (None, None, None));
}

#[test]
fn each_change() {
    let changes = vec![
        Change::Phase(Phase::Stopping),
        Change::ClockStep(-3_600),
        Change::SaleClock(sale_clock()),
        Change::LogLevel(text("debug")),
        Change::Log(LogView { dropped: 7, dropped_grave: 1, is_losing: true }),
        Change::Config(config()),
        Change::Degraded(vec![text("the disk is full")]),
        Change::Warnings(Vec::new()),
        Change::Troubles(vec![trouble()]),
        Change::Controls(controls()),
        Change::Product(product()),
        Change::Products(vec![product()]),
        Change::Gateway(Some(gateway())),
        Change::Gateway(None),
        Change::Orders(Some(orders())),
        Change::Orders(None),
        Change::Queue(queue()),
        Change::Store(store()),
        Change::Rocketmq(Some(rocketmq())),
        Change::Rocketmq(None),
        Change::Unconfirmed(Some(UnconfirmedView { count: 1, limit: 1_000 })),
        Change::Unconfirmed(None),
        Change::Overdue(Some(overdue())),
        Change::Overdue(None),
        Change::Edges(vec![edge()]),
        Change::Second { charges: 7, placed: 5 },
        Change::Seconds(Seconds { charges: vec![7], placed: vec![5] }),
        Change::Notable(notable(4)),
    ];
    assert_golden(&changes, include_str!("golden/changes.json"));
}

#[test]
fn each_line() {
    let you = PeerView {
        uid: 1_000,
        user: Some(text("ops")),
        permission: Permission::View,
        missing: Some(text("join group seckill-ops to operate")),
    };
    assert_golden(
        &Line::Snapshot { snapshot: Box::new(snapshot()), you },
        include_str!("golden/line_snapshot.json"),
    );
    let change = Box::new(Change::LogLevel(text("debug")));
    assert_line(
        &Line::Change { seq: 10, at: NOW, change },
        r#"{"line":"change","seq":10,"at":"2026-11-23T14:28:20.572+0000","change":{"part":"log_level","now":"debug"}}"#,
    );
    assert_line(
        &Line::Heartbeat { seq: 10, at: NOW },
        r#"{"line":"heartbeat","seq":10,"at":"2026-11-23T14:28:20.572+0000"}"#,
    );
    assert_line(
        &Line::Closing { reason: text("the daemon is stopping") },
        r#"{"line":"closing","reason":"the daemon is stopping"}"#,
    );
}
