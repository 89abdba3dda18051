//! A real Prometheus takes the daemon's figures, and the project's rules judge them.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use seckill_e2e::buyers::Crowd;
use seckill_e2e::daemon::Daemon;
use seckill_e2e::prometheus::{Prometheus, cases, program, rules};
use seckill_e2e::until;
use serde_json::json;

use super::{WITHIN, with_a_port};

#[test]
fn promtool_accepts_the_rules() -> Result<()> {
    let told = Command::new(program("promtool")?).args(["check", "rules"]).arg(rules()).output()?;
    let words = String::from_utf8_lossy(&told.stdout) + String::from_utf8_lossy(&told.stderr);
    let found = format!("SUCCESS: {} rules found", rule_count()?);
    ensure!(told.status.success() && words.contains(&found), "{words}");
    Ok(())
}

/// How many alerts the file has, by its lines.
fn rule_count() -> Result<usize> {
    let text = std::fs::read_to_string(rules())?;
    Ok(text.lines().filter(|line| line.trim_start().starts_with("- alert: ")).count())
}

/// Each rule fires where it should, at the first burst that a daemon ever sees as well, and doesn't
/// where it shouldn't. That each has its cases is the daemon's own test.
#[test]
fn every_rule_fires_in_its_case_and_in_no_other() -> Result<()> {
    let told = Command::new(program("promtool")?).args(["test", "rules"]).arg(cases()).output()?;
    let words = String::from_utf8_lossy(&told.stdout) + String::from_utf8_lossy(&told.stderr);
    ensure!(told.status.success() && words.contains("SUCCESS"), "{words}");
    Ok(())
}

/// promtool's linter has nothing to say of names, types and helps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promtool_accepts_what_a_daemon_tells() -> Result<()> {
    let daemon = Daemon::start(with_a_port()).await?;
    let _ = daemon.charge("15200000001", "pid_0001", "5999.000").await?;
    let text = daemon.admin().get("/metrics").await?.text();
    let mut child = Command::new(program("promtool")?)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    child.stdin.take().context("no pipe")?.write_all(text.as_bytes())?;
    let told = child.wait_with_output()?;
    let words = String::from_utf8_lossy(&told.stdout) + String::from_utf8_lossy(&told.stderr);
    ensure!(told.status.success() && words.trim().is_empty(), "{words}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_has_the_daemons_stock_and_its_alerts_are_true() -> Result<()> {
    let mut daemon = Daemon::start(with_a_port()).await?;
    let prometheus = Prometheus::start(daemon.metrics_address()?).await?;
    let stock = "seckill_product_stock_units{job=\"seckill\",product=\"pid_0002\"}";
    let reaches = async |expression: &str, value: f64| {
        until(&format!("{expression} = {value}"), WITHIN, || async {
            Ok((prometheus.value(expression).await? == Some(value)).then_some(()))
        })
        .await
    };
    reaches(stock, 300.0).await?;
    reaches("up{job=\"seckill\"}", 1.0).await?;
    rules_are_judged(&prometheus).await?;
    // Before the first reading of the lag one may be pending.
    until("all is well", WITHIN, || async {
        let alerts = prometheus.ask("alerts", &[]).await?;
        Ok((alerts == json!({ "alerts": [] })).then_some(()))
    })
    .await?;

    let _ = Crowd::of_the_sale(vec![daemon.gateway_url()]).run(Arc::default()).await?;
    let product = daemon.admin().get("/v1/products/pid_0002").await?.json()?;
    assert_eq!((&product["stock"], &product["sold"]), (&json!(0), &json!(300)));
    reaches(stock, 0.0).await?;
    reaches("sum(seckill_orders_placed_total)", 300.0).await?;
    let alerted = async |name: &str, state: &str| {
        until(&format!("{name} {state}"), WITHIN, || async {
            Ok((prometheus.alert(name).await?.as_deref() == Some(state)).then_some(()))
        })
        .await
    };
    alerted("SeckillSoldOut", "firing").await?;
    assert_eq!(prometheus.alert("SeckillConservationBroken").await?, None);
    daemon.admin().command("/v1/intake/pause", json!({})).await?;
    alerted("SeckillPaused", "pending").await?;
    daemon.kill9()?;
    alerted("SeckillDown", "pending").await?;
    Ok(())
}

/// Every rule was evaluated, and none of them fails at the daemon's metrics.
async fn rules_are_judged(prometheus: &Prometheus) -> Result<()> {
    until("every rule judged", WITHIN, || async {
        let data = prometheus.ask("rules", &[]).await?;
        let rules = data["groups"][0]["rules"].as_array().context("no rules")?;
        ensure!(rules.len() == rule_count()?, "{} rules", rules.len());
        let failed = rules.iter().find(|rule| rule["health"] == "err");
        ensure!(failed.is_none(), "{failed:?}");
        Ok(rules.iter().all(|rule| rule["health"] == "ok").then_some(()))
    })
    .await
}
