//! The chores that search for errors at random: seeded histories, bad input, interleavings. Each is
//! a test of the ordinary run, which goes on for longer here.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;

use crate::step::{UNIT_TESTS, cargo, run, step};

/// Histories that CI runs.
const HISTORIES: u64 = 10_000;

/// Seconds of bad input by default.
const FUZZ_SECONDS: u64 = 60;

/// What `cargo xtask simulate` takes.
#[derive(clap::Args)]
pub(crate) struct Simulate {
    /// Histories, from seed 0 on.
    #[arg(long, default_value_t = HISTORIES)]
    histories: u64,
    /// Only the history of this seed.
    #[arg(long, conflicts_with = "histories")]
    seed: Option<u64>,
}

/// What `cargo xtask fuzz` takes.
#[derive(clap::Args)]
pub(crate) struct Fuzz {
    /// How long.
    #[arg(long, default_value_t = FUZZ_SECONDS)]
    seconds: u64,
    /// Where the dice begin; the day's second by default, and printed.
    #[arg(long)]
    seed: Option<u64>,
}

/// Seeded histories of the whole sale.
pub(crate) fn simulate(args: &Simulate) -> Result<()> {
    let name = match args.seed {
        Some(seed) => format!("history {seed}"),
        None => format!("{} histories", args.histories),
    };
    step(&name, || {
        let mut command = cargo(UNIT_TESTS);
        match args.seed {
            Some(seed) => command.env("SECKILL_SIM_SEED", seed.to_string()),
            None => command.env("SECKILL_SIM_HISTORIES", args.histories.to_string()),
        };
        run(command.args(["--", "simulation::", "--nocapture"]))
    })
}

/// Bad input to every reader until the time is over.
pub(crate) fn fuzz(args: &Fuzz) -> Result<()> {
    let seed = args.seed.unwrap_or_else(second_of_the_day);
    step(&format!("bad input for {} s from seed {seed}", args.seconds), || {
        let mut command = cargo(UNIT_TESTS);
        command.env("SECKILL_FUZZ_SECONDS", args.seconds.to_string());
        command.env("SECKILL_FUZZ_SEED", seed.to_string());
        run(command.args(["--", "nothing_breaks_for_as_long_as_asked", "--nocapture"]))
    })
}

/// Every interleaving of what is lock-free.
pub(crate) fn interleave() -> Result<()> {
    step("interleavings", || run(&mut cargo(["test", "-p", "seckill-interleavings"])))
}

#[expect(clippy::disallowed_methods, reason = "another seed each time; nothing is stored")]
fn second_of_the_day() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs() % 86_400)
}
