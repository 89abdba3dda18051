//! `cargo xtask check`: what must hold of every commit and needs no server. Cheap steps come first.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::step::{FEATURES, cargo, output, root, run as run_command, step, target_dir};
use crate::{tidy, units};

const CARGO_DENY: &str = "0.20.2";
/// The profiles compiled into the daemon.
const PROFILES: [&str; 3] = ["embedded", "offline", "aliyun"];

/// Runs every step; stops at the first failure.
pub(crate) fn run() -> Result<()> {
    step("fmt", || run_command(&mut cargo(["fmt", "--all", "--", "--check"])))?;
    step("tidy", tidy)?;
    step("deny", deny)?;
    step("units", units::check)?;
    step("clippy", || {
        let args = ["clippy", "--workspace", "--all-targets", "--features", FEATURES];
        run_command(cargo(args).args(["--", "-D", "warnings"]))
    })?;
    step("clippy without rocketmq", || {
        let args = ["clippy", "-p", "seckilld", "--no-default-features", "--all-targets"];
        run_command(cargo(args).args(["--", "-D", "warnings"]))
    })?;
    step("clippy with fault points", || {
        // One test is named so that the dependencies have the features of the run above.
        let args = ["clippy", "--workspace", "--lib", "--test", "binary", "--features", FEATURES];
        let points = ["--features", "seckilld/fault-points", "--", "-D", "warnings"];
        run_command(cargo(args).args(points))
    })?;
    step("doc", || {
        let args = ["doc", "--workspace", "--no-deps", "--document-private-items"];
        run_command(cargo(args).env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    step("profiles", profiles)
}

/// Nothing but the tidiness.
///
/// # Errors
/// What is untidy.
pub(crate) fn tidy() -> Result<()> {
    let mut faults = tidy::faults(root())?;
    faults.extend(tidy::arrows(root())?);
    if faults.is_empty() {
        return Ok(());
    }
    bail!("{} to put right:\n{}", faults.len(), faults.join("\n"))
}

fn deny() -> Result<()> {
    let mut command = Command::new(cargo_deny()?);
    run_command(command.current_dir(root()).args(["check", "licenses", "bans", "sources"]))
}

/// The pinned cargo-deny: another version may judge otherwise.
fn cargo_deny() -> Result<PathBuf> {
    let ours = target_dir()?.join("tools/bin/cargo-deny");
    let is_pinned = |program: &Path| {
        let version = Command::new(program).arg("--version").output();
        version.is_ok_and(|told| {
            String::from_utf8_lossy(&told.stdout).trim() == format!("cargo-deny {CARGO_DENY}")
        })
    };
    [PathBuf::from("cargo-deny"), ours].into_iter().find(|program| is_pinned(program)).with_context(
        || {
            format!(
                "cargo-deny {CARGO_DENY} is neither on PATH nor in target/tools/bin; get it with \
                 `.ci/run tools` (prebuilt, seconds), or with \
                 `cargo install cargo-deny --version {CARGO_DENY} --locked --root target/tools`"
            )
        },
    )
}

/// Every shipped profile passes `check-config` as it is; aliyun once what only its owner can know
/// is filled in.
fn profiles() -> Result<()> {
    // Not `cargo run`: without the tests' dependencies other features would be chosen, and all
    // dependencies built once more.
    run_command(&mut cargo([
        "test",
        "--workspace",
        "--features",
        FEATURES,
        "--no-run",
        "--quiet",
    ]))?;
    let target = target_dir()?;
    let folder = target.join("check");
    std::fs::create_dir_all(&folder).context("the folder for throw-away credentials")?;
    for profile in PROFILES {
        let mut command = Command::new(target.join("debug/seckilld"));
        command.current_dir(&folder).args(["check-config", "--env-type", profile]);
        if profile == "aliyun" {
            fill_in_aliyun(&mut command, &folder)?;
        }
        output(&mut command).with_context(|| format!("profile {profile}"))?;
    }
    Ok(())
}

fn fill_in_aliyun(command: &mut Command, folder: &Path) -> Result<()> {
    command.args(["--set", r#"rocketmq.name_servers=["127.0.0.1:9876"]"#]);
    command.args(["--set", "rocketmq.namespace=MQ_INST_0000000000000000_check"]);
    for (key, name) in [("access_key_file", "access-key"), ("secret_key_file", "secret-key")] {
        let file = folder.join(name);
        std::fs::write(&file, "made-up-for-check-only\n").context("a throw-away credential")?;
        command.arg("--set").arg(format!("rocketmq.{key}={}", file.display()));
    }
    Ok(())
}
