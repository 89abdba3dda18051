//! The states, each by hand, and what holds of them after any history.

use std::time::{Duration, Instant};

use domain::ports::Cause;
use proptest::prelude::*;
use protocol::{EpochMs, TroubleState};

use super::{Moment, QUIET, THROUGH_WITHIN, TrackRecord};

/// A record with a clock that is set by hand.
struct Tried {
    record: TrackRecord,
    begin: Instant,
    ms: u64,
}

impl Tried {
    fn new() -> Self {
        Self { record: TrackRecord::default(), begin: Instant::now(), ms: 0 }
    }

    fn now(&self) -> Moment {
        let instant = self.begin + Duration::from_millis(self.ms);
        Moment { instant, at: EpochMs(i64::try_from(self.ms).unwrap()) }
    }

    fn wait(&mut self, ms: u64) -> &mut Self {
        self.ms += ms;
        self
    }

    fn failed(&mut self, why: &str) -> &mut Self {
        let now = self.now();
        self.record.failed(now, 1, Cause(why.to_owned()));
        self
    }

    fn through(&mut self) -> &mut Self {
        let now = self.now();
        self.record.through(now);
        self
    }

    fn seen(&mut self, why: &str) -> &mut Self {
        let now = self.now();
        self.record.seen(now, Cause(why.to_owned()));
        self
    }

    fn gone(&mut self) -> &mut Self {
        self.record.gone();
        self
    }

    fn state(&self) -> Option<TroubleState> {
        self.record.at_moment(self.now().instant).map(|trouble| trouble.state)
    }
}

const FAILING: Option<TroubleState> = Some(TroubleState::Failing);
const PARTLY: Option<TroubleState> = Some(TroubleState::Partly);
const RECOVERING: Option<TroubleState> = Some(TroubleState::Recovering);

#[test]
fn one_refusal_is_trouble_until_an_order_has_gone_through() {
    let mut part = Tried::new();
    assert_eq!(part.through().state(), None);
    assert_eq!(part.failed("full").state(), FAILING);
    assert_eq!(part.wait(3_600_000).state(), FAILING, "time alone proves nothing");
    part.failed("still full");
    let trouble = part.record.at_moment(part.now().instant).unwrap();
    assert_eq!((trouble.since, trouble.orders), (EpochMs(0), 2));
    assert_eq!(trouble.cause.0, "still full");
    assert_eq!(part.through().state(), None);
}

#[test]
fn a_cause_that_is_gone_is_no_proof_and_may_be_tried_after_ten_seconds() {
    let mut part = Tried::new();
    part.failed("full");
    assert_eq!(part.wait(9_999).gone().state(), FAILING);
    assert_eq!(part.wait(1).state(), RECOVERING);
    // The next refusal puts it back, and it is the same trouble.
    assert_eq!(part.failed("full").state(), FAILING);
    assert_eq!(part.record.at_moment(part.now().instant).unwrap().since, EpochMs(0));
    assert_eq!(part.wait(10_000).state(), FAILING, "the look was before the refusal");
    assert_eq!(part.gone().state(), RECOVERING);
    assert_eq!(part.seen("full").state(), FAILING);
    assert_eq!(part.gone().state(), RECOVERING);
    assert_eq!(part.through().state(), None);
}

#[test]
fn tries_that_go_on_failing_keep_it_failing() {
    let mut part = Tried::new();
    for _ in 0..100 {
        assert_eq!(part.failed("full").gone().wait(500).state(), FAILING);
    }
}

#[test]
fn what_only_a_look_has_found_a_look_ends() {
    let mut part = Tried::new();
    assert_eq!(part.seen("locked").state(), FAILING);
    assert_eq!(part.gone().state(), None);
    assert_eq!(part.seen("locked").failed("locked").gone().state(), FAILING);
}

#[test]
fn where_some_get_through_it_is_failing_in_part_until_none_fails() {
    let mut part = Tried::new();
    part.failed("broker-b refuses").through();
    // Soon again: it isn't over and over and over again.
    for _ in 0..50 {
        assert_eq!(part.wait(300).failed("broker-b refuses").state(), PARTLY);
        assert_eq!(part.wait(300).through().state(), PARTLY);
    }
    assert_eq!(part.wait(8_000).state(), PARTLY);
    assert_eq!(part.wait(2_000).state(), None);
}

#[test]
fn where_none_gets_through_any_more_it_is_failing_again() {
    let mut part = Tried::new();
    part.failed("no").through().wait(1_000).failed("no");
    assert_eq!(part.state(), PARTLY);
    assert_eq!(part.wait(1_000).state(), FAILING, "the last was refused, and none went through");
    assert_eq!(part.wait(9_000).gone().state(), RECOVERING);
    assert_eq!(part.through().state(), None, "nothing has failed for ten seconds");
}

#[derive(Debug, Clone)]
enum Step {
    Failed,
    Through,
    Seen,
    Gone,
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Failed),
        2 => Just(Step::Through),
        1 => Just(Step::Seen),
        2 => Just(Step::Gone),
        4 => (0_u64..15_000).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 0..60)
}

proptest! {
    /// After any history: it recovers only in quiet, is well only if the last outcome was none that
    /// failed, and one order that goes through takes it out of failing.
    #[test]
    fn states_follow_from_the_last_outcomes(steps in steps()) {
        let mut part = Tried::new();
        let (mut failed, mut through) = (None, None);
        for step in steps {
            let before = part.state();
            match step {
                Step::Failed => { part.failed("no"); failed = Some(part.ms); }
                Step::Through => { part.through(); through = Some(part.ms); }
                Step::Seen => { part.seen("no"); }
                Step::Gone => { part.gone(); }
                Step::Wait(ms) => { part.wait(ms); }
            }
            let (state, now) = (part.state(), part.ms);
            let since = |then: u64| Duration::from_millis(now - then);
            if state == RECOVERING {
                prop_assert!(failed.is_some_and(|then| QUIET <= since(then)));
            }
            if state.is_none() && failed.is_some() {
                prop_assert!(through.is_some() && failed <= through, "well by silence");
            }
            if state == PARTLY {
                prop_assert!(through.is_some_and(|then| since(then) < QUIET.max(THROUGH_WITHIN)
                    || failed.is_some_and(|then| since(then) < QUIET)));
            }
            if matches!(step, Step::Through) {
                prop_assert!(state.is_none() || state == PARTLY);
            }
            if matches!(step, Step::Failed) && before == RECOVERING {
                prop_assert!(state == FAILING || state == PARTLY);
            }
        }
    }
}
