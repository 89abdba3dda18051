//! `cargo xtask e2e`: the tests against a real RocketMQ, which it finds or fetches first.

use std::process::Command;

use anyhow::{Result, bail};

use crate::rocketmq;
use crate::step::{cargo, root, run as run_command, step, target_dir};

/// Names the versions that the tests start, for e2e/tests.
const VERSIONS: &str = "E2E_VERSIONS";
/// `1` has the tests run their long loops.
const LONG: &str = "E2E_LONG";

/// The whole workspace is named, and the targets picked, so that cargo chooses the same features as
/// for `cargo test --workspace` and builds no dependency twice. `binary` and `verbs` are
/// tests of the two programs: naming them has cargo build those.
const TESTS: [&str; 12] = [
    "test",
    "--workspace",
    "--features",
    "seckill-e2e/servers,seckilld/rocketmq-tests",
    "--test",
    "binary",
    "--test",
    "rocketmq",
    "--test",
    "e2e",
    "--test",
    "verbs",
];

/// What `cargo xtask e2e` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Also RocketMQ 5.1.4 and (with the 4.x build) 4.9.7, the build without rocketmq, long loops.
    #[arg(long)]
    full: bool,
    /// Only tests whose name holds this.
    filter: Option<String>,
}

/// Runs the tests; the runner's own closing lines are the result.
pub(crate) fn run(args: &Args) -> Result<()> {
    servers_can_run()?;
    step("build", || run_command(cargo(TESTS).arg("--no-run")))?;
    // Its tests of 4.x run on each 5.x version: they are about what the stock build makes of it.
    step("jars of RocketMQ 4.9.7", || resolve_jars("4.9.7"))?;
    let versions: &[&str] = if args.full { &["5.4.0", "5.1.4"] } else { &["5.4.0"] };
    for version in versions {
        step(&format!("jars of RocketMQ {version}"), || resolve_jars(version))?;
        step(&format!("e2e on {version}"), || run_command(&mut tests(args, version)))?;
    }
    if args.full {
        step("e2e on 4.9.7, 4.x build", || on_4x(args))?;
        step("tests without rocketmq", || {
            run_command(&mut cargo(["test", "-p", "seckilld", "--no-default-features"]))
        })?;
    }
    Ok(())
}

fn servers_can_run() -> Result<()> {
    for (program, flag, package) in [
        ("java", "-version", "openjdk-17-jdk-headless"),
        ("mvn", "-version", "maven"),
        ("tmux", "-V", "tmux"),
        ("curl", "--version", "curl"),
    ] {
        if !Command::new(program).arg(flag).output().is_ok_and(|told| told.status.success()) {
            bail!("{program} can't be run; on Debian: apt-get install -y {package}");
        }
    }
    Ok(())
}

/// Brings a version's jars into the folder that the tests' brokers are started from, so that no
/// test waits for a download. The program is built along with the tests.
fn resolve_jars(version: &str) -> Result<()> {
    let mut command = Command::new(target_dir()?.join("debug/broker"));
    run_command(command.current_dir(root()).args(["jars", "--version", version]))
}

fn tests(args: &Args, versions: &str) -> Command {
    let mut command = cargo(TESTS);
    with_terms(&mut command, args, versions);
    command
}

fn with_terms<'a>(command: &'a mut Command, args: &Args, versions: &str) -> &'a mut Command {
    command.env(VERSIONS, versions);
    if args.full {
        command.env(LONG, "1");
    }
    command.arg("--").args(&args.filter);
    // Brokers are heavy: one test at a time.
    command.arg("--test-threads=1")
}

/// The 4.x build is another program, so it is built into a folder of its own.
fn on_4x(args: &Args) -> Result<()> {
    rocketmq::patch_4x(Vec::new())?;
    let program = target_dir()?.join("4x/debug/seckilld");
    // Only the tests of the program: those of the queue link the client that was not patched.
    let mut command = cargo(["test", "-p", "seckill-e2e", "--features", "seckill-e2e/servers"]);
    command.args(["--test", "e2e"]).env("SECKILLD", program);
    run_command(with_terms(&mut command, args, "4.9.7"))
}
