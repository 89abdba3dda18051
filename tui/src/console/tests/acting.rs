//! Consoles with their lists loaded, what other operators do, and the commands that leave.

use protocol::{DrainView, EpochMs, Line, Snapshot, SwitchView};

use super::fixtures::{AT, connected, dead_letters, keys, operator, settle};
use crate::commands::Command;
use crate::console::model::Model;
use crate::console::msg::{Ask, Effect, Msg};
use crate::console::update::update;

/// A console with its lists loaded.
pub(crate) fn console(snapshot: Snapshot) -> Model {
    let mut model = connected(snapshot, operator());
    model.dead_letters.rows = Some(dead_letters());
    model.dead_letters.asked_for = Some(2);
    (model.dead_letters.total, model.dead_letters.newest) = (2, Some(9));
    model
}

/// The daemon's state becomes another.
pub(crate) fn change(model: &mut Model, change: impl FnOnce(&mut Snapshot)) -> Vec<Effect> {
    let before = model.live.as_deref().unwrap().clone();
    let mut after = before.clone();
    change(&mut after);
    let mut effects = Vec::new();
    for change in before.changes_to(&after) {
        let seq = model.live.as_ref().unwrap().seq + 1;
        let line = Line::Change { seq, at: EpochMs(AT.0 + 1_000), change: Box::new(change) };
        effects.extend(update(model, Msg::Line(Box::new(line))));
    }
    effects
}

pub(crate) fn commands(effects: Vec<Effect>) -> Vec<Command> {
    let command = |effect| match effect {
        Effect::Ask(Ask::Command(command)) => Some(*command),
        _ => None,
    };
    effects.into_iter().filter_map(command).collect()
}

/// A key without a look at the screen, and the commands that leave when nothing follows it.
pub(crate) fn strike(model: &mut Model, key: &str) -> Vec<Command> {
    let mut effects = update(model, Msg::Key(keys(key)[0]));
    effects.extend(settle(model));
    commands(effects)
}

pub(crate) fn toast(model: &Model) -> &str {
    model.toast.as_ref().map_or("", |toast| &toast.text)
}

/// Somebody else pauses intake, or opens it.
pub(crate) fn switched(paused: bool) -> impl FnOnce(&mut Snapshot) {
    move |state| {
        state.controls.intake =
            Some(SwitchView { paused, since: Some(AT), by: Some("bob".to_owned()), reason: None });
        state.controls.generation = state.controls.generation.map(|generation| generation + 1);
    }
}

/// Somebody else begins to drain.
pub(crate) fn drained(state: &mut Snapshot) {
    switched(true)(state);
    state.controls.drain = Some(DrainView { since: AT, drained: false });
}
