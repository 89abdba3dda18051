//! Words that stand for one of a few: the text in JSON is the text that programs print.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{
    NotableKind, OrderState, Permission, Phase, RefusalCode, ReloadOutcome, Severity, StepKind,
    Trend,
};

/// Asserts each word in both directions, and that another is refused.
fn assert_words<T>(words: impl IntoIterator<Item = (T, &'static str)>)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    for (word, text) in words {
        let json = format!("\"{text}\"");
        assert_eq!(serde_json::to_string(&word).unwrap(), json);
        assert_eq!(serde_json::from_str::<T>(&json).unwrap(), word);
    }
    assert!(serde_json::from_str::<T>("\"no such word\"").is_err());
}

#[test]
fn are_the_same_in_json_and_in_print() {
    use NotableKind as Kind;
    use StepKind as Step;
    assert_words(OrderState::ALL.map(|state| (state, state.as_str())));
    assert_words(RefusalCode::ALL.map(|code| (code, code.as_str())));
    let phases = [Phase::Starting, Phase::Serving, Phase::Stopping, Phase::Stopped];
    assert_words(phases.map(|phase| (phase, phase.as_str())));
    let permissions = [Permission::None, Permission::View, Permission::Operate];
    assert_words(permissions.map(|permission| (permission, permission.as_str())));
    let kinds = [Kind::Audit, Kind::Phase, Kind::Condition, Kind::Product, Kind::Queue];
    assert_words(kinds.map(|kind| (kind, kind.as_str())));
    let outcomes = [ReloadOutcome::Changed, ReloadOutcome::Unchanged, ReloadOutcome::Refused];
    assert_words(outcomes.map(|outcome| (outcome, outcome.as_str())));
    let severities = [Severity::Info, Severity::Warning, Severity::Error];
    assert_words(severities.map(|severity| (severity, severity.as_str())));
    let steps = [
        Step::Accepted,
        Step::Queued,
        Step::Unconfirmed,
        Step::SetAside,
        Step::Resent,
        Step::Discarded,
        Step::Placed,
        Step::Failed,
        Step::Duplicate,
        Step::DuplicateSetAside,
        Step::Finished,
    ];
    assert_words(steps.map(|step| (step, step.as_str())));
    let trends = ["draining", "steady", "growing"];
    assert_words([Trend::Draining, Trend::Steady, Trend::Growing].into_iter().zip(trends));
}

#[test]
fn states_are_found_by_their_text() {
    for state in OrderState::ALL {
        assert_eq!(OrderState::from_text(state.as_str()), Some(state));
    }
    assert_eq!(OrderState::from_text("Queued"), None);
}

#[test]
fn each_refusal_has_a_status_of_its_kind() {
    let statuses = RefusalCode::ALL.map(RefusalCode::status);
    let expected =
        [400, 403, 404, 405, 409, 409, 409, 409, 409, 409, 409, 409, 409, 413, 503, 504, 500];
    assert_eq!(statuses, expected);
}
