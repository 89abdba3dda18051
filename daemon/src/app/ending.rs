//! The end of a stop: how the process exits, and what has no deadline.

use std::time::Duration;

use store_sqlite::{CloseError, Store};
use tracing::error;

use crate::cli::exit::Exit;
use crate::os::shutdown::Stop;
use crate::os::systemd;

/// The time that a stop asks of the service manager again and again.
const STOP_EXTENSION: Duration = Duration::from_secs(4);

/// How the process ends after its stop. A database that wasn't at its path any more has been
/// copied, or is being copied still: that has no deadline, because its orders are nowhere else.
pub(super) async fn exit(store: &Store, stop: &Stop) -> Exit {
    let closed = match (store.closed(), store.displaced()) {
        (Some(closed), _) => closed,
        // Cut off at the deadline or by force: what was stored is found where it was.
        (None, None) => return Exit::Ok,
        (None, Some(cause)) => tokio::select! {
            biased;
            () = stop.forced.cancelled() => {
                error!(%cause, "stopped by force: what was stored isn't copied anywhere");
                return Exit::Io;
            }
            closed = store.close() => closed,
            () = ask_for_time() => return Exit::Io,
        },
    };
    match closed {
        Err(fault @ CloseError::Displaced { .. }) => {
            error!(exit_code = Exit::Io.code(), "{fault}");
            Exit::Io
        }
        _ => Exit::Ok,
    }
}

/// Keeps the service manager from ending a stop that is still within its deadline.
pub(super) async fn ask_for_time() {
    loop {
        systemd::extend_timeout(STOP_EXTENSION);
        tokio::time::sleep(STOP_EXTENSION / 4).await;
    }
}
