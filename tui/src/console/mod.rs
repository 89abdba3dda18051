//! The live console: what the daemon does, redrawn as it does it, and its switches. It is a pure
//! core (`model`, `update`, `view`) in a thin shell (`app`, `terminal`, `link`).
//!
//! It changes nothing by itself: every command was confirmed by the operator, and whether it is
//! allowed is the daemon's to say. The daemon's data is `protocol::Snapshot`, moved on by the
//! protocol's own reducer alone.

mod app;
mod command;
mod keys;
mod link;
mod looks;
mod model;
mod msg;
mod rows;
mod terminal;
mod text;
mod theme;
mod update;
mod view;

#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::time::Instant;

use crossterm::event::EventStream;

use app::App;
use link::Link;
use looks::{Environment, Looks};
use model::{Model, RequestIds};
use terminal::Taken;

pub(crate) use looks::{Characters, Colours};
pub(crate) use model::Access;
pub(crate) use terminal::Mouse;

use crate::client;
use crate::exit::{Exit, Fault};

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

/// Runs the console until the operator quits.
///
/// # Errors
/// There is no daemon at the start, or it isn't for this user; the terminal can't be used. Once it
/// has connected, a daemon that goes away is waited for.
pub(crate) async fn run(options: Options, socket: PathBuf) -> Result<Exit, Fault> {
    let begun = client::events(&socket).await?;
    let looks = Looks::new(options.colours, options.characters, &Environment::of_process());
    let run = getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?;
    let ids = RequestIds::new(&format!("{run:016x}"));
    let model = Model::new(looks, options.access, socket.clone(), ids, Instant::now());
    let end = terminal::end_signals()?;
    let tty = Taken::take(options.mouse)?;
    let terminal = Taken::canvas()?;
    let link = Link::spawn(socket, begun);
    App { model, terminal, input: EventStream::new(), link, tty }.run(end).await?;
    Ok(Exit::Fine)
}
