//! Moving: the cursor in a list, the text in a window.

use std::cell::Cell;

use crate::console::keys::Action;
use crate::console::model::{Details, Model, Popup};
use crate::console::msg::Effect;
use crate::console::screens::{FirstRow, row_keys};

/// Lines by which a window moves where a page is asked for; windows differ in height, and a little
/// less than a page leaves a line to hold on to.
const WINDOW_PAGE: isize = 10;

pub(super) fn scroll(model: &mut Model, action: Action) -> Vec<Effect> {
    let text = match model.popups.last() {
        Some(Popup::Help { scroll }) => Some(scroll),
        Some(Popup::Details(
            Details::Product { scroll, .. }
            | Details::Order { scroll, .. }
            | Details::DeadLetter { scroll, .. },
        )) => Some(scroll),
        _ => None,
    };
    if let Some(scroll) = text {
        scroll_text(scroll, action);
        return Vec::new();
    }
    let keys = row_keys(model);
    let list = model.list_mut();
    match action {
        Action::Top => list.select(&keys, 0),
        Action::Bottom => list.select(&keys, usize::MAX),
        _ => list.step(&keys, step(action, list.page())),
    }
    model.screen.scene().moved(model, action, keys.len())
}

/// Keeps the cursor on the row that it was first drawn on, so that a product that comes doesn't get
/// under the hands of an operator who never moved it.
pub(super) fn hold(model: &mut Model) {
    if model.screen.scene().first_row() == FirstRow::Held {
        let keys = row_keys(model);
        let list = model.list_mut();
        if list.key.is_none() {
            list.key = keys.first().cloned();
        }
    }
}

fn step(action: Action, page: isize) -> isize {
    match action {
        Action::Up => -1,
        Action::Down => 1,
        Action::HalfUp => -(page / 2).max(1),
        Action::HalfDown => (page / 2).max(1),
        Action::PageUp => -page,
        Action::PageDown => page,
        _ => 0,
    }
}

/// The end isn't known here; drawing stops at it.
fn scroll_text(scroll: &Cell<u16>, action: Action) {
    let by = step(action, WINDOW_PAGE);
    let by = i16::try_from(by).unwrap_or(0);
    scroll.set(match action {
        Action::Top => 0,
        Action::Bottom => u16::MAX,
        _ => scroll.get().saturating_add_signed(by),
    });
}
