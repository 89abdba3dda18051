//! What the process knows about itself: its phase, what keeps it from full service, how the last
//! orders went, the last timed reading of the lag. Parts only report here; the admin socket and
//! `/readyz` read.
//!
//! A part is degraded by what a look finds (`report`) and by what becomes of orders (`record`,
//! whose rules are in `track_record`).

mod record;
mod track_record;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::ports::{Cause, Lag};
use protocol::{ConfigView, EpochMs, Phase, ReloadOutcome, ReloadView, Trouble, TroubleState};
use tokio::sync::watch;

use instruments::clock;
use instruments::signs_of_life::Vitals;
pub use record::{Record, Refuses, Subject};

/// The process's own state. Shared by all parts.
pub struct Status {
    started: Instant,
    started_at: EpochMs,
    phase: watch::Sender<Phase>,
    conditions: Mutex<BTreeMap<Part, Condition>>,
    records: Mutex<Vec<Arc<Record>>>,
    lag: Mutex<LagRecord>,
    was_drained: AtomicBool,
    vitals: Vitals,
    config: Mutex<ConfigView>,
}

/// How far back the slope of the lag looks.
const SLOPE_OVER: Duration = Duration::from_secs(10);

/// The last timed reading of the lag, and what its slope is made of.
struct LagRecord {
    begun: Instant,
    reading: Result<Lag, Cause>,
    earlier: VecDeque<(Instant, u64)>,
}

/// The last timed reading of the lag.
#[derive(Debug, Clone)]
pub struct LagReading {
    /// When it began.
    pub begun: Instant,
    /// The lag, or why it couldn't be read.
    pub lag: Result<Lag, Cause>,
    /// Messages per second by which it changed over the last ten seconds; `None` with fewer than
    /// two readings.
    pub slope_per_s: Option<i64>,
}

/// A part that can be worse than well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The way to the queue.
    Queue,
    /// What the gateway knows of the order side.
    OrderSide,
    /// The database.
    Store,
    /// The way in for operators.
    AdminSocket,
    /// What the gateway answers by itself.
    Gateway,
    /// The sale's clock.
    Clock,
}

impl Part {
    /// All parts.
    pub const ALL: [Self; 6] =
        [Self::Queue, Self::OrderSide, Self::Store, Self::AdminSocket, Self::Gateway, Self::Clock];

    /// The part in a word, as it stands in a metric's label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::OrderSide => "order_side",
            Self::Store => "store",
            Self::AdminSocket => "admin_socket",
            Self::Gateway => "gateway",
            Self::Clock => "clock",
        }
    }
}

/// How a part is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Condition {
    /// What keeps it from full service, in sentences.
    pub degraded: Vec<String>,
    /// What an operator should know although it works.
    pub warnings: Vec<String>,
    /// What failed, may work again, and is proven by the next order.
    pub recovering: Vec<String>,
    /// Whether what is degraded keeps buyers out.
    pub refuses: Refuses,
}

impl Condition {
    /// A part that doesn't do its work, for one reason.
    #[must_use]
    pub fn degraded(why: impl Into<String>) -> Self {
        Self { degraded: vec![why.into()], ..Self::default() }
    }
}

/// What keeps one part from full service, in figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PartCounts {
    /// Reasons for not doing its work.
    pub degraded: usize,
    /// Troubles whose end only the next order proves.
    pub recovering: usize,
}

impl Default for Status {
    fn default() -> Self {
        let (started, started_at) = (Instant::now(), clock::now());
        let reading = Err(Cause("not read yet".to_owned()));
        let lag = LagRecord { begun: started, reading, earlier: VecDeque::new() };
        Self {
            started,
            started_at,
            phase: watch::Sender::new(Phase::Starting),
            conditions: Mutex::default(),
            records: Mutex::default(),
            lag: Mutex::new(lag),
            was_drained: AtomicBool::new(false),
            vitals: Vitals::default(),
            config: Mutex::new(ConfigView {
                generation: 1,
                since: started_at,
                ..ConfigView::default()
            }),
        }
    }
}

impl Status {
    /// The signs of life of the loops that everything depends on.
    #[must_use]
    pub const fn vitals(&self) -> &Vitals {
        &self.vitals
    }

    /// Whole seconds by which the wall clock, which shows `now`, was set forward since the start
    /// (negative: back).
    #[must_use]
    pub fn clock_step_s(&self, now: EpochMs) -> i64 {
        let lasted = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        let by_the_wall = now.0.saturating_sub(self.started_at.0);
        // Rounded to a second, so that a clock that is only slewed shows no step.
        by_the_wall.saturating_sub(lasted).saturating_add(500).div_euclid(1_000)
    }

    /// The phase now.
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Enters a phase.
    pub fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Reports how a part is.
    pub fn report(&self, part: Part, condition: Condition) {
        let mut conditions = self.conditions.lock().unwrap_or_else(PoisonError::into_inner);
        conditions.insert(part, condition);
    }

    /// How all parts are together.
    #[must_use]
    pub fn condition(&self) -> Condition {
        self.condition_with(&self.troubles())
    }

    /// How all parts are together with these troubles, which were read before.
    #[must_use]
    pub fn condition_with(&self, troubles: &[Trouble]) -> Condition {
        let conditions = self.conditions.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = Condition::default();
        for condition in conditions.values() {
            all.degraded.extend_from_slice(&condition.degraded);
            all.warnings.extend_from_slice(&condition.warnings);
        }
        drop(conditions);
        for Trouble { state, text, .. } in troubles {
            match state {
                // A look may have reported the same cause already.
                TroubleState::Failing if all.degraded.contains(text) => {}
                TroubleState::Failing => all.degraded.push(text.clone()),
                TroubleState::Partly => all.warnings.push(format!("for some orders, {text}")),
                TroubleState::Recovering => all.recovering.push(text.clone()),
            }
        }
        all
    }

    /// How many reasons each part has for not doing its work, and how many of its troubles wait for
    /// an order that proves it well.
    #[must_use]
    pub fn parts(&self) -> Vec<(Part, PartCounts)> {
        let troubles = self.troubles();
        let conditions = self.conditions.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |part: Part| {
            let found = conditions.get(&part).map_or(0, |condition| condition.degraded.len());
            let count = |state| {
                let of_part = |one: &&Trouble| one.part == part.as_str() && one.state == state;
                troubles.iter().filter(of_part).count()
            };
            PartCounts {
                degraded: found + count(TroubleState::Failing),
                recovering: count(TroubleState::Recovering),
            }
        };
        Part::ALL.into_iter().map(|part| (part, of(part))).collect()
    }

    /// Begins a track record.
    pub fn record(&self, subject: Subject) -> Arc<Record> {
        let record = Arc::new(Record::new(subject));
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.push(Arc::clone(&record));
        record
    }

    /// Every track record that isn't well.
    #[must_use]
    pub fn troubles(&self) -> Vec<Trouble> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.iter().filter_map(|record| record.told()).collect()
    }

    /// Whether it is worth sending buyers here: it serves, and nothing that is degraded is its own
    /// or keeps them out. An order node that decides nothing is shown everywhere, and is no reason
    /// not to queue for it.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let conditions = self.conditions.lock().unwrap_or_else(PoisonError::into_inner);
        let found = |condition: &Condition| {
            condition.refuses == Refuses::Everybody && !condition.degraded.is_empty()
        };
        let is_found = conditions.values().any(found);
        drop(conditions);
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let is_own = |record: &&Arc<Record>| record.subject().part != Part::OrderSide;
        let is_failing = records.iter().filter(is_own).any(|record| record.failing().is_some());
        self.phase() == Phase::Serving && !is_found && !is_failing
    }

    /// When the process started.
    #[must_use]
    pub const fn started_at(&self) -> EpochMs {
        self.started_at
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> ConfigView {
        self.config.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes how a reload went; returns the generation that is in force now.
    pub fn note_reload(&self, reload: ReloadView) -> u64 {
        let mut config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        match reload.outcome {
            ReloadOutcome::Changed => {
                config.generation += 1;
                config.since = reload.at;
            }
            ReloadOutcome::Unchanged => config.reloads_unchanged += 1,
            ReloadOutcome::Refused => config.reloads_refused += 1,
        }
        config.last_reload = Some(reload);
        config.generation
    }

    /// Notes a timed reading of the lag that began at `begun`.
    pub fn note_lag(&self, begun: Instant, reading: Result<Lag, Cause>) {
        let mut record = self.lag.lock().unwrap_or_else(PoisonError::into_inner);
        match &reading {
            Ok(lag) => {
                if lag.messages == 0 {
                    self.was_drained.store(true, Ordering::Relaxed);
                }
                record.earlier.push_back((begun, lag.messages));
                let too_old = |at: Instant| SLOPE_OVER < begun.saturating_duration_since(at);
                while record.earlier.front().is_some_and(|(at, _)| too_old(*at)) {
                    record.earlier.pop_front();
                }
            }
            // Over a failed reading there is no true slope.
            Err(_) => record.earlier.clear(),
        }
        (record.begun, record.reading) = (begun, reading);
    }

    /// Whether the queue was ever seen empty since the start: then nothing of an earlier run is
    /// left in it, and what is undecided came through this run.
    #[must_use]
    pub fn was_drained(&self) -> bool {
        self.was_drained.load(Ordering::Relaxed)
    }

    /// The last timed reading of the lag.
    #[must_use]
    pub fn lag(&self) -> LagReading {
        let record = self.lag.lock().unwrap_or_else(PoisonError::into_inner);
        let slope_per_s = slope_per_s(&record.earlier);
        LagReading { begun: record.begun, lag: record.reading.clone(), slope_per_s }
    }
}

fn slope_per_s(readings: &VecDeque<(Instant, u64)>) -> Option<i64> {
    let ((since, first), (until, last)) = (readings.front()?, readings.back()?);
    let ms = i64::try_from(until.saturating_duration_since(*since).as_millis()).ok()?;
    let change = i64::try_from(*last).ok()?.checked_sub(i64::try_from(*first).ok()?)?;
    let per_s = change.checked_mul(1_000)?.checked_div(ms)?;
    // Less than one message a second is still a direction.
    Some(if per_s == 0 { change.signum() } else { per_s })
}

#[cfg(test)]
mod tests {
    use protocol::Phase;

    use std::time::{Duration, Instant};

    use super::{Cause, Condition, Lag, Part, PartCounts, Refuses, Status, Subject};

    #[test]
    fn drained_is_remembered() {
        let status = Status::default();
        let lag = |messages| Ok(Lag { messages, ..Lag::default() });
        let now = Instant::now();
        status.note_lag(now, lag(3));
        status.note_lag(now, Err(Cause("away".to_owned())));
        assert!(!status.was_drained(), "what can't be read isn't 0");
        status.note_lag(now, lag(0));
        status.note_lag(now, lag(3));
        assert!(status.was_drained());
    }

    #[test]
    fn a_clock_that_is_set_is_told_by_how_much_and_one_that_is_slewed_is_not() {
        let status = Status::default();
        let at = |ms: i64| status.clock_step_s(protocol::EpochMs(status.started_at().0 + ms));
        // The test itself takes some time: less than the half second that is rounded away, or a
        // few.
        assert!((-9..=0).contains(&at(400)), "{}", at(400));
        assert!((3_591..=3_600).contains(&at(3_600_000)), "{}", at(3_600_000));
        assert!((-3_610..=-3_600).contains(&at(-3_600_000)), "{}", at(-3_600_000));
    }

    #[test]
    fn a_slope_needs_two_readings_and_forgets_old_ones() {
        let status = Status::default();
        let begin = Instant::now();
        let note = |second, messages| {
            let lag = Ok(Lag { messages, ..Lag::default() });
            status.note_lag(begin + Duration::from_secs(second), lag);
            status.lag().slope_per_s
        };
        assert_eq!(status.lag().slope_per_s, None);
        assert_eq!(note(0, 1_000), None);
        assert_eq!(note(2, 600), Some(-200));
        assert_eq!(note(12, 605), Some(1), "half a message a second is a direction");
        assert_eq!(note(30, 605), None, "nothing else is young enough");
        assert_eq!(note(31, 605), Some(0));
        status.note_lag(begin + Duration::from_secs(32), Err(Cause("away".to_owned())));
        assert_eq!(note(33, 9), None, "what couldn't be read has no slope");
    }

    #[test]
    fn ready_is_serving_with_nothing_degraded() {
        let status = Status::default();
        assert!(!status.is_ready(), "starting is not ready");
        status.enter(Phase::Serving);
        assert!(status.is_ready());
        status.report(Part::Queue, Condition::degraded("broker away"));
        status.report(Part::OrderSide, Condition::default());
        assert!(!status.is_ready());
        assert_eq!(status.condition().degraded, ["broker away"]);
        status.report(Part::Queue, Condition::default());
        assert!(status.is_ready());
    }

    #[test]
    fn an_order_node_that_decides_nothing_is_told_and_buyers_may_queue_for_it() {
        let status = Status::default();
        status.enter(Phase::Serving);
        let away = Condition { refuses: Refuses::Nobody, ..Condition::degraded("away") };
        status.report(Part::OrderSide, away);
        let what = "orders aren't decided";
        let subject = Subject { part: Part::OrderSide, what, refuses: Refuses::Nobody };
        status.record(subject).seen(Cause("none for over 10 s".to_owned()));
        assert!(status.is_ready());
        assert_eq!(status.condition().degraded.len(), 2);
        assert_eq!(status.parts()[1].1, PartCounts { degraded: 2, recovering: 0 });
        // Before the order side was ever asked nobody is admitted.
        status.report(Part::OrderSide, Condition::degraded("never read"));
        assert!(!status.is_ready());
    }

    #[test]
    fn outcomes_make_a_part_unready_until_an_order_goes_through() {
        let status = Status::default();
        status.enter(Phase::Serving);
        let what = "orders can't be sent";
        let subject = Subject { part: Part::Queue, what, refuses: Refuses::Everybody };
        let sends = status.record(subject);
        sends.failed(3, &Cause("no permission".to_owned()));
        assert!(!status.is_ready());
        assert_eq!(status.condition().degraded, ["orders can't be sent: no permission"]);
        assert_eq!(status.parts()[0].1, PartCounts { degraded: 1, recovering: 0 });
        let trouble = status.troubles().remove(0);
        assert_eq!((trouble.orders, trouble.refuses), (3, true));
        // A look that reports the very same words adds no second reason.
        status.report(Part::Queue, Condition::degraded("orders can't be sent: no permission"));
        assert_eq!(status.condition().degraded.len(), 1);
        status.report(Part::Queue, Condition::default());
        sends.through();
        assert!(status.is_ready());
        assert_eq!((status.troubles().len(), sends.throughs()), (0, 1));
    }
}
