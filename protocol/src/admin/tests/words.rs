//! Words that stand for one of a few: the text in JSON is the text that programs print.

use std::collections::BTreeSet;
use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{
    ChargeOutcome, ChargesView, Counted, NotableKind, OrderState, Permission, Phase, ProductView,
    QueueView, RefusalCode, ReloadOutcome, SaleState, Severity, StepKind, Trend, UnlistedPlace,
};

/// Asserts each word in both directions, and that another is refused.
fn assert_words<T>(words: impl IntoIterator<Item = (T, &'static str)>)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    assert_both_ways(words);
    assert!(serde_json::from_str::<T>("\"no such word\"").is_err());
}

/// The same of words of which a later version may have more: another is read as `other`.
fn assert_open_words<T>(words: impl IntoIterator<Item = (T, &'static str)>, other: T)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    assert_both_ways(words);
    assert_eq!(serde_json::from_str::<T>("\"no such word\"").unwrap(), other);
    assert_both_ways([(other, "other")]);
}

fn assert_both_ways<T>(words: impl IntoIterator<Item = (T, &'static str)>)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    for (word, text) in words {
        let json = format!("\"{text}\"");
        assert_eq!(serde_json::to_string(&word).unwrap(), json);
        assert_eq!(serde_json::from_str::<T>(&json).unwrap(), word);
    }
}

#[test]
fn are_the_same_in_json_and_in_print() {
    use NotableKind as Kind;
    use StepKind as Step;
    assert_open_words(OrderState::ALL.map(|state| (state, state.as_str())), OrderState::Other);
    assert_words(RefusalCode::ALL.map(|code| (code, code.as_str())));
    let phases = [Phase::Starting, Phase::Serving, Phase::Stopping, Phase::Stopped];
    assert_open_words(phases.map(|phase| (phase, phase.as_str())), Phase::Other);
    let permissions = [Permission::None, Permission::View, Permission::Operate];
    assert_words(permissions.map(|permission| (permission, permission.as_str())));
    let kinds = [Kind::Audit, Kind::Phase, Kind::Condition, Kind::Product, Kind::Queue];
    assert_open_words(kinds.map(|kind| (kind, kind.as_str())), Kind::Other);
    let outcomes = [ReloadOutcome::Changed, ReloadOutcome::Unchanged, ReloadOutcome::Refused];
    assert_words(outcomes.map(|outcome| (outcome, outcome.as_str())));
    let severities = [Severity::Info, Severity::Warning, Severity::Error];
    assert_words(severities.map(|severity| (severity, severity.as_str())));
    let steps = [
        Step::Accepted,
        Step::Queued,
        Step::Unconfirmed,
        Step::PutOff,
        Step::SetAside,
        Step::Resent,
        Step::Discarded,
        Step::Placed,
        Step::Failed,
        Step::Duplicate,
        Step::DuplicateSetAside,
        Step::Finished,
    ];
    assert_open_words(steps.map(|step| (step, step.as_str())), Step::Other);
    let places = UnlistedPlace::ALL.map(|place| (place, place.as_str()));
    assert_open_words(places, UnlistedPlace::Other);
    let trends = ["draining", "steady", "growing"];
    assert_words([Trend::Draining, Trend::Steady, Trend::Growing].into_iter().zip(trends));
    assert_words(SaleState::ALL.map(|state| (state, state.as_str())));
}

/// Where a field may be unknown anyway, so is a word that only a later version has.
#[test]
fn of_a_later_version_are_unknown_where_a_field_may_be() {
    let queue = |trend: &str| -> QueueView {
        serde_json::from_value(serde_json::json!({ "trend": trend })).unwrap()
    };
    assert_eq!(queue("steady").trend, Some(Trend::Steady));
    assert_eq!(queue("of_a_later_version").trend, None);
    let mut page: serde_json::Value =
        serde_json::from_str(include_str!("golden/products.json")).unwrap();
    let product = &mut page["products"][0];
    for (state, read) in [("scheduled", Some(SaleState::Scheduled)), ("of_a_later_version", None)] {
        product["state"] = state.into();
        let view: ProductView = serde_json::from_value(product.clone()).unwrap();
        assert_eq!(view.state, read);
    }
}

#[test]
fn each_outcome_of_a_charge_has_a_name_of_its_own_and_its_code() {
    let names: BTreeSet<&str> = ChargeOutcome::ALL.map(ChargeOutcome::as_str).into();
    assert_eq!(names.len(), ChargeOutcome::ALL.len());
    let is_token = |name: &&str| name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_'));
    assert!(names.iter().all(is_token));
    let codes: BTreeSet<&str> = ChargeOutcome::ALL.map(|outcome| outcome.code().as_str()).into();
    let expected = [
        "10000", "20000", "40004", "40005", "40006", "40007", "42001", "42002", "42003", "42005",
        "42006",
    ];
    assert_eq!(codes, expected.into());
}

#[test]
fn refusals_come_by_how_often_they_happened_and_only_then() {
    let counted = |last_1s, last_60s| Counted { total: last_60s, last_1s, last_60s };
    let charges = ChargesView(
        [("accepted", 900, 901), ("paused", 0, 80), ("sold_out", 7, 9), ("wrong_price", 8, 8)]
            .map(|(name, second, minute)| (name.to_owned(), counted(second, minute)))
            .into(),
    );
    let last_second = charges.refusals(|counted| counted.last_1s);
    assert_eq!(last_second, [("wrong_price", 8), ("sold_out", 7)]);
    let last_minute = charges.refusals(|counted| counted.last_60s);
    assert_eq!(last_minute, [("paused", 80), ("sold_out", 9), ("wrong_price", 8)]);
    assert_eq!((charges.accepted().last_1s, charges.all().last_1s), (900, 915));
    assert!(ChargesView::default().refusals(|counted| counted.total).is_empty());
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
    let expected = [
        400, 403, 404, 405, 409, 409, 409, 409, 409, 409, 409, 409, 409, 409, 409, 413, 503, 504,
        500,
    ];
    assert_eq!(statuses, expected);
}
