//! A value that nobody is shown: keys of order ids, and of a queue's account.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

/// A value that `Debug` doesn't show and that is wiped from memory when it is dropped.
pub struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    /// A secret that is known already.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// A secret that is wiped when dropped already.
    #[must_use]
    pub const fn wiped(value: Zeroizing<T>) -> Self {
        Self(value)
    }

    /// The value itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize + PartialEq> Secret<T> {
    /// Whether both are the same.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}
