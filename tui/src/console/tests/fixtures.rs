//! A sale in full swing, and models of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use protocol::{
    Bucket, Change, ChargesView, ConfigView, Controls, Counted, DeadLetterView, EdgeView, EpochMs,
    GatewayView, HistoryStep, LatencyView, Line, LogView, Money, Notable, NotableKind,
    OrderHistory, OrderState, OrderView, OrdersView, OverdueView, PeerView, Permission, Phase,
    ProductView, QueuePart, QueueView, Rate, ReloadOutcome, ReloadView, SaleClockView, Seconds,
    Severity, Snapshot, StepKind, StoreView, SwitchView, Terms, Trend, UnconfirmedView,
};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::text::Span;

use crate::console::looks::{Characters, Colours, Looks};
use crate::console::model::{ALONE, Access, Model, QUIET, RequestIds};
use crate::console::msg::{Effect, Msg};
use crate::console::update::update;
use crate::console::view::view;

/// 2026-11-23T14:28:20.572Z.
pub(crate) const AT: EpochMs = EpochMs(1_795_444_100_572);

pub(crate) const LOOKS: Looks =
    Looks { colours: Colours::Sixteen, characters: Characters::Unicode };

pub(crate) fn ago(seconds: i64) -> EpochMs {
    EpochMs(AT.0 - seconds * 1_000)
}

pub(crate) fn product(prod_id: &str, prod_name: &str, stock: u64, sold: u64) -> ProductView {
    ProductView {
        state: None,
        prod_id: prod_id.into(),
        prod_name: prod_name.to_owned(),
        terms: Terms { on_shelf: true, ..Terms::at(Money::from_milli(5_999_000)) },
        initial: stock + sold,
        added: 0,
        stock,
        sold,
        held: Some(stock.min(120)),
        free: Some(stock - stock.min(120)),
        balanced: true,
        missing: 0,
        version: sold,
        terms_version: 2,
        terms_set: None,
        charges: None,
    }
}

fn latency() -> LatencyView {
    let counts = [4_100, 20_300, 9_800, 2_100, 420, 31];
    let bucket = |(count, up_to_us)| Bucket { up_to_us, count };
    let buckets = counts.into_iter().zip([256, 512, 1_024, 2_048, 4_096, 8_192]).map(bucket);
    LatencyView {
        count: 36_751,
        p50_us: 430,
        p99_us: 2_900,
        p999_us: 5_100,
        max_us: 7_204,
        buckets: buckets.collect(),
    }
}

fn counts(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
    pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

pub(crate) fn counted(name: &str, total: u64, last_1s: u64) -> (String, Counted) {
    (name.to_owned(), Counted { total, last_1s, last_60s: 40 * last_1s })
}

fn outcomes() -> ChargesView {
    let outcomes = [
        counted("accepted", 48_210, 640),
        counted("sold_out", 102_377, 150),
        counted("wrong_price", 290, 20),
        counted("invalid", 20, 2),
        counted("overloaded", 12, 0),
    ];
    ChargesView(outcomes.into())
}

fn gateway() -> GatewayView {
    GatewayView {
        charges: counts(&[("10000", 48_210), ("40005", 310), ("40006", 102_377), ("42002", 12)]),
        queries: counts(&[("10000", 22_004), ("41004", 9)]),
        outcomes: outcomes(),
        invalid_charges: counts(&[("chargePrice not_the_price", 290), ("prodId blank", 20)]),
        invalid_queries: BTreeMap::new(),
        charge_rate: Rate { last_1s: 812, last_60s: 40_100 },
        accepted_rate: Rate { last_1s: 640, last_60s: 36_900 },
        charge_latency: Some(latency()),
        in_flight: 31,
        publish_waiting: 64,
        publish_waiting_max: 4_096,
    }
}

fn orders() -> OrdersView {
    OrdersView {
        placed: 47_003,
        failed: counts(&[("price_differs", 4), ("sold_out", 1_102)]),
        duplicate_orders: 87,
        duplicate_deliveries: 3,
        dead_lettered: 2,
        redeliveries: 5,
        placed_rate: Rate { last_1s: 638, last_60s: 36_411 },
        decided_rate: Rate { last_1s: 655, last_60s: 37_000 },
        accept_to_placed: Some(LatencyView { p50_us: 41_000, p99_us: 1_830_000, ..latency() }),
        invalid_queries: BTreeMap::new(),
        unreadable: None,
    }
}

fn queue() -> QueueView {
    let part = |number: u64, lag_messages| QueuePart {
        name: format!("seckill_order/{number}"),
        lag_messages,
        lag_age_ms: (0 < lag_messages).then_some(3_214),
        broker: Some("broker-a".to_owned()),
        end_offset: Some(24_000 + lag_messages),
        consumed_offset: Some(24_000),
        owner: Some(format!("10.0.0.7@{number}")),
    };
    QueueView {
        kind: "embedded".to_owned(),
        lag_messages: Some(1_204),
        lag_age_ms: Some(3_214),
        lag_slope_per_s: Some(-80),
        trend: Some(Trend::Draining),
        queues: vec![part(0, 1_204), part(1, 0)],
        dead_letters: Some(2),
        broker_dead_letters: None,
        unreadable: None,
    }
}

/// A wave that never repeats within the picture.
fn seconds() -> Seconds {
    let wave = |second: u64| 400 + second * 37 % 211 + second * second % 97 * 4;
    let charges: Vec<u64> = (0..119).map(wave).chain([812]).collect();
    let placed = charges.iter().map(|count| count * 3 / 4).take(119).chain([638]).collect();
    Seconds { charges, placed }
}

pub(crate) fn notable(id: u64, seconds: i64, severity: Severity, text: &str) -> Notable {
    let kind = if severity == Severity::Info { NotableKind::Audit } else { NotableKind::Queue };
    Notable { id, at: ago(seconds), kind, severity, text: text.to_owned() }
}

/// A daemon with both roles on the embedded queue, in the middle of a sale.
pub(crate) fn sale() -> Snapshot {
    Snapshot {
        sale_clock: SaleClockView::default(),
        seq: 1,
        at: AT,
        name: "seckilld".to_owned(),
        version: "0.1.0".to_owned(),
        env_type: "embedded".to_owned(),
        roles: vec!["gateway".to_owned(), "order".to_owned()],
        pid: 4_711,
        started_at: ago(3_720),
        clock_step_s: 0,
        uptime_s: 3_720,
        phase: Phase::Serving,
        log_level: "info".to_owned(),
        log: LogView::default(),
        config: ConfigView { generation: 3, since: ago(600), ..ConfigView::default() },
        degraded: Vec::new(),
        warnings: Vec::new(),
        troubles: Vec::new(),
        controls: Controls {
            intake: Some(SwitchView::default()),
            consumption: Some(SwitchView::default()),
            drain: None,
            generation: Some(4),
        },
        products: vec![
            product("pid_0001", "iphoneX2019新款", 2_997, 47_003),
            product("pid_0002", "华为MATE20", 400, 0),
            ProductView {
                terms: Terms { on_shelf: false, ..product("pid_0003", "", 0, 0).terms },
                ..product("pid_0003", "小米9 透明尊享版", 50, 0)
            },
        ],
        gateway: Some(gateway()),
        orders: Some(orders()),
        queue: queue(),
        store: StoreView {
            path: "seckill-data/seckill.db".to_owned(),
            size_bytes: Some(18_874_368),
            wal_bytes: Some(3_355_443),
            commits: 9_900,
            commit_rate: Rate { last_1s: 11, last_60s: 640 },
            order_rate: Rate { last_1s: 1_280, last_60s: 73_600 },
            commit_latency: Some(LatencyView { p50_us: 5_200, p99_us: 21_700, ..latency() }),
            trouble: None,
        },
        rocketmq: None,
        unconfirmed: Some(UnconfirmedView { count: 0, limit: 1_000 }),
        overdue: Some(OverdueView { count: 0, bound_ms: 30_000, oldest_at: None }),
        edges: vec![EdgeView {
            role: "gateway".to_owned(),
            connections_open: 212,
            connections_max: 9_872,
            requests: 173_000,
            panics: 0,
            timeouts: 3,
            too_large: 0,
            malformed: 0,
        }],
        seconds: seconds(),
        notables: vec![
            notable(1, 3_719, Severity::Info, "the daemon is serving"),
            notable(2, 900, Severity::Info, "alice added 50 units to pid_0001: more came"),
            notable(3, 62, Severity::Warning, "a message was set aside: unknown_product"),
            notable(4, 5, Severity::Error, "pid_0002 is out of balance by 1"),
        ],
    }
}

/// Much is wrong, and much isn't known.
pub(crate) fn trouble() -> Snapshot {
    let mut state = sale();
    let paused = |by: &str, seconds, reason: &str| SwitchView {
        paused: true,
        since: Some(ago(seconds)),
        by: Some(by.to_owned()),
        reason: Some(reason.to_owned()),
    };
    state.controls.intake = Some(paused("alice", 200, "wrong price on the page"));
    state.controls.consumption = Some(paused("bob", 30, "disk is full"));
    state.degraded = vec!["no broker was reached for 12 s".to_owned()];
    state.warnings = vec!["a stranger consumes in our group: 10.0.0.9@77".to_owned()];
    state.config.last_reload = Some(ReloadView {
        at: ago(60),
        by: "SIGHUP".to_owned(),
        outcome: ReloadOutcome::Refused,
        text: "nothing was changed: a key takes a restart: store.path".to_owned(),
    });
    state.products[1].balanced = false;
    state.products[1].missing = 3;
    state.products[0].held = None;
    state.products[0].free = None;
    state.queue.lag_messages = None;
    state.queue.lag_age_ms = None;
    state.queue.lag_slope_per_s = None;
    state.queue.trend = None;
    state.queue.unreadable = Some("the broker is away".to_owned());
    state.queue.dead_letters = Some(2);
    let oldest_at = Some(ago(94));
    state.overdue = Some(OverdueView { count: 17, bound_ms: 30_000, oldest_at });
    state.unconfirmed = Some(UnconfirmedView { count: 12, limit: 1_000 });
    state
}

pub(crate) fn operator() -> PeerView {
    let permission = Permission::Operate;
    PeerView { uid: 1000, user: Some("alice".to_owned()), permission, missing: None }
}

pub(crate) fn onlooker() -> PeerView {
    let missing = Some("you aren't in the group seckill-operators".to_owned());
    PeerView { uid: 1001, user: Some("bob".to_owned()), permission: Permission::View, missing }
}

pub(crate) fn order(number: u64, state: OrderState) -> OrderView {
    let is_decided = !matches!(state, OrderState::Queued);
    OrderView {
        order_id: format!("8f14e45f-ceea-8{number:03}-9b5d-5c1a2d3e4f50").into(),
        prod_id: "pid_0001".into(),
        prod_name: "iphoneX2019新款".to_owned(),
        user: format!("152****{:04}", 1_000 + number),
        state,
        reason: (state == OrderState::Failed).then(|| "sold_out".to_owned()),
        charge_money: Some(Money::from_milli(5_999_000)),
        asked_at: ago(i64::try_from(number).unwrap()),
        decided_at: is_decided.then(|| ago(1)),
        duplicates: 0,
    }
}

pub(crate) fn orders_of_all_states() -> Vec<OrderView> {
    OrderState::ALL.into_iter().zip(1..).map(|(state, number)| order(number, state)).collect()
}

pub(crate) fn history(order: OrderView) -> OrderHistory {
    let step = |seconds, step, detail: &str| HistoryStep {
        at: Some(ago(seconds)),
        step,
        detail: detail.to_owned(),
    };
    let steps = vec![
        step(4, StepKind::Accepted, "charge.do answered 10000"),
        step(4, StepKind::Queued, "the queue had it durably"),
        step(1, StepKind::Placed, "it got a unit of pid_0001"),
        HistoryStep { at: None, step: StepKind::Finished, detail: "delivered".to_owned() },
    ];
    OrderHistory { order, phone: None, steps }
}

pub(crate) fn dead_letters() -> Vec<DeadLetterView> {
    let letter = |id, reason: &str, order_id: Option<&str>, content: &str| DeadLetterView {
        id,
        origin: "seckill_order/0".to_owned(),
        reason: reason.to_owned(),
        order_id: order_id.map(Into::into),
        prod_id: order_id.map(|_| "pid_0099".into()),
        user: order_id.map(|_| "152****1234".to_owned()),
        redeliveries: 3,
        asked_at: ago(70),
        dead_at: ago(62),
        content: content.to_owned(),
        content_bytes: 118,
        resendable: order_id.is_some(),
    };
    vec![
        letter(
            7,
            "unknown_product",
            Some("o-7"),
            "{\"prodId\":\"pid_0099\",\"phone\":\"152****1234\"}",
        ),
        letter(9, "unreadable", None, "\u{fffd}\u{fffd}garbage"),
    ]
}

/// A console that isn't connected yet.
pub(crate) fn unconnected() -> Model {
    let ids = RequestIds::new("test");
    let socket = "/run/seckill/admin.sock".to_owned();
    Model::new(LOOKS, Access::Full, socket, ids, Instant::now())
}

/// A console that has just got this state, as this peer, and has drawn it.
pub(crate) fn connected(snapshot: Snapshot, you: PeerView) -> Model {
    let mut model = unconnected();
    let line = Line::Snapshot { snapshot: Box::new(snapshot), you };
    update(&mut model, Msg::Line(Box::new(line)));
    drawn(&model, WIDE.0, WIDE.1);
    model
}

/// The daemon says this line.
pub(crate) fn line(model: &mut Model, line: Line) -> Vec<Effect> {
    update(model, Msg::Line(Box::new(line)))
}

/// A line that changes this.
pub(crate) fn changed(seq: u64, change: Change) -> Line {
    Line::Change { seq, at: EpochMs(AT.0 + 1_000), change: Box::new(change) }
}

/// The screen on which keys are pressed unless a test says another.
pub(crate) const WIDE: (u16, u16) = (120, 40);

/// The screen as it is drawn.
pub(crate) fn drawn(model: &Model, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    view(model, &mut terminal.get_frame());
    terminal.current_buffer_mut().clone()
}

/// The operator looks at the question for as long as it wants.
pub(crate) fn rest(model: &mut Model) {
    if model.question().is_some() {
        update(model, Msg::Tick);
        pass(model, QUIET);
        update(model, Msg::Tick);
    }
}

/// Nothing follows the last key; returns what is to be done for the answer that it was.
pub(crate) fn settle(model: &mut Model) -> Vec<Effect> {
    if model.question().is_none_or(|question| question.said_yes.is_none()) {
        return Vec::new();
    }
    assert_eq!(update(model, Msg::Tick), [], "not at once");
    pass(model, ALONE);
    update(model, Msg::Tick)
}

/// Time passes.
pub(crate) fn pass(model: &mut Model, time: Duration) {
    model.now += time;
}

/// Keys as they are written: `P`, `<Enter>`, `<C-r>`.
pub(crate) fn keys(text: &str) -> Vec<KeyEvent> {
    let mut keys = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (name, after) = match rest.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
            Some((name, after)) => (name, after),
            None => rest.split_at(c.len_utf8()),
        };
        keys.push(key(name));
        rest = after;
    }
    keys
}

fn key(name: &str) -> KeyEvent {
    if let Some(c) = name.strip_prefix("C-").and_then(|name| name.chars().next()) {
        return KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
    }
    let code = match name {
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Tab" => KeyCode::Tab,
        "BackTab" => KeyCode::BackTab,
        "Space" => KeyCode::Char(' '),
        "Down" => KeyCode::Down,
        "Up" => KeyCode::Up,
        "PgDn" => KeyCode::PageDown,
        "F1" => KeyCode::F(1),
        _ => KeyCode::Char(name.chars().next().unwrap()),
    };
    KeyEvent::new(code, KeyModifiers::NONE)
}

/// Presses the keys, as somebody does who looks at what is drawn and takes the time that a question
/// wants; returns all that is to be done for them.
pub(crate) fn press(model: &mut Model, text: &str) -> Vec<Effect> {
    press_on(model, WIDE, text)
}

/// The same on a screen of so many columns and lines.
pub(crate) fn press_on(model: &mut Model, (width, height): (u16, u16), text: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for key in keys(text) {
        drawn(model, width, height);
        rest(model);
        effects.extend(update(model, Msg::Key(key)));
        effects.extend(settle(model));
    }
    drawn(model, width, height);
    effects
}

/// Presses the keys at once, as a paste does that comes as keys: each is drawn, none is waited for.
/// Nothing follows them.
pub(crate) fn press_at_once(model: &mut Model, text: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for key in keys(text) {
        drawn(model, WIDE.0, WIDE.1);
        effects.extend(update(model, Msg::Tick));
        effects.extend(update(model, Msg::Key(key)));
    }
    drawn(model, WIDE.0, WIDE.1);
    effects.extend(settle(model));
    effects
}

/// A screen as text, without blanks at the lines' ends. A wide character hides the cell after it.
pub(crate) fn lines_of(buffer: &Buffer) -> String {
    let line = |row: &[Cell]| {
        let mut text = String::new();
        let mut cells = row.iter();
        while let Some(cell) = cells.next() {
            text.push_str(cell.symbol());
            for _ in 1..Span::raw(cell.symbol()).width() {
                cells.next();
            }
        }
        text.trim_end().to_owned()
    };
    let width = usize::from(buffer.area.width.max(1));
    buffer.content().chunks(width).map(line).collect::<Vec<_>>().join("\n")
}
