//! The verbs: each asks or commands once and prints one answer, or follows the stream of events.
//! What they share is the `daemon_socket` (what it is asked, and its answers), `command`, `confirm`
//! and `pages`. The console is elsewhere.

mod audit;
mod clock;
mod command;
mod config;
mod confirm;
mod daemon_socket;
mod dead_letters;
mod drain;
mod events;
mod export;
mod follow;
mod log_level;
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
use crate::exit::{Exit, NoAnswer};
use crate::place::Screen;
use daemon_socket::DaemonSocket;

/// Carries out one verb against the daemon behind `socket`; its data goes to `out`.
pub(crate) async fn run(
    verb: Verb,
    socket: PathBuf,
    screen: Screen,
    out: &mut dyn Write,
) -> Result<Exit, NoAnswer> {
    let daemon = &DaemonSocket { socket };
    let printed = match verb {
        Verb::Status(options) => status::run(daemon, &options, screen, out).await,
        Verb::Products(shape) => products::list(daemon, shape).await,
        Verb::Product(product) => products::run(daemon, product).await,
        Verb::Orders(options) => orders::list(daemon, options).await,
        Verb::Order(options) => orders::show(daemon, &options).await,
        Verb::Queue(shape) => queue::run(daemon, shape).await,
        Verb::DeadLetters(verb) => dead_letters::run(daemon, verb).await,
        Verb::Pause(options) => switches::pause(daemon, options).await,
        Verb::Resume(options) => switches::resume(daemon, options).await,
        Verb::Drain(options) => drain::run(daemon, options).await,
        Verb::Events(shape) => events::run(daemon, shape, out).await,
        Verb::Export(what) => export::run(daemon, what, out).await,
        Verb::Config(shape) => config::run(daemon, shape).await,
        Verb::Audit(options) => audit::run(daemon, &options).await,
        Verb::Clock(verb) => clock::run(daemon, verb).await,
        Verb::LogLevel(options) => log_level::run(daemon, options).await,
        Verb::Reload(options) => reload::run(daemon, options).await,
        Verb::Shutdown(options) => switches::shutdown(daemon, options).await,
        Verb::Completions { shell } => return completions(shell, out),
    }?;
    out.write_all(printed.text.as_bytes()).and_then(|()| out.flush()).map_err(NoAnswer::Output)?;
    Ok(printed.exit)
}

/// Prints a completion script; no daemon is asked.
pub(crate) fn completions(shell: Shell, out: &mut dyn Write) -> Result<Exit, NoAnswer> {
    // The generator panics when it can't write, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "seckillctl", &mut script);
    out.write_all(&script).and_then(|()| out.flush()).map_err(NoAnswer::Output)?;
    Ok(Exit::Fine)
}
