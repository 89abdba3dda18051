//! `cargo xtask test`: the tests beside the code. `cargo xtask e2e` runs the others, so that the
//! two together run each test once.

use anyhow::Result;

use crate::step::{FEATURES, cargo, run as run_command, step};

/// The tests beside a library's code. The whole workspace is named, so that cargo chooses the same
/// features for each dependency as in every other build.
pub(crate) const UNIT_TESTS: [&str; 5] = ["test", "--workspace", "--features", FEATURES, "--lib"];

/// Runs them, and the examples in the documentation.
pub(crate) fn run() -> Result<()> {
    step("unit tests", || run_command(cargo(UNIT_TESTS).arg("--bins")))?;
    step("examples in the documentation", || {
        run_command(&mut cargo(["test", "--workspace", "--features", FEATURES, "--doc"]))
    })
}
