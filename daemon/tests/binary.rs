//! The program itself. That this test exists also has `cargo test` build the program, which the
//! end-to-end tests of another package start.

use std::process::Command;

/// What stands between the brackets is a commit and its day, but for a debug build.
#[test]
fn tells_its_version_and_what_it_was_built_from() -> std::io::Result<()> {
    let told = Command::new(env!("CARGO_BIN_EXE_seckilld")).arg("--version").output()?;
    let told = String::from_utf8_lossy(&told.stdout);
    let version = concat!("seckilld ", env!("CARGO_PKG_VERSION"), " (");
    let from = told.trim().strip_prefix(version).and_then(|rest| rest.strip_suffix(')'));
    let from = from.unwrap_or_else(|| panic!("{told}"));
    let is_commit = || {
        let (commit, day) = from.split_once(' ').unwrap_or_default();
        let is_date =
            day.len() == 10 && day.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        9 <= commit.len() && is_date
    };
    assert!(from == "debug build" || is_commit(), "{told}");
    Ok(())
}

/// `cargo run` gives the program the variables of its build script, too: none of them may pass for
/// a setting.
#[test]
fn started_by_cargo_it_takes_no_variable_of_the_build_for_a_setting() -> std::io::Result<()> {
    let mut program = Command::new(env!("CARGO_BIN_EXE_seckilld"));
    let told = program.args(["check-config", "--env-type", "embedded"]).output()?;
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    Ok(())
}
