//! Counters that each thread has for itself, so that no processor waits for another's cache line. A
//! reader adds them up.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Places for threads to count in. More threads than these share some.
pub(super) const PLACES: usize = 4;

/// One of something for each of a few threads.
#[derive(Debug, Default)]
pub(super) struct PerThread<T>([Place<T>; PLACES]);

/// Alone on its cache lines: two of them, as processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Place<T>(T);

impl<T> PerThread<T> {
    /// One made for each place.
    pub(super) fn new(make: impl Fn() -> T) -> Self {
        Self(std::array::from_fn(|_| Place(make())))
    }

    /// This thread's.
    pub(super) fn own(&self) -> &T {
        &self.0[own_place()].0
    }

    /// Every thread's.
    pub(super) fn all(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|place| &place.0)
    }
}

/// Dealt out in turn, so that the first few threads share none.
fn own_place() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static PLACE: usize = NEXT.fetch_add(1, Relaxed) % PLACES;
    }
    PLACE.with(|place| *place)
}
