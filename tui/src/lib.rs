//! `seckillctl`: looks at a running seckilld over its admin socket, and steers it. A library only
//! so that the manual is made from its command line; the program is `main`.
//!
//! Standard output is data, standard error is talk, and the exit code (`exit`) is for scripts.

mod args;
mod client;
mod commands;
mod console;
mod exit;
mod export_options;
mod holders;
mod place;
mod table;
mod term_options;
mod verbs;
mod words;
mod zone;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Args, Status, Verb};
use exit::{Exit, NoAnswer, error_json};
use place::{Screen, Surroundings, Whereabouts};
use serde_json::Value;
use words::printable_lines;

/// The command line as clap knows it, for the manual and the completions.
#[must_use]
pub fn command() -> clap::Command {
    Args::command()
}

/// The whole program: command line, verb or console, exit code.
#[must_use]
pub fn main() -> ExitCode {
    // Asked before the line is understood: a slip in it is shown in the same shape.
    let is_json = std::env::args_os().any(|word| word == "--json");
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return told_by_clap(&error, is_json),
    };
    match run(args) {
        Ok(exit) => exit.into(),
        Err(fault) => {
            if fault.exit() != Exit::Fine {
                // When not even that can be written there is nobody to tell.
                let _ = if is_json {
                    writeln!(io::stderr(), "{}", fault.to_json())
                } else {
                    let sentence = printable_lines(&fault.to_string());
                    writeln!(io::stderr(), "seckillctl: {sentence}")
                };
            }
            fault.exit().into()
        }
    }
}

fn run(args: Args) -> Result<Exit, NoAnswer> {
    let out = &mut io::stdout();
    if let Some(Verb::Completions { shell }) = args.verb {
        return verbs::completions(shell, out);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let surroundings = Surroundings::of_process();
        let screen = surroundings.screen();
        let whereabouts = Whereabouts { given: args.socket, surroundings };
        let verb = match (args.verb, screen) {
            (Some(verb), _) => verb,
            (None, Screen::Terminal) => {
                return console::run(args.console.into(), whereabouts).await;
            }
            (None, Screen::Plain) => Verb::Status(Status::default()),
        };
        verbs::run(verb, whereabouts.socket().await?, screen, out).await
    })
}

/// Prints help and version as answers, anything else as a fault of usage.
fn told_by_clap(error: &clap::Error, is_json: bool) -> ExitCode {
    if is_json && error.use_stderr() {
        let told = error.render().to_string();
        let msg = told.trim_end().trim_start_matches("error: ");
        let line = error_json("usage", msg, &Value::Null, Exit::Usage);
        let _ = writeln!(io::stderr(), "{line}");
        return Exit::Usage.into();
    }
    let _ = error.print();
    if error.use_stderr() { Exit::Usage.into() } else { Exit::Fine.into() }
}
