//! The orders as they are shown: as the daemon sent them.

use protocol::OrderView;

use crate::console::model::Model;

pub(crate) fn orders(model: &Model) -> &[OrderView] {
    model.orders.rows.as_deref().unwrap_or_default()
}

pub(crate) fn order_keys(rows: &[OrderView]) -> Vec<String> {
    rows.iter().map(|order| order.order_id.to_string()).collect()
}

pub(crate) fn selected_order(model: &Model) -> Option<&OrderView> {
    let rows = orders(model);
    rows.get(model.orders.list.selected(&order_keys(rows))?)
}
