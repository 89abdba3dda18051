//! `cargo xtask texts`: writes the files that are made of the daemon's tree of keys. The tests that
//! compare those files write them instead, so that there is one way to make each.

use anyhow::Result;

use crate::step::{UNIT_TESTS, cargo, run as run_command, step};

/// Has the tests write.
pub(crate) fn run() -> Result<()> {
    step("texts", || {
        let mut command = cargo(UNIT_TESTS);
        run_command(command.env("WRITE_TEXTS", "1").args(["--quiet", "--", "what_the_tree_says"]))
    })
}
