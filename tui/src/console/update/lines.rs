//! The daemon's lines: the state is replaced by a first line and moved on by the shared reducer,
//! nothing else.

use protocol::{Change, EpochMs, Gap, Line, NotableKind, PeerView, Severity, Snapshot};

use crate::console::model::{Connection, Model};
use crate::console::msg::Effect;

pub(super) fn on_line(model: &mut Model, line: Line) -> Vec<Effect> {
    match line {
        Line::Snapshot { snapshot, you } => begin(model, snapshot, you),
        // What comes before a first line that was asked for belongs to the stream given up.
        _ if !model.is_connected() => Vec::new(),
        Line::Change { seq, at, change } => {
            model.heard = model.now;
            advance(model, |snapshot| apply(snapshot, seq, at, *change))
        }
        Line::Heartbeat { seq, at } => {
            model.heard = model.now;
            advance(model, |snapshot| snapshot.beat(seq, at))
        }
        // The end of the stream follows, and tells the reason.
        Line::Closing { .. } | Line::Unknown => Vec::new(),
    }
}

fn apply(snapshot: &mut Snapshot, seq: u64, at: EpochMs, change: Change) -> Result<(), Gap> {
    snapshot.apply(seq, at, change)
}

fn advance(model: &mut Model, step: impl FnOnce(&mut Snapshot) -> Result<(), Gap>) -> Vec<Effect> {
    let Some(snapshot) = model.live.as_deref_mut() else { return Vec::new() };
    match step(snapshot) {
        Ok(()) => Vec::new(),
        Err(gap) => {
            model.note(
                NotableKind::Condition,
                Severity::Warning,
                format!("subscribed anew: {gap}"),
            );
            model.connection = Connection::Connecting;
            vec![Effect::Resubscribe]
        }
    }
}

fn begin(model: &mut Model, snapshot: Box<Snapshot>, you: PeerView) -> Vec<Effect> {
    let before = model.live.as_ref().map(|old| (old.pid, old.started_at));
    let is_another = before.is_some_and(|before| before != (snapshot.pid, snapshot.started_at));
    let was_lost = matches!(model.connection, Connection::Lost { .. });
    model.live = Some(snapshot);
    model.you = Some(you);
    model.heard = model.now;
    model.connection = Connection::Up { since: model.now };
    if is_another {
        let text = "connected again; the daemon was restarted".to_owned();
        model.note(NotableKind::Condition, Severity::Info, text);
    } else if was_lost {
        model.note(NotableKind::Condition, Severity::Info, "connected again".to_owned());
    }
    super::asking::forget_answers(model);
    Vec::new()
}
