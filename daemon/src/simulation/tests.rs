//! The histories of the ordinary test run, and those that found something.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::history::History;
use super::{Course, report, run};
use crate::store::inline::InlineStore;

/// Histories of an ordinary run.
const HISTORIES: u64 = 2_000;

/// Histories that fail before a run stops looking for more.
const FAILURES_MAX: usize = 3;

#[expect(clippy::disallowed_methods, reason = "the test's own switch")]
fn switch(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// Runs the seeds on as many threads as there are processors; what was told, and what failed.
fn run_all(seeds: std::ops::Range<u64>) -> (HashMap<&'static str, u64>, Vec<String>) {
    let (next, codes) = (AtomicU64::new(seeds.start), Mutex::new(HashMap::new()));
    let failures = Mutex::new(Vec::new());
    let work = || {
        let store = InlineStore::new();
        let mut told: HashMap<&'static str, u64> = HashMap::new();
        while failures.lock().unwrap().len() < FAILURES_MAX {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seeds.end <= seed {
                break;
            }
            match run(&store, &History::of(seed)) {
                Ok(course) => {
                    for (code, count) in course.codes {
                        *told.entry(code).or_default() += count;
                    }
                }
                Err(why) => failures.lock().unwrap().push((seed, why)),
            }
        }
        for (code, count) in told {
            *codes.lock().unwrap().entry(code).or_default() += count;
        }
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let failures = failures.into_inner().unwrap();
    let failures = failures.iter().map(|(seed, why)| report(*seed, why)).collect();
    (codes.into_inner().unwrap(), failures)
}

#[test]
fn whatever_happens_every_promise_is_kept() {
    let seeds = match switch("SECKILL_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..switch("SECKILL_SIM_HISTORIES").unwrap_or(HISTORIES),
    };
    let (first, last) = (seeds.start, seeds.end - 1);
    let (codes, failures) = run_all(seeds);
    let mut told: Vec<_> = codes.into_iter().collect();
    told.sort_unstable();
    println!("histories {first} to {last}; answers by code: {told:?}");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    if first < last {
        // Histories that don't get about prove nothing.
        for code in
            ["10000", "20000", "40004", "40006", "41004", "42001", "42002", "42003", "42004"]
        {
            assert!(told.iter().any(|(known, _)| *known == code), "{code} was never told");
        }
    }
}

#[test]
fn a_seed_tells_the_same_history_each_time() {
    let store = InlineStore::new();
    for seed in 0..20 {
        let course: Course = run(&store, &History::of(seed)).unwrap();
        assert_eq!(run(&InlineStore::new(), &History::of(seed)).unwrap(), course, "{seed}");
    }
}
