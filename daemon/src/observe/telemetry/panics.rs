//! Panics as lines of the log. The standard library's own message goes straight to standard error,
//! where it would wait for the reader, and isn't in the log's format.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;

use instruments::panics::text_of;
use tracing::error;

/// Has panics logged from now on.
pub(super) fn log_all() {
    std::panic::set_hook(Box::new(hook));
}

fn hook(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("without a name");
    let place = panic.location().map(ToString::to_string);
    let why = text_of(panic.payload());
    // Captured only where RUST_BACKTRACE asks for it.
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace);
    let backtrace = backtrace.map(|trace| trace.to_string());
    error!(thread, place, why, backtrace, "a panic: a fault of the program");
}

#[cfg(test)]
mod tests;
