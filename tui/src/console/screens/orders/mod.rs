//! The Orders screen: those that wait, then the newest, page by page as the daemon sends them. The
//! daemon filters them as well. An order's history is behind Enter.

pub(crate) mod asking;
pub(crate) mod rows;
pub(crate) mod view;

use protocol::Severity;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{FirstRow, Scene};
use crate::console::keys::{Action, Context};
use crate::console::model::{Details, History, Input, List, Model, OrdersFilter, Popup, Reveal};
use crate::console::msg::Effect;
use crate::console::theme::Styles;
use crate::console::update::ask_history;

/// How near the end of what is loaded the cursor comes before more is asked for.
const NEAR_THE_END: usize = 20;

/// The screen.
pub(crate) struct Orders;

impl Scene for Orders {
    fn contexts(&self) -> &'static [Context] {
        use Context as C;
        &[C::Rows, C::Filtered, C::Switches, C::Screens, C::Moving, C::Anywhere]
    }

    fn list<'m>(&self, model: &'m Model) -> &'m List {
        &model.orders.list
    }

    fn list_mut<'m>(&self, model: &'m mut Model) -> &'m mut List {
        &mut model.orders.list
    }

    fn row_keys(&self, model: &Model) -> Vec<String> {
        rows::order_keys(rows::orders(model))
    }

    fn first_row(&self) -> FirstRow {
        FirstRow::Floating
    }

    fn open(&self, model: &mut Model) -> Vec<Effect> {
        let Some(order) = rows::selected_order(model) else { return Vec::new() };
        let order_id = order.order_id.clone();
        let effect = ask_history(&order_id, Reveal::Masked);
        model.popups.push(Popup::Details(Details::Order {
            order_id,
            history: History::Loading,
            reveal: Reveal::Masked,
            scroll: 0.into(),
        }));
        vec![effect]
    }

    fn id(&self, model: &Model) -> Option<String> {
        rows::selected_order(model).map(|order| order.order_id.to_string())
    }

    fn moved(&self, model: &mut Model, action: Action, rows: usize) -> Vec<Effect> {
        let list = &mut model.orders.list;
        list.at_end = false;
        if action == Action::Top {
            list.key = None;
        }
        let is_near = rows <= list.index + NEAR_THE_END;
        if is_near { asking::ask_more(model) } else { Vec::new() }
    }

    fn filter_label(&self) -> &'static str {
        "state, product, phone: "
    }

    /// Orders are filtered by the daemon, so only when the line is taken.
    fn filter_typed(&self, _: &mut Model, _: &str) {}

    /// What can't be understood stays to be mended.
    fn filter_taken(&self, model: &mut Model, typed: Input) {
        let products = model.live.as_ref().map_or(&[][..], |snapshot| &snapshot.products);
        let is_product = |word: &str| products.iter().any(|product| product.prod_id == word);
        match OrdersFilter::parse(typed.text(), is_product) {
            Ok(filter) => {
                let is_new = filter != model.orders.filter;
                model.orders.filter = filter;
                typed.text().clone_into(&mut model.orders.list.filter);
                if is_new {
                    asking::refilter(model);
                }
            }
            Err(why) => {
                model.typing = Some(typed);
                model.say(Severity::Warning, why);
            }
        }
    }

    fn clear_filter(&self, model: &mut Model) {
        model.orders.list.filter.clear();
        if model.orders.filter.told().is_some() {
            model.orders.filter = OrdersFilter::default();
            asking::refilter(model);
        }
    }

    fn wants(&self, model: &mut Model) -> Option<Effect> {
        asking::are_due(model).then(|| asking::ask(model))
    }

    fn forget(&self, model: &mut Model) {
        asking::forget(model);
    }

    fn draw(&self, model: &Model, styles: &Styles, area: Rect, buffer: &mut Buffer) {
        view::draw(model, styles, area, buffer);
    }
}
