//! The live console: what the daemon does, redrawn as it does it, and its switches. It is a pure
//! core (`model`, `update`, `view`) in a thin shell (`app`, `terminal`, `link`).
//!
//! It changes nothing by itself: every command was confirmed by the operator, and whether it is
//! allowed is the daemon's to say. The daemon's data is `protocol::Snapshot`, moved on by the
//! protocol's own reducer alone.

mod app;
mod keys;
mod link;
mod looks;
mod model;
mod msg;
mod operations;
mod screens;
mod terminal;
mod theme;
mod update;
mod view;

#[cfg(test)]
mod tests;

use std::io;
use std::time::Instant;

use crossterm::event::EventStream;

use app::App;
use link::{Daemon, Link};
use looks::{Environment, Looks};
use model::{Model, RequestIds};
use terminal::Taken;

pub(crate) use looks::{Characters, Colours};
pub(crate) use model::Access;
pub(crate) use terminal::Mouse;

use crate::exit::{Exit, NoAnswer};
use crate::place::Whereabouts;
use crate::zone;

/// What the command line asks for.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) access: Access,
    /// `None`: as the surroundings say.
    pub(crate) colours: Option<Colours>,
    /// `None`: as the surroundings say.
    pub(crate) characters: Option<Characters>,
    pub(crate) mouse: Mouse,
}

/// Runs the console until the operator quits. A daemon that isn't there, or goes away, is waited
/// for.
///
/// # Errors
/// The daemon isn't for this user, or isn't the only one; the terminal can't be used.
pub(crate) async fn run(options: Options, whereabouts: Whereabouts) -> Result<Exit, NoAnswer> {
    let mut daemon = Daemon::new(whereabouts);
    match daemon.begin().await {
        Ok(())
        | Err(NoAnswer::NotFound { .. } | NoAnswer::Unreachable { .. } | NoAnswer::Lost { .. }) => {
        }
        Err(fault) => return Err(fault),
    }
    let environment = Environment::of_process();
    let looks = Looks::new(options.colours, options.characters, &environment);
    let run = getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?;
    let ids = RequestIds::new(&format!("{run:016x}"));
    let mut model = Model::new(looks, options.access, daemon.place(), ids, Instant::now());
    if let Some(zone) = zone::own() {
        model.zone = zone;
    }
    let end = terminal::end_signals()?;
    let tty = Taken::take(options.mouse)?;
    let terminal = Taken::canvas()?;
    let (link, fallback) = (Link::spawn(daemon), environment.size());
    App { model, terminal, input: EventStream::new(), link, tty, fallback }.run(end).await?;
    Ok(Exit::Fine)
}
