//! The mouse, with `--mouse`: the wheel moves, a click selects a row. Nothing is changed by it.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::keys;
use crate::console::model::{Model, Popup};
use crate::console::msg::Effect;
use crate::console::screens::row_keys;

/// Rows that one notch of the wheel moves.
const NOTCH: usize = 3;

pub(super) fn on_mouse(model: &mut Model, event: MouseEvent) -> Vec<Effect> {
    if model.is_small() || matches!(model.popups.last(), Some(Popup::Question(_) | Popup::Form(_)))
    {
        return Vec::new();
    }
    match event.kind {
        MouseEventKind::ScrollUp => wheel(model, KeyCode::Up),
        MouseEventKind::ScrollDown => wheel(model, KeyCode::Down),
        MouseEventKind::Down(MouseButton::Left) if model.popups.is_empty() => {
            click(model, Position::new(event.column, event.row));
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// The arrow keys move whatever has the focus.
fn wheel(model: &mut Model, code: KeyCode) -> Vec<Effect> {
    let key = KeyEvent::new(code, KeyModifiers::NONE);
    (0..NOTCH).flat_map(|_| keys::on_key(model, key)).collect()
}

fn click(model: &mut Model, at: Position) {
    let keys = row_keys(model);
    let list = model.list_mut();
    let area = list.area.get();
    if area.contains(at) {
        let row = list.offset.get() + usize::from(at.y - area.y);
        if row < keys.len() {
            list.select(&keys, row);
        }
    }
}
