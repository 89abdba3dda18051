//! The verbs: each asks or commands once and prints one answer, or follows the stream of events.
//! What they share is the `desk` (questions), `command`, `confirm` and `pages`. The console is
//! elsewhere.

mod command;
mod confirm;
mod dead_letters;
mod desk;
mod drain;
mod events;
mod follow;
mod inside;
mod orders;
mod pages;
mod products;
mod queue;
mod reload;
mod status;
mod switches;

use std::io::Write;
use std::path::PathBuf;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::{Args, Verb};
use crate::exit::{Exit, Fault};
use crate::place::Screen;
use desk::Desk;

/// Carries out one verb against the daemon behind `socket`; its data goes to `out`.
pub(crate) async fn run(
    verb: Verb,
    socket: PathBuf,
    screen: Screen,
    out: &mut dyn Write,
) -> Result<Exit, Fault> {
    let desk = &Desk { socket };
    let printed = match verb {
        Verb::Status(options) => status::run(desk, &options, screen, out).await,
        Verb::Products(shape) => products::list(desk, shape).await,
        Verb::Product(product) => products::run(desk, product).await,
        Verb::Orders(options) => orders::list(desk, options).await,
        Verb::Order(options) => orders::show(desk, &options).await,
        Verb::Queue(shape) => queue::run(desk, shape).await,
        Verb::DeadLetters(verb) => dead_letters::run(desk, verb).await,
        Verb::Pause(options) => switches::pause(desk, options).await,
        Verb::Resume(options) => switches::resume(desk, options).await,
        Verb::Drain(options) => drain::run(desk, options).await,
        Verb::Events(shape) => events::run(desk, shape, out).await,
        Verb::Config(shape) => inside::config(desk, shape).await,
        Verb::Audit(options) => inside::audit(desk, &options).await,
        Verb::LogLevel(options) => inside::log_level(desk, options).await,
        Verb::Reload(options) => reload::run(desk, options).await,
        Verb::Shutdown(options) => switches::shutdown(desk, options).await,
        Verb::Completions { shell } => return completions(shell, out),
    }?;
    out.write_all(printed.text.as_bytes()).and_then(|()| out.flush()).map_err(Fault::Output)?;
    Ok(printed.exit)
}

/// Prints a completion script; no daemon is asked.
pub(crate) fn completions(shell: Shell, out: &mut dyn Write) -> Result<Exit, Fault> {
    // The generator panics when it can't write, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "seckillctl", &mut script);
    out.write_all(&script).and_then(|()| out.flush()).map_err(Fault::Output)?;
    Ok(Exit::Fine)
}
