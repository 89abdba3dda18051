//! `cargo xtask rocketmq`: a real broker for people (`up`, `down`, `jars`: the e2e crate's own
//! program), and the build that speaks to 4.x name servers (`patch-4x`).

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::files::copy_folder;
use crate::{e2e, step};

/// The crate that is patched, in the version whose text the patch knows.
const CRATE: &str = "rocketmq-protocol";
const VERSION: &str = "1.0.0";

/// What a 4.x name server or broker leaves out of its JSON, made optional: a file, a text that
/// stands in it exactly once, and what takes its place. Nothing else is changed.
const PATCH: [(&str, &str, &str); 3] = [
    (
        "src/protocol/route/route_data_view.rs",
        "    #[serde(rename = \"enableActingMaster\")]\n    enable_acting_master: bool,",
        "    #[serde(rename = \"enableActingMaster\", default)]\n    enable_acting_master: bool,",
    ),
    (
        "src/protocol/admin/topic_stats_table.rs",
        "pub struct TopicStatsTable {\n    topic_put_tps: f64,",
        "pub struct TopicStatsTable {\n    #[serde(default)]\n    topic_put_tps: f64,",
    ),
    (
        "src/protocol/admin/offset_wrapper.rs",
        "#[serde(rename_all = \"camelCase\")]\npub struct OffsetWrapper {",
        "#[serde(rename_all = \"camelCase\", default)]\npub struct OffsetWrapper {",
    ),
];

/// What `cargo xtask rocketmq` takes.
#[derive(clap::Subcommand)]
pub(crate) enum Chore {
    /// Starts a real RocketMQ on loopback (see `up --help`; needs JDK 17 and Maven).
    #[command(disable_help_flag = true)]
    Up(Passed),
    /// Ends it.
    #[command(disable_help_flag = true)]
    Down(Passed),
    /// Only fetches a version's jars.
    #[command(disable_help_flag = true)]
    Jars(Passed),
    /// Runs cargo with a client that understands 4.x name servers, in `target/4x`.
    #[command(name = "patch-4x")]
    Patch4x {
        /// What cargo is to do; `build -p seckilld` by default.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        cargo: Vec<OsString>,
    },
}

/// Options that the e2e crate's program judges.
#[derive(clap::Args)]
pub(crate) struct Passed {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, num_args = 0..)]
    options: Vec<OsString>,
}

/// Does it.
pub(crate) fn run(chore: Chore) -> Result<()> {
    match chore {
        Chore::Up(passed) => broker("up", passed.options),
        Chore::Down(passed) => broker("down", passed.options),
        Chore::Jars(passed) => broker("jars", passed.options),
        Chore::Patch4x { cargo } => patch_4x(cargo),
    }
}

fn broker(verb: &str, options: Vec<OsString>) -> Result<()> {
    let broker = ["run", "--quiet", "--package", "seckill-e2e", "--bin", "broker", "--", verb];
    step::run(step::cargo(broker).args(options))
}

/// Runs cargo with the patched client. Where nothing is asked for, it builds the daemon.
fn patch_4x(mut args: Vec<OsString>) -> Result<()> {
    if args.is_empty() {
        args = ["build", "-p", "seckilld"].map(OsString::from).to_vec();
    }
    let target = step::target_dir()?;
    let mut cargo = patched(&target.join("4x"))?;
    // What the patch doesn't touch is built already, or will be wanted by the next plain build.
    cargo.env("CARGO_BUILD_BUILD_DIR", target);
    run_patched(cargo.args(args))
}

/// Builds both programs in `target/4x/debug`, with the features of the tests, so that little is
/// built but what the patch touches.
///
/// # Errors
/// As [`run_patched`].
pub(crate) fn patched_like_the_tests() -> Result<()> {
    let args = e2e::TESTS.iter().chain(&["--no-run"]).map(OsString::from);
    patch_4x(args.collect())
}

/// Cargo with a patched copy of the client, building into this folder: for [`run_patched`].
///
/// # Errors
/// The client's source isn't what the patch knows.
pub(crate) fn patched(target: &Path) -> Result<Command> {
    let copy = copies()?.join(format!("{CRATE}-{VERSION}"));
    // A fresh one would have cargo build everything above it once more.
    let marker = copy.join(".patched");
    let patch = format!("{PATCH:?}");
    if fs::read_to_string(&marker).ok().as_ref() != Some(&patch) {
        patched_copy(&source()?, &copy)?;
        fs::write(marker, patch)?;
    }
    let patch = format!("patch.crates-io.{CRATE}.path={:?}", copy.display().to_string());
    let mut cargo = step::cargo(["--config", &patch]);
    cargo.env("CARGO_TARGET_DIR", target);
    Ok(cargo)
}

/// Where patched copies lie.
///
/// # Errors
/// As [`step::target_dir`].
pub(crate) fn copies() -> Result<PathBuf> {
    Ok(step::target_dir()?.join("patch-4x"))
}

/// Runs it and sees that the copy was taken.
///
/// # Errors
/// Cargo fails, or built something else than the lock file says with the patch.
pub(crate) fn run_patched(cargo: &mut Command) -> Result<()> {
    // The lock file names the registry's crate, and cargo rewrites it under a patch: it is put back
    // as it was, so that the next plain build is the usual one.
    let lock = step::root().join("Cargo.lock");
    let before = fs::read_to_string(&lock).context("Cargo.lock")?;
    let result = step::run(cargo);
    let meanwhile = fs::read_to_string(&lock).context("Cargo.lock")?;
    fs::write(&lock, &before).context("Cargo.lock")?;
    result?;
    ensure!(
        without_source(&before).as_ref() == Some(&meanwhile),
        "cargo did not build with the patched {CRATE} {VERSION} and else with what Cargo.lock says"
    );
    Ok(())
}

/// The lock file as it is with the patched crate: a copy in a folder has no source to check.
fn without_source(lock: &str) -> Option<String> {
    let entry = format!("name = \"{CRATE}\"\nversion = \"{VERSION}\"\n");
    let (before, after) = lock.split_once(&entry)?;
    let (source, rest) = after.split_once("checksum = ")?;
    let (_, rest) = rest.split_once('\n')?;
    source.starts_with("source = ").then(|| format!("{before}{entry}{rest}"))
}

/// The folder of the registry's unpacked sources.
///
/// # Errors
/// Cargo knows no such crate.
pub(crate) fn registry() -> Result<PathBuf> {
    Ok(source()?.parent().context("a crate without a folder")?.to_owned())
}

/// The unpacked source that cargo itself builds from.
fn source() -> Result<PathBuf> {
    let told = step::output(&mut step::cargo(["metadata", "--format-version", "1"]))?;
    let told = String::from_utf8(told.stdout)?;
    // Looked for by its ending instead of by a JSON parser, which nothing else here needs.
    let ending = format!("{CRATE}-{VERSION}/Cargo.toml\"");
    let end = told.find(&ending).with_context(|| format!("cargo knows no {CRATE} {VERSION}"))?;
    let start = told[..end].rfind('"').context("cargo metadata: no path")? + 1;
    Ok(PathBuf::from(&told[start..end]).join(format!("{CRATE}-{VERSION}")))
}

/// A fresh copy with each text of [`PATCH`] replaced.
fn patched_copy(source: &Path, copy: &Path) -> Result<()> {
    if copy.exists() {
        fs::remove_dir_all(copy)?;
    }
    copy_folder(source, copy, None)?;
    for (file, from, to) in PATCH {
        let path = copy.join(file);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let times = text.matches(from).count();
        ensure!(
            times == 1,
            "{CRATE} {VERSION}: {file} holds the text to patch {times} times instead of once; \
             dev/xtask/src/rocketmq.rs must be fitted to it:\n{from}"
        );
        fs::write(&path, text.replace(from, to))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{PATCH, patched_copy, source, without_source};

    #[test]
    fn the_patched_lock_file_differs_by_one_source() {
        let lock = std::fs::read_to_string(crate::step::root().join("Cargo.lock")).unwrap();
        let patched = without_source(&lock).unwrap();
        assert_eq!(lock.lines().count(), patched.lines().count() + 2);
        assert_eq!(without_source(&patched), None, "and is recognised");
    }

    #[test]
    fn the_patch_fits_the_crate_and_fails_loudly_where_it_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy");
        patched_copy(&source().unwrap(), &copy).unwrap();
        for (file, from, to) in PATCH {
            let text = std::fs::read_to_string(copy.join(file)).unwrap();
            assert!(text.contains(to) && !text.contains(from), "{file}");
        }
        // Applied to what is patched already, nothing is found.
        let again = patched_copy(&copy, &folder.path().join("again"));
        assert!(again.unwrap_err().to_string().contains("0 times"));
    }
}
