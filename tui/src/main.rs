//! `seckillctl`: looks at a running seckilld over its admin socket.
//!
//! Standard output is data, standard error is talk, and the exit code (`exit`) is for scripts.

mod args;
mod client;
mod console;
mod exit;
mod place;
mod status;
mod table;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;

use args::{Args, Verb};
use exit::{Exit, Fault};
use place::Surroundings;
use status::Form;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return told_by_clap(&error),
    };
    match run(args) {
        Ok((output, exit)) => printed(&output, exit),
        Err(fault) => {
            let _ = writeln!(io::stderr(), "seckillctl: {fault}");
            fault.exit().into()
        }
    }
}

fn run(args: Args) -> Result<(String, Exit), Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let socket = place::socket(args.socket, &Surroundings::of_process()).await?;
        match args.verb {
            Some(Verb::Status { json: true }) => status::run(&socket, Form::Json).await,
            Some(Verb::Status { json: false }) => status::run(&socket, Form::Table).await,
            None if io::stdout().is_terminal() => {
                let exit = console::run(args.console.into(), socket).await?;
                Ok((String::new(), exit))
            }
            None => status::run(&socket, Form::Table).await,
        }
    })
}

/// Prints help and version as answers, anything else as a fault of usage.
fn told_by_clap(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if error.use_stderr() { Exit::Usage.into() } else { Exit::Fine.into() }
}

/// A reader that has seen enough (`| head`) is no fault.
fn printed(output: &str, exit: Exit) -> ExitCode {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(output.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => exit.into(),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Fine.into(),
        Err(error) => {
            let _ = writeln!(io::stderr(), "seckillctl: cannot write: {error}");
            Exit::Output.into()
        }
    }
}
