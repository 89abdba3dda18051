//! Databases on a disk that the test mounts, which takes root.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use anyhow::Result;
use seckill_e2e::disk::SmallDisk;
use tempfile::TempDir;

use super::{Report, well};

/// A user's and a group's number: nobody's.
const STRANGER: u32 = 65534;

/// The database is another user's, as the service's is to an operator who runs doctor under the own
/// account. Permissions bind root as well once that right is taken from it.
#[tokio::test]
async fn a_database_that_is_closed_to_this_user() -> Result<()> {
    let disk = SmallDisk::mount(1)?;
    std::os::unix::fs::chown(disk.path(), Some(STRANGER), Some(STRANGER))?;
    fs::set_permissions(disk.path(), fs::Permissions::from_mode(0o700))?;
    let path = disk.path().join("sale.db");
    let folder = TempDir::new()?;
    let options = well().set("store.path", path.to_string_lossy());
    let doctor = options.command(folder.path(), "doctor")?;
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set", "-dac_override,-dac_read_search"]);
    command.arg(doctor.get_program()).args(doctor.get_args()).env_clear();
    let report = Report::by(folder.path(), command).await?;
    assert_eq!(report.code, Some(2), "{report:#?}");
    let told = disk.path().to_string_lossy();
    report.assert("database", "fail", &[&told, "may not enter", "sudo -u", "seckilld doctor"]);
    // Nothing is printed that couldn't be known.
    for check in ["running daemon", "gateway port", "order port", "integrity"] {
        assert!(report.lines(check).is_empty(), "{report:#?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_disk_with_little_room() -> Result<()> {
    for (mib, state, code) in [(50, "fail", 2), (500, "warn", 1)] {
        let disk = SmallDisk::mount(mib)?;
        let path = disk.path().join("sale.db");
        let options = well().set("store.path", path.to_string_lossy());
        let report = Report::of(disk.path(), &options).await?;
        assert_eq!(report.code, Some(code), "{report:#?}");
        report.assert("free disk", state, &["bytes", "less than"]);
    }
    Ok(())
}
