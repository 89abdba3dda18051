//! `seckillctl`: looks at a running seckilld over its admin socket, and steers it. A library only
//! so that the manual is made from its command line; the program is `main`.
//!
//! Standard output is data, standard error is talk, and the exit code (`exit`) is for scripts.

mod args;
mod client;
mod console;
mod exit;
mod holders;
mod place;
mod table;
mod text;
mod verbs;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Args, Status, Verb};
use exit::{Exit, Fault};
use place::{Screen, Surroundings, Whereabouts};

/// The command line as clap knows it, for the manual and the completions.
#[must_use]
pub fn command() -> clap::Command {
    Args::command()
}

/// The whole program: command line, verb or console, exit code.
#[must_use]
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return told_by_clap(&error),
    };
    match run(args) {
        Ok(exit) => exit.into(),
        Err(fault) => {
            if fault.exit() != Exit::Fine {
                let _ = writeln!(io::stderr(), "seckillctl: {fault}");
            }
            fault.exit().into()
        }
    }
}

fn run(args: Args) -> Result<Exit, Fault> {
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
fn told_by_clap(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if error.use_stderr() { Exit::Usage.into() } else { Exit::Fine.into() }
}
