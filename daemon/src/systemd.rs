//! What we tell the service manager. Every call does nothing when none is listening
//! (`NOTIFY_SOCKET` is not set), so the rest of the daemon needn't know where it runs.

use std::time::Duration;

use sd_notify::NotifyState;
use tracing::debug;

/// Serving, with a line for `systemctl status`.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Reading the configuration anew; [`ready`] or [`ready_again`] must follow.
pub fn reloading() {
    // A manager of systemd's version 253 or newer may have asked for it by a signal, and tells by
    // the time that this is the answer.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => debug!(%error, "the monotonic clock can't be read"),
    }
}

/// Serving again, after a reload; the line for `systemctl status` follows.
pub fn ready_again() {
    tell(&[NotifyState::Ready]);
}

/// A new line for `systemctl status`.
pub fn status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

/// Stopping, with a line for `systemctl status`.
pub fn stopping(status: &str) {
    tell(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

/// Still at it: so much more time is needed at most, from now on.
pub fn extend_timeout(by: Duration) {
    tell(&[NotifyState::ExtendTimeoutUsec(u32::try_from(by.as_micros()).unwrap_or(u32::MAX))]);
}

/// Alive.
pub fn alive() {
    tell(&[NotifyState::Watchdog]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        debug!(%error, "the service manager could not be told");
    }
}
