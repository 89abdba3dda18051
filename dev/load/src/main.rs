//! `seckill-load`: sends one load and writes what came of it as one line of JSON.

#![expect(clippy::print_stdout, reason = "the line is read by the program that started this one")]

use anyhow::Result;
use clap::Parser;
use load::{Plan, run};

/// Sends a load of charges or queries to an address of this machine.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    plan: Plan,
}

fn main() -> Result<()> {
    let plan = Arguments::parse().plan;
    anyhow::ensure!(plan.target.ip().is_loopback(), "only addresses of this machine are loaded");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    let report = local.block_on(&runtime, run(plan))?;
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}
