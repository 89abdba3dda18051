//! The build script of both programs: what `--version` tells, in the variable `BUILT_FROM`.
//! (Cargo hands that to the program as well where it starts it, so it isn't one of `SECKILL_…`,
//! which are settings.)
//!
//! A release build asks git for its commit; a debug build doesn't, since every commit would then
//! have the whole daemon compiled once more. `BUILD_COMMIT` says it where there is no git, or
//! where somebody knows better (`cargo xtask dist` does).
#![expect(clippy::print_stdout, reason = "cargo listens to a build script's standard output")]

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=../build/commit.rs");
    println!("cargo::rerun-if-env-changed=BUILD_COMMIT");
    let commit = match variable("BUILD_COMMIT") {
        Some(commit) => commit,
        None if variable("PROFILE").as_deref() != Some("release") => "debug build".to_owned(),
        None => by_git().unwrap_or_else(|| "unknown commit".to_owned()),
    };
    let version = variable("CARGO_PKG_VERSION").unwrap_or_default();
    println!("cargo::rustc-env=BUILT_FROM={version} ({commit})");
}

#[expect(clippy::disallowed_methods, reason = "cargo speaks to build scripts by the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Commit and day, where this is a checkout; unpacked within somebody else's, it is none.
fn by_git() -> Option<String> {
    git(&["ls-files", "--error-unmatch", "../build/commit.rs"])?;
    // The reflog grows with every commit and checkout; the others are for clones without one. A
    // file that isn't there would have cargo run this each time.
    let branch = git(&["rev-parse", "--symbolic-full-name", "HEAD"])?;
    for name in ["logs/HEAD", "HEAD", "packed-refs", &branch] {
        let path = git(&["rev-parse", "--git-path", name])?;
        if Path::new(&path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    git(&["log", "-1", "--abbrev=9", "--format=%h %cs"])
}

fn git(args: &[&str]) -> Option<String> {
    let told = Command::new("git").args(args).output().ok()?;
    let text = String::from_utf8(told.stdout).ok()?;
    told.status.success().then(|| text.trim().to_owned())
}
