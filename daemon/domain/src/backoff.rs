//! How long something that failed waits for its next try.

/// Waiting times that double from attempt to attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Milliseconds after the first failure.
    pub first_ms: u64,
    /// Milliseconds at most.
    pub max_ms: u64,
}

impl Backoff {
    /// Milliseconds to wait after so many failures in a row; at least 1.
    #[must_use]
    pub fn after_ms(self, failures: u32) -> u64 {
        let factor = 1_u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX);
        self.first_ms.saturating_mul(factor).min(self.max_ms).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::Backoff;

    #[test]
    fn waits_double_up_to_the_longest() {
        let backoff = Backoff { first_ms: 100, max_ms: 1_000 };
        let waits: Vec<u64> = (1..=6).map(|failures| backoff.after_ms(failures)).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1_000, 1_000]);
        assert_eq!(backoff.after_ms(u32::MAX), 1_000);
        assert_eq!(Backoff { first_ms: 0, max_ms: 0 }.after_ms(1), 1);
    }
}
