//! Placeholder: building, owning and stopping every part of the daemon.

use crate::config::Loaded;
use crate::exit::Exit;

/// Runs the daemon until it is asked to stop.
#[must_use]
pub fn run(_loaded: Loaded) -> Exit {
    Exit::Software
}
