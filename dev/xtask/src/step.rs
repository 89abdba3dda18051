//! Running one step of a chore: its line with the seconds, and the command to rerun when it fails.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail, ensure};

/// The features of every build of the whole workspace: with the same ones everywhere, nothing is
/// built twice.
pub(crate) const FEATURES: &str = "seckill-e2e/servers,seckilld/rocketmq-tests";

/// The tests beside a library's code. The whole workspace is named, so that cargo chooses the same
/// features for each dependency as in every other build.
pub(crate) const UNIT_TESTS: [&str; 5] = ["test", "--workspace", "--features", FEATURES, "--lib"];

/// Does one step and prints its line.
///
/// # Errors
/// The step's own, under its name.
pub(crate) fn step(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let start = Instant::now();
    println!("{name} …");
    work().with_context(|| format!("{name} failed"))?;
    println!("{name}: ok, {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// Runs a command to its end, its output going straight through.
///
/// # Errors
/// It can't be started, or it fails; the message is the command line to rerun.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = command_line(command);
    let status = command.status().with_context(|| format!("can't start: {line}"))?;
    if !status.success() {
        bail!("{status}; to rerun it: {line}");
    }
    Ok(())
}

/// Runs two commands at the same time, to the end of both. What the second writes is printed when
/// the first has ended.
///
/// # Errors
/// As [`run`] and [`output`], the first command's first.
pub(crate) fn side_by_side(first: &mut Command, second: &mut Command) -> Result<()> {
    std::thread::scope(|scope| {
        let second = scope.spawn(|| output(second));
        let first = run(first);
        let second = second.join().map_err(|_| anyhow!("the thread of the second command"))?;
        if let Ok(output) = &second {
            print!("{}", String::from_utf8_lossy(&output.stdout));
        }
        match (first, second) {
            (Ok(()), second) => second.map(drop),
            (Err(first), Ok(_)) => Err(first),
            (Err(first), Err(second)) => Err(first.context(format!("{second:#}"))),
        }
    })
}

/// Runs a command and returns what it wrote.
///
/// # Errors
/// It can't be started, or it fails; the message ends with what it wrote, the standard output last:
/// a test runner says there which tests failed, and why.
pub(crate) fn output(command: &mut Command) -> Result<Output> {
    let line = command_line(command);
    let output = command.output().with_context(|| format!("can't start: {line}"))?;
    if !output.status.success() {
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("{}; to rerun it: {line}\n{stderr}{stdout}", output.status);
    }
    Ok(output)
}

/// Whether a program is there and prints its version by this flag.
pub(crate) fn runs(program: impl AsRef<OsStr>, flag: &str) -> bool {
    Command::new(program).arg(flag).output().is_ok_and(|told| told.status.success())
}

/// A program that a chore wants.
///
/// # Errors
/// It isn't there; the message is how to get it.
pub(crate) fn wanted(program: &str, flag: &str, package: &str) -> Result<()> {
    ensure!(runs(program, flag), "{program} can't be run; on Debian: apt-get install -y {package}");
    Ok(())
}

/// `cargo` of the toolchain that runs this, at the workspace's root.
pub(crate) fn cargo<const N: usize>(args: [&str; N]) -> Command {
    #[expect(clippy::disallowed_methods, reason = "cargo names itself to what it runs")]
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root()).args(args);
    for name in own_description() {
        command.env_remove(name);
    }
    command
}

/// The variables in which cargo describes this very program to it. Some build scripts look at those
/// (ring's does): with them, whatever a cargo without them has built would be built once more.
#[expect(clippy::disallowed_methods, reason = "cargo speaks to what it runs by the environment")]
fn own_description() -> impl Iterator<Item = OsString> {
    std::env::vars_os().map(|(name, _)| name).filter(|name| {
        let name = name.as_encoded_bytes();
        name.starts_with(b"CARGO_PKG_") || name.starts_with(b"CARGO_MANIFEST_")
    })
}

/// The workspace's root.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}

/// Where cargo builds: two folders above this very program, by whatever option cargo was given the
/// folder.
///
/// # Errors
/// The program's own path can't be known.
pub(crate) fn target_dir() -> Result<PathBuf> {
    let this = std::env::current_exe().context("where is this program?")?;
    let target = this.ancestors().nth(2).context("this program is not in a target folder")?;
    Ok(target.to_owned())
}

fn command_line(command: &Command) -> String {
    let variables = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={}", name.display(), quoted(value?))));
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args()).map(quoted);
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./=:,@".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.into_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{cargo, command_line, output, own_description, run, side_by_side};

    #[test]
    fn the_command_line_can_be_pasted_into_a_shell() {
        let mut command = Command::new("/somewhere/cargo");
        command.env("RUSTDOCFLAGS", "-D warnings").args(["doc", "it's"]);
        assert_eq!(command_line(&command), r"RUSTDOCFLAGS='-D warnings' cargo doc 'it'\''s'");
    }

    #[test]
    fn cargo_is_not_told_who_starts_it() {
        let command = cargo(["--version"]);
        let kept = own_description().filter(|name| {
            !command.get_envs().any(|(removed, value)| removed == name && value.is_none())
        });
        assert_eq!(kept.count(), 0);
    }

    #[test]
    fn two_commands_fail_together_where_either_fails() {
        let both =
            |first, second| side_by_side(&mut Command::new(first), &mut Command::new(second));
        assert!(both("true", "true").is_ok());
        for (first, second) in [("true", "false"), ("false", "true"), ("false", "false")] {
            let error = format!("{:#}", both(first, second).unwrap_err());
            assert!(error.contains("to rerun it: false"), "{error}");
        }
    }

    #[test]
    fn what_fails_ends_with_what_it_said_on_its_standard_output() {
        let command = "echo failures: one_test; echo error: test failed >&2; false";
        let error = output(Command::new("sh").args(["-c", command])).unwrap_err().to_string();
        assert!(error.ends_with("\nerror: test failed\nfailures: one_test\n"), "{error}");
    }

    #[test]
    fn a_failure_tells_how_to_rerun() {
        let error = run(&mut Command::new("false")).unwrap_err();
        assert!(error.to_string().ends_with("to rerun it: false"), "{error}");
    }
}
