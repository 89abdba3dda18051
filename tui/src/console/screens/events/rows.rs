//! The daemon's events and this console's own notes, as they are shown.

use protocol::Notable;

use crate::console::model::Model;
use crate::console::screens::sorting::fits;

/// The daemon's events and this console's own notes that fit the filter, newest last.
pub(crate) fn events(model: &Model) -> Vec<&Notable> {
    let mut rows = newest_events(model);
    rows.retain(|event| {
        let texts = [event.kind.as_str(), event.severity.as_str(), event.text.as_str()];
        fits(&model.events.filter, &texts)
    });
    rows
}

/// All of them.
pub(crate) fn newest_events(model: &Model) -> Vec<&Notable> {
    let theirs = model.shown().map_or(&[][..], |snapshot| &snapshot.notables);
    let until = model.frozen.as_ref().map(|frozen| frozen.at);
    let ours = model.notes.iter().filter(|note| until.is_none_or(|until| note.at <= until));
    let mut rows: Vec<&Notable> = theirs.iter().chain(ours).collect();
    // Stable: what happened at one moment stays in its sequence.
    rows.sort_by_key(|event| event.at);
    rows
}

pub(crate) fn event_keys(rows: &[&Notable]) -> Vec<String> {
    rows.iter().map(|event| format!("{}/{}/{}", event.id, event.at.0, event.text)).collect()
}
