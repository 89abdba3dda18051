//! Panics, told in the log. The standard library's own message goes straight to standard error,
//! where it would wait for whoever reads there, and is no line of the log's format.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;

use tracing::error;

/// Has panics told in the log from now on.
pub(super) fn tell() {
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

/// What a panic says; few say it otherwise than by a text.
pub(crate) fn text_of(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a payload that is no text".to_owned())
}

#[cfg(test)]
mod tests;
