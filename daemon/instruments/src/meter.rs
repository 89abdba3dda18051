//! Meters on the hot paths: how often per second, and how long. Parts measure, the admin views
//! read; nothing is decided by them. Counting takes no lock; a duration takes one of a few that
//! hardly anybody else holds. What is counted since the start, in buckets, is in `spread`.

mod decided;
mod endpoint;
mod per_thread;
mod spread;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use protocol::{Bucket, LatencyView, Rate, SECONDS_KEPT};

pub use decided::DecidedMeters;
pub use endpoint::Endpoint;
use per_thread::PerThread;
pub use spread::{AnswerMeter, DURATIONS_US, ORDERS, Spread, SpreadMeter};

/// Slots of a rate: more than the seconds kept, so that the second being counted isn't one of them.
const SLOTS: usize = 128;

/// Whole seconds of "the last minute".
const MINUTE_S: u32 = 60;

/// Durations are kept in slices of this many seconds, and a slice is forgotten as a whole.
const SLICE_S: u32 = 5;

/// Slices that make a minute, with the one being filled.
const SLICES: u32 = MINUTE_S / SLICE_S;

/// The longest duration that is measured, in microseconds; longer ones count as this.
const LONGEST_US: u64 = 60_000_000;

/// Significant decimal digits of a duration: two, so within 1 %.
const DIGITS: u8 = 2;

/// The end of the first bucket that a view shows, in microseconds.
const FIRST_BUCKET_US: u64 = 64;

/// Counts events by the second.
#[derive(Debug)]
pub struct RateMeter {
    base: Instant,
    counted: PerThread<Counted>,
}

/// What one thread counted. Each slot packs a second's number and its count.
#[derive(Debug)]
struct Counted {
    total: AtomicU64,
    slots: [AtomicU64; SLOTS],
}

impl Counted {
    const fn nothing() -> Self {
        Self { total: AtomicU64::new(0), slots: [const { AtomicU64::new(0) }; SLOTS] }
    }

    fn slot(&self, second: u32) -> &AtomicU64 {
        &self.slots[second as usize % SLOTS]
    }
}

impl RateMeter {
    /// A meter whose seconds begin at `base`. Meters that are shown side by side share it.
    #[must_use]
    pub fn new(base: Instant) -> Self {
        Self { base, counted: PerThread::new(Counted::nothing) }
    }

    /// Counts `events` now.
    pub fn add(&self, events: u64) {
        self.add_at(Instant::now(), events);
    }

    /// Counts `events` at a moment that was read already: reading the clock costs more than
    /// counting.
    pub fn add_at(&self, now: Instant, events: u64) {
        self.add_in(self.second_of(now), events);
    }

    fn add_in(&self, second: u32, events: u64) {
        let counted = self.counted.own();
        counted.total.fetch_add(events, Relaxed);
        // Half a word is enough for what a second can hold.
        let events = events.min(u64::from(u32::MAX));
        // The closure always gives a new word, so there is no failure to mind.
        let _ = counted.slot(second).fetch_update(Relaxed, Relaxed, |word| {
            let (of, count) = unpack(word);
            let count = if of == second { count } else { 0 };
            Some(pack(second, count.saturating_add(events)))
        });
    }

    /// How many there were since the start.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counted.all().map(|counted| counted.total.load(Relaxed)).sum()
    }

    /// The counts of the last whole second and minute.
    #[must_use]
    pub fn rate(&self) -> Rate {
        self.rate_at(self.second())
    }

    fn rate_at(&self, now: u32) -> Rate {
        let in_last = |seconds| (1..=seconds).map(|ago| self.in_second(now, ago)).sum();
        Rate { last_1s: in_last(1), last_60s: in_last(MINUTE_S) }
    }

    /// The counts of the last [`SECONDS_KEPT`] whole seconds, oldest first.
    #[must_use]
    pub fn history(&self) -> Vec<u64> {
        self.history_at(self.second())
    }

    fn history_at(&self, now: u32) -> Vec<u64> {
        let kept = u32::try_from(SECONDS_KEPT).unwrap_or(0);
        (1..=kept).rev().map(|ago| self.in_second(now, ago)).collect()
    }

    fn in_second(&self, now: u32, ago: u32) -> u64 {
        let Some(second) = now.checked_sub(ago) else { return 0 };
        let each = self.counted.all().map(|counted| unpack(counted.slot(second).load(Relaxed)));
        each.filter(|(of, _)| *of == second).map(|(_, count)| count).sum()
    }

    /// The second that is being counted; they begin with 1, as an unused slot says 0.
    fn second(&self) -> u32 {
        self.second_of(Instant::now())
    }

    fn second_of(&self, now: Instant) -> u32 {
        let since = now.saturating_duration_since(self.base);
        u32::try_from(since.as_secs() + 1).unwrap_or(u32::MAX)
    }
}

/// Counts what happened since the start.
#[derive(Debug, Default)]
pub struct CountMeter(PerThread<AtomicU64>);

impl CountMeter {
    /// It happened once more.
    pub fn add_one(&self) {
        self.0.own().fetch_add(1, Relaxed);
    }

    /// How often it happened.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.all().map(|count| count.load(Relaxed)).sum()
    }
}

/// Counts what happened since the start, by which of `N` kinds it was.
#[derive(Debug)]
pub struct KindMeter<const N: usize>(PerThread<[AtomicU64; N]>);

impl<const N: usize> Default for KindMeter<N> {
    fn default() -> Self {
        Self(PerThread::new(|| [const { AtomicU64::new(0) }; N]))
    }
}

impl<const N: usize> KindMeter<N> {
    /// The kind of this number happened once more; a number that none has counts nothing.
    pub fn add_one(&self, kind: usize) {
        if let Some(count) = self.0.own().get(kind) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// How often the kind happened.
    #[must_use]
    pub fn total(&self, kind: usize) -> u64 {
        self.0.all().filter_map(|counts| counts.get(kind)).map(|count| count.load(Relaxed)).sum()
    }
}

/// Counts what is there now: each comes and goes, and may go on another thread than it came on.
#[derive(Debug, Default)]
pub struct GaugeMeter(PerThread<AtomicU64>);

impl GaugeMeter {
    /// One came.
    pub fn come(&self) {
        self.0.own().fetch_add(1, Relaxed);
    }

    /// One went.
    pub fn go(&self) {
        self.0.own().fetch_sub(1, Relaxed);
    }

    /// How many are there. One that comes on one thread and goes on another while this is read may
    /// be seen going only: then it is as if it had gone.
    #[must_use]
    pub fn count(&self) -> u64 {
        let sum = self.0.all().fold(0, |sum: u64, count| sum.wrapping_add(count.load(Relaxed)));
        u64::try_from(sum.cast_signed()).unwrap_or(0)
    }
}

const fn pack(second: u32, count: u64) -> u64 {
    let count = if count < u32::MAX as u64 { count } else { u32::MAX as u64 };
    (second as u64) << 32 | count
}

const fn unpack(word: u64) -> (u32, u64) {
    ((word >> 32) as u32, word & u32::MAX as u64)
}

/// Measures durations over the last minute.
#[derive(Debug)]
pub struct LatencyMeter {
    base: Instant,
    shards: PerThread<Mutex<VecDeque<Slice>>>,
}

/// The durations of a few seconds.
#[derive(Debug)]
struct Slice {
    number: u32,
    durations: Histogram<u32>,
}

impl LatencyMeter {
    /// A meter that has measured nothing.
    #[must_use]
    pub fn new(base: Instant) -> Self {
        Self { base, shards: PerThread::default() }
    }

    /// Takes in one duration that ended at a moment that was read already.
    pub fn record_at(&self, now: Instant, duration: Duration) {
        let duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.record_in(self.slice_of(now), duration_us);
    }

    /// Takes in one duration.
    pub fn record(&self, duration: Duration) {
        self.record_at(Instant::now(), duration);
    }

    /// Takes in one duration in microseconds.
    pub fn record_us(&self, duration_us: u64) {
        self.record_in(self.slice(), duration_us);
    }

    fn record_in(&self, number: u32, duration_us: u64) {
        let mut slices = self.shards.own().lock().unwrap_or_else(PoisonError::into_inner);
        if slices.back().is_none_or(|slice| slice.number < number) {
            let used = if slices.len() < SLICES as usize { None } else { slices.pop_front() };
            let Some(durations) = used.map_or_else(empty, |slice| Some(cleared(slice))) else {
                return;
            };
            slices.push_back(Slice { number, durations });
        }
        if let Some(slice) = slices.back_mut() {
            slice.durations.saturating_record(duration_us.clamp(1, LONGEST_US));
        }
    }

    /// The last minute; `None` when nothing was measured in it.
    #[must_use]
    pub fn view(&self) -> Option<LatencyView> {
        self.view_at(self.slice())
    }

    fn view_at(&self, now: u32) -> Option<LatencyView> {
        let mut all: Option<Histogram<u32>> = None;
        for shard in self.shards.all() {
            let slices = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for slice in slices.iter().filter(|slice| now < slice.number + SLICES) {
                match &mut all {
                    // They are made alike, so one always fits into the other.
                    Some(all) => all.add(&slice.durations).unwrap_or_default(),
                    None => all = Some(slice.durations.clone()),
                }
            }
        }
        let all = all.filter(|all| !all.is_empty())?;
        Some(LatencyView {
            count: all.len(),
            p50_us: all.value_at_quantile(0.5),
            p99_us: all.value_at_quantile(0.99),
            p999_us: all.value_at_quantile(0.999),
            max_us: all.max(),
            buckets: buckets(&all),
        })
    }

    fn slice(&self) -> u32 {
        self.slice_of(Instant::now())
    }

    fn slice_of(&self, now: Instant) -> u32 {
        let since = now.saturating_duration_since(self.base);
        u32::try_from(since.as_secs() / u64::from(SLICE_S)).unwrap_or(u32::MAX)
    }
}

fn empty() -> Option<Histogram<u32>> {
    // The bounds are constants that the type accepts; a test holds it.
    Histogram::new_with_bounds(1, LONGEST_US, DIGITS).ok()
}

fn cleared(slice: Slice) -> Histogram<u32> {
    let mut durations = slice.durations;
    durations.reset();
    durations
}

/// Buckets whose ends double, without the empty ones before the first and after the last.
fn buckets(durations: &Histogram<u32>) -> Vec<Bucket> {
    let all = durations.iter_log(FIRST_BUCKET_US, 2.0).map(|step| Bucket {
        up_to_us: step.value_iterated_to() + 1,
        count: step.count_since_last_iteration(),
    });
    all.skip_while(|bucket| bucket.count == 0).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use protocol::{Bucket, Rate, SECONDS_KEPT};

    use super::{GaugeMeter, KindMeter, LONGEST_US, LatencyMeter, RateMeter, SLICES};

    #[test]
    fn a_rate_counts_whole_seconds_only() {
        let meter = RateMeter::new(Instant::now());
        assert_eq!(meter.rate_at(5), Rate::default());
        for (second, events) in [(1, 7), (60, 2), (61, 3), (61, 1)] {
            meter.add_in(second, events);
        }
        assert_eq!(meter.rate_at(61), Rate { last_1s: 2, last_60s: 9 }, "61 is being counted");
        assert_eq!(meter.rate_at(62), Rate { last_1s: 4, last_60s: 6 }, "1 is over a minute ago");
        assert_eq!(meter.rate_at(200), Rate::default());
        assert_eq!(meter.total(), 13);
    }

    #[test]
    fn a_slot_is_used_again_and_the_history_has_every_second() {
        let meter = RateMeter::new(Instant::now());
        meter.add_in(3, 5);
        meter.add_in(131, 1);
        let history = meter.history_at(132);
        assert_eq!(history.len(), SECONDS_KEPT);
        assert_eq!((history[SECONDS_KEPT - 1], history.iter().sum::<u64>()), (1, 1));
        meter.add_in(132, u64::MAX);
        assert_eq!(meter.rate_at(133).last_1s, u64::from(u32::MAX));
    }

    #[test]
    fn many_threads_lose_no_event() {
        let meter = RateMeter::new(Instant::now());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1_000).for_each(|_| meter.add_in(9, 1)));
            }
        });
        assert_eq!(meter.rate_at(10).last_1s, 4_000);
    }

    #[test]
    fn kinds_are_counted_apart_over_all_threads() {
        let meter = KindMeter::<2>::default();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| meter.add_one(1));
            }
        });
        meter.add_one(2);
        assert_eq!([0, 1, 2].map(|kind| meter.total(kind)), [0, 3, 0]);
    }

    #[test]
    fn one_may_go_on_another_thread_than_it_came_on() {
        let gauge = GaugeMeter::default();
        (0..3).for_each(|_| gauge.come());
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| gauge.go());
            }
        });
        assert_eq!(gauge.count(), 1);
        gauge.go();
        gauge.go();
        assert_eq!(gauge.count(), 0, "not a number without end");
    }

    #[test]
    fn a_minute_of_durations_is_shown_and_then_forgotten() {
        let meter = LatencyMeter::new(Instant::now());
        assert_eq!(meter.view_at(0), None);
        for _ in 0..98 {
            meter.record_in(0, 100);
        }
        meter.record_in(1, 5_000);
        meter.record_in(1, 2 * LONGEST_US);
        let view = meter.view_at(1).unwrap();
        assert_eq!((view.count, view.p50_us), (100, 100));
        assert!(view.p99_us.abs_diff(5_000) <= 50 && LONGEST_US <= view.max_us, "{view:?}");
        assert_eq!(view.buckets.first(), Some(&Bucket { up_to_us: 128, count: 98 }));
        assert_eq!(view.buckets.iter().map(|bucket| bucket.count).sum::<u64>(), 100);
        assert_eq!(meter.view_at(SLICES).unwrap().count, 2);
        assert_eq!(meter.view_at(SLICES + 1), None);
        for number in 2..40 {
            meter.record_in(number, 1);
        }
        assert_eq!(meter.view_at(39).unwrap().count, u64::from(SLICES));
    }
}
