//! Replaying the events gives the state.

use proptest::prelude::*;

use super::arbitrary::{state, two_states};
use crate::{
    Change, EpochMs, Gap, Line, NOTABLES_MAX, Notable, NotableKind, PeerView, Permission,
    SECONDS_KEPT, Severity, Snapshot,
};

/// The line as a reader at the other end of the socket gets it.
fn sent(line: &Line) -> Line {
    serde_json::from_str(&serde_json::to_string(line).unwrap()).unwrap()
}

/// Applies what the stream brings after the first state.
fn replay(state: &mut Snapshot, changes: Vec<Change>, at: EpochMs) -> Result<(), Gap> {
    for change in changes {
        let seq = state.seq + 1;
        let line = sent(&Line::Change { seq, at, change: Box::new(change) });
        let Line::Change { seq, at, change } = line else { unreachable!() };
        state.apply(seq, at, *change)?;
    }
    // Between changes the stream has heartbeats, which carry the moment as well.
    state.beat(state.seq, at)
}

proptest! {
    #[test]
    fn changes_make_the_one_state_of_the_other((older, mut newer) in two_states()) {
        let you = PeerView { uid: 0, user: None, permission: Permission::View, missing: None };
        let first = Line::Snapshot { snapshot: Box::new(older.clone()), you };
        let Line::Snapshot { snapshot, .. } = sent(&first) else { unreachable!() };
        prop_assert_eq!(&*snapshot, &older);
        let mut state = *snapshot;
        let changes = older.changes_to(&newer);
        newer.seq = older.seq + changes.len() as u64;
        prop_assert_eq!(replay(&mut state, changes, newer.at), Ok(()));
        prop_assert_eq!(state, newer);
    }

    #[test]
    fn what_stays_is_no_change(mut state in state()) {
        let same = state.clone();
        state.move_to(EpochMs(state.at.0 + 1_000));
        prop_assert_eq!(same.changes_to(&state), Vec::new());
    }

    #[test]
    fn a_gap_leaves_the_state_alone((older, newer) in two_states(), came in any::<u64>()) {
        prop_assume!(came != older.seq + 1);
        let mut state = older.clone();
        for change in older.changes_to(&newer) {
            let gap = Gap { due: older.seq + 1, came };
            prop_assert_eq!(state.apply(came, newer.at, change), Err(gap));
            prop_assert_eq!(&state, &older);
        }
        if came != older.seq {
            let gap = Gap { due: older.seq, came };
            prop_assert_eq!(state.beat(came, newer.at), Err(gap));
            prop_assert_eq!(&state, &older);
        }
    }
}

fn notable() -> Notable {
    let (kind, severity) = (NotableKind::Phase, Severity::Info);
    Notable { id: 0, at: EpochMs(0), kind, severity, text: String::new() }
}

#[test]
fn the_first_notable_event_of_all_is_not_lost() {
    let newer = Snapshot { notables: vec![notable()], ..Snapshot::default() };
    assert_eq!(Snapshot::default().changes_to(&newer), [Change::Notable(notable())]);
}

#[test]
fn a_gap_says_what_is_missing() {
    assert_eq!(Gap { due: 5, came: 7 }.to_string(), "change 5 was due and 7 came");
}

#[test]
fn history_is_bounded_and_forgets_the_oldest() {
    let mut state = Snapshot::default();
    for number in 0..500 {
        state.seconds.push(number, number / 2);
        state.notice(Notable { id: number, ..notable() });
    }
    let newest = |kept: usize| (500 - kept as u64..500).collect::<Vec<_>>();
    assert_eq!(state.seconds.charges, newest(SECONDS_KEPT));
    assert_eq!(state.seconds.placed.len(), SECONDS_KEPT);
    let ids: Vec<u64> = state.notables.iter().map(|notable| notable.id).collect();
    assert_eq!(ids, newest(NOTABLES_MAX));
}

/// Set forward by an hour, the clock takes the uptime nowhere, for the daemon and its readers
/// alike.
#[test]
fn the_uptime_does_not_follow_the_clock() {
    let mut state = Snapshot { started_at: EpochMs(1_000), ..Snapshot::default() };
    state.move_to(EpochMs(61_000));
    assert_eq!(state.uptime_s, 60);
    for (step, at) in [(3_600, 3_662_000), (-3_600, -3_537_000)] {
        let mut newer = Snapshot { clock_step_s: step, ..state.clone() };
        newer.move_to(EpochMs(at));
        assert!((60..=62).contains(&newer.uptime_s), "{}", newer.uptime_s);
        let mut read = state.clone();
        for change in state.changes_to(&newer) {
            read.apply(read.seq + 1, newer.at, change).unwrap();
        }
        assert_eq!(read.uptime_s, newer.uptime_s);
    }
}

/// An older reader before a newer daemon goes on with what it knows.
#[test]
fn a_part_of_a_later_version_is_passed_over() {
    let mut state = Snapshot::default();
    let before = state.clone();
    for (seq, now) in [(1, "{\"depth\":[1]}"), (2, "null"), (3, "7")] {
        let text = format!(
            "{{\"line\":\"change\",\"seq\":{seq},\"at\":\"1970-01-01T00:00:00.000+0000\",\
             \"change\":{{\"part\":\"of_later\",\"now\":{now}}}}}"
        );
        let Line::Change { seq, at, change } = serde_json::from_str(&text).unwrap() else {
            panic!("no change: {text}");
        };
        assert_eq!(*change, Change::Unknown);
        state.apply(seq, at, *change).unwrap();
    }
    assert_eq!(state, Snapshot { seq: 3, ..before });
    let line: Line = serde_json::from_str("{\"line\":\"of_later\",\"seq\":4}").unwrap();
    assert_eq!(line, Line::Unknown);
}
