//! Containing a panic within the piece of work that it happened in.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// A future panicked; with the message, where it is text.
#[derive(Debug)]
pub(crate) struct Panicked(pub(crate) String);

/// Runs the future to its end, or to its panic.
///
/// What the future shares with others may be left half-changed, as with any early return: our
/// shared state is behind types that keep themselves whole (atomics, channels, one writer), and
/// Tokio itself contains the panic of a task on the same grounds.
pub(crate) async fn contain<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map(Ok),
        Err(payload) => Poll::Ready(Err(Panicked(text_of(payload.as_ref())))),
    })
    .await
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a payload that is no text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::contain;

    #[tokio::test]
    async fn a_panic_after_a_wait_becomes_an_error_with_its_message() {
        let error = contain(async {
            tokio::task::yield_now().await;
            panic!("at {}", "work");
        })
        .await
        .unwrap_err();
        assert_eq!(error.0, "at work");
    }

    #[tokio::test]
    async fn a_result_passes_through() {
        assert_eq!(contain(async { 7 }).await.unwrap(), 7);
    }
}
