//! The program itself. That this test exists also has `cargo test` build the program, which the
//! end-to-end tests of another package start.

use std::process::Command;

#[test]
fn tells_its_version() -> std::io::Result<()> {
    let told = Command::new(env!("CARGO_BIN_EXE_seckilld")).arg("--version").output()?;
    let version = String::from_utf8_lossy(&told.stdout);
    assert_eq!(version.trim(), concat!("seckilld ", env!("CARGO_PKG_VERSION")));
    Ok(())
}
