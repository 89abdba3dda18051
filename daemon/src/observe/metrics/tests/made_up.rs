//! A state in which every figure is known.

use std::time::Duration;

use edge::EdgeReadings;
use instruments::meter::{AnswerMeter, DURATIONS_US, Endpoint, ORDERS, Spread, SpreadMeter};
use protocol::{
    Bound, ChargeOutcome, Code, Controls, EpochMs, GatewayView, Money, OrdersView, OverdueView,
    Phase, ProductView, QueuePart, QueueView, Reason, RocketmqView, SaleState, Snapshot, StoreView,
    SwitchView, Terms, UnconfirmedView,
};

use super::super::process::Process;
use super::super::{Answers, Charges, Figures, Invalid, Writes};
use crate::observe::status::PartCounts;
use crate::observe::telemetry::Dropped;
use crate::request::InvalidRequests;

/// An id that an operator may choose, with everything that has to be escaped.
const ODD_PRODUCT: &str = "a\"b\\c{},\nd 小";

fn spread(bounds: &'static [u64], values: &[u64]) -> Spread {
    let meter = SpreadMeter::new(bounds);
    values.iter().for_each(|value| meter.record(*value));
    meter.read()
}

fn product(prod_id: &str, held: Option<u64>) -> ProductView {
    ProductView {
        state: Some(SaleState::Open),
        prod_id: prod_id.into(),
        prod_name: "a phone".to_owned(),
        terms: Terms {
            on_shelf: true,
            opens_at: Bound::at(EpochMs(1_000)),
            closes_at: Bound::at(EpochMs(4_102_444_800_000)),
            ..Terms::at(Money::from_milli(5_999_000))
        },
        initial: 100,
        added: -10,
        stock: 60,
        sold: 31,
        held,
        free: held.map(|held| 60 - held),
        balanced: false,
        missing: -1,
        version: 3,
        terms_version: 2,
        terms_set: None,
        charges: None,
    }
}

/// What an endpoint has answered: a charge thrice with 10000, nothing else.
fn answers(endpoint: Endpoint) -> Vec<Answers> {
    let meter = AnswerMeter::new(endpoint);
    if endpoint == Endpoint::Charge {
        for duration_us in [100, 101, 70_000_000] {
            meter.record(Code::Queued, Duration::from_micros(duration_us));
        }
    }
    let all = meter.read().into_iter();
    all.map(|(code, durations)| Answers { endpoint, code, durations }).collect()
}

fn invalid(endpoint: Endpoint) -> Vec<Invalid> {
    let requests = InvalidRequests::new(endpoint);
    if endpoint == Endpoint::Charge {
        (0..12).for_each(|_| requests.note_price(Money::from_milli(1), &"pid_0001".into()));
    }
    requests.counts().map(|(fault, count)| Invalid { endpoint, fault, count }).collect()
}

/// 150 of them were sold out, and nothing else became of any.
fn charges(product: &str, can_be: fn(ChargeOutcome) -> bool) -> Charges {
    let count = |outcome| if outcome == ChargeOutcome::SoldOut { 150 } else { 0 };
    let all = ChargeOutcome::ALL.into_iter().filter(|outcome| can_be(*outcome));
    let outcomes = all.map(|outcome| (outcome.as_str(), count(outcome))).collect();
    Charges { product: product.to_owned(), outcomes }
}

fn charges_by_product() -> Vec<Charges> {
    vec![charges(ODD_PRODUCT, ChargeOutcome::is_of_a_product), charges("other", |_| true)]
}

fn writes() -> Writes {
    Writes {
        commits: spread(&DURATIONS_US, &[2_000, 3_000, 1_000_000]),
        orders_per_commit: spread(&ORDERS, &[0, 3, 256]),
        decided: 36,
        placed_after: spread(&DURATIONS_US, &[40_000]),
    }
}

/// A state in which every figure is known, over RocketMQ so that there are some of it.
pub(super) fn figures() -> Figures {
    let switch = |paused| Some(SwitchView { paused, ..SwitchView::default() });
    let snapshot = Snapshot {
        version: "0.1.0".to_owned(),
        env_type: "offline".to_owned(),
        roles: vec!["gateway".to_owned(), "order".to_owned()],
        phase: Phase::Serving,
        degraded: vec!["the broker is away: 15200001234 asked".to_owned()],
        controls: Controls {
            intake: switch(true),
            consumption: switch(false),
            ..Controls::default()
        },
        products: vec![product("pid_0001", Some(4)), product(ODD_PRODUCT, None)],
        gateway: Some(GatewayView {
            in_flight: 2,
            publish_waiting: 3,
            publish_waiting_max: 4_096,
            ..GatewayView::default()
        }),
        orders: Some(OrdersView {
            placed: 31,
            failed: Reason::ALL
                .map(|reason| {
                    (reason.as_str().to_owned(), 5 * u64::from(reason == Reason::SoldOut))
                })
                .into(),
            duplicate_orders: 1,
            dead_lettered: 2,
            ..OrdersView::default()
        }),
        queue: QueueView {
            kind: "rocketmq".to_owned(),
            lag_messages: Some(7),
            lag_age_ms: Some(1_250),
            lag_slope_per_s: Some(-3),
            queues: vec![queue_part()],
            dead_letters: Some(2),
            broker_dead_letters: Some(0),
            ..QueueView::default()
        },
        store: StoreView {
            size_bytes: Some(8_192),
            wal_bytes: Some(4_096),
            commits: 3,
            trouble: Some("disk full".to_owned()),
            ..StoreView::default()
        },
        rocketmq: Some(RocketmqView { connection: "connected".to_owned(), ..Default::default() }),
        unconfirmed: Some(UnconfirmedView { count: 1, limit: 10_000 }),
        overdue: Some(OverdueView { count: 2, bound_ms: 30_000, oldest_at: Some(EpochMs(5)) }),
        ..Snapshot::default()
    };
    Figures {
        snapshot,
        parts: vec![("queue", counts(1)), ("store", counts(0))],
        log: Dropped::default(),
        answers: Endpoint::ALL.into_iter().flat_map(answers).collect(),
        invalid: Endpoint::ALL.into_iter().flat_map(invalid).collect(),
        charges: charges_by_product(),
        accepted: Some(7),
        edges: vec![
            ("gateway", EdgeReadings { requests: 9, timeouts: 1, ..Default::default() }),
            ("order", EdgeReadings::default()),
        ],
        writes: writes(),
    }
}

fn queue_part() -> QueuePart {
    QueuePart {
        name: "broker-a ORDERS 0".to_owned(),
        lag_messages: 7,
        lag_age_ms: Some(1_250),
        ..QueuePart::default()
    }
}

fn counts(degraded: usize) -> PartCounts {
    PartCounts { degraded, recovering: 0 }
}

pub(super) fn process() -> Process {
    Process {
        cpu_ticks: Some(150),
        resident_bytes: Some(1 << 24),
        open_fds: Some(20),
        max_fds: Some(1_024),
        threads: Some(9),
        started_ticks: Some(179_000_000_012),
    }
}
