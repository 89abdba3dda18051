//! The Events screen: what the daemon and this console noticed, the newest last. The cursor stays
//! with the newest until it is moved.

pub(crate) mod rows;
pub(crate) mod view;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{FirstRow, Scene};
use crate::console::keys::{Action, Context};
use crate::console::model::{List, Model};
use crate::console::msg::Effect;
use crate::console::theme::Styles;

/// The screen.
pub(crate) struct Events;

impl Scene for Events {
    fn contexts(&self) -> &'static [Context] {
        use Context as C;
        &[C::Filtered, C::Switches, C::Screens, C::Moving, C::Anywhere]
    }

    fn list<'m>(&self, model: &'m Model) -> &'m List {
        &model.events
    }

    fn list_mut<'m>(&self, model: &'m mut Model) -> &'m mut List {
        &mut model.events
    }

    fn row_keys(&self, model: &Model) -> Vec<String> {
        rows::event_keys(&rows::events(model))
    }

    fn first_row(&self) -> FirstRow {
        FirstRow::Floating
    }

    fn moved(&self, model: &mut Model, _: Action, rows: usize) -> Vec<Effect> {
        let list = &mut model.events;
        list.at_end = list.index + 1 == rows;
        Vec::new()
    }

    fn draw(&self, model: &Model, styles: &Styles, area: Rect, buffer: &mut Buffer) {
        view::draw(model, styles, area, buffer);
    }
}
