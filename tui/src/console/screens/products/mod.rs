//! The Products screen: all figures of each, and all of one behind Enter.

pub(crate) mod rows;
pub(crate) mod view;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Scene;
use crate::console::keys::Context;
use crate::console::model::{Details, List, Model, Popup};
use crate::console::msg::Effect;
use crate::console::theme::Styles;

/// The screen.
pub(crate) struct Products;

impl Scene for Products {
    fn contexts(&self) -> &'static [Context] {
        use Context as C;
        &[C::Products, C::Switches, C::Filtered, C::Sorted, C::Screens, C::Moving, C::Anywhere]
    }

    fn list<'m>(&self, model: &'m Model) -> &'m List {
        &model.products
    }

    fn list_mut<'m>(&self, model: &'m mut Model) -> &'m mut List {
        &mut model.products
    }

    fn row_keys(&self, model: &Model) -> Vec<String> {
        rows::product_keys(&rows::products(model))
    }

    fn ways_of_sorting(&self, _: &Model) -> usize {
        rows::PRODUCT_ORDERS.len()
    }

    fn open(&self, model: &mut Model) -> Vec<Effect> {
        if let Some(product) = rows::selected_product(model) {
            let details = Details::Product { prod_id: product.prod_id.clone(), scroll: 0.into() };
            model.popups.push(Popup::Details(details));
        }
        Vec::new()
    }

    fn draw(&self, model: &Model, styles: &Styles, area: Rect, buffer: &mut Buffer) {
        view::draw(model, styles, area, buffer);
    }
}
