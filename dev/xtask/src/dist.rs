//! `cargo xtask dist`: a tarball and a .deb of one layout, with the client that reads RocketMQ 4.x
//! as well. Nothing of the machine that builds stands in them.

mod commit;
mod layout;
mod settings;
pub(crate) mod trial;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::step::{output, run as run_command, step, target_dir, wanted};
use crate::{e2e, rocketmq, step as steps};
use commit::Commit;

const CARGO_DEB: &str = "3.8.0";

/// The Debian revision of a version's first package.
const REVISION: &str = "1";

/// Which build goes into a package.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    /// What is shipped.
    Release,
    /// The tests' own build, quickly made: for tests of the packaging.
    Debug,
}

/// What was built.
struct Built {
    /// The folder of both programs.
    programs: PathBuf,
    /// The program that writes their manual.
    manual: PathBuf,
}

/// Builds what is shipped into `target/dist`.
pub(crate) fn run() -> Result<()> {
    tools_can_run()?;
    let commit = Commit::of_head()?;
    let folder = target_dir()?.join("dist");
    let built = build(Build::Release, &commit)?;
    prints_commit(&built.programs, &commit)?;
    emptied(&folder)?;
    let stage = folder.join("stage");
    step("layout", || layout::lay_out(&stage.join("release"), &built, ""))?;
    let name = format!("seckill-{}-{}", env!("CARGO_PKG_VERSION"), host()?);
    let tarball = folder.join(format!("{name}.tar.xz"));
    step("tarball", || layout::pack(&stage.join("release"), &name, &commit.epoch, &tarball))?;
    let version = format!("{}-{REVISION}", env!("CARGO_PKG_VERSION"));
    let package = format!("seckill_{version}_{}", architecture()?);
    step("deb", || {
        deb(&stage, &version, Build::Release, &commit, &folder.join(format!("{package}.deb")))
    })?;
    fs::remove_dir_all(&stage)?;
    step("sums", || sums(&folder))
}

/// Builds both programs and their manual; those of a release with the patched client.
fn build(build: Build, commit: &Commit) -> Result<Built> {
    let target = target_dir()?;
    let own = target.join("4x");
    match build {
        Build::Release => {
            let args = ["build", "--release", "-p", "seckilld", "-p", "seckillctl"];
            let mut cargo = rocketmq::patched(&own)?;
            cargo.args(args).env("BUILD_COMMIT", commit.text());
            // Stripped where it is laid out: this one keeps its symbols, for addr2line.
            cargo.env("CARGO_PROFILE_RELEASE_STRIP", "false");
            // So that it runs wherever glibc does, and is the same wherever it is built.
            cargo.env("LIBZ_SYS_STATIC", "1");
            cargo.env("RUSTFLAGS", remapped("--remap-path-prefix")?);
            cargo.env("CFLAGS", remapped("-ffile-prefix-map")?);
            step("release build", || rocketmq::run_patched(&mut cargo))?;
            step("manual", || run_command(&mut steps::cargo(["build", "-p", "seckill-manual"])))?;
            Ok(Built { programs: own.join("release"), manual: target.join("debug/manual") })
        }
        // Without the patch, which packaging doesn't depend on: these programs are built already.
        Build::Debug => {
            step("build", || run_command(steps::cargo(e2e::TESTS).arg("--no-run")))?;
            let programs = target.join("debug");
            Ok(Built { manual: programs.join("manual"), programs })
        }
    }
}

/// Flags that put a name for each folder of this machine into the program.
fn remapped(flag: &str) -> Result<OsString> {
    let (registry, target) = (rocketmq::registry()?, target_dir()?);
    let copies = rocketmq::copies()?;
    let mut flags = OsString::new();
    // The last that fits counts, so the outer ones come first.
    for (path, name) in [
        (steps::root(), "seckill"),
        (target.as_path(), "target"),
        (copies.as_path(), "patched"),
        (registry.as_path(), "registry"),
    ] {
        let path = path.to_str().context("a path that is no text")?;
        ensure!(!path.contains(char::is_whitespace), "flags can't name `{path}`: it has blanks");
        flags.push(format!("{flag}={path}=/{name} "));
    }
    Ok(flags)
}

/// The shipped program must print the commit that it was built from.
fn prints_commit(programs: &Path, commit: &Commit) -> Result<()> {
    for name in ["seckilld", "seckillctl"] {
        let told = output(Command::new(programs.join(name)).arg("--version"))?;
        let told = String::from_utf8_lossy(&told.stdout).trim().to_owned();
        let expected = format!("{name} {} ({})", env!("CARGO_PKG_VERSION"), commit.text());
        ensure!(told == expected, "`{name} --version` tells `{told}` instead of `{expected}`");
        println!("{told}");
    }
    Ok(())
}

/// Debian's word for the processor.
fn architecture() -> Result<String> {
    let told = output(Command::new("dpkg").arg("--print-architecture"))?;
    Ok(String::from_utf8(told.stdout)?.trim().to_owned())
}

/// Makes a .deb of what is laid out in the stage's folder `release`.
fn deb(stage: &Path, version: &str, build: Build, commit: &Commit, to: &Path) -> Result<()> {
    // cargo-deb takes the pages for programs that were built, and leaves them as they are.
    let manual = stage.join("release/share/man");
    run_command(Command::new("gzip").args(["-9", "--no-name", "--recursive"]).arg(manual))?;
    let mut command = Command::new(cargo_deb()?);
    command.current_dir(steps::root()).env("CARGO_TARGET_DIR", stage);
    command.env("SOURCE_DATE_EPOCH", &commit.epoch);
    command.args(["--package", "seckilld", "--no-build", "--no-strip", "--deb-version", version]);
    command.args(match build {
        Build::Release => ["--compress-type", "xz", "--compress-system"].as_slice(),
        Build::Debug => &["--compress-type", "gz", "--compress-system", "--fast"],
    });
    run_command(command.args(["--quiet", "--output"]).arg(to))
}

fn sums(folder: &Path) -> Result<()> {
    let mut names: Vec<_> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    names.sort();
    let told = output(Command::new("sha256sum").current_dir(folder).args(&names))?;
    fs::write(folder.join("SHA256SUMS"), &told.stdout)?;
    for name in names {
        let bytes = fs::metadata(folder.join(&name))?.len();
        println!("{} ({bytes} bytes)", folder.join(name).display());
    }
    Ok(())
}

fn emptied(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())
}

/// The platform that is built on and for.
fn host() -> Result<String> {
    let told = output(Command::new("rustc").current_dir(steps::root()).arg("-vV"))?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let line = told.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(line.context("rustc -vV tells no host")?.to_owned())
}

fn tools_can_run() -> Result<()> {
    cargo_deb()?;
    for (program, package) in [
        ("dpkg-shlibdeps", "dpkg-dev"),
        ("dpkg-deb", "dpkg"),
        ("xz", "xz-utils"),
        ("strip", "binutils"),
    ] {
        wanted(program, "--version", package)?;
    }
    Ok(())
}

/// The pinned cargo-deb: another version may lay out otherwise.
fn cargo_deb() -> Result<PathBuf> {
    let ours = target_dir()?.join("tools/bin/cargo-deb");
    let is_pinned = |program: &Path| {
        let version = Command::new(program).arg("--version").output();
        version.is_ok_and(|told| {
            let told = String::from_utf8_lossy(&told.stdout).trim().to_owned();
            told == format!("cargo-deb {CARGO_DEB}")
        })
    };
    [PathBuf::from("cargo-deb"), ours].into_iter().find(|program| is_pinned(program)).with_context(
        || {
            format!(
                "cargo-deb {CARGO_DEB} is neither on PATH nor in target/tools/bin; get it with \
                 `.ci/run tools`, or with `cargo install cargo-deb --version {CARGO_DEB} --locked \
                 --debug --root target/tools`"
            )
        },
    )
}
