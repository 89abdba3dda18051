//! The comparisons, one file per kind. Each starts what it needs, measures in turns and ends what
//! it started; the figures are in `Row`s.

mod growing;
mod metrics;
mod placing;
mod resources;
mod rest;
mod rocketmq;

use anyhow::Result;
use clap::ValueEnum;

use crate::stage::Stage;
use crate::table::Row;

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// Sold-out answers per second against the bare route.
    SoldOut,
    /// Accepted charges per second, nothing being placed, against the bare route.
    Accepted,
    /// Charges accepted and placed per second against the bare route.
    Swing,
    /// Orders placed per second against bare rusqlite.
    Placed,
    /// Queries per second while placing against queries alone.
    Query,
    /// The 99th percentile of charges at half the highest accepted rate.
    Latency,
    /// Memory at rest, with orders queued, and after many charges.
    Memory,
    /// Start to first answer, and the program's size.
    Start,
    /// 1 to 1,000 products.
    Products,
    /// 1,000 to 10,000,000 orders in the database.
    Orders,
    /// What reading and counting the metrics takes of the answers.
    Metrics,
    /// Accepted and placed over a real RocketMQ (JDK and Maven).
    Rocketmq,
}

/// Makes a comparison.
///
/// # Errors
/// Something can't be started or answers otherwise than measured.
pub async fn run(name: Name, stage: &Stage) -> Result<Vec<Row>> {
    match name {
        Name::SoldOut => rest::sold_out(stage).await,
        Name::Accepted => rest::accepted(stage).await,
        Name::Swing => rest::swing(stage).await,
        Name::Placed => placing::placed(stage).await,
        Name::Query => rest::query(stage).await,
        Name::Latency => rest::latency(stage).await,
        Name::Memory => resources::memory(stage).await,
        Name::Start => resources::start(stage).await,
        Name::Products => growing::products(stage).await,
        Name::Orders => growing::orders(stage).await,
        Name::Metrics => metrics::cost(stage).await,
        Name::Rocketmq => rocketmq::both(stage).await,
    }
}
