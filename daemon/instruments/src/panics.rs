//! Containing a panic within the piece of work that it happened in.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

/// A future panicked; with the message, where it is text.
#[derive(Debug)]
pub struct Panicked(pub String);

/// Runs the future to its end, or to its panic.
///
/// What the future shares with others may be left half-changed, as with any early return: our
/// shared state is behind types that keep themselves whole (atomics, channels, one writer), and
/// Tokio itself contains the panic of a task on the same grounds.
///
/// The caller pins the future: moved in here, a large future would take its room twice.
pub fn contain<F: Future + ?Sized>(
    mut future: Pin<&mut F>,
) -> impl Future<Output = Result<F::Output, Panicked>> {
    poll_fn(move |context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map(Ok),
        Err(payload) => Poll::Ready(Err(Panicked(text_of(payload.as_ref())))),
    })
}

/// The message of a panic; only few payloads are no text.
#[must_use]
pub fn text_of(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a payload that is no text".to_owned())
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::contain;

    #[tokio::test]
    async fn a_panic_after_a_wait_becomes_an_error_with_its_message() {
        let work = async {
            tokio::task::yield_now().await;
            panic!("at {}", "work");
        };
        let error = contain(pin!(work)).await.unwrap_err();
        assert_eq!(error.0, "at work");
    }

    #[tokio::test]
    async fn a_result_passes_through() {
        assert_eq!(contain(pin!(async { 7 })).await.unwrap(), 7);
    }
}
