//! Histories of the whole sale on one thread: the real parts of one or two gateways and the real
//! store's transactions, over a queue that delays, reorders, repeats and loses answers, on a clock
//! that only the history moves, with crashes between any two steps. A history is made from its seed
//! and is the same on every run; ARCHITECTURE.md's invariants are asserted after each.
//!
//! A failing history is shortened and printed with its seed. `SECKILL_SIM_SEED=…` runs one alone,
//! `SECKILL_SIM_HISTORIES=…` as many as one likes (`cargo xtask simulate` runs 10,000).

mod closing;
mod consuming;
pub(crate) mod dice;
mod gateway;
mod history;
mod holds;
pub(crate) mod operator;
mod ports;
mod promises;
mod tests;
mod world;

use std::collections::HashMap;

use store_sqlite::testing::InMemoryStore;

use self::history::History;
use self::world::World;

/// What a history came to, to be compared and summed up.
#[derive(Debug, Default, PartialEq, Eq)]
struct Course {
    /// How often each code was told.
    codes: HashMap<&'static str, u64>,
    decisions: Vec<(String, String)>,
}

/// Runs a history to its end and judges it.
fn run(store: &InMemoryStore, history: &History) -> Result<Course, String> {
    // Without a driver for input and output, so that it is quickly made.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let mut world = World::new(store, history.shape);
        for index in 0..history.shape.gateways {
            world.start(index);
        }
        world.settle().await?;
        for step in &history.steps {
            world.step(*step).await?;
        }
        world.close().await?;
        let outcome =
            |one: &protocol::Decision| (one.order_id.to_string(), format!("{:?}", one.outcome));
        let decisions = world.decisions.iter().map(outcome).collect();
        Ok(Course { codes: world.promises.codes, decisions })
    })
}

/// The shortest history that fails as the one of this seed does, ready to be printed.
fn report(seed: u64, why: &str) -> String {
    let store = InMemoryStore::default();
    let short = History::of(seed).shortened(|history| run(&store, history).is_err());
    let why_short = run(&store, &short).err().unwrap_or_default();
    let steps: Vec<_> = short.steps.iter().map(|step| format!("{step:?}")).collect();
    format!(
        "history {seed} fails: {why}\nshortened ({:?}): {why_short}\n  {}\n\
         alone: SECKILL_SIM_SEED={seed} cargo test -p seckilld --lib simulation",
        short.shape,
        steps.join("\n  ")
    )
}
