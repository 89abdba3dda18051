//! The orders are asked for while their screen is open and they may have changed, page by page.

use std::time::Duration;

use protocol::{Endpoint, OrderState, OrdersPage, Phone};

use crate::console::model::{Model, Orders};
use crate::console::msg::{Answer, Ask, Effect};

/// Orders that are asked for at a time.
const ORDERS_PAGE: usize = 100;

/// Orders that are kept; further ones are found by a filter, not by scrolling.
const ORDERS_MAX: usize = 2_000;

/// During a sale the first page is another all the time; it isn't asked for more often than this.
const ORDERS_EVERY: Duration = Duration::from_secs(2);

/// How many orders there are in the daemon's state: when it changes, the list has.
fn order_count(model: &Model) -> u64 {
    let Some(snapshot) = &model.live else { return 0 };
    let decided = snapshot.orders.as_ref().map_or(0, |orders| {
        orders.placed + orders.failed.values().sum::<u64>() + orders.duplicate_orders
    });
    let accepted = snapshot.gateway.as_ref().map_or(0, |gateway| gateway.charges.values().sum());
    decided + accepted
}

pub(super) fn are_due(model: &Model) -> bool {
    let orders = &model.orders;
    if orders.is_loading {
        return false;
    }
    let Some(asked_at) = orders.asked_at else { return true };
    let is_old = ORDERS_EVERY <= model.now.saturating_duration_since(asked_at);
    let is_other = orders.count_then != order_count(model)
        || orders.fault.is_some()
        || !orders.unlisted.is_empty();
    is_old && is_other && !orders.is_deep
}

fn path_of(orders: &Orders, after: Option<&str>) -> String {
    let filter = &orders.filter;
    let address = Endpoint::Orders
        .address()
        .with("limit", ORDERS_PAGE)
        .with_some("state", filter.state.map(OrderState::as_str))
        .with_some("prod", filter.product.as_deref())
        .with_some("phone", filter.phone.as_ref().map(Phone::whole))
        .with_some("id", filter.id.as_deref())
        .with_some("after", after);
    address.to_string()
}

/// The first page, by the filter as it is now.
pub(super) fn ask(model: &mut Model) -> Effect {
    let count = order_count(model);
    let orders = &mut model.orders;
    orders.asked += 1;
    orders.is_loading = true;
    orders.is_deep = false;
    orders.asked_at = Some(model.now);
    orders.count_then = count;
    Effect::Ask(Ask::Orders { asked: orders.asked, path: path_of(orders, None) })
}

/// The page after the last, when the cursor has come near the end.
pub(crate) fn ask_more(model: &mut Model) -> Vec<Effect> {
    let orders = &mut model.orders;
    let have = orders.rows.as_ref().map_or(0, Vec::len);
    let Some(next) = orders.next.clone().filter(|_| !orders.is_loading && have < ORDERS_MAX) else {
        return Vec::new();
    };
    orders.asked += 1;
    orders.is_loading = true;
    orders.is_deep = true;
    vec![Effect::Ask(Ask::Orders { asked: orders.asked, path: path_of(orders, Some(&next)) })]
}

pub(crate) fn came(model: &mut Model, asked: u64, answer: Answer<OrdersPage>) -> Vec<Effect> {
    let orders = &mut model.orders;
    if asked != orders.asked {
        return Vec::new();
    }
    orders.is_loading = false;
    match answer {
        Ok(page) => {
            orders.fault = None;
            orders.next = page.next;
            orders.unlisted = page.unlisted;
            match &mut orders.rows {
                Some(rows) if orders.is_deep => rows.extend(page.orders),
                rows => *rows = Some(page.orders),
            }
        }
        Err(why) => orders.fault = Some(why),
    }
    Vec::new()
}

/// Begins with another filter.
pub(crate) fn refilter(model: &mut Model) {
    model.orders.rows = None;
    model.orders.next = None;
    model.orders.unlisted.clear();
    model.orders.fault = None;
    model.orders.list.key = None;
    model.orders.list.index = 0;
    forget(model);
}

/// What was loaded stays on the screen until the new comes.
pub(super) fn forget(model: &mut Model) {
    model.orders.asked_at = None;
    model.orders.is_loading = false;
}
