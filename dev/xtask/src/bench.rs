//! `cargo xtask bench`: builds the release programs and has `seckill-bench` compare them. It is no
//! test: nothing fails when a figure is bad.

use std::process::Command;

use anyhow::Result;

use crate::step::{cargo, root, run as run_command, step, target_dir};

/// What `cargo xtask bench` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these rows, by comma.
    #[arg(long)]
    rows: Option<String>,
    /// Short and few measurements, to see that everything works.
    #[arg(long)]
    quick: bool,
}

/// Builds and compares; the table and the file's name are the result.
pub(crate) fn run(args: &Args) -> Result<()> {
    step("build", || {
        run_command(&mut cargo([
            "build",
            "--release",
            "-p",
            "seckilld",
            "-p",
            "seckill-bench",
            "-p",
            "seckill-load",
        ]))
    })?;
    let release = target_dir()?.join("release");
    let mut command = Command::new(release.join("seckill-bench"));
    command.current_dir(root()).env("SECKILLD", release.join("seckilld"));
    command.arg("--folder").arg(target_dir()?.join("bench"));
    if let Some(rows) = &args.rows {
        command.args(["--rows", rows]);
    }
    if args.quick {
        command.arg("--quick");
    }
    run_command(&mut command)
}
