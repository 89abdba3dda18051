//! Consecutive failures as one run: only the first failure of a run is worth a warning, and only
//! the first success after it a line. A full disk fails every batch, and a log on the same disk
//! must not make it worse. What the lines say is the callers' own.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the last try failed. A streak begins without failures.
#[derive(Debug, Default)]
pub struct Streak {
    is_failing: AtomicBool,
}

/// Where an outcome stands in its run of like outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InRun {
    /// The outcome before was another one, or there was none.
    First,
    /// The outcome before was the same.
    Further,
}

impl Streak {
    /// Notes a failure.
    pub fn failed(&self) -> InRun {
        match self.is_failing.swap(true, Ordering::Relaxed) {
            false => InRun::First,
            true => InRun::Further,
        }
    }

    /// Notes a success. While all is well nothing is written, because each buyer's request may come
    /// here.
    pub fn succeeded(&self) -> InRun {
        let is_first = self.is_failing.load(Ordering::Relaxed)
            && self.is_failing.swap(false, Ordering::Relaxed);
        if is_first { InRun::First } else { InRun::Further }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::{InRun, Streak};

    #[test]
    fn each_change_is_told_once() {
        let streak = Streak::default();
        assert_eq!(streak.succeeded(), InRun::Further, "it begins well");
        for _ in 0..2 {
            assert_eq!(streak.failed(), InRun::First);
            assert_eq!([streak.failed(), streak.failed()], [InRun::Further; 2]);
            assert_eq!(streak.succeeded(), InRun::First);
            assert_eq!([streak.succeeded(), streak.succeeded()], [InRun::Further; 2]);
        }
    }

    #[test]
    fn of_those_who_fail_and_succeed_at_once_one_is_the_first() {
        let (streak, gate) = (Streak::default(), Barrier::new(8));
        let firsts = |note: fn(&Streak) -> InRun| {
            thread::scope(|scope| {
                let at_once = || scope.spawn(|| (gate.wait(), note(&streak)).1);
                let all: Vec<_> = std::iter::repeat_with(at_once).take(8).collect();
                let all = all.into_iter().map(|noted| noted.join().unwrap());
                all.filter(|noted| *noted == InRun::First).count()
            })
        };
        for _ in 0..50 {
            assert_eq!((firsts(Streak::failed), firsts(Streak::succeeded)), (1, 1));
        }
    }
}
