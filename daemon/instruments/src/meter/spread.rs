//! What was measured since the start, counted in fixed buckets, with its sum: what a histogram of
//! Prometheus needs, which works out rates and percentiles over any time by itself. Recording takes
//! no lock: one counter and one sum go up.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use protocol::Code;

use super::endpoint::Endpoint;
use super::per_thread::PerThread;

/// Upper ends of the buckets of durations, in microseconds: from what a refusal takes to the time
/// after which a buyer counts as overdue, and beyond.
pub const DURATIONS_US: [u64; 18] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000, 30_000_000, 60_000_000,
];

/// Upper ends of the buckets of a commit's orders. A commit without any is of something else.
pub const ORDERS: [u64; 13] = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 4_096];

const CODES: usize = Code::ALL.len();

/// Counts values in buckets since the start.
#[derive(Debug)]
pub struct SpreadMeter {
    /// Ascending; a bucket holds what lies above the bound before and not above its own.
    bounds: &'static [u64],
    /// One for each bound, and one for what lies above the last.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// A [`SpreadMeter`] as it was read. By default it has no buckets and nothing in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spread {
    /// Upper ends, ascending, in the unit of what was measured.
    pub bounds: &'static [u64],
    /// How many lie in each bucket, and after them how many above the last bound.
    pub counts: Vec<u64>,
    /// All values together, in their unit.
    pub sum: u64,
}

impl SpreadMeter {
    /// Nothing counted yet, over these bounds.
    #[must_use]
    pub fn new(bounds: &'static [u64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum: AtomicU64::new(0) }
    }

    /// Takes in one value.
    pub fn record(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Relaxed);
        }
        self.sum.fetch_add(value, Relaxed);
    }

    /// Takes in one duration, in microseconds.
    pub fn record_duration(&self, duration: Duration) {
        self.record(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    /// How many values there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Relaxed)).sum()
    }

    /// What was counted. Values that are recorded meanwhile may be in the sum alone, or not yet.
    #[must_use]
    pub fn read(&self) -> Spread {
        let counts = self.counts.iter().map(|count| count.load(Relaxed)).collect();
        Spread { bounds: self.bounds, counts, sum: self.sum.load(Relaxed) }
    }
}

impl Spread {
    /// Nothing in it, over these bounds.
    fn nothing(bounds: &'static [u64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len() + 1], sum: 0 }
    }

    /// How many values there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Takes in another that was counted over the same bounds.
    fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.sum += other.sum;
    }
}

/// How long the answers of one endpoint took, by the code of each.
#[derive(Debug)]
pub struct AnswerMeter {
    endpoint: Endpoint,
    measured: PerThread<[SpreadMeter; CODES]>,
}

impl AnswerMeter {
    /// Nothing measured yet of this endpoint.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        let nothing = || std::array::from_fn(|_| SpreadMeter::new(&DURATIONS_US));
        Self { endpoint, measured: PerThread::new(nothing) }
    }

    /// The endpoint that is measured.
    #[must_use]
    pub const fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// An answer with this code took so long.
    pub fn record(&self, code: Code, duration: Duration) {
        let endpoint = self.endpoint;
        debug_assert!(endpoint.codes().contains(&code), "{endpoint:?} has no {code:?}");
        self.measured.own()[code as usize].record_duration(duration);
    }

    /// How many there were since the start, by code; codes that never came are left out.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.seen().fold(BTreeMap::new(), |mut counts, (code, meter)| {
            *counts.entry(code.as_str().to_owned()).or_default() += meter.count();
            counts
        })
    }

    /// How long they took, by code: every code that the endpoint has, also those that never came,
    /// as a counter that begins with its first event hides that event from every rate.
    #[must_use]
    pub fn read(&self) -> BTreeMap<&'static str, Spread> {
        let nothing = || Spread::nothing(&DURATIONS_US);
        let known = self.endpoint.codes().iter().map(|code| (code.as_str(), nothing())).collect();
        self.seen().fold(known, |mut spreads: BTreeMap<_, _>, (code, meter)| {
            spreads.entry(code.as_str()).or_insert_with(nothing).add(&meter.read());
            spreads
        })
    }

    fn seen(&self) -> impl Iterator<Item = (Code, &SpreadMeter)> {
        let all = self
            .measured
            .all()
            .flat_map(|meters| Code::ALL.into_iter().map(|code| (code, &meters[code as usize])));
        all.filter(|(_, meter)| 0 < meter.count())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use protocol::Code;

    use super::{AnswerMeter, DURATIONS_US, ORDERS, SpreadMeter};
    use crate::meter::Endpoint;

    #[test]
    fn a_value_at_its_bound_is_below_it_and_the_largest_are_in_the_last_bucket() {
        let meter = SpreadMeter::new(&ORDERS);
        for value in [0, 1, 2, 3, 4, 5, 4_096, 4_097] {
            meter.record(value);
        }
        let read = meter.read();
        assert_eq!(read.counts, [1, 1, 1, 2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!((read.count(), read.sum, meter.count()), (8, 8_208, 8));
        assert!(DURATIONS_US.is_sorted() && ORDERS.is_sorted());
    }

    #[test]
    fn every_code_of_an_endpoint_is_there_before_its_first_answer() {
        for endpoint in Endpoint::ALL {
            let meter = AnswerMeter::new(endpoint);
            let read = meter.read();
            assert_eq!(read.len(), endpoint.codes().len(), "{endpoint:?}");
            for spread in read.values() {
                assert_eq!((spread.count(), spread.counts.len()), (0, DURATIONS_US.len() + 1));
            }
            assert!(meter.counts().is_empty(), "the views leave out what never came");
        }
    }

    #[test]
    #[should_panic(expected = "Charge has no NeverOrdered")]
    fn a_code_that_an_endpoint_does_not_have_is_a_mistake() {
        AnswerMeter::new(Endpoint::Charge).record(Code::NeverOrdered, Duration::ZERO);
    }

    #[test]
    fn answers_are_measured_by_code() {
        let meter = AnswerMeter::new(Endpoint::Charge);
        meter.record(Code::Queued, Duration::from_micros(100));
        meter.record(Code::Queued, Duration::from_micros(101));
        meter.record(Code::SoldOut, Duration::from_secs(61));
        let read = meter.read();
        let success = &read["10000"];
        assert_eq!((&success.counts[..3], success.sum), (&[1, 1, 0][..], 201));
        assert_eq!(read["40006"].counts.last(), Some(&1));
        assert_eq!(meter.counts().into_values().collect::<Vec<_>>(), [2, 1]);
    }
}
