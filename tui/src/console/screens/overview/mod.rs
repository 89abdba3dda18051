//! The Overview: whether it sells, the stock, how fast it goes, and what happened last. Its list is
//! the products', with the cursor where the Products screen has it.

pub(crate) mod view;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::products::Products;
use super::{Scene, products};
use crate::console::keys::Context;
use crate::console::model::{List, Model};
use crate::console::msg::Effect;
use crate::console::theme::Styles;

/// The screen.
pub(crate) struct Overview;

impl Scene for Overview {
    fn contexts(&self) -> &'static [Context] {
        use Context as C;
        &[C::Switches, C::Products, C::Filtered, C::Sorted, C::Screens, C::Moving, C::Anywhere]
    }

    fn list<'m>(&self, model: &'m Model) -> &'m List {
        &model.products
    }

    fn list_mut<'m>(&self, model: &'m mut Model) -> &'m mut List {
        &mut model.products
    }

    fn row_keys(&self, model: &Model) -> Vec<String> {
        Products.row_keys(model)
    }

    fn ways_of_sorting(&self, _: &Model) -> usize {
        products::rows::PRODUCT_ORDERS.len()
    }

    fn open(&self, model: &mut Model) -> Vec<Effect> {
        Products.open(model)
    }

    fn says_what_is_shut(&self) -> bool {
        true
    }

    fn draw(&self, model: &Model, styles: &Styles, area: Rect, buffer: &mut Buffer) {
        view::draw(model, styles, area, buffer);
    }
}
