//! What buyers meet: answers per second, and how long one takes.

use std::time::{Duration, Instant};

use anyhow::Result;
use load::{Report, ratio_of};

use crate::stage::{
    Bare, Stage, Watch, charges, embedded, embedded_with, gateway, load, pause, queries, resume,
    stop,
};
use crate::table::{Rounds, Row, Spread, Wanted};

/// Between two buyers' numbers of different measurements: more than one measurement can use.
pub(super) const APART: u64 = 10_000_000;

/// Connections of a measurement whose answers wait for nothing.
pub(super) const FEW: usize = 64;

/// Connections of a measurement whose answers wait for a commit: buyers who wait together.
pub(super) const MANY: usize = 1_024;

/// The bare route's name in the table.
pub(super) const BARE: &str = "bare warp route";

/// Processor time per answer, in microseconds, ours and the bare route's.
#[derive(Debug, Default)]
pub(super) struct Cost {
    ours: Vec<f64>,
    bare: Vec<f64>,
}

impl Cost {
    fn note(&self) -> String {
        let (ours, bare) = (Spread::of(&self.ours).median, Spread::of(&self.bare).median);
        format!(
            "processor time per answer: {ours:.1} µs, bare {bare:.1} µs ({:.2})",
            bare / ours.max(f64::EPSILON)
        )
    }
}

pub(super) fn micros_each(cpu: Duration, answers: u64) -> f64 {
    1e6 / ratio_of(answers, cpu.as_secs_f64())
}

/// A load of charges over this many connections.
pub(super) fn crowd(
    first_buyer: u64,
    seconds: f64,
    connections: usize,
) -> Vec<(&'static str, String)> {
    let mut charges = charges(first_buyer, seconds);
    charges.push(("connections", connections.to_string()));
    charges
}

/// One measurement of the bare route.
pub(super) async fn bare_turn(
    bare: &Bare,
    load_of: &[(&str, String)],
    cost: &mut Cost,
) -> Result<f64> {
    let before = bare.cpu()?;
    let report = load(&bare.address, load_of).await?.only("40006")?;
    cost.bare.push(micros_each(bare.cpu()?.saturating_sub(before), report.answers));
    Ok(report.per_second())
}

pub(super) async fn sold_out(stage: &Stage) -> Result<Vec<Row>> {
    let (daemon, bare) = (stage.daemon(embedded_with(1, 0)).await?, stage.bare().await?);
    let (mut rounds, mut cost) = (Rounds::default(), Cost::default());
    let charges = crowd(0, stage.size.seconds, FEW);
    for _ in 0..stage.size.rounds {
        let before = daemon.usage()?.cpu;
        let ours = load(&gateway(&daemon)?, &charges).await?.only("40006")?;
        cost.ours.push(micros_each(daemon.usage()?.cpu.saturating_sub(before), ours.answers));
        rounds.ours.push(ours.per_second());
        rounds.other.push(bare_turn(&bare, &charges, &mut cost).await?);
    }
    stop(daemon).await?;
    let row = Row::compared(
        "sold-out",
        "sold-out answers of charge.do",
        BARE,
        &rounds,
        Wanted::AtLeast(0.9),
    );
    Ok(vec![row.note(cost.note())])
}

pub(super) async fn accepted(stage: &Stage) -> Result<Vec<Row>> {
    let (daemon, bare) = (stage.daemon(embedded(1)).await?, stage.bare().await?);
    pause(&daemon).await?;
    let (mut rounds, mut cost) = (Rounds::default(), Cost::default());
    let mut first_buyer = 0;
    for _ in 0..stage.size.rounds {
        let before = daemon.usage()?.cpu;
        let charges = crowd(first_buyer, stage.size.seconds, MANY);
        let ours = load(&gateway(&daemon)?, &charges).await?.only("10000")?;
        first_buyer += APART;
        cost.ours.push(micros_each(daemon.usage()?.cpu.saturating_sub(before), ours.answers));
        rounds.ours.push(ours.per_second());
        rounds.other.push(bare_turn(&bare, &charges, &mut cost).await?);
    }
    stop(daemon).await?;
    let what = "accepted charges, embedded queue, consumption paused";
    let row = Row::compared("accepted", what, BARE, &rounds, Wanted::AtLeast(0.6));
    Ok(vec![row.note(cost.note())])
}

/// One sale from an empty database: charges for a while, and waits until all that were accepted are
/// placed. What a database costs that has grown is another row's.
struct Sale {
    report: Report,
    /// Orders accepted and placed per second.
    rate: f64,
    /// What the daemon took meanwhile.
    cpu: Duration,
}

impl Sale {
    async fn hold(stage: &Stage) -> Result<Self> {
        let daemon = stage.daemon(embedded(1)).await?;
        let watch = Watch::over(&daemon.database())?;
        let (before, start) = (daemon.usage()?.cpu, Instant::now());
        let charges = crowd(0, stage.size.seconds, MANY);
        let report = load(&gateway(&daemon)?, &charges).await?.only("10000")?;
        let done = watch.until_sold(report.of("10000")).await?;
        let cpu = daemon.usage()?.cpu.saturating_sub(before);
        let rate = ratio_of(report.of("10000"), (done - start).as_secs_f64());
        stop(daemon).await?;
        Ok(Self { report, rate, cpu })
    }
}

pub(super) async fn swing(stage: &Stage) -> Result<Vec<Row>> {
    let bare = stage.bare().await?;
    let (mut rounds, mut cost) = (Rounds::default(), Cost::default());
    let (mut slowest, mut orders) = (Vec::new(), Vec::new());
    for _ in 0..stage.size.rounds {
        let Sale { report, rate, cpu } = Sale::hold(stage).await?;
        cost.ours.push(micros_each(cpu, report.answers));
        slowest.push(milliseconds(report.latency.max_us));
        orders.push(report.of("10000") as f64);
        rounds.ours.push(rate);
        let charges = crowd(0, stage.size.seconds, MANY);
        rounds.other.push(bare_turn(&bare, &charges, &mut cost).await?);
    }
    let what = "charges accepted and placed, until the last is placed";
    let row = Row::compared("swing", what, BARE, &rounds, Wanted::AtLeast(0.4));
    let (slowest, orders) = (Spread::of(&slowest).median, Spread::of(&orders).median);
    let sale = format!("{orders:.0} orders in a round, slowest answer {slowest:.0} ms (medians)");
    Ok(vec![row.note(cost.note()).note(sale)])
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds for people")]
fn milliseconds(us: u64) -> f64 {
    us as f64 / 1e3
}

pub(super) async fn query(stage: &Stage) -> Result<Vec<Row>> {
    let daemon = stage.daemon(embedded(1)).await?;
    let watch = Watch::over(&daemon.database())?;
    let (target, seconds) = (gateway(&daemon)?, stage.size.seconds);
    let mut rounds = Rounds::default();
    let (mut sold, mut asked, mut placing) = (0, 0, Vec::new());
    for _ in 0..stage.size.rounds {
        pause(&daemon).await?;
        let mut backlog = charges(sold, 60.0);
        backlog.push(("requests-max", (120_000 / stage.size.divisor).to_string()));
        sold += load(&target, &backlog).await?.only("10000")?.answers;
        asked = if asked == 0 { sold } else { asked };
        let alone = load(&target, &queries(asked, seconds)).await?.only("10000")?;
        let before = watch.sold()?;
        resume(&daemon).await?;
        let start = Instant::now();
        // Shorter, so that it ends before the backlog does.
        let while_placing = load(&target, &queries(asked, seconds / 3.0)).await?.only("10000")?;
        placing.push(ratio_of(watch.sold()? - before, start.elapsed().as_secs_f64()));
        rounds.ours.push(while_placing.per_second());
        rounds.other.push(alone.per_second());
        watch.until_sold(sold).await?;
    }
    stop(daemon).await?;
    let what = "answers of query.do while a backlog is placed";
    let row = Row::compared("query", what, "query.do alone", &rounds, Wanted::AtLeast(0.5));
    let placing = Spread::of(&placing).median;
    Ok(vec![row.note(format!("placed meanwhile: {placing:.0} orders/s"))])
}

pub(super) async fn latency(stage: &Stage) -> Result<Vec<Row>> {
    let mut highest = 0.0_f64;
    for _ in 0..stage.size.rounds {
        highest = highest.max(Sale::hold(stage).await?.rate);
    }
    let (mut p99, mut p50, mut longest, mut unsent) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for _ in 0..stage.size.rounds {
        let daemon = stage.daemon(embedded(1)).await?;
        let mut half = charges(0, stage.size.seconds * 2.0);
        half.push(("rate", format!("{:.0}", highest / 2.0)));
        half.push(("connections", "256".to_owned()));
        let report = load(&gateway(&daemon)?, &half).await?.only("10000")?;
        p99.push(milliseconds(report.latency.p99_us));
        p50.push(milliseconds(report.latency.p50_us));
        longest.push(milliseconds(report.latency.max_us));
        unsent += report.unsent;
        stop(daemon).await?;
    }
    let what =
        format!("p99 of charge.do at {:.0}/s, half the highest rate, open loop", highest / 2.0);
    let row = Row::measured("latency", &what, "ms", &p99, Wanted::Below(10.0));
    let (p50, longest) = (Spread::of(&p50).median, Spread::of(&longest));
    Ok(vec![row.note(format!(
        "p50 {p50:.1} ms, longest {:.0} / {:.0} / {:.0} ms, {unsent} requests not sent in time",
        longest.min, longest.median, longest.max
    ))])
}
