//! Moving: the cursor in a list, the text in a window.

use std::cell::Cell;

use super::asking;
use crate::console::keys::Action;
use crate::console::model::{Details, Model, Popup, Screen};
use crate::console::msg::Effect;
use crate::console::rows;

/// How near the end of what is loaded the cursor comes before more is asked for.
const NEAR_THE_END: usize = 20;

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
    let keys = rows::keys(model);
    let follows = model.screen == Screen::Events;
    let list = model.list_mut();
    match action {
        Action::Top => list.select(&keys, 0),
        Action::Bottom => list.select(&keys, usize::MAX),
        _ => list.step(&keys, step(action, list.page())),
    }
    if action == Action::Top && model.screen == Screen::Orders {
        model.orders.list.key = None;
    }
    let list = model.list_mut();
    // At the end of the events the cursor stays with the newest.
    list.at_end = follows && list.index + 1 == keys.len();
    let is_near = keys.len() <= list.index + NEAR_THE_END;
    if model.screen == Screen::Orders && is_near {
        asking::ask_more_orders(model)
    } else {
        Vec::new()
    }
}

/// Keeps the cursor on the row that it was first drawn on, so that a product that comes doesn't get
/// under the hands of an operator who never moved it. The first of the orders is whichever is the
/// newest, until the cursor is moved.
pub(super) fn hold(model: &mut Model) {
    if model.screen != Screen::Orders && model.screen != Screen::Events {
        let keys = rows::keys(model);
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
