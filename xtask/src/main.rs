//! Placeholder.

mod rocketmq;

use clap::Parser;

/// The project's chores.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Chore {
    /// A real RocketMQ to try things on, and the build for 4.x name servers.
    #[command(subcommand)]
    Rocketmq(rocketmq::Chore),
}

fn main() -> anyhow::Result<()> {
    match Chore::parse() {
        Chore::Rocketmq(chore) => rocketmq::run(chore),
    }
}
