//! The text of a made-up state by a strict reader.

mod documents;
mod made_up;
mod strict;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use domain::ports::BoxFuture;
use edge::bind_tcp;
use protocol::{QueueView, StoreView};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::families::{ALL, EACH, Family, Kind, fits};
use super::process::Process;
use super::{Figures, Scraper, Source, render};
use made_up::{figures, process};
use strict::read;

const DEADLINE: Duration = Duration::from_secs(20);

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
