//! What a package holds and where: one tree for the tarball and the .deb, and the tarball itself.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{Built, settings};
use crate::files::{copy, copy_folder, write};
use crate::step::{output, root, run as run_command};

const ENV_TYPES: [&str; 3] = ["embedded", "offline", "aliyun"];

/// Lays the tree out in a folder that isn't there yet. `note` ends each settings file.
///
/// # Errors
/// A part is missing or can't be copied.
pub(super) fn lay_out(folder: &Path, built: &Built, note: &str) -> Result<()> {
    for name in ["seckilld", "seckillctl"] {
        let program = folder.join("bin").join(name);
        copy(&built.programs.join(name), &program)?;
        output(Command::new("strip").arg(&program))?;
    }
    for env_type in ENV_TYPES {
        let profile = fs::read_to_string(root().join(format!("profiles/{env_type}.toml")))?;
        let text = settings::of_profile(env_type, &profile)? + note;
        write(&folder.join(format!("etc/{env_type}.toml")), &text)?;
    }
    copy_folder(&root().join("systemd"), &folder.join("systemd"), None)?;
    copy_folder(&root().join("docs"), &folder.join("doc/docs"), Some("md"))?;
    copy_folder(&root().join("contrib"), &folder.join("doc/contrib"), None)?;
    for name in ["README.md", "README.zh-CN.md", "CHANGELOG.md", "LICENSE"] {
        copy(&root().join(name), &folder.join("doc").join(name))?;
    }
    output(Command::new(&built.manual).arg(folder.join("share")))?;
    Ok(())
}

/// Packs a tree so that the same tree always gives the same bytes: sorted, of one time and owner.
///
/// # Errors
/// tar or xz fails.
pub(super) fn pack(tree: &Path, name: &str, epoch: &str, tarball: &Path) -> Result<()> {
    let mut tar = Command::new("tar");
    tar.arg("--create").arg("--file").arg(tarball).arg("--directory").arg(tree);
    tar.args(["--sort=name", "--format=gnu", "--owner=root:0", "--group=root:0"]);
    tar.args(["--numeric-owner", "--mode=u=rwX,go=rX"]);
    tar.arg(format!("--mtime=@{epoch}")).arg(format!("--transform=s,^\\.,{name},"));
    // One thread: with more, the blocks would depend on the machine.
    run_command(tar.args(["--use-compress-program=xz -6 --threads=1", "."]))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;
    use std::time::{Duration, SystemTime};

    use super::pack;

    #[test]
    fn the_same_tree_gives_the_same_bytes_whenever_and_by_whomever_it_was_made() {
        let folder = tempfile::tempdir().unwrap();
        let tarballs = ["one", "other"].map(|name| {
            let tree = folder.path().join(name);
            fs::create_dir_all(tree.join("bin")).unwrap();
            // The files are made in another order, and one of them is an hour old.
            let mut files = ["bin/program", "text"];
            if name == "other" {
                files.reverse();
            }
            for file in files {
                fs::write(tree.join(file), file).unwrap();
                if name == "other" {
                    let file = fs::File::options().append(true).open(tree.join(file)).unwrap();
                    let hour_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(3600);
                    file.set_modified(hour_ago).unwrap();
                }
            }
            let tarball = folder.path().join(format!("{name}.tar.xz"));
            pack(&tree, "seckill-1", "1700000000", &tarball).unwrap();
            tarball
        });
        assert_eq!(fs::read(&tarballs[0]).unwrap(), fs::read(&tarballs[1]).unwrap());
        let listed = Command::new("tar").arg("-tvf").arg(&tarballs[0]).output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        assert!(listed.contains("0/0") && listed.contains(" seckill-1/bin/program"), "{listed}");
    }
}
