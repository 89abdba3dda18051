//! The written manual: a page for each verb, and completions that know them all.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

fn written() -> Result<TempDir> {
    let folder = TempDir::new()?;
    let ran = Command::new(env!("CARGO_BIN_EXE_manual")).arg(folder.path()).status()?;
    assert!(ran.success());
    Ok(folder)
}

/// Every command that a user may type, by the words that lead to it.
fn verbs(command: &clap::Command, before: &str) -> Vec<String> {
    let name = format!("{before}{}", command.get_name());
    let inner = command.get_subcommands().filter(|inner| !inner.is_hide_set());
    let inner = inner.flat_map(|inner| verbs(inner, &format!("{name}-")));
    inner.chain([name.clone()]).collect()
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| path.display().to_string())
}

#[test]
fn each_verb_has_a_page_with_a_name_a_synopsis_and_words() -> Result<()> {
    let folder = written()?;
    for (command, section) in [(seckilld::cli::args::command(), 8), (seckillctl::command(), 1)] {
        let man = folder.path().join(format!("man/man{section}"));
        let verbs = verbs(&command, "");
        assert!(4 < verbs.len(), "{verbs:?}");
        for verb in &verbs {
            let page = read(&man.join(format!("{verb}.{section}")))?;
            assert!(page.contains(&format!(".TH {verb} {section}")), "{verb}: {page}");
            for heading in [".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", ".SH OPTIONS"] {
                assert!(page.contains(heading), "{verb} lacks {heading}");
            }
            assert!(!page.contains("debug build"), "a page must not change with the commit");
        }
        assert_eq!(fs::read_dir(&man)?.count(), verbs.len(), "no page of what is hidden");
    }
    Ok(())
}

#[test]
fn the_completions_of_each_shell_know_every_verb() -> Result<()> {
    let folder = written()?;
    for command in [seckilld::cli::args::command(), seckillctl::command()] {
        let name = command.get_name();
        for path in [
            format!("bash-completion/completions/{name}"),
            format!("zsh/vendor-completions/_{name}"),
            format!("fish/vendor_completions.d/{name}.fish"),
        ] {
            let script = read(&folder.path().join(&path))?;
            for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
                assert!(script.contains(inner.get_name()), "{path} lacks {}", inner.get_name());
            }
        }
    }
    Ok(())
}
