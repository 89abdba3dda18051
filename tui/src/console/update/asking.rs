//! What is asked for beside the stream, and when: orders and dead letters while their screen is
//! open and they may have changed, an order's history while its window is open.

use std::time::Duration;

use protocol::{DeadLettersPage, Endpoint, OrderHistory, OrderState, OrdersPage, Severity};

use crate::console::model::{Details, History, Model, Orders, Popup, Reveal, Screen};
use crate::console::msg::{Answer, Ask, Effect};

/// Orders that are asked for at a time.
const ORDERS_PAGE: usize = 100;

/// Orders that are kept; further ones are found by a filter, not by scrolling.
const ORDERS_MAX: usize = 2_000;

/// During a sale the first page is another all the time; it isn't asked for more often than this.
const ORDERS_EVERY: Duration = Duration::from_secs(2);

/// Asks for the open screen's data where it was never loaded or is out of date.
pub(super) fn keep_fresh(model: &mut Model) -> Vec<Effect> {
    if !model.is_connected() || model.frozen.is_some() {
        return Vec::new();
    }
    match model.screen {
        Screen::Orders if orders_are_due(model) => vec![ask_orders(model)],
        Screen::Queue if dead_letters_are_due(model) => vec![ask_dead_letters(model)],
        _ => Vec::new(),
    }
}

/// How many orders there are in the daemon's state: when it changes, the list has.
fn order_count(model: &Model) -> u64 {
    let Some(snapshot) = &model.live else { return 0 };
    let decided = snapshot.orders.as_ref().map_or(0, |orders| {
        orders.placed + orders.failed.values().sum::<u64>() + orders.duplicate_orders
    });
    let accepted = snapshot.gateway.as_ref().map_or(0, |gateway| gateway.charges.values().sum());
    decided + accepted
}

fn orders_are_due(model: &Model) -> bool {
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

fn orders_path(orders: &Orders, after: Option<&str>) -> String {
    let filter = &orders.filter;
    let address = Endpoint::Orders
        .address()
        .with("limit", ORDERS_PAGE)
        .with_some("state", filter.state.map(OrderState::as_str))
        .with_some("prod", filter.product.as_deref())
        .with_some("phone", filter.phone.as_deref())
        .with_some("id", filter.id.as_deref())
        .with_some("after", after);
    address.to_string()
}

/// The first page, by the filter as it is now.
fn ask_orders(model: &mut Model) -> Effect {
    let count = order_count(model);
    let orders = &mut model.orders;
    orders.asked += 1;
    orders.is_loading = true;
    orders.is_deep = false;
    orders.asked_at = Some(model.now);
    orders.count_then = count;
    Effect::Ask(Ask::Orders { asked: orders.asked, path: orders_path(orders, None) })
}

/// The page after the last, when the cursor has come near the end.
pub(super) fn ask_more_orders(model: &mut Model) -> Vec<Effect> {
    let orders = &mut model.orders;
    let have = orders.rows.as_ref().map_or(0, Vec::len);
    let Some(next) = orders.next.clone().filter(|_| !orders.is_loading && have < ORDERS_MAX) else {
        return Vec::new();
    };
    orders.asked += 1;
    orders.is_loading = true;
    orders.is_deep = true;
    vec![Effect::Ask(Ask::Orders { asked: orders.asked, path: orders_path(orders, Some(&next)) })]
}

pub(super) fn orders_came(
    model: &mut Model,
    asked: u64,
    answer: Answer<OrdersPage>,
) -> Vec<Effect> {
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

fn dead_letters_are_due(model: &Model) -> bool {
    let count = model.live.as_ref().and_then(|snapshot| snapshot.queue.dead_letters);
    count.is_some() && model.dead_letters.asked_for != count
}

fn ask_dead_letters(model: &mut Model) -> Effect {
    model.dead_letters.asked_for =
        model.live.as_ref().and_then(|snapshot| snapshot.queue.dead_letters);
    Effect::Ask(Ask::DeadLetters { path: Endpoint::DeadLetters.pattern().to_owned() })
}

pub(super) fn dead_letters_came(model: &mut Model, answer: Answer<DeadLettersPage>) -> Vec<Effect> {
    match answer {
        Ok(page) => {
            model.dead_letters.fault = None;
            model.dead_letters.total = page.total;
            model.dead_letters.newest = page.newest;
            model.dead_letters.rows = Some(page.dead_letters);
        }
        Err(why) => model.dead_letters.fault = Some(why),
    }
    Vec::new()
}

/// Asks for an order's history; the whole phone number is in it only on demand.
pub(super) fn ask_history(order_id: &str, reveal: Reveal) -> Effect {
    let order = Endpoint::Order.of(order_id);
    let address = match reveal {
        Reveal::Masked => order,
        Reveal::Phone => order.with("reveal", "phone"),
    };
    Effect::Ask(Ask::History { order_id: order_id.to_owned(), path: address.to_string() })
}

pub(super) fn history_came(
    model: &mut Model,
    of: &str,
    answer: Answer<Box<OrderHistory>>,
) -> Vec<Effect> {
    let mut refused = None;
    for popup in &mut model.popups {
        if let Popup::Details(Details::Order { order_id, history, reveal, .. }) = popup
            && order_id == of
        {
            match (answer, &*history) {
                (Ok(loaded), _) => *history = History::Loaded(loaded),
                // A number that may not be shown doesn't take the rest away.
                (Err(why), History::Loaded(_)) => {
                    *reveal = Reveal::Masked;
                    refused = Some(why);
                }
                (Err(why), _) => *history = History::Failed(why),
            }
            break;
        }
    }
    if let Some(why) = refused {
        model.tell(Severity::Error, why);
    }
    Vec::new()
}

/// After a command, and on demand: what was loaded is loaded again where it is looked at.
pub(super) fn reload(model: &mut Model) -> Vec<Effect> {
    forget_answers(model);
    Vec::new()
}

/// What was loaded stays on the screen until the new comes.
pub(super) fn forget_answers(model: &mut Model) {
    model.orders.asked_at = None;
    model.orders.is_loading = false;
    model.dead_letters.asked_for = None;
}

/// Begins anew with another filter.
pub(super) fn refilter_orders(model: &mut Model) {
    model.orders.rows = None;
    model.orders.next = None;
    model.orders.unlisted.clear();
    model.orders.fault = None;
    model.orders.list.key = None;
    model.orders.list.index = 0;
    forget_answers(model);
}
