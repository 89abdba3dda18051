//! `cargo xtask e2e`: the tests against a real RocketMQ, which it finds or fetches first, and the
//! kill -9 loop.

use std::ffi::OsString;
use std::process::Command;

use anyhow::{Result, bail};

use crate::dist::{Build, trial};
use crate::rocketmq;
use crate::step::{
    FEATURES, cargo, root, run as run_command, runs, side_by_side, step, target_dir, wanted,
};

/// Names the versions that the tests start, for e2e/tests.
const VERSIONS: &str = "E2E_VERSIONS";
/// `1` has the tests run their long loops.
const LONG: &str = "E2E_LONG";

/// What the names of tests with a broker of their own hold: most of their time they wait for it.
const WITH_BROKERS: [&str; 2] = ["rocketmq::", "split::"];

/// Where the packages to test are.
const PACKAGES: &str = "E2E_PACKAGES";
const WITHOUT_PACKAGES: [&str; 2] = ["--skip", "packages::"];

/// How long the soak lasts.
const SOAK_MINUTES: &str = "E2E_SOAK_MINUTES";

/// Builds every test of a whole program. The workspace is named, and the targets picked, so that
/// cargo chooses the same features as in every other build. `binary`, `verbs` and `manual` are
/// tests of the programs: naming them has cargo build those.
pub(crate) const TESTS: [&str; 14] = [
    "test",
    "--workspace",
    "--features",
    FEATURES,
    "--test",
    "binary",
    "--test",
    "rocketmq",
    "--test",
    "e2e",
    "--test",
    "verbs",
    "--test",
    "manual",
];

/// The tests that want servers: the others are run by `cargo test --workspace`. What they run is
/// built by [`TESTS`].
const WITH_SERVERS: [&str; 8] =
    ["test", "--workspace", "--features", FEATURES, "--test", "rocketmq", "--test", "e2e"];

/// Builds what the kill -9 loop runs. There are no examples: naming them gives the dependencies the
/// features of the tests.
const WITH_FAULT_POINTS: [&str; 12] = [
    "build",
    "--quiet",
    "--workspace",
    "--features",
    FEATURES,
    "--features",
    "seckilld/fault-points",
    "--bin",
    "seckilld",
    "--bin",
    "crash",
    "--examples",
];

/// Rounds of the kill -9 loop that every run of the tests ends with, and their first seed.
const CRASH_ROUNDS: [&str; 4] = ["--rounds", "8", "--seed", "1"];

/// What `cargo xtask e2e` takes.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    loops: Option<Loop>,
    /// Also RocketMQ 5.1.4 and (with the 4.x build) 4.9.7, the build without rocketmq, the release
    /// packages, long loops.
    #[arg(long)]
    full: bool,
    /// Only tests whose name holds this.
    filter: Option<String>,
}

/// What isn't a test among others.
#[derive(clap::Subcommand)]
enum Loop {
    /// The kill -9 loop (see `crash --help`): a sale in which the daemon dies again and again, at
    /// random and at its fault points.
    #[command(disable_help_flag = true)]
    Crash {
        /// Options of the e2e crate's program.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, num_args = 0..)]
        options: Vec<OsString>,
    },
    /// Half of the load that the daemon can take, with a restart each minute.
    Soak {
        /// How long.
        #[arg(long, default_value_t = 30)]
        minutes: u64,
    },
    /// The .deb in a clean Debian: installed, run, upgraded, removed, purged.
    Packages {
        /// What is shipped, instead of the tests' own build.
        #[arg(long)]
        release: bool,
    },
}

/// Runs the tests; the runner's own closing lines are the result.
pub(crate) fn run(args: &Args) -> Result<()> {
    match &args.loops {
        Some(Loop::Crash { options }) => return crash(options),
        Some(Loop::Soak { minutes }) => return soak(*minutes),
        Some(Loop::Packages { release: true }) => return packages(Build::Release),
        Some(Loop::Packages { release: false }) => return packages(Build::Debug),
        None => {}
    }
    servers_can_run()?;
    step("build", || run_command(cargo(TESTS).arg("--no-run")))?;
    // Its tests of 4.x run on each 5.x version: they are about what the stock build makes of it.
    step("jars of RocketMQ 4.9.7", || resolve_jars("4.9.7"))?;
    let versions: &[&str] = if args.full { &["5.4.0", "5.1.4"] } else { &["5.4.0"] };
    for version in versions {
        step(&format!("jars of RocketMQ {version}"), || resolve_jars(version))?;
        step(&format!("e2e on {version}"), || tests(args, version))?;
    }
    if args.filter.is_none() {
        let rounds = CRASH_ROUNDS.map(OsString::from);
        step("kill -9 loop", || crash(&rounds))?;
        packages(if args.full { Build::Release } else { Build::Debug })?;
    }
    if args.full {
        for queue in ["rocketmq", "split"] {
            let rounds = ["--queue", queue, "--rounds", "10", "--seed", "1"].map(OsString::from);
            step(&format!("kill -9 loop, {queue}"), || crash(&rounds))?;
        }
        step("e2e on 4.9.7, 4.x build", || on_4x(args))?;
        step("tests without rocketmq", || {
            run_command(&mut cargo(["test", "-p", "seckilld", "--no-default-features"]))
        })?;
    }
    Ok(())
}

/// Packages in a Debian of their own, booted: they need no broker, and nothing else needs them.
fn packages(build: Build) -> Result<()> {
    wanted("debootstrap", "--version", "debootstrap")?;
    wanted("systemd-nspawn", "--version", "systemd-container")?;
    let folder = trial::prepare(build)?;
    let mut command = cargo(WITH_SERVERS);
    command.env(PACKAGES, folder).args(["--", "packages::"]);
    step("packages", || run_command(&mut command))
}

/// The daemon with fault points is the same program by name, so it is put aside where no test takes
/// it for the usual one. The next test of the usual one builds that again.
fn crash(options: &[OsString]) -> Result<()> {
    let target = target_dir()?;
    let aside = target.join("fault-points");
    std::fs::create_dir_all(&aside)?;
    step("build with fault points", || {
        run_command(&mut cargo(WITH_FAULT_POINTS))?;
        // A copy: cargo's own is overwritten by the next build, perhaps while this one runs. Moved
        // into place, as one that runs can't be written over either.
        for program in ["seckilld", "crash"] {
            let fresh = aside.join(format!("{program}.new"));
            std::fs::copy(target.join("debug").join(program), &fresh)?;
            std::fs::rename(&fresh, aside.join(program))?;
        }
        run_command(cargo(TESTS).args(["--no-run", "--quiet"]))
    })?;
    let mut command = Command::new(aside.join("crash"));
    run_command(command.current_dir(root()).env("SECKILLD", aside.join("seckilld")).args(options))
}

fn soak(minutes: u64) -> Result<()> {
    run_command(cargo(TESTS).args(["--no-run", "--quiet"]))?;
    let mut command = cargo(WITH_SERVERS);
    command.env(SOAK_MINUTES, minutes.to_string());
    run_command(command.args(["--", "soak::", "--nocapture"]))
}

fn servers_can_run() -> Result<()> {
    for (program, flag, package) in [
        ("java", "-version", "openjdk-17-jdk-headless"),
        ("mvn", "-version", "maven"),
        ("tmux", "-V", "tmux"),
        ("curl", "--version", "curl"),
        ("strace", "-V", "strace"),
    ] {
        wanted(program, flag, package)?;
    }
    for program in ["prometheus", "promtool"] {
        let unpacked = target_dir()?.join("tools/prometheus/usr/bin").join(program);
        if !runs(program, "--version") && !runs(unpacked, "--version") {
            bail!("{program} can't be run: `.ci/run tools` unpacks Debian's package prometheus");
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

/// Runs the tests. Those that wait for brokers and all others go on side by side, and each of the
/// two runs one test at a time, because brokers are heavy.
fn tests(args: &Args, version: &str) -> Result<()> {
    if args.filter.is_some() {
        return run_command(with_terms(&mut cargo(WITH_SERVERS), args, version));
    }
    let (mut with_brokers, mut others) = (cargo(WITH_SERVERS), cargo(WITH_SERVERS));
    with_terms(&mut with_brokers, args, version).args(WITH_BROKERS);
    let others = with_terms(&mut others, args, version);
    for name in WITH_BROKERS {
        others.args(["--skip", name]);
    }
    side_by_side(&mut with_brokers, others)
}

fn with_terms<'a>(command: &'a mut Command, args: &Args, versions: &str) -> &'a mut Command {
    command.env(VERSIONS, versions);
    if args.full {
        command.env(LONG, "1");
    }
    command.arg("--").args(&args.filter).args(WITHOUT_PACKAGES);
    command.arg("--test-threads=1")
}

/// The 4.x build is another program, so it is built into a folder of its own.
fn on_4x(args: &Args) -> Result<()> {
    rocketmq::patched_like_the_tests()?;
    let program = target_dir()?.join("4x/debug/seckilld");
    // Only the tests of the program: those of the queue link the client that was not patched.
    let mut command = cargo(["test", "-p", "seckill-e2e", "--features", "seckill-e2e/servers"]);
    command.args(["--test", "e2e"]).env("SECKILLD", program);
    run_command(with_terms(&mut command, args, "4.9.7"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::TESTS;
    use crate::step::root;

    #[test]
    fn every_program_of_tests_in_the_workspace_is_named() {
        let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
        let members = manifest.split("members = [").nth(1).unwrap().split(']').next().unwrap();
        let mut found = BTreeSet::new();
        for member in members.split('"').skip(1).step_by(2) {
            let Ok(tests) = fs::read_dir(root().join(member).join("tests")) else { continue };
            for path in tests.map(|entry| entry.unwrap().path()) {
                if path.extension() == Some("rs".as_ref()) || path.join("main.rs").exists() {
                    found.insert(path.file_stem().unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        let named = TESTS.windows(2).filter(|pair| pair[0] == "--test").map(|pair| pair[1]);
        assert_eq!(found, named.map(str::to_owned).collect());
    }
}
