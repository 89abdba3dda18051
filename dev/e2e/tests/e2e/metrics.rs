//! The figures for Prometheus of a running daemon: over the socket and over the port, during a sale
//! and against what the rest of the daemon says.

#[cfg(feature = "servers")]
mod prometheus;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use protocol::Snapshot;
use seckill_e2e::buyers::Crowd;
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::http::{Answer, raw};
use seckill_e2e::until;

const WITHIN: Duration = Duration::from_secs(30);

/// Series as they are written, and their values.
type Series = BTreeMap<String, f64>;

fn with_a_port() -> Options {
    Options::embedded().set("metrics.listen", "127.0.0.1:0")
}

/// The series of an answer. The daemon's own tests hold that every line is sound.
fn series(answer: &Answer) -> Result<Series> {
    ensure!(answer.status == 200, "HTTP {}: {}", answer.status, answer.text());
    let kind = answer.header("content-type");
    ensure!(kind == "text/plain; version=0.0.4; charset=utf-8", "{kind:?}");
    let text = answer.text();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').with_context(|| line.to_owned())?;
            Ok((name.to_owned(), value.parse()?))
        })
        .collect()
}

async fn by_port(daemon: &Daemon) -> Result<Series> {
    let url = format!("http://{}/metrics", daemon.metrics_address()?);
    series(&daemon.client().get(&url).await?)
}

async fn by_socket(daemon: &Daemon) -> Result<Series> {
    series(&daemon.admin().get("/metrics").await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_over_socket_and_port_are_those_of_the_status_and_of_the_buyers() -> Result<()> {
    let daemon = Daemon::start(with_a_port()).await?;
    let crowd = Crowd::of_the_sale(vec![daemon.gateway_url()]);
    let selling = tokio::spawn(crowd.run(Arc::default()));
    let mut scrapes = 0;
    let mut before = by_port(&daemon).await?;
    while !selling.is_finished() {
        for now in [by_port(&daemon).await?, by_socket(&daemon).await?] {
            never_back(&before, &now)?;
            before = now;
            scrapes += 1;
        }
    }
    let ledger = selling.await??;
    println!("400 buyers in {:?}, scraped {scrapes} times meanwhile", ledger.took);

    let state = until("a state that rests", WITHIN, || async {
        let state = daemon.admin().status().await?;
        let resting = state.queue.lag_messages == Some(0) && state.products[1].held == Some(0);
        Ok(resting.then_some(state))
    })
    .await?;
    for figures in [by_port(&daemon).await?, by_socket(&daemon).await?] {
        agree(&figures, &state)?;
        let sold = figures["seckill_product_sold_units{product=\"pid_0002\"}"];
        assert_eq!((sold, figures["seckill_orders_placed_total"]), (300.0, 300.0));
        let placed_after = figures["seckill_order_placed_after_seconds_count"];
        assert_eq!(placed_after, 300.0);
        costs_are_true(&figures, &daemon)?;
    }
    Ok(())
}

/// Conservation holds and counters don't fall, at every moment.
fn never_back(before: &Series, now: &Series) -> Result<()> {
    for (name, value) in now {
        let family = name.split('{').next().unwrap_or_default();
        if ["_total", "_bucket", "_count", "_sum"].iter().any(|end| family.ends_with(end)) {
            let earlier = before.get(name).copied().unwrap_or(0.0);
            ensure!(earlier <= *value, "{name} fell from {earlier} to {value}");
        }
    }
    for product in ["pid_0001", "pid_0002", "pid_0003"] {
        let of = |what: &str| now[&format!("seckill_product_{what}{{product=\"{product}\"}}")];
        ensure!(of("balanced") == 1.0 && of("missing_units") == 0.0, "{product} isn't balanced");
        ensure!(
            of("initial_units") + of("added_units") == of("stock_units") + of("sold_units"),
            "{product}: {now:?}"
        );
    }
    Ok(())
}

/// The figures are those of the state at rest.
#[expect(clippy::cast_precision_loss, reason = "counts of a small sale")]
fn agree(figures: &Series, state: &Snapshot) -> Result<()> {
    let mut expected = Vec::new();
    for product in &state.products {
        let name =
            |what: &str| format!("seckill_product_{what}{{product=\"{}\"}}", product.prod_id);
        expected.push((name("stock_units"), product.stock as f64));
        expected.push((name("sold_units"), product.sold as f64));
        expected.push((name("held_units"), product.held.context("held")? as f64));
        expected.push((name("free_units"), product.free.context("free")? as f64));
    }
    let gateway = state.gateway.as_ref().context("no gateway")?;
    for (endpoint, counts) in [("charge.do", &gateway.charges), ("query.do", &gateway.queries)] {
        for (code, count) in counts {
            let labels = format!("{{role=\"gateway\",endpoint=\"{endpoint}\",code=\"{code}\"}}");
            expected.push((format!("seckill_requests_total{labels}"), *count as f64));
            let count_of = format!("seckill_request_duration_seconds_count{labels}");
            expected.push((count_of, *count as f64));
        }
    }
    let orders = state.orders.as_ref().context("no orders")?;
    expected.push(("seckill_orders_placed_total".to_owned(), orders.placed as f64));
    for (reason, count) in &orders.failed {
        let name = format!("seckill_orders_failed_total{{reason=\"{reason}\"}}");
        expected.push((name, *count as f64));
    }
    expected.push(("seckill_store_commits_total".to_owned(), state.store.commits as f64));
    for name in ["commit_duration_seconds", "orders_per_commit"] {
        expected.push((format!("seckill_store_{name}_count"), state.store.commits as f64));
    }
    expected.push(("seckill_queue_lag_messages".to_owned(), 0.0));
    expected.push(("seckill_queue_lag_age_seconds".to_owned(), 0.0));
    expected.push(("seckill_healthy".to_owned(), 1.0));
    expected.push(("seckill_phase{phase=\"serving\"}".to_owned(), 1.0));
    for (name, value) in expected {
        ensure!(
            figures.get(&name) == Some(&value),
            "{name}: {:?}, not {value}",
            figures.get(&name)
        );
    }
    Ok(())
}

/// The process's own figures of its cost are the kernel's.
#[expect(clippy::cast_precision_loss, reason = "figures of a small process")]
fn costs_are_true(figures: &Series, daemon: &Daemon) -> Result<()> {
    let usage = daemon.usage()?;
    let (resident, kernels) =
        (figures["process_resident_memory_bytes"], (usage.rss_kib * 1_024) as f64);
    ensure!((resident / kernels - 1.0).abs() < 0.5, "resident {resident}, {kernels}");
    let cpu = figures["process_cpu_seconds_total"];
    ensure!(0.0 < cpu && cpu <= usage.cpu.as_secs_f64(), "cpu {cpu}, {:?}", usage.cpu);
    ensure!(figures["process_open_fds"] < figures["process_max_fds"]);
    let started = figures["process_start_time_seconds"];
    let now = std::time::UNIX_EPOCH.elapsed()?.as_secs_f64();
    ensure!((0.0..600.0).contains(&(now - started)), "started {started}, now {now}");
    Ok(())
}

/// A rate sees nothing of a series that begins with its first event: whatever happens, no counter
/// has a series that it hadn't at the start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_counter_gets_another_series_after_the_start() -> Result<()> {
    let daemon = Daemon::start(with_a_port()).await?;
    let at_start = by_port(&daemon).await?;
    for series in [
        r#"seckill_requests_total{role="gateway",endpoint="charge.do",code="20000"}"#,
        r#"seckill_requests_total{role="gateway",endpoint="charge.do",code="40004"}"#,
        r#"seckill_requests_total{role="gateway",endpoint="charge.do",code="42001"}"#,
        r#"seckill_requests_total{role="gateway",endpoint="query.do",code="20000"}"#,
        r#"seckill_requests_total{role="order",endpoint="query.do",code="20000"}"#,
        r#"seckill_http_refused_total{role="gateway",reason="timeout"}"#,
        r#"seckill_http_refused_total{role="order",reason="malformed"}"#,
        r#"seckill_http_accept_failures_total{role="gateway"}"#,
        r#"seckill_config_reloads_total{outcome="refused"}"#,
        r#"seckill_orders_failed_total{reason="discarded"}"#,
    ] {
        assert_eq!(at_start.get(series), Some(&0.0), "{series}");
    }
    let counted = |series: &Series| -> BTreeMap<String, f64> {
        let is_counted = |name: &str| {
            let family = name.split('{').next().unwrap_or_default();
            ["_total", "_bucket", "_count"].iter().any(|end| family.ends_with(end))
        };
        series.iter().filter(|(name, _)| is_counted(name)).map(|(n, v)| (n.clone(), *v)).collect()
    };
    let labelled = counted(&at_start).into_iter().filter(|(name, _)| name.contains('{'));
    // Whether the daemon answers was asked before, by a request.
    let asked = ["seckill_http_connections_total", "seckill_http_requests_total"];
    for (name, value) in labelled.filter(|(name, _)| !asked.iter().any(|at| name.starts_with(at))) {
        // The migrations were commits.
        if name.starts_with("seckill_store_") {
            continue;
        }
        ensure!(value == 0.0, "{name} is {value} at the start");
    }

    let _ = Crowd::of_the_sale(vec![daemon.gateway_url()]).run(Arc::default()).await?;
    for (phone, product, price) in
        [("1", "pid_0001", "1"), ("15200000001", "pid_none", "1"), ("15200000002", "pid_0002", "1")]
    {
        let _ = daemon.charge(phone, product, price).await?;
        let _ = daemon.query(phone, product).await?;
        let _ = daemon.query_order_node(phone, product).await?;
    }
    daemon.admin().command("/v1/intake/pause", serde_json::json!({})).await?;
    let _ = daemon.charge("15200000003", "pid_0001", "5999.000").await?;
    let address = daemon.gateway_address()?;
    let _ = raw(address, b"no http\r\n\r\n", WITHIN).await?;
    let large = b"POST /api/charge.do HTTP/1.1\r\nhost: a\r\ncontent-length: 99999\r\n\r\n";
    let _ = raw(address, large, WITHIN).await?;
    let later = counted(&by_port(&daemon).await?);
    let born: Vec<_> = later.keys().filter(|name| !at_start.contains_key(*name)).collect();
    ensure!(born.is_empty(), "born with their first event: {born:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_shows_and_the_port_ends_with_the_daemon() -> Result<()> {
    let mut daemon = Daemon::start(with_a_port()).await?;
    let address = daemon.metrics_address()?;
    assert!(address.ip().is_loopback(), "{address}");
    assert_eq!(by_port(&daemon).await?["seckill_intake_paused"], 0.0);
    daemon.admin().command("/v1/intake/pause", serde_json::json!({})).await?;
    for figures in [by_port(&daemon).await?, by_socket(&daemon).await?] {
        assert_eq!(figures["seckill_intake_paused"], 1.0);
        assert_eq!(figures["seckill_consumption_paused"], 0.0);
    }
    let elsewhere = daemon.client().get(&format!("http://{address}/v1/status")).await?;
    assert_eq!(elsewhere.status, 404, "{}", elsewhere.text());
    let stopped = daemon.terminate().await?;
    assert!(stopped.status.success(), "{:?}", stopped.status);
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "{address} is still served");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_key_there_is_no_port_but_the_socket_tells() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    assert!(daemon.metrics_address().is_err());
    let build = "seckill_build_info{version=\"0.1.0\",env_type=\"embedded\",\
                 roles=\"gateway+order\",queue=\"embedded\"}";
    assert_eq!(by_socket(&daemon).await?.get(build), Some(&1.0));
    Ok(())
}
