//! Waits for the moments at which requests are due. Tokio's own timer wakes to the millisecond; a
//! thread that only sleeps can do it finer, so that a request leaves little more than `STEP` late.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// How far apart ticks are. Finer ticks would take the processors from what is measured.
const STEP: Duration = Duration::from_micros(250);

/// The tasks that wait, the first due first.
#[derive(Default)]
pub(super) struct Pace {
    waiting: RefCell<VecDeque<(Instant, Rc<Notify>)>>,
}

impl Pace {
    /// Waits until `due`, which isn't earlier than that of any task that waits already. `wake` is
    /// the caller's own.
    pub(super) async fn until(&self, due: Instant, wake: &Rc<Notify>) {
        if Instant::now() < due {
            self.waiting.borrow_mut().push_back((due, Rc::clone(wake)));
            wake.notified().await;
        }
    }

    /// Wakes the tasks, for as long as this is polled.
    pub(super) async fn tick(&self) {
        let tick = Arc::new(Notify::new());
        let listener = Arc::downgrade(&tick);
        thread::spawn(move || ticks(&listener));
        loop {
            tick.notified().await;
            let (now, mut waiting) = (Instant::now(), self.waiting.borrow_mut());
            while let Some((_, wake)) = waiting.pop_front_if(|(due, _)| *due <= now) {
                wake.notify_one();
            }
        }
    }
}

/// Ticks until nobody listens any more.
#[expect(clippy::disallowed_methods, reason = "time is all that this thread is for")]
fn ticks(listener: &Weak<Notify>) {
    while let Some(tick) = listener.upgrade() {
        tick.notify_one();
        drop(tick);
        thread::sleep(STEP);
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::time::{Duration, Instant};

    use tokio::sync::Notify;

    use super::Pace;

    #[tokio::test]
    async fn nobody_is_woken_early_and_the_first_due_is_woken_first() {
        let (pace, start) = (Pace::default(), Instant::now());
        let due = |number: usize| start + Duration::from_millis(2) * u32::try_from(number).unwrap();
        let wakes: [Rc<Notify>; 4] = std::array::from_fn(|_| Rc::default());
        // They wait before the first is due, however slow this machine is.
        let waiting = wakes.iter().enumerate().map(|(number, wake)| (due(number), wake.clone()));
        pace.waiting.borrow_mut().extend(waiting);
        let woken = std::cell::RefCell::new(Vec::new());
        let one = async |number: usize| {
            wakes[number].notified().await;
            assert!(due(number) <= Instant::now(), "{number}");
            woken.borrow_mut().push(number);
        };
        // Those that are woken at one tick go on in their sequence.
        let all = async { tokio::join!(biased; one(0), one(1), one(2), one(3)) };
        tokio::select! {
            _ = all => {}
            () = pace.tick() => unreachable!("it ticks for ever"),
            () = tokio::time::sleep(Duration::from_secs(10)) => panic!("nobody is woken"),
        }
        assert_eq!(woken.into_inner(), [0, 1, 2, 3]);
    }

    #[tokio::test]
    async fn who_is_due_does_not_wait() {
        let pace = Pace::default();
        pace.until(Instant::now(), &Rc::default()).await;
        assert!(pace.waiting.borrow().is_empty());
    }
}
