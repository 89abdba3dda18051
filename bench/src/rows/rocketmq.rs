//! Over a real RocketMQ, both roles in one process: charges accepted while nothing is consumed, and
//! what was queued then placed. The broker shares the processors with everything else here.
//!
//! What is missing: the same client's own rate in batches and a consumer that only counts. Until
//! then the bounds are those of the other half of each comparison: 0.7 of 0.4 of the bare route.

use std::time::Instant;

use anyhow::Result;
use seckill_e2e::broker::{Broker, BrokerOptions};
use seckill_e2e::daemon::Options;

use super::rest::{APART, BARE, Cost, MANY, bare_turn, crowd};
use crate::load::ratio_of;
use crate::stage::{Stage, Watch, gateway, load, on_broker, pause, resume, stop};
use crate::table::{Rounds, Row, Wanted};

pub(super) async fn both(stage: &Stage) -> Result<Vec<Row>> {
    let folder = stage.folder()?;
    let dir = folder.path().to_owned();
    let broker = Broker::start(BrokerOptions { dir, ..BrokerOptions::default() }).await?;
    let options: Options = on_broker(&broker.name_server());
    let (daemon, bare) = (stage.daemon(options).await?, stage.bare().await?);
    let watch = Watch::over(&daemon.database())?;
    let (mut rounds, mut cost, mut placed) = (Rounds::default(), Cost::default(), Vec::new());
    let mut first_buyer = 0;
    for _ in 0..stage.size.rounds {
        pause(&daemon).await?;
        let charges = crowd(first_buyer, stage.size.seconds, MANY);
        first_buyer += APART;
        let before = watch.sold()?;
        let ours = load(&gateway(&daemon)?, &charges).await?.only("10000")?;
        rounds.ours.push(ours.per_second());
        let queued = ours.of("10000");
        let start = Instant::now();
        resume(&daemon).await?;
        let done = watch.until_sold(before + queued).await?;
        placed.push(ratio_of(queued, (done - start).as_secs_f64()));
        rounds.other.push(bare_turn(&bare, &charges, &mut cost).await?);
    }
    stop(daemon).await?;
    let what = "accepted charges over RocketMQ 5.4.0, nothing consumed";
    let accepted = Row::compared("rocketmq", what, BARE, &rounds, Wanted::AtLeast(0.28));
    let what = "placed over RocketMQ 5.4.0, from a backlog";
    Ok(vec![accepted, Row::told("rocketmq", what, "/s", &placed, Wanted::Told)])
}
