//! The gate: what is held, what is tried again, and that an end always comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::ports::{Cause, Decider, Delivery};
use instruments::captured_log::lines;
use instruments::streak::Streak;

use super::{Consuming, Gate, Passed, Tried, decide, named};

const LONG: Duration = Duration::from_secs(10);

fn count(tries: &AtomicUsize) -> usize {
    tries.fetch_add(1, Ordering::SeqCst) + 1
}

async fn until(condition: impl Fn() -> bool) {
    let reached = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(LONG, reached).await.unwrap();
}

#[test]
fn a_failing_store_is_tried_again_until_it_works() {
    let tries = AtomicUsize::new(0);
    let passed = Gate::default().through(|| match count(&tries) {
        3 => Tried::Done,
        _ => Tried::Again,
    });
    assert_eq!((passed, tries.into_inner()), (Passed::Done, 3));
}

#[tokio::test]
async fn a_pause_holds_a_batch_and_its_end_lets_it_through() {
    let gate = Arc::new(Gate::default());
    gate.set(Consuming::Paused);
    let tries = Arc::new(AtomicUsize::new(0));
    let held = {
        let (gate, tries) = (gate.clone(), tries.clone());
        std::thread::spawn(move || {
            gate.through(|| {
                count(&tries);
                Tried::Done
            })
        })
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(tries.load(Ordering::SeqCst), 0);
    gate.set(Consuming::Running);
    assert_eq!(held.join().unwrap(), Passed::Done);
}

#[tokio::test]
async fn retiring_awaits_the_work_and_holds_the_rest_until_released() {
    let gate = Arc::new(Gate::default());
    let (working, finish) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let worker = {
        let (gate, working, finish) = (gate.clone(), working.clone(), finish.clone());
        std::thread::spawn(move || {
            gate.through(|| {
                count(&working);
                while finish.load(Ordering::SeqCst) == 0 {
                    std::thread::yield_now();
                }
                Tried::Done
            })
        })
    };
    until(|| working.load(Ordering::SeqCst) == 1).await;
    let retiring = {
        let gate = gate.clone();
        tokio::spawn(async move { gate.retire(LONG).await })
    };
    until(|| gate.lock().retiring).await;
    let late = {
        let gate = gate.clone();
        std::thread::spawn(move || gate.through(|| unreachable!("retired")))
    };
    assert!(!retiring.is_finished());
    finish.store(1, Ordering::SeqCst);
    retiring.await.unwrap();
    assert_eq!(worker.join().unwrap(), Passed::Done);
    assert!(!late.is_finished());
    gate.release();
    assert_eq!(late.join().unwrap(), Passed::Held);
}

#[tokio::test]
async fn a_batch_that_waits_for_the_store_ends_with_the_gate() {
    let gate = Arc::new(Gate::default());
    let tries = Arc::new(AtomicUsize::new(0));
    let waiting = {
        let (gate, tries) = (gate.clone(), tries.clone());
        std::thread::spawn(move || {
            gate.through(|| {
                count(&tries);
                Tried::Again
            })
        })
    };
    until(|| tries.load(Ordering::SeqCst) != 0).await;
    gate.retire(LONG).await;
    gate.release();
    assert_eq!(waiting.join().unwrap(), Passed::Held);
}

#[test]
fn a_panic_of_the_placer_gives_the_batch_back() {
    struct Panics;
    impl Decider for Panics {
        fn decide(&self, _deliveries: Vec<Delivery>) -> Result<(), Cause> {
            panic!("as asked")
        }
    }
    assert_eq!(decide(&Panics, &[], &Streak::default()), Tried::GiveUp);
}

#[test]
fn a_batch_is_told_by_its_orders_ids_and_else_by_where_it_came_from() {
    let delivery = |body: Vec<u8>, origin: &str| Delivery {
        body,
        asked_at: protocol::EpochMs(1),
        queued_at: None,
        origin: origin.to_owned(),
        redeliveries: 0,
    };
    let order = |number: usize| {
        let message = protocol::OrderMessage {
            order_id: format!("order-{number}").into(),
            phone: "15200008881".into(),
            prod_id: "pid_0003".into(),
            charge_money: "2000.000".to_owned(),
        };
        delivery(message.encode("T"), "a/T/0@7")
    };
    assert_eq!(named(&[order(1), delivery(b"no".to_vec(), "a/T/3@9")]), "order-1, a/T/3@9");
    let many: Vec<Delivery> = (0..40).map(order).collect();
    let names = named(&many);
    assert!(names.ends_with("order-31, 8 more") && !names.contains("1520000"), "{names}");
}

#[test]
fn a_row_of_failures_is_told_once_and_its_end_too() {
    /// Fails until there are none left.
    struct Fails(AtomicUsize);
    impl Decider for Fails {
        fn decide(&self, _deliveries: Vec<Delivery>) -> Result<(), Cause> {
            let left =
                self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
            left.map_or(Ok(()), |_| Err(Cause("the disk is full".to_owned())))
        }
    }
    let (decider, streak) = (Fails(AtomicUsize::new(2)), Streak::default());
    let mut tries = Vec::new();
    let told = lines(|| tries.extend([0; 4].map(|_| decide(&decider, &[], &streak))));
    assert_eq!(tries, [Tried::Again, Tried::Again, Tried::Done, Tried::Done]);
    let [first, end] = told.as_slice() else { panic!("{told:#?}") };
    assert!(first.contains("WARN orders wait because they can't be placed now"), "{first}");
    assert!(end.contains("INFO orders can be placed again"), "{end}");
}
