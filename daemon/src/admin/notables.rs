//! What an operator would want to have noticed between two looks at the state. Pure; texts carry no
//! phone numbers, as nothing here knows any.

use protocol::{
    ConfigView, NotableKind, Phase, ProductView, QueuePart, QueueView, ReloadOutcome, Severity,
    Snapshot, Trend, Trouble, TroubleState,
};

/// A growing queue is worth a word once its oldest order has waited for this long.
const BEHIND_AFTER_MS: u64 = 5_000;

/// Something to be noticed, before it has its number and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Noticed {
    pub(super) kind: NotableKind,
    pub(super) severity: Severity,
    pub(super) text: String,
}

fn noticed(kind: NotableKind, severity: Severity, text: impl Into<String>) -> Noticed {
    Noticed { kind, severity, text: text.into() }
}

/// What is worth noticing in the step from one state to the next.
pub(super) fn between(before: &Snapshot, after: &Snapshot) -> Vec<Noticed> {
    let mut all = Vec::new();
    if before.phase != after.phase {
        let text = format!("{} is {}", after.name, after.phase.as_str());
        all.push(noticed(NotableKind::Phase, Severity::Info, text));
    }
    all.extend(of_config(&before.config, &after.config));
    all.extend(conditions(before, after));
    all.extend(of_troubles(before, after));
    for product in &after.products {
        let earlier = before.products.iter().find(|earlier| earlier.prod_id == product.prod_id);
        all.extend(earlier.into_iter().flat_map(|earlier| of_product(earlier, product)));
    }
    all.extend(of_queue(&before.queue, &after.queue));
    all.extend(of_owners(before, after));
    all.extend(of_unconfirmed(before, after));
    all.extend(of_overdue(before, after));
    let drained =
        |snapshot: &Snapshot| snapshot.controls.drain.as_ref().is_some_and(|drain| drain.drained);
    if drained(after) && !drained(before) {
        let text = "drained: nothing waits any more, and intake stays paused until it is resumed";
        all.push(noticed(NotableKind::Queue, Severity::Info, text));
    }
    all
}

/// The last reload, if there is a new one.
fn of_config(before: &ConfigView, after: &ConfigView) -> Option<Noticed> {
    if before == after {
        return None;
    }
    let reload = after.last_reload.as_ref()?;
    let (by, text, generation) = (&reload.by, &reload.text, after.generation);
    let (severity, text) = match reload.outcome {
        ReloadOutcome::Changed => {
            let text = format!("{by} reloaded the configuration, generation {generation}: {text}");
            (Severity::Info, text)
        }
        ReloadOutcome::Unchanged => {
            let text = format!("{by} reloaded the configuration: {text}, generation {generation}");
            (Severity::Info, text)
        }
        ReloadOutcome::Refused => {
            (Severity::Warning, format!("a reload by {by} was refused: {text}"))
        }
    };
    Some(noticed(NotableKind::Audit, severity, text))
}

/// Sentences that came or went, but for those of troubles, whose turns are noted apart. What stops
/// degrading because the process stops is no recovery.
fn conditions(before: &Snapshot, after: &Snapshot) -> Vec<Noticed> {
    let found = |snapshot: &Snapshot, told: &[String]| {
        let is_of_trouble =
            |text: &String| snapshot.troubles.iter().any(|one| text.ends_with(&one.text));
        told.iter().filter(|text| !is_of_trouble(text)).cloned().collect::<Vec<_>>()
    };
    let of = |snapshot: &Snapshot| {
        (found(snapshot, &snapshot.degraded), found(snapshot, &snapshot.warnings))
    };
    let ((degraded, warnings), (now_degraded, now_warnings)) = (of(before), of(after));
    let new = |old: &[String], now: &[String], severity, kind_of: fn(&str) -> String| {
        let fresh = now.iter().filter(|text| !old.contains(text));
        fresh
            .map(|text| noticed(NotableKind::Condition, severity, kind_of(text)))
            .collect::<Vec<_>>()
    };
    let as_it_is = |text: &str| text.to_owned();
    let over = |text: &str| format!("over: {text}");
    let mut all = new(&degraded, &now_degraded, Severity::Error, as_it_is);
    all.extend(new(&warnings, &now_warnings, Severity::Warning, as_it_is));
    if after.phase == Phase::Serving {
        all.extend(new(&now_degraded, &degraded, Severity::Info, over));
        all.extend(new(&now_warnings, &warnings, Severity::Info, over));
    }
    all
}

/// Turns of troubles. One is over only once the part is well: not while it recovers, and not when
/// another cause takes the place of the first.
fn of_troubles(before: &Snapshot, after: &Snapshot) -> Vec<Noticed> {
    let turn = |trouble: &Trouble| {
        let earlier = before.troubles.iter().find(|earlier| earlier.is(trouble));
        if earlier.map(|earlier| earlier.state) == Some(trouble.state) {
            return None;
        }
        let text = &trouble.text;
        let (severity, text) = match trouble.state {
            TroubleState::Failing => (Severity::Error, text.clone()),
            TroubleState::Partly => (Severity::Warning, format!("for some orders, {text}")),
            TroubleState::Recovering => {
                (Severity::Warning, format!("recovering, the next order tells: {text}"))
            }
        };
        Some(noticed(NotableKind::Condition, severity, text))
    };
    let mut all: Vec<Noticed> = after.troubles.iter().filter_map(turn).collect();
    if after.phase == Phase::Serving {
        let is_over = |trouble: &&Trouble| !after.troubles.iter().any(|now| now.is(trouble));
        all.extend(before.troubles.iter().filter(is_over).map(|trouble| {
            let text = format!("over: {}", trouble.text);
            noticed(NotableKind::Condition, Severity::Info, text)
        }));
    }
    all
}

/// Books that don't balance.
pub(super) fn unbalanced(product: &ProductView) -> Option<Noticed> {
    let ProductView { prod_id, missing, balanced, .. } = product;
    let units = match *missing {
        1 => "1 unit is".to_owned(),
        missing => format!("{missing} units are"),
    };
    let text = format!("{prod_id} is out of balance: {units} unaccounted for");
    (!balanced).then(|| noticed(NotableKind::Product, Severity::Error, text))
}

fn of_product(before: &ProductView, after: &ProductView) -> Vec<Noticed> {
    let mut all = Vec::new();
    let id = &after.prod_id;
    match (before.stock, after.stock) {
        (1.., 0) => all.push(noticed(
            NotableKind::Product,
            Severity::Info,
            format!("{id} is sold out: {} sold", after.sold),
        )),
        (0, 1..) => all.push(noticed(
            NotableKind::Product,
            Severity::Info,
            format!("{id} has {} in stock again", after.stock),
        )),
        _ => {}
    }
    match (before.balanced, after.balanced) {
        (true, false) => all.extend(unbalanced(after)),
        (false, true) => all.push(noticed(
            NotableKind::Product,
            Severity::Info,
            format!("{id} is balanced again"),
        )),
        _ => {}
    }
    all
}

/// `1 unit`, `2 units`.
pub(super) fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

fn of_queue(before: &QueueView, after: &QueueView) -> Vec<Noticed> {
    let mut all = Vec::new();
    if let (Some(old), Some(new)) = (before.dead_letters, after.dead_letters)
        && old < new
    {
        let text = format!("{}, {new} in all", counted(new - old, "more dead letter"));
        all.push(noticed(NotableKind::Queue, Severity::Warning, text));
    }
    if let (Some(old), Some(new)) = (before.broker_dead_letters, after.broker_dead_letters)
        && old < new
    {
        let more = counted(new - old, "more message");
        let text = format!("{more} in the broker's dead-letter topic, {new}");
        all.push(noticed(NotableKind::Queue, Severity::Warning, text));
    }
    if falls_behind(after) && !falls_behind(before) {
        let waiting = after.lag_messages.unwrap_or(0);
        let seconds = after.lag_age_ms.unwrap_or(0) / 1_000;
        let text = format!("the queue grows: {waiting} orders wait, the oldest for {seconds} s");
        all.push(noticed(NotableKind::Queue, Severity::Warning, text));
    }
    all
}

/// Whose a queue is. Who has one that isn't ours any more isn't always known, and it isn't well
/// that we don't have it, unless nothing is to be consumed.
fn of_owners(before: &Snapshot, after: &Snapshot) -> Vec<Noticed> {
    let paused = after.controls.consumption.as_ref().is_some_and(|switch| switch.paused);
    let lost = match after.phase == Phase::Serving && !paused {
        true => Severity::Warning,
        false => Severity::Info,
    };
    let turn = |part: &QueuePart| {
        let earlier = before.queue.queues.iter().find(|earlier| earlier.name == part.name)?;
        let name = &part.name;
        let (severity, text) = match (&earlier.owner, &part.owner) {
            (was, is) if was == is => return None,
            (Some(was), Some(is)) => (Severity::Info, format!("{name} went from {was} to {is}")),
            (None, Some(is)) => (Severity::Info, format!("{name} is consumed by {is}")),
            (Some(was), None) => {
                (lost, format!("{name} isn't consumed by {was} any more; by whom isn't known"))
            }
            (None, None) => return None,
        };
        Some(noticed(NotableKind::Queue, severity, text))
    };
    after.queue.queues.iter().filter_map(turn).collect()
}

/// Every queue grows for a moment; one whose oldest order waits as well gets more than is taken.
fn falls_behind(queue: &QueueView) -> bool {
    queue.trend == Some(Trend::Growing)
        && queue.lag_age_ms.is_some_and(|age_ms| BEHIND_AFTER_MS <= age_ms)
}

fn of_unconfirmed(before: &Snapshot, after: &Snapshot) -> Option<Noticed> {
    let count = |snapshot: &Snapshot| snapshot.unconfirmed.map_or(0, |view| view.count);
    match (count(before), count(after)) {
        (0, new @ 1..) => {
            let text = match new {
                1 => "1 send is unconfirmed; it is published again".to_owned(),
                _ => format!("{new} sends are unconfirmed; they are published again"),
            };
            Some(noticed(NotableKind::Queue, Severity::Warning, text))
        }
        (1.., 0) => {
            let text = "every unconfirmed send is settled";
            Some(noticed(NotableKind::Queue, Severity::Info, text))
        }
        _ => None,
    }
}

fn of_overdue(before: &Snapshot, after: &Snapshot) -> Option<Noticed> {
    let count = |snapshot: &Snapshot| snapshot.overdue.map_or(0, |view| view.count);
    match (count(before), count(after)) {
        (0, new @ 1..) => {
            let bound_s = after.overdue.map_or(0, |view| view.bound_ms / 1_000);
            let have = if new == 1 { "has" } else { "have" };
            let buyers = counted(new, "buyer");
            let text = format!("{buyers} {have} been queueing for more than {bound_s} s");
            Some(noticed(NotableKind::Queue, Severity::Error, text))
        }
        (1.., 0) => {
            let text = "no buyer is overdue any more";
            Some(noticed(NotableKind::Queue, Severity::Info, text))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use protocol::{
        EpochMs, Money, OverdueView, Phase, ProductView, QueuePart, ReloadOutcome, ReloadView,
        Severity, Snapshot, SwitchView, Terms, Trend, Trouble, TroubleState, UnconfirmedView,
    };

    use super::between;

    fn state() -> Snapshot {
        let product = ProductView {
            state: None,
            prod_id: "p".into(),
            prod_name: "P".to_owned(),
            terms: Terms { on_shelf: true, ..Terms::at(Money::from_milli(1_000)) },
            initial: 5,
            added: 0,
            stock: 2,
            sold: 3,
            held: None,
            free: None,
            balanced: true,
            missing: 0,
            version: 3,
            terms_version: 2,
            terms_set: None,
            charges: None,
        };
        let mut state = Snapshot { phase: Phase::Serving, ..Snapshot::default() };
        state.products.push(product);
        state.queue.dead_letters = Some(1);
        state
    }

    fn trouble(state: TroubleState, cause: &str) -> Trouble {
        let what = "nothing can be stored".to_owned();
        let text = format!("{what}: {cause}");
        Trouble { part: "store".to_owned(), what, state, text, ..Trouble::default() }
    }

    /// What is noticed of a trouble that goes through these states; `None` is well.
    fn turns(states: &[Option<(TroubleState, &str)>]) -> Vec<(Severity, String)> {
        let shown = states.iter().map(|told| {
            let mut state = state();
            if let Some((now, cause)) = told {
                let trouble = trouble(*now, cause);
                match now {
                    TroubleState::Failing => state.degraded = vec![trouble.text.clone()],
                    TroubleState::Partly => {
                        state.warnings = vec![format!("for some orders, {}", trouble.text)];
                    }
                    TroubleState::Recovering => {}
                }
                state.troubles = vec![trouble];
            }
            state
        });
        let shown: Vec<Snapshot> = shown.collect();
        let steps = shown.windows(2).flat_map(|pair| between(&pair[0], &pair[1]));
        steps.map(|noticed| (noticed.severity, noticed.text)).collect()
    }

    #[test]
    fn a_trouble_is_over_only_once_the_part_is_well() {
        use TroubleState::{Failing, Partly, Recovering};
        let told = turns(&[
            None,
            Some((Failing, "full")),
            Some((Failing, "locked")),
            Some((Recovering, "locked")),
            Some((Failing, "full")),
            Some((Recovering, "full")),
            None,
            Some((Partly, "full")),
            None,
        ]);
        let error = |cause| (Severity::Error, format!("nothing can be stored: {cause}"));
        let warning = |text: &str| (Severity::Warning, text.to_owned());
        let over = || (Severity::Info, "over: nothing can be stored: full".to_owned());
        let expected = [
            error("full"),
            warning("recovering, the next order tells: nothing can be stored: locked"),
            error("full"),
            warning("recovering, the next order tells: nothing can be stored: full"),
            over(),
            warning("for some orders, nothing can be stored: full"),
            over(),
        ];
        assert_eq!(told, expected);
    }

    /// Severity and text of everything noticed on a step that `change` makes, and on the way back.
    fn there_and_back(change: impl Fn(&mut Snapshot)) -> Vec<(Severity, String)> {
        let (before, mut after) = (state(), state());
        change(&mut after);
        let steps = [between(&before, &after), between(&after, &before)].concat();
        steps.into_iter().map(|noticed| (noticed.severity, noticed.text)).collect()
    }

    #[test]
    fn a_queue_that_nobody_has_is_no_good_news() {
        let owned = |owner: Option<&str>| {
            let mut state = state();
            let (name, owner) = ("broker-a:order:0".to_owned(), owner.map(str::to_owned));
            state.queue.queues.push(QueuePart { name, owner, ..QueuePart::default() });
            state
        };
        let told = |before: &Snapshot, after: &Snapshot| {
            let told = between(before, after).into_iter();
            told.map(|noticed| (noticed.severity, noticed.text)).collect::<Vec<_>>()
        };
        let (ours, theirs, nobodys) = (owned(Some("us")), owned(Some("them")), owned(None));
        let lost = "broker-a:order:0 isn't consumed by us any more; by whom isn't known";
        assert_eq!(told(&ours, &nobodys), [(Severity::Warning, lost.to_owned())]);
        let taken = "broker-a:order:0 is consumed by us";
        assert_eq!(told(&nobodys, &ours), [(Severity::Info, taken.to_owned())]);
        let moved = "broker-a:order:0 went from us to them";
        assert_eq!(told(&ours, &theirs), [(Severity::Info, moved.to_owned())]);
        let mut paused = nobodys;
        paused.controls.consumption = Some(SwitchView { paused: true, ..SwitchView::default() });
        assert_eq!(
            told(&ours, &paused),
            [(Severity::Info, lost.to_owned())],
            "as it was asked for"
        );
    }

    #[test]
    fn each_turn_is_noticed_once_each_way() {
        assert_eq!(between(&state(), &state()), []);
        let told = |change: fn(&mut Snapshot)| {
            let steps = there_and_back(change);
            steps.into_iter().map(|(severity, _)| severity).collect::<Vec<_>>()
        };
        let both_ways = |severity| vec![severity, Severity::Info];
        assert_eq!(
            told(|state| state.degraded.push("the broker is away".to_owned())),
            both_ways(Severity::Error)
        );
        assert_eq!(
            told(|state| state.warnings.push("a stranger".to_owned())),
            both_ways(Severity::Warning)
        );
        assert_eq!(told(|state| state.products[0].stock = 0), both_ways(Severity::Info));
        assert_eq!(
            told(|state| {
                state.products[0].balanced = false;
                state.products[0].missing = 1;
            }),
            both_ways(Severity::Error)
        );
        assert_eq!(
            told(|state| state.unconfirmed = Some(UnconfirmedView { count: 2, limit: 9 })),
            both_ways(Severity::Warning)
        );
        assert_eq!(
            told(|state| {
                let oldest_at = Some(EpochMs(1));
                state.overdue = Some(OverdueView { count: 1, bound_ms: 30_000, oldest_at });
            }),
            both_ways(Severity::Error)
        );
        assert_eq!(told(|state| state.queue.trend = Some(Trend::Growing)), []);
        assert_eq!(
            told(|state| {
                (state.queue.trend, state.queue.lag_age_ms) = (Some(Trend::Growing), Some(5_000));
            }),
            [Severity::Warning]
        );
        assert_eq!(told(|state| state.queue.dead_letters = Some(4)), [Severity::Warning]);
    }

    #[test]
    fn one_is_told_as_one() {
        let told = |count: u64| {
            let mut after = state();
            after.queue.dead_letters = Some(1 + count);
            after.unconfirmed = Some(UnconfirmedView { count, limit: 9 });
            after.overdue = Some(OverdueView { count, bound_ms: 30_000, oldest_at: None });
            let told: Vec<String> =
                between(&state(), &after).into_iter().map(|noticed| noticed.text).collect();
            told.join("; ")
        };
        assert_eq!(
            told(1),
            "1 more dead letter, 2 in all; 1 send is unconfirmed; it is published again; \
             1 buyer has been queueing for more than 30 s"
        );
        assert!(told(2).contains("2 more dead letters, 3 in all"));
        assert!(told(2).ends_with("2 buyers have been queueing for more than 30 s"));
    }

    #[test]
    fn each_reload_is_noticed() {
        let after = |outcome, generation, text: &str| {
            let mut state = state();
            let (at, by, text) = (EpochMs(1), "root".to_owned(), text.to_owned());
            state.config.generation = generation;
            state.config.last_reload = Some(ReloadView { at, by, outcome, text });
            state
        };
        let told = |before: &Snapshot, after: &Snapshot| {
            let steps = between(before, after);
            steps.into_iter().map(|step| (step.severity, step.text)).collect::<Vec<_>>()
        };
        let changed = after(ReloadOutcome::Changed, 2, "log.level");
        let text = "root reloaded the configuration, generation 2: log.level".to_owned();
        assert_eq!(told(&state(), &changed), [(Severity::Info, text)]);
        let refused = after(ReloadOutcome::Refused, 2, "store.path takes a restart");
        let text = "a reload by root was refused: store.path takes a restart".to_owned();
        assert_eq!(told(&changed, &refused), [(Severity::Warning, text)]);
        let mut again = refused.clone();
        again.config.reloads_refused += 1;
        assert_eq!(told(&refused, &again).len(), 1, "a second one in the same words");
        assert_eq!(told(&again, &again), []);
    }

    #[test]
    fn what_cannot_be_read_any_more_is_no_news_of_its_own() {
        assert_eq!(there_and_back(|state| state.queue.dead_letters = None), []);
        assert_eq!(there_and_back(|state| state.products.clear()), []);
    }
}
