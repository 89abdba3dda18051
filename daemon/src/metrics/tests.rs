//! The text of a made-up state by a strict reader.

mod documents;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use protocol::{
    ChargeOutcome, Code, Controls, EpochMs, GatewayView, Money, OrdersView, OverdueView, Phase,
    ProductView, QueuePart, QueueView, Reason, RocketmqView, Snapshot, StoreView, SwitchView,
    UnconfirmedView,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::families::{ALL, EACH, Family, Kind, fits};
use super::process::Process;
use super::{Answers, Charges, Figures, Invalid, Scraper, Source, Writes, render};
use crate::http::{EdgeReadings, bind_tcp};
use crate::meter::{AnswerMeter, DURATIONS_US, Endpoint, ORDERS, Spread, SpreadMeter};
use crate::queue::BoxFuture;
use crate::request::InvalidRequests;
use crate::status::PartCounts;
use crate::telemetry::Dropped;

const DEADLINE: Duration = Duration::from_secs(20);
/// An id that an operator may choose, with everything that has to be escaped.
const ODD_PRODUCT: &str = "a\"b\\c{},\nd 小";

/// A series: its name and its labels.
type Key = (String, BTreeMap<String, String>);

/// A text that was read strictly.
#[derive(Debug, Default)]
struct Told {
    kinds: BTreeMap<String, String>,
    series: BTreeMap<Key, f64>,
}

impl Told {
    /// The value of a series, its labels written as in the text.
    #[track_caller]
    fn value(&self, series: &str) -> f64 {
        let key = key(series);
        *self.series.get(&key).unwrap_or_else(|| panic!("no series {series}"))
    }

    fn has(&self, name: &str) -> bool {
        self.series.keys().any(|(known, _)| known == name)
    }
}

fn is_name(name: &str) -> bool {
    name.chars().next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// Reads `name{label="value",…}`.
#[track_caller]
fn key(text: &str) -> Key {
    let Some((name, mut rest)) = text.split_once('{') else {
        assert!(is_name(text), "{text:?} is no name");
        return (text.to_owned(), BTreeMap::new());
    };
    assert!(is_name(name), "{name:?} is no name");
    let mut labels = BTreeMap::new();
    while rest != "}" {
        let (label, value_on) = rest.split_once("=\"").unwrap_or_else(|| panic!("{text:?}"));
        assert!(is_name(label), "{label:?} is no name");
        let (mut value, mut letters) = (String::new(), value_on.char_indices());
        let end = loop {
            match letters.next().unwrap_or_else(|| panic!("{text:?} doesn't end")) {
                (at, '"') => break at,
                (_, '\\') => value.push(match letters.next().map(|(_, letter)| letter) {
                    Some('n') => '\n',
                    Some(letter @ ('\\' | '"')) => letter,
                    other => panic!("\\{other:?} is no escape in {text:?}"),
                }),
                (_, letter) => value.push(letter),
            }
        };
        assert!(labels.insert(label.to_owned(), value).is_none(), "{label} twice in {text:?}");
        rest = &value_on[end + 1..];
        if let Some(more) = rest.strip_prefix(',') {
            assert_ne!(more, "}", "{text:?}");
            rest = more;
        }
    }
    (name.to_owned(), labels)
}

/// Reads a whole text, and refuses what Prometheus would refuse or only put up with.
#[track_caller]
fn read(text: &str) -> Told {
    assert!(text.ends_with('\n') && !text.contains('\r'));
    let (mut told, mut helped) = (Told::default(), None);
    let mut family = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(is_name(name) && !help.is_empty(), "{line}");
            assert!(helped.replace(name.to_owned()).is_none(), "HELP without TYPE before {line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(helped.take().as_deref(), Some(name), "TYPE without HELP: {line}");
            let before = told.kinds.insert(name.to_owned(), kind.to_owned());
            assert_eq!(before, None, "{name} comes twice");
            name.clone_into(&mut family);
        } else {
            assert!(!line.starts_with('#'), "{line}");
            let (series, value) = line.rsplit_once(' ').unwrap();
            let key = key(series);
            let kind = told.kinds[&family].as_str();
            let suffixes: &[&str] =
                if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            let belongs = suffixes.iter().any(|suffix| key.0 == format!("{family}{suffix}"));
            assert!(belongs, "{line} stands below {family}");
            let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
            assert!(value.is_finite() && (kind == "gauge" || 0.0 <= value), "{line}");
            assert_eq!(told.series.insert(key, value), None, "{series} comes twice");
        }
    }
    assert_eq!(helped, None);
    for (name, kind) in &told.kinds {
        assert!(["counter", "gauge", "histogram"].contains(&kind.as_str()), "{name} {kind}");
        if kind == "histogram" {
            buckets_add_up(&told, name);
        }
    }
    told
}

/// Buckets rise, end with +Inf, and its count is the histogram's.
#[track_caller]
fn buckets_add_up(told: &Told, name: &str) {
    let mut by_labels: BTreeMap<_, Vec<(f64, f64)>> = BTreeMap::new();
    for ((series, labels), value) in &told.series {
        if *series == format!("{name}_bucket") {
            let mut labels = labels.clone();
            let le = labels.remove("le").unwrap_or_else(|| panic!("{name} without le"));
            by_labels.entry(labels).or_default().push((le.parse().unwrap(), *value));
        }
    }
    for (labels, mut buckets) in by_labels {
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        assert!(buckets.is_sorted_by(|one, other| one.1 <= other.1), "{name} {labels:?}");
        let (last, count) = buckets[buckets.len() - 1];
        assert!(last.is_infinite(), "{name} {labels:?}");
        assert_eq!(told.series[&(format!("{name}_count"), labels.clone())], count);
        assert!(told.series.contains_key(&(format!("{name}_sum"), labels)));
    }
}

fn spread(bounds: &'static [u64], values: &[u64]) -> Spread {
    let meter = SpreadMeter::new(bounds);
    values.iter().for_each(|value| meter.record(*value));
    meter.read()
}

fn product(prod_id: &str, held: Option<u64>) -> ProductView {
    ProductView {
        prod_id: prod_id.to_owned(),
        prod_name: "a phone".to_owned(),
        price: Money::from_milli(5_999_000),
        on_shelf: true,
        initial: 100,
        added: -10,
        stock: 60,
        sold: 31,
        held,
        free: held.map(|held| 60 - held),
        balanced: false,
        missing: -1,
        version: 3,
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
        (0..12).for_each(|_| requests.note_price(Money::from_milli(1), "pid_0001"));
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
fn figures() -> Figures {
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

fn process() -> Process {
    Process {
        cpu_ticks: Some(150),
        resident_bytes: Some(1 << 24),
        open_fds: Some(20),
        max_fds: Some(1_024),
        threads: Some(9),
        started_ticks: Some(179_000_000_012),
    }
}

#[test]
fn every_line_is_sound_and_every_family_is_told_once_with_a_series() {
    let told = read(&render::text(&figures(), &process()));
    let kinds: BTreeMap<String, String> = ALL
        .iter()
        .map(|family| (family.name.to_owned(), family.kind.as_str().to_owned()))
        .collect();
    assert_eq!((&told.kinds, kinds.len()), (&kinds, ALL.len()));
    for Family { name, kind, labels, .. } in ALL {
        let series =
            if *kind == Kind::Histogram { format!("{name}_count") } else { (*name).into() };
        assert!(told.has(&series), "{name} has no series although everything is known");
        let expected: BTreeSet<&str> = labels.iter().copied().collect();
        for ((_, labels), _) in told.series.iter().filter(|((known, _), _)| *known == series) {
            assert_eq!(labels.keys().map(String::as_str).collect::<BTreeSet<_>>(), expected);
        }
    }
}

#[test]
fn figures_are_those_of_the_state_in_base_units() {
    let told = read(&render::text(&figures(), &process()));
    let odd = "a\\\"b\\\\c{},\\nd 小";
    for (series, value) in [
        ("seckill_phase{phase=\"serving\"}", 1.0),
        ("seckill_phase{phase=\"stopped\"}", 0.0),
        ("seckill_healthy", 0.0),
        ("seckill_degraded_conditions{part=\"queue\"}", 1.0),
        ("seckill_intake_paused", 1.0),
        ("seckill_orders_accepted_total", 7.0),
        ("seckill_product_held_units{product=\"pid_0001\"}", 4.0),
        ("seckill_product_free_units{product=\"pid_0001\"}", 56.0),
        (&format!("seckill_product_added_units{{product=\"{odd}\"}}"), -10.0),
        (&format!("seckill_product_missing_units{{product=\"{odd}\"}}"), -1.0),
        (
            &format!("seckill_product_charges_total{{product=\"{odd}\",outcome=\"sold_out\"}}"),
            150.0,
        ),
        ("seckill_product_charges_total{product=\"other\",outcome=\"unknown_product\"}", 0.0),
        (
            "seckill_invalid_requests_total{role=\"gateway\",endpoint=\"charge.do\",\
             field=\"chargePrice\",reason=\"not_the_price\"}",
            12.0,
        ),
        ("seckill_orders_failed_total{reason=\"sold_out\"}", 5.0),
        ("seckill_queue_lag_age_seconds", 1.25),
        ("seckill_queue_lag_slope_messages", -3.0),
        ("seckill_overdue_bound_seconds", 30.0),
        ("seckill_http_refused_total{reason=\"timeout\",role=\"gateway\"}", 1.0),
        ("seckill_store_trouble", 1.0),
        ("seckill_store_commit_duration_seconds_sum", 1.005),
        ("seckill_store_commit_duration_seconds_bucket{le=\"0.0025\"}", 1.0),
        ("seckill_store_commit_duration_seconds_bucket{le=\"1\"}", 3.0),
        ("seckill_store_orders_per_commit_sum", 259.0),
        ("seckill_store_orders_per_commit_bucket{le=\"4\"}", 2.0),
        ("process_cpu_seconds_total", 1.5),
        ("process_start_time_seconds", 1_790_000_000.12),
    ] {
        assert_eq!(told.value(series), value, "{series}");
    }
    let answers = "role=\"gateway\",endpoint=\"charge.do\",code=\"10000\"";
    assert_eq!(told.value(&format!("seckill_requests_total{{{answers}}}")), 3.0);
    let bucket = |le| {
        let name = "seckill_request_duration_seconds_bucket";
        told.value(&format!("{name}{{{answers},le=\"{le}\"}}"))
    };
    assert_eq!((bucket("0.0001"), bucket("60"), bucket("+Inf")), (1.0, 2.0, 3.0));
}

/// A rate sees nothing of a series that begins with its first event.
#[test]
fn every_series_of_a_counter_is_there_before_its_first_event() {
    let told = read(&render::text(&figures(), &process()));
    for Family { name, kind, labels, rows, .. } in ALL {
        let counted = *kind != Kind::Gauge && !labels.is_empty();
        assert_eq!(counted, rows.is_some(), "{name} needs the table of its series");
        let Some(rows) = rows else { continue };
        let series = match kind {
            Kind::Histogram => vec![format!("{name}_count"), format!("{name}_sum")],
            _ => vec![(*name).to_owned()],
        };
        for name in series {
            let told: BTreeSet<Vec<&str>> = (told.series.keys())
                .filter(|(known, _)| *known == name)
                .map(|(_, values)| labels.iter().map(|label| values[*label].as_str()).collect())
                .collect();
            // Where a label has a value for each product, every one has all the others' values.
            let at = |row: &[&'static str]| row.iter().position(|value| *value == EACH);
            for row in rows() {
                let each: BTreeSet<&str> = match at(&row) {
                    Some(at) => told.iter().map(|values| values[at]).collect(),
                    None => [""].into(),
                };
                assert!(!each.is_empty(), "{name} has nothing of {row:?}");
                for value in each {
                    let wanted = row.iter().map(|part| if *part == EACH { value } else { part });
                    let wanted: Vec<&str> = wanted.collect();
                    assert!(told.contains(&wanted), "{name} has no {wanted:?}");
                }
            }
            let is_known = |values: &Vec<&str>| rows().iter().any(|row| fits(row, values));
            assert!(told.iter().all(is_known), "{name}: {told:?}");
        }
    }
}

#[test]
fn what_is_unknown_has_no_series_and_is_never_0() {
    let mut unknown = figures();
    unknown.snapshot.queue = QueueView { kind: "rocketmq".to_owned(), ..QueueView::default() };
    unknown.snapshot.orders = None;
    unknown.snapshot.store = StoreView::default();
    let told = read(&render::text(&unknown, &Process::default()));
    for name in [
        "seckill_queue_lag_messages",
        "seckill_queue_lag_age_seconds",
        "seckill_dead_letters",
        "seckill_orders_placed_total",
        "seckill_orders_failed_total",
        "seckill_order_placed_after_seconds_count",
        "seckill_store_wal_bytes",
        "process_open_fds",
    ] {
        assert!(!told.has(name), "{name}");
    }
    assert_eq!(told.value("seckill_queue_lag_readable"), 0.0);
    assert_eq!(told.value("seckill_order_outcomes_readable"), 0.0, "they were never read");
    assert_eq!(told.kinds.len(), ALL.len(), "each is announced all the same");
    unknown.snapshot.queue.lag_messages = Some(0);
    let told = read(&render::text(&unknown, &Process::default()));
    assert_eq!(told.value("seckill_queue_lag_age_seconds"), 0.0, "nothing waits");
    let held: Vec<_> =
        told.series.keys().filter(|(name, _)| name == "seckill_product_held_units").collect();
    assert_eq!(held.len(), 1, "one product's is unknown");
}

#[test]
fn no_label_and_no_help_tells_who_buys() {
    let phone = regex_lite::Regex::new("[0-9]{7,}|[0-9]+\\*+[0-9]+").unwrap();
    let told = read(&render::text(&figures(), &process()));
    for (name, labels) in told.series.keys() {
        for value in labels.values() {
            assert!(!phone.is_match(value), "{name} has a label {value:?}");
        }
    }
    let told = ["phone", "user", "order_id", "buyer"];
    for family in ALL {
        assert!(!family.labels.iter().any(|label| told.contains(label)), "{}", family.name);
        assert!(!phone.is_match(family.help), "{}", family.name);
    }
}

#[test]
fn names_follow_prometheus_conventions() {
    for Family { name, kind, help, .. } in ALL {
        assert!(name.starts_with("seckill_") || name.starts_with("process_"), "{name}");
        assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
        assert!(
            !["_ms", "_us", "_kib", "_bucket", "_sum", "_count"].iter().any(|s| name.ends_with(s))
        );
        assert!(help.ends_with('.'), "{name}: {help}");
    }
}

struct MadeUp;

impl Source for MadeUp {
    fn figures(&self) -> BoxFuture<'_, Figures> {
        Box::pin(async { figures() })
    }
}

async fn ask(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(DEADLINE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

#[tokio::test]
async fn the_port_serves_the_metrics_and_nothing_else() {
    let listener = bind_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let cancel = CancellationToken::new();
    let scraper = Arc::new(Scraper::new(Arc::new(MadeUp)));
    let serving = tokio::spawn(super::serve(listener, scraper, cancel.clone()));
    let answer = ask(address, "GET /metrics").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    assert_eq!(read(body).value("seckill_orders_placed_total"), 31.0);
    for (request, status) in [
        ("HEAD /metrics", "200"),
        ("POST /metrics", "405"),
        ("GET /", "404"),
        ("GET /v1/status", "404"),
        ("GET /metrics/", "404"),
    ] {
        let answer = ask(address, request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
    }
    cancel.cancel();
    tokio::time::timeout(DEADLINE, serving).await.unwrap().unwrap().unwrap();
}
