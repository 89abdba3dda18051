//! Questions before something destructive: on a terminal, with No as the default. Without a
//! terminal nobody can be asked, so `--yes` must have been said.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::args::CommandOptions;
use crate::commands::Prompt;
use crate::exit::NoAnswer;
use crate::words::printable_lines;

/// Whether the operator has yet to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    /// `--yes`.
    Given,
    /// There is a terminal to ask on.
    ToAsk,
}

/// How the operator is to consent to `verb`.
///
/// # Errors
/// There is no `--yes` and no terminal.
pub(crate) fn consent(terms: &CommandOptions, verb: &str) -> Result<Consent, NoAnswer> {
    if terms.yes {
        return Ok(Consent::Given);
    }
    if io::stdin().is_terminal() && io::stderr().is_terminal() {
        return Ok(Consent::ToAsk);
    }
    Err(NoAnswer::NeedsYes(verb.to_owned()))
}

/// Asks; only `y` or `yes` is Yes.
///
/// # Errors
/// It was answered No.
pub(crate) fn be_sure(prompt: &Prompt) -> Result<(), NoAnswer> {
    let answer = asked(prompt, "[y/N] ");
    if ["y", "yes"].contains(&answer.to_lowercase().as_str()) { Ok(()) } else { declined() }
}

/// Asks for the daemon's name, so that nobody stops one by habit, or the wrong one.
///
/// # Errors
/// Something else was typed.
pub(crate) fn be_named(prompt: &Prompt, name: &str) -> Result<(), NoAnswer> {
    let answer = asked(prompt, &format!("Type the daemon's name ({name}) to go on: "));
    if answer == name { Ok(()) } else { declined() }
}

fn declined() -> Result<(), NoAnswer> {
    Err(NoAnswer::Declined)
}

/// What can't be shown or read is an empty answer, which is No.
fn asked(prompt: &Prompt, end: &str) -> String {
    let mut answer = String::new();
    let lines: String = prompt.lines.iter().map(|line| format!("  {line}\n")).collect();
    let question = printable_lines(&format!("{}\n{lines}{end}", prompt.title));
    let shown = write!(io::stderr(), "{question}");
    if shown.and_then(|()| io::stdin().lock().read_line(&mut answer)).is_err() {
        answer.clear();
    }
    answer.trim().to_owned()
}
