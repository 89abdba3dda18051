//! Readings that take longer the more there is to look at. They are repeated only so often that
//! they take a small part of the time, whatever they cost.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A reading rests for this many times what it took, so that it takes a twentieth of the time.
const REST_FACTOR: u32 = 20;

/// The last value of a costly reading, and when it may be taken again.
pub(super) struct Paced<T> {
    least: Duration,
    last: Mutex<Option<(Instant, T)>>,
}

impl<T: Clone> Paced<T> {
    /// No reading yet; two of them are at least `least` apart.
    pub(super) fn new(least: Duration) -> Self {
        Self { least, last: Mutex::default() }
    }

    /// The last value, read again if it is time. Concurrent callers may both read.
    pub(super) async fn get<F: Future<Output = T>>(&self, read: impl FnOnce() -> F) -> T {
        if let Some((again_at, value)) = &*self.last.lock().unwrap_or_else(PoisonError::into_inner)
            && Instant::now() < *again_at
        {
            return value.clone();
        }
        let begun = Instant::now();
        let value = read().await;
        let rest = self.least.max(begun.elapsed() * REST_FACTOR);
        let again_at = Instant::now() + rest;
        let kept = Some((again_at, value.clone()));
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        value
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::Paced;

    #[tokio::test]
    async fn a_value_is_read_again_only_after_its_rest() {
        let count = Cell::new(0);
        let read = || async {
            count.set(count.get() + 1);
            count.get()
        };
        let seldom = Paced::new(Duration::from_secs(3600));
        assert_eq!((seldom.get(read).await, seldom.get(read).await), (1, 1));
        let often = Paced::new(Duration::ZERO);
        let first = often.get(read).await;
        // Its rest is twenty times next to nothing.
        while often.get(read).await == first {
            tokio::task::yield_now().await;
        }
    }
}
