//! Whether the system gives the threads that the runtime begins with. Where it doesn't (`ulimit
//! -u`, `TasksMax=`, memory), Tokio panics in the midst of its own start and then waits for ever.

use std::io;
use std::num::NonZero;
use std::sync::mpsc::sync_channel;
use std::thread::{self, Builder};

/// One thread beside the workers: it waits for the disk.
const MORE: usize = 1;

/// Starts as many threads as the runtime will at once, and ends them.
///
/// # Errors
/// One of them can't be had.
pub fn are_given() -> io::Result<()> {
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    start(workers + MORE).map_err(|error| {
        let told = "the system gives too few threads (ulimit -u, TasksMax=, memory)";
        io::Error::new(error.kind(), format!("{told}: {error}"))
    })
}

fn start(count: usize) -> io::Result<()> {
    let mut held = Vec::with_capacity(count);
    for _ in 0..count {
        let (keep, ended) = sync_channel::<()>(0);
        // An error of `recv` means that the thread may end.
        let thread = Builder::new().spawn(move || ended.recv().is_ok())?;
        held.push((keep, thread));
    }
    let (kept, threads): (Vec<_>, Vec<_>) = held.into_iter().unzip();
    drop(kept);
    for thread in threads {
        // The thread does nothing that could panic.
        let _ = thread.join();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{are_given, start};

    #[test]
    fn what_is_given_is_given_back() {
        are_given().unwrap();
        start(0).unwrap();
    }
}
