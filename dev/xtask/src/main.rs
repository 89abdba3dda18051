//! The project's chores, one command each; CI runs these and `cargo test --workspace`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to who runs it")]

mod bench;
mod check;
mod dist;
mod e2e;
mod files;
mod rocketmq;
mod search;
mod step;
mod texts;
mod tidy;
mod units;

use std::process::ExitCode;

use clap::Parser;

/// The project's chores.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Chore {
    /// Formatting, lints, documentation, licences, shipped profiles, tidiness.
    Check,
    /// Writes what is made of the tree of keys: docs/config.md, and the texts in profiles/.
    Texts,
    /// Only the tidiness, in a second: headers, sizes, columns, links, who may use whom.
    Tidy,
    /// The daemon beside bare counterparts, in figures: release programs, minutes.
    Bench(bench::Args),
    /// What is shipped, in `target/dist`: a tarball, a .deb, their sums.
    Dist,
    /// The tests of whole programs, many with a real RocketMQ (JDK 17 and Maven).
    E2e(e2e::Args),
    /// 10,000 seeded histories of the whole sale, with crashes between any two steps.
    Simulate(search::Simulate),
    /// Bad input to every reader of bytes, for a while.
    Fuzz(search::Fuzz),
    /// Every interleaving of what is lock-free.
    Loom,
    /// A real RocketMQ to try things on, and the build for 4.x name servers.
    #[command(subcommand)]
    Rocketmq(rocketmq::Chore),
}

fn main() -> ExitCode {
    let done = match Chore::parse() {
        Chore::Check => check::run(),
        Chore::Texts => texts::run(),
        Chore::Tidy => check::tidy(),
        Chore::Bench(args) => bench::run(&args),
        Chore::Dist => dist::run(),
        Chore::E2e(args) => e2e::run(&args),
        Chore::Simulate(args) => search::simulate(&args),
        Chore::Fuzz(args) => search::fuzz(&args),
        Chore::Loom => search::interleave(),
        Chore::Rocketmq(chore) => rocketmq::run(chore),
    };
    // Without a backtrace of this program: the causes say which command failed, and how.
    let Err(error) = done else { return ExitCode::SUCCESS };
    eprintln!("Error: {error:#}");
    ExitCode::FAILURE
}
