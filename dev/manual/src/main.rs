//! Writes the man pages and completions of both programs below a folder, laid out as in
//! `/usr/share`. A program of its own, so that neither of them carries what only a package needs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Command;
use clap_complete::Shell;

/// What a page's lower right corner says. No commit: a page changes with its words only.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Where each shell looks for completions, and under which file name.
const COMPLETIONS: [(Shell, &str, &str, &str); 3] = [
    (Shell::Bash, "bash-completion/completions", "", ""),
    (Shell::Zsh, "zsh/vendor-completions", "_", ""),
    (Shell::Fish, "fish/vendor_completions.d", "", ".fish"),
];

fn main() -> Result<()> {
    let arguments = Command::new("manual").arg(clap::arg!(<FOLDER>)).get_matches();
    let folder: &String = arguments.get_one("FOLDER").context("no folder")?;
    // A daemon's page is of section 8, a program's for everybody of section 1.
    for (command, section) in [(seckilld::cli::args::command(), "8"), (seckillctl::command(), "1")]
    {
        let mut command = command.version(VERSION).disable_help_subcommand(true);
        complete(&command, folder.as_ref())?;
        command.build();
        let pages = made(&Path::new(folder).join(format!("man/man{section}")))?;
        write_pages(&command, section, &pages)?;
    }
    Ok(())
}

/// The page of a command and those of its subcommands.
fn write_pages(command: &Command, section: &str, folder: &Path) -> Result<()> {
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        write_pages(inner, section, folder)?;
    }
    let page = clap_mangen::Man::new(command.clone()).section(section);
    page.source(format!("seckill {VERSION}")).manual("Seckill").generate_to(folder)?;
    Ok(())
}

fn complete(command: &Command, folder: &Path) -> Result<()> {
    let name = command.get_name().to_owned();
    for (shell, place, before, after) in COMPLETIONS {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut command.clone(), &name, &mut script);
        let place = made(&folder.join(place))?;
        fs::write(place.join(format!("{before}{name}{after}")), script)?;
    }
    Ok(())
}

fn made(folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    Ok(folder.to_owned())
}
