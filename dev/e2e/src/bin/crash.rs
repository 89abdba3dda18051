//! `cargo xtask e2e crash`: the kill -9 loop as a program, so that a person can run as many rounds
//! as they like. The variable `SECKILLD` names a daemon with fault points.

#![expect(clippy::print_stdout, reason = "it talks to the person who runs it")]

use std::sync::Arc;

use anyhow::{Result, bail};
use clap::{Parser, ValueEnum};
use seckill_e2e::broker::{Broker, BrokerOptions};
use seckill_e2e::crash::{Ground, Tally, Wired, letters, round, upgrades};
use seckill_e2e::proxy::Proxy;

/// From so many rounds on a campaign must strike at every fault point.
const ROUNDS_FOR_EVERY_POINT: u64 = 100;
/// Failed rounds after which a campaign ends.
const FAILURES_MAX: usize = 3;

/// Kills a daemon again and again in the midst of a sale.
#[derive(Parser)]
#[command(name = "cargo xtask e2e crash", bin_name = "cargo xtask e2e crash")]
struct Args {
    /// How many rounds.
    #[arg(long, default_value_t = 5)]
    rounds: u64,
    /// Seed of the first round; each further one has the next.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The queue.
    #[arg(long, value_enum, default_value_t = Queue::Embedded)]
    queue: Queue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Queue {
    /// In the daemon's database.
    Embedded,
    /// A real RocketMQ, started for it (JDK and Maven), behind a wire with bad weather.
    Rocketmq,
    /// The same with gateway and order node apart: odd seeds kill the gateway, even ones the other.
    Split,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let args = Args::parse();
    if args.queue == Queue::Embedded {
        println!("{} upgrades cut off and gone on with", upgrades().await?);
        println!("{} letters cut off on their way back and decided once", letters().await?);
        return campaign(&args, &Ground::Embedded).await;
    }
    let folder = tempfile::tempdir()?;
    let broker = Broker::start(BrokerOptions {
        dir: folder.path().to_owned(),
        advertised_ip: Some("127.0.0.2".to_owned()),
        ..BrokerOptions::default()
    })
    .await?;
    let wire = Proxy::start(&broker.advertised_address(), &broker.address()).await?;
    let wired = Wired { name_server: broker.name_server(), wire: Arc::new(wire) };
    let ground = match args.queue {
        Queue::Split => Ground::Split(wired),
        Queue::Embedded | Queue::Rocketmq => Ground::Rocketmq(wired),
    };
    campaign(&args, &ground).await
}

async fn campaign(args: &Args, ground: &Ground) -> Result<()> {
    let mut tally = Tally::default();
    let mut failed = Vec::new();
    for seed in args.seed..args.seed + args.rounds {
        match round(seed, ground).await {
            Ok(done) => {
                println!("seed {seed}: {done}");
                tally.add(&done);
            }
            Err(error) => {
                println!("seed {seed} FAILED: {error:#}");
                failed.push(seed);
            }
        }
        if FAILURES_MAX <= failed.len() {
            break;
        }
    }
    println!("{tally}");
    if !failed.is_empty() {
        let queue = args.queue.to_possible_value();
        let queue = queue.as_ref().map_or("embedded", |value| value.get_name());
        bail!(
            "seeds {failed:?} failed; once more: cargo xtask e2e crash --queue {queue} --rounds 1 \
             --seed {}",
            failed[0]
        );
    }
    let never: Vec<_> = [args.seed, args.seed + 1]
        .into_iter()
        .flat_map(|seed| tally.never_struck(ground.mortal(seed)))
        .collect();
    if ROUNDS_FOR_EVERY_POINT <= args.rounds && !never.is_empty() {
        bail!("no daemon died at {}", never.join(", "));
    }
    Ok(())
}
