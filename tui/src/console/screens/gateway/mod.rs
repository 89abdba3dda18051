//! The Gateway screen: how fast it answers, what it answers, who is connected.

pub(crate) mod rows;
pub(crate) mod view;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Scene;
use crate::console::keys::Context;
use crate::console::model::{List, Model};
use crate::console::theme::Styles;

/// The screen.
pub(crate) struct Gateway;

impl Scene for Gateway {
    fn contexts(&self) -> &'static [Context] {
        use Context as C;
        &[C::Switches, C::Screens, C::Moving, C::Anywhere]
    }

    fn list<'m>(&self, model: &'m Model) -> &'m List {
        &model.gateway
    }

    fn list_mut<'m>(&self, model: &'m mut Model) -> &'m mut List {
        &mut model.gateway
    }

    fn row_keys(&self, model: &Model) -> Vec<String> {
        rows::gateway_keys(model)
    }

    fn draw(&self, model: &Model, styles: &Styles, area: Rect, buffer: &mut Buffer) {
        view::draw(model, styles, area, buffer);
    }
}
