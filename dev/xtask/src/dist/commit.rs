//! The commit that a package is built from, by git.

use std::process::Command;

use anyhow::{Context, Result};

use crate::step::{output, root};

/// The commit that is checked out.
pub(super) struct Commit {
    /// Short, nine digits or more.
    id: String,
    /// `2026-11-25`
    day: String,
    /// Seconds since 1970: the time of every packed file.
    pub(super) epoch: String,
    /// Whether tracked files differ from the commit.
    is_changed: bool,
}

impl Commit {
    /// The commit that is checked out.
    ///
    /// # Errors
    /// This is no checkout, or there is no git.
    pub(super) fn of_head() -> Result<Self> {
        let told = git(&["log", "-1", "--abbrev=9", "--format=%h %cs %ct"])?;
        let mut words = told.split_whitespace().map(str::to_owned);
        let mut next = || words.next().context("git log tells too little");
        let (id, day, epoch) = (next()?, next()?, next()?);
        let is_changed = !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
        Ok(Self { id, day, epoch, is_changed })
    }

    /// As `--version` prints it.
    pub(super) fn text(&self) -> String {
        let changed = if self.is_changed { "-changed" } else { "" };
        format!("{}{changed} {}", self.id, self.day)
    }
}

fn git(args: &[&str]) -> Result<String> {
    let told = output(Command::new("git").current_dir(root()).args(args))?;
    Ok(String::from_utf8(told.stdout)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::Commit;

    #[test]
    fn a_changed_checkout_does_not_pass_for_its_commit() {
        let mut commit = Commit {
            id: "0123456789".to_owned(),
            day: "2026-11-25".to_owned(),
            epoch: "0".to_owned(),
            is_changed: false,
        };
        assert_eq!(commit.text(), "0123456789 2026-11-25");
        commit.is_changed = true;
        assert_eq!(commit.text(), "0123456789-changed 2026-11-25");
    }
}
