//! How states look as text.

use std::collections::BTreeMap;

use protocol::{
    ChargesView, Counted, DrainView, EpochMs, GatewayView, LatencyView, LogView, Money, OrdersView,
    OverdueView, Phase, ProductView, QueueView, Rate, RocketmqBroker, RocketmqView, SaleClockView,
    Snapshot, StoreView, SwitchView, Terms, Trend, Trouble, TroubleState, UnconfirmedView,
};

use super::{clock, heading, render, selling, wronged};

/// 2026-11-23 14:28:20Z.
const NOW: EpochMs = EpochMs(1_795_444_100_572);

fn product(prod_id: &str, prod_name: &str) -> ProductView {
    ProductView {
        state: None,
        prod_id: prod_id.into(),
        prod_name: prod_name.to_owned(),
        terms: Terms { on_shelf: true, ..Terms::at(Money::from_milli(5_999_000)) },
        initial: 100,
        added: -5,
        stock: 90,
        sold: 5,
        held: Some(2),
        free: Some(88),
        balanced: true,
        missing: 0,
        version: 3,
        terms_version: 2,
        terms_set: None,
        charges: None,
    }
}

#[test]
fn the_sales_clock_is_told_where_it_is_not_the_walls_alone() {
    let told = |follows, wall_ahead_s, order_node_ahead_ms| {
        clock(SaleClockView { follows, wall_ahead_s, order_node_ahead_ms })
    };
    for (given, wanted) in [
        (told(true, 0, None), None),
        (told(true, 0, Some(20)), Some("follows the wall clock; order node's +0.02 s")),
        (told(false, 0, None), Some("goes by itself while a product goes by it")),
        (told(false, -90, Some(-1_250)), Some("HELD: the wall clock -90 s; order node's -1.25 s")),
    ] {
        assert_eq!(given.as_deref(), wanted);
    }
}

fn latency(p50_us: u64) -> LatencyView {
    LatencyView {
        count: 9,
        p50_us,
        p99_us: 4 * p50_us,
        p999_us: 9 * p50_us,
        max_us: 10 * p50_us,
        buckets: Vec::new(),
    }
}

fn counts<const N: usize>(counts: [(&str, u64); N]) -> BTreeMap<String, u64> {
    counts.map(|(name, count)| (name.to_owned(), count)).into()
}

fn outcomes() -> ChargesView {
    let counted = |name: &str, total, last_1s, last_60s| {
        (name.to_owned(), Counted { total, last_1s, last_60s })
    };
    let outcomes = [
        counted("accepted", 4100, 1180, 59_830),
        counted("sold_out", 120, 15, 372),
        counted("wrong_price", 7, 0, 7),
        counted("wrong_phone_number", 2, 2, 2),
    ];
    ChargesView(outcomes.into())
}

fn gateway() -> GatewayView {
    GatewayView {
        charges: counts([("10000", 4100), ("40005", 9), ("40006", 120)]),
        outcomes: outcomes(),
        invalid_charges: counts([("chargePrice not_the_price", 7), ("userPhoneNum blank", 2)]),
        charge_rate: Rate { last_1s: 1203, last_60s: 60_211 },
        accepted_rate: Rate { last_1s: 1180, last_60s: 59_830 },
        charge_latency: Some(latency(812)),
        in_flight: 4,
        publish_waiting_max: 4096,
        ..GatewayView::default()
    }
}

fn orders() -> OrdersView {
    OrdersView {
        placed: 4000,
        failed: counts([("discarded", 0), ("price_differs", 3), ("sold_out", 97)]),
        duplicate_orders: 7,
        dead_lettered: 1,
        placed_rate: Rate { last_1s: 890, last_60s: 50_000 },
        decided_rate: Rate { last_1s: 893, last_60s: 50_100 },
        accept_to_placed: Some(latency(9_000)),
        ..OrdersView::default()
    }
}

fn snapshot() -> Snapshot {
    let switch = Some(SwitchView::default());
    let mut snapshot = Snapshot {
        at: NOW,
        name: "seckilld".to_owned(),
        version: "0.1.0".to_owned(),
        env_type: "embedded".to_owned(),
        roles: vec!["gateway".to_owned(), "order".to_owned()],
        phase: Phase::Serving,
        uptime_s: 3720,
        products: vec![product("pid_0001", "iphoneX2019新款"), product("p2", "华为MATE20")],
        gateway: Some(gateway()),
        orders: Some(orders()),
        queue: QueueView {
            kind: "embedded".to_owned(),
            lag_messages: Some(1204),
            lag_age_ms: Some(2_345),
            lag_slope_per_s: Some(-310),
            trend: Some(Trend::Draining),
            dead_letters: Some(1),
            ..QueueView::default()
        },
        store: StoreView {
            size_bytes: Some(3_355_443),
            wal_bytes: Some(524_288),
            commit_rate: Rate { last_1s: 21, last_60s: 1260 },
            order_rate: Rate { last_1s: 1790, last_60s: 99_000 },
            ..StoreView::default()
        },
        unconfirmed: Some(UnconfirmedView { count: 0, limit: 1000 }),
        overdue: Some(OverdueView { count: 0, bound_ms: 30_000, oldest_at: None }),
        ..Snapshot::default()
    };
    snapshot.controls.intake.clone_from(&switch);
    snapshot.controls.consumption = switch;
    snapshot
}

#[test]
fn a_sale_that_runs() {
    let expected = "\
seckilld 0.1.0: serving, profile embedded, roles gateway and order, up 1h 2m

selling      yes; 1203 charges/s, 1180 accepted/s, 15 sold out/s, 2 wrong phone number/s; \
last minute 60211 and 59830, 372 sold out, 7 wrong price
queue        lag 1204, oldest 2.3 s, draining 310/s; dead letters 1; 893 decided/s
wronged      nobody: no buyer waits for more than 30.0 s
stock        balanced: initial + added = stock + sold (2 products)
intake       on
consumption  on
drain        no
decided      orders placed 4000 (890/s), price_differs 3, sold_out 97
set aside    duplicates 7, dead letters 1, redeliveries 0
answers      to charges 10000 4100, 40005 9, 40006 120
40005        charges: chargePrice not_the_price 7, userPhoneNum blank 2
gateway      in flight 4, to publish 0 of at most 4096, unconfirmed 0 of at most 1000
answered in  p50 812µs, p99 3.2ms, p99.9 7.3ms
placed in    p50 9.0ms, p99 36ms, p99.9 81ms
store        21 commits/s, 1790 orders/s, file 3.1 MiB, log 512.0 KiB

PRODUCT   NAME             SHELF  INITIAL  ADDED  STOCK  HELD  FREE  SOLD  BALANCED
pid_0001  iphoneX2019新款  on         100     -5     90     2    88     5  yes
p2        华为MATE20       on         100     -5     90     2    88     5  yes
";
    assert_eq!(render(&snapshot()), expected);
}

#[test]
fn a_sale_in_trouble() {
    let mut state = snapshot();
    state.degraded = vec!["no broker".to_owned()];
    state.warnings = vec!["a stranger consumes in our group".to_owned()];
    state.products.truncate(1);
    state.products[0] = ProductView {
        held: None,
        free: None,
        balanced: false,
        missing: -2,
        terms: Terms { on_shelf: false, ..product("p", "").terms },
        ..product("p", "x\u{1b}[2J")
    };
    state.controls.intake = Some(SwitchView {
        paused: true,
        since: Some(NOW),
        by: Some("root".to_owned()),
        reason: Some("broker\nis away".to_owned()),
    });
    state.controls.drain = Some(DrainView { since: NOW, drained: false });
    state.queue = QueueView {
        kind: "rocketmq".to_owned(),
        unreadable: Some("the broker is away".to_owned()),
        broker_dead_letters: Some(4),
        ..QueueView::default()
    };
    state.rocketmq = Some(RocketmqView {
        connection: "connecting".to_owned(),
        brokers: vec![RocketmqBroker { name: "broker-a".to_owned(), ..RocketmqBroker::default() }],
        ..RocketmqView::default()
    });
    let oldest_at = Some(EpochMs(NOW.0 - 95_000));
    state.overdue = Some(OverdueView { count: 2, bound_ms: 30_000, oldest_at });
    state.store = StoreView { trouble: Some("disk full".to_owned()), ..StoreView::default() };
    let expected = "\
seckilld 0.1.0: serving, degraded, profile embedded, roles gateway and order, up 1h 2m

selling      NO, intake is paused; 1203 charges/s, 1180 accepted/s, 15 sold out/s, \
2 wrong phone number/s; last minute 60211 and 59830, 372 sold out, 7 wrong price
queue        lag –, oldest –, trend –; dead letters – and 4 at the broker; 893 decided/s
wronged      2 buyers OVERDUE (over 30.0 s, the oldest for 1m 35s); the books don't balance
stock        OUT OF BALANCE: p oversold by 2
intake       PAUSED since 2026-11-23 14:28:20Z by root: broker\u{fffd}is away
consumption  on
drain        GOING ON since 2026-11-23 14:28:20Z
decided      orders placed 4000 (890/s), price_differs 3, sold_out 97
set aside    duplicates 7, dead letters 1, redeliveries 0
answers      to charges 10000 4100, 40005 9, 40006 120
40005        charges: chargePrice not_the_price 7, userPhoneNum blank 2
gateway      in flight 4, to publish 0 of at most 4096, unconfirmed 0 of at most 1000
answered in  p50 812µs, p99 3.2ms, p99.9 7.3ms
placed in    p50 9.0ms, p99 36ms, p99.9 81ms
store        0 commits/s, 0 orders/s, file –, log –
rocketmq     connecting; brokers: broker-a

PRODUCT  NAME   SHELF  INITIAL  ADDED  STOCK  HELD  FREE  SOLD  BALANCED
p        x\u{fffd}[2J  off        100     -5     90     –     –     5  NO, oversold by 2

degraded: no broker
warning: a stranger consumes in our group
queue unreadable: the broker is away
store: disk full
";
    assert_eq!(render(&state), expected);
}

#[test]
fn a_role_that_is_not_there_is_no_0() {
    let mut state = snapshot();
    (state.gateway, state.orders, state.overdue, state.unconfirmed) = (None, None, None, None);
    state.controls.intake = None;
    state.products.clear();
    state.queue = QueueView { lag_messages: Some(0), ..QueueView::default() };
    let expected = "\
seckilld 0.1.0: serving, profile embedded, roles gateway and order, up 1h 2m

selling      –, this process has no gateway role
queue        lag 0, trend –; dead letters –
wronged      –, the gateway knows who waits
stock        –, no products
intake       –, not a role of this process
consumption  on
drain        no
store        21 commits/s, 1790 orders/s, file 3.1 MiB, log 512.0 KiB
";
    assert_eq!(render(&state), expected);
}

fn trouble(state: TroubleState) -> Trouble {
    let what = "orders can't be sent".to_owned();
    let text = format!("{what}: no permission");
    let refuses = state == TroubleState::Failing;
    Trouble { part: "queue".to_owned(), what, state, refuses, text, ..Trouble::default() }
}

#[test]
fn serving_is_never_the_whole_header_of_one_that_is_degraded_or_recovering() {
    let mut state = snapshot();
    let phase = |state: &Snapshot| {
        heading(state).split(": ").nth(1).unwrap().split(", profile").next().unwrap().to_owned()
    };
    assert_eq!(phase(&state), "serving");
    state.troubles = vec![trouble(TroubleState::Recovering)];
    assert_eq!(phase(&state), "serving, recovering");
    assert!(render(&state).contains("recovering: orders can't be sent: no permission\n"));
    state.troubles = vec![trouble(TroubleState::Failing)];
    state.degraded = vec![state.troubles[0].text.clone()];
    assert_eq!(phase(&state), "serving, degraded");
    state.phase = Phase::Stopping;
    assert_eq!(phase(&state), "stopping");
}

#[test]
fn the_first_hindrance_is_told() {
    let verdict = |change: fn(&mut Snapshot)| {
        let mut state = snapshot();
        change(&mut state);
        selling(&state).split(';').next().unwrap_or_default().to_owned()
    };
    assert_eq!(verdict(|_| ()), "yes");
    assert_eq!(verdict(|state| state.phase = Phase::Stopping), "NO, the daemon is stopping");
    let paused = |state: &mut Snapshot| {
        state.controls.intake = Some(SwitchView { paused: true, ..SwitchView::default() });
    };
    assert_eq!(verdict(paused), "NO, intake is paused");
    let full = |state: &mut Snapshot| {
        state.unconfirmed = Some(UnconfirmedView { count: 1000, limit: 1000 });
    };
    assert_eq!(verdict(full), "NO, too many sends are unconfirmed");
    let off =
        |state: &mut Snapshot| state.products.iter_mut().for_each(|p| p.terms.on_shelf = false);
    assert_eq!(verdict(off), "NO, no product is on the shelf");
    let sold = |state: &mut Snapshot| state.products.iter_mut().for_each(|p| p.free = Some(0));
    assert_eq!(verdict(sold), "NO, nothing is free");
    let over = |state: &mut Snapshot| {
        // After a restart over a broker it isn't known what is free.
        state.products.iter_mut().for_each(|p| (p.stock, p.held, p.free) = (0, None, None));
    };
    assert_eq!(verdict(over), "NO, all units are sold");
    let unknown = |state: &mut Snapshot| state.products.iter_mut().for_each(|p| p.free = None);
    assert_eq!(verdict(unknown), "yes");
    let degraded = |state: &mut Snapshot| state.degraded = vec!["no broker answers".to_owned()];
    assert_eq!(verdict(degraded), "in doubt, degraded");
    let refusing = |state: &mut Snapshot| {
        state.degraded = vec!["no broker answers".to_owned()];
        state.gateway.as_mut().unwrap().accepted_rate.last_1s = 0;
    };
    assert_eq!(verdict(refusing), "NO, nothing is accepted: no broker answers");
    let failing = |state: &mut Snapshot| {
        // Nobody has come in the last second: the orders before were refused all the same.
        state.gateway.as_mut().unwrap().charge_rate.last_1s = 0;
        state.troubles = vec![trouble(TroubleState::Failing)];
        state.degraded = vec![state.troubles[0].text.clone()];
    };
    assert_eq!(verdict(failing), "NO, nothing is accepted: orders can't be sent: no permission");
    let recovering = |state: &mut Snapshot| {
        state.troubles = vec![trouble(TroubleState::Recovering)];
    };
    assert_eq!(verdict(recovering), "in doubt, recovering: the next order tells");
    let unready = |state: &mut Snapshot| {
        state.degraded = vec!["no broker answers".to_owned()];
        state.rocketmq = Some(RocketmqView::default());
    };
    assert_eq!(verdict(unready), "NO, nothing is accepted: no broker answers");
}

#[test]
fn who_is_wronged_comes_with_how_long() {
    let mut state = snapshot();
    state.overdue = Some(OverdueView { count: 1, bound_ms: 90_000, oldest_at: None });
    assert_eq!(wronged(&state), "1 buyer OVERDUE (over 1m 30s)");
    assert!(heading(&state).ends_with("up 1h 2m\n"));
}

#[test]
fn lost_lines_of_the_log_are_told_if_there_are_any() {
    let mut state = Snapshot::default();
    assert!(!render(&state).contains("lost"));
    state.log = LogView { dropped: 12, dropped_grave: 1, is_losing: true };
    let told = "12 lines lost, 1 of them warnings or errors; NOBODY TAKES THEM NOW";
    assert!(render(&state).contains(told), "{}", render(&state));
    state.log.is_losing = false;
    assert!(!render(&state).contains("NOBODY"), "{}", render(&state));
}
