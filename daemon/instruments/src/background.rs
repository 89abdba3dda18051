//! Work that takes a while and that no buyer waits for, such as counting the live orders again.
//! Such work runs at the lowest priority: beside a sale in full swing it takes what is left of the
//! processors, where at a priority like the others' it would make every request wait.

use std::thread;

use tokio::sync::oneshot;

/// The lowest priority there is.
const NICE: i32 = 19;

/// Does `work` on a thread of its own. `None` when it panicked, or no thread could be had.
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (done, result) = oneshot::channel();
    let job = move || {
        // Where the system refuses, the work is done at the usual priority.
        let _ = rustix::process::nice(NICE);
        // The caller may have stopped waiting.
        let _ = done.send(work());
    };
    if let Err(error) = thread::Builder::new().name("background".to_owned()).spawn(job) {
        tracing::warn!(%error, "no thread could be had for work in the background");
        return None;
    }
    result.await.ok()
}

#[cfg(test)]
mod tests {
    use rustix::process::getpriority_process;

    use super::{NICE, run};

    #[tokio::test]
    async fn work_is_done_at_the_lowest_priority_and_the_others_stay_where_they_are() {
        let before = getpriority_process(None).unwrap();
        let within = run(|| getpriority_process(None).unwrap()).await;
        assert_eq!((within, getpriority_process(None)), (Some(NICE), Ok(before)));
    }

    #[tokio::test]
    async fn a_panic_is_no_result() {
        assert_eq!(run(|| -> u8 { panic!("on purpose") }).await, None);
    }
}
