//! What the metrics cost: somebody who reads all of them every second while the daemon answers, and
//! the counting itself, which goes on whether anybody reads or not.

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use instruments::meter::{AnswerMeter, Endpoint};
use load::Report;
use protocol::Code;
use seckill_e2e::http::Client;
use tokio::time::{MissedTickBehavior, interval};

use super::rest::{FEW, crowd, micros_each};
use crate::stage::{Stage, embedded_with, gateway, load, stop};
use crate::table::{Rounds, Row, Spread, Wanted};

/// Between two readings: Prometheus itself asks every 15 s by default, and hardly anybody each
/// second.
const READ_EVERY: Duration = Duration::from_secs(1);

/// Threads that count at once, as many as serve requests on the machine that is measured.
const THREADS: usize = 2;

/// Answers that each of them counts.
const COUNTED: u32 = 5_000_000;

/// What the answers' part of the metrics may take of an answer, in per cent.
const PER_CENT_MAX: f64 = 2.0;

pub(super) async fn cost(stage: &Stage) -> Result<Vec<Row>> {
    let options = embedded_with(1, 0).set("metrics.listen", "127.0.0.1:0");
    let daemon = stage.daemon(options).await?;
    let (target, metrics) = (gateway(&daemon)?, daemon.metrics_address()?);
    let charges = crowd(0, stage.size.seconds, FEW);
    let (mut rounds, mut parts, mut nanoseconds) = (Rounds::default(), Vec::new(), Vec::new());
    for _ in 0..stage.size.rounds {
        rounds.ours.push(while_read(metrics, &target, &charges).await?.per_second());
        let before = daemon.usage()?.cpu;
        let alone = load(&target, &charges).await?.only("40006")?;
        let cpu = daemon.usage()?.cpu.saturating_sub(before);
        rounds.other.push(alone.per_second());
        let counting = tokio::task::spawn_blocking(one_count).await?;
        nanoseconds.push(counting);
        parts.push(counting / 10.0 / micros_each(cpu, alone.answers));
    }
    stop(daemon).await?;
    let what = "sold-out answers while all metrics are read every second";
    let read = Row::compared("metrics", what, "nobody reads", &rounds, Wanted::AtLeast(0.98));
    let what = "an answer's part of the metrics, of its processor time";
    let counted = Row::measured("metrics", what, "%", &parts, Wanted::Below(PER_CENT_MAX));
    let each = Spread::of(&nanoseconds).median;
    Ok(vec![
        read,
        counted.note(format!("{each:.0} ns an answer, {THREADS} threads counting the same code")),
    ])
}

/// A load while somebody reads.
async fn while_read(
    metrics: SocketAddr,
    target: &str,
    charges: &[(&str, String)],
) -> Result<Report> {
    let reading = tokio::spawn(async move {
        let (client, mut due) = (Client::default(), interval(READ_EVERY));
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            due.tick().await;
            if let Err(error) = read(&client, metrics).await {
                return error;
            }
        }
    });
    let report = load(target, charges).await?.only("40006")?;
    ensure!(!reading.is_finished(), "the metrics can't be read: {}", reading.await?);
    reading.abort();
    Ok(report)
}

async fn read(client: &Client, metrics: SocketAddr) -> Result<()> {
    let answer = client.get(&format!("http://{metrics}/metrics")).await?.text();
    ensure!(answer.contains("seckill_requests_total"), "no metrics: {answer:.200}");
    Ok(())
}

/// What counting one answer takes while others count too, in nanoseconds of a thread's time.
fn one_count() -> f64 {
    let meter = AnswerMeter::new(Endpoint::Charge);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for number in 0..COUNTED {
                    let took = Duration::from_micros(u64::from(number % 4_096));
                    meter.record(black_box(Code::SoldOut), black_box(took));
                }
            });
        }
    });
    start.elapsed().as_secs_f64() * 1e9 / f64::from(COUNTED)
}
