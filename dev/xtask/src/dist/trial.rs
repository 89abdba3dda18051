//! What the tests of the packages need: two packages, the second of a later version, and a clean
//! Debian to try them in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::commit::Commit;
use super::{Build, build, deb, emptied, layout, tools_can_run};
use crate::step::{output, run as run_command, step, target_dir};

/// Ends the settings of the second package: they aren't those of the first.
const LATER: &str = "\n# Of the later version.\n";

/// What to try, in a folder: `old.deb`, `new.deb` and the folder `debian`.
///
/// # Errors
/// Something can't be built, or fetched.
pub(crate) fn prepare(which: Build) -> Result<PathBuf> {
    tools_can_run()?;
    let commit = Commit::of_head()?;
    let built = build(which, &commit)?;
    let folder = target_dir()?.join("packages");
    fs::create_dir_all(&folder)?;
    for (name, version, note) in [("old", "0.0.1-1", ""), ("new", "0.0.2-1", LATER)] {
        let stage = folder.join(name);
        emptied(&stage)?;
        layout::lay_out(&stage.join("release"), &built, note)?;
        let package = folder.join(format!("{name}.deb"));
        step(&format!("{name}.deb"), || deb(&stage, version, which, &commit, &package))?;
        fs::remove_dir_all(&stage)?;
    }
    step("clean Debian", || debian(&folder.join("debian")))?;
    Ok(folder)
}

/// A Debian tree of this machine's own release, whose libraries the programs want, made from this
/// machine's archive. The tree is kept: the tests work on copies.
fn debian(tree: &Path) -> Result<()> {
    if tree.exists() {
        return Ok(());
    }
    let fresh = tree.with_extension("new");
    run_command(as_root("rm")?.arg("-rf").arg(&fresh))?;
    let (codename, mirror) = release()?;
    let mut debootstrap = as_root("debootstrap")?;
    debootstrap.args(["--variant=minbase", "--include=systemd-sysv", &codename]);
    output(debootstrap.arg(&fresh).arg(mirror))?;
    run_command(as_root("rm")?.arg("-rf").arg(fresh.join("var/cache/apt")))?;
    run_command(as_root("mv")?.arg(&fresh).arg(tree))
}

/// The codename of this machine's release, and the address of its archive.
fn release() -> Result<(String, String)> {
    let release = fs::read_to_string("/etc/os-release").context("/etc/os-release")?;
    let codename = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let codename = codename.context("/etc/os-release tells no VERSION_CODENAME")?;
    let mut targets = Command::new("apt-get");
    targets.args(["indextargets", "--format", "$(CODENAME) $(COMPONENT) $(REPO_URI)"]);
    let told = String::from_utf8(output(targets.arg("Created-By: Packages"))?.stdout)?;
    let mirror = told.lines().find_map(|line| line.strip_prefix(&format!("{codename} main ")));
    let mirror =
        mirror.with_context(|| format!("apt has no archive of {codename} main:\n{told}"))?;
    Ok((codename.to_owned(), mirror.to_owned()))
}

/// A program with the rights of root.
fn as_root(program: &str) -> Result<Command> {
    let id = output(Command::new("id").arg("-u"))?;
    if id.stdout.trim_ascii() == b"0" {
        return Ok(Command::new(program));
    }
    let sudo = Command::new("sudo").args(["-n", "true"]).output();
    ensure!(
        sudo.is_ok_and(|told| told.status.success()),
        "a clean Debian takes the rights of root: run it as root, or let sudo ask for no password"
    );
    let mut command = Command::new("sudo");
    command.args(["-n", program]);
    Ok(command)
}
