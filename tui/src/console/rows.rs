//! The rows of each list as they are shown: filtered, sorted, with the key by which the cursor
//! stays on one. How a row looks is `view`'s.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use protocol::{Code, DeadLetterView, GatewayView, Notable, OrderView, ProductView, QueuePart};

use super::model::{Model, Pane, Screen};

/// One way of sorting a list of `T`.
pub(crate) struct Order<T> {
    pub(crate) name: &'static str,
    compare: fn(&T, &T) -> Ordering,
}

const fn order<T>(name: &'static str, compare: fn(&T, &T) -> Ordering) -> Order<T> {
    Order { name, compare }
}

/// The ways of sorting products. Figures begin with the largest: it is what one looks for.
pub(crate) const PRODUCT_ORDERS: &[Order<ProductView>] = &[
    order("id", |a, b| a.prod_id.cmp(&b.prod_id)),
    order("name", |a, b| a.prod_name.cmp(&b.prod_name)),
    order("sold", |a, b| b.sold.cmp(&a.sold)),
    order("held", |a, b| b.held.cmp(&a.held)),
    order("free", |a, b| b.free.cmp(&a.free)),
    order("stock", |a, b| b.stock.cmp(&a.stock)),
];

/// The ways of sorting dead letters.
pub(crate) const DEAD_LETTER_ORDERS: &[Order<DeadLetterView>] = &[
    order("age", |a, b| a.dead_at.cmp(&b.dead_at)),
    order("reason", |a, b| a.reason.cmp(&b.reason)),
    order("product", |a, b| a.prod_id.cmp(&b.prod_id)),
];

/// The ways of sorting queues.
pub(crate) const QUEUE_ORDERS: &[Order<QueuePart>] = &[
    order("name", |a, b| a.name.cmp(&b.name)),
    order("lag", |a, b| b.lag_messages.cmp(&a.lag_messages)),
    order("age", |a, b| b.lag_age_ms.cmp(&a.lag_age_ms)),
];

/// The selected list's way of sorting, and how many there are.
pub(crate) fn orders_of(model: &Model) -> usize {
    match (model.screen, model.pane) {
        (Screen::Overview | Screen::Products, _) => PRODUCT_ORDERS.len(),
        (Screen::Queue, Pane::DeadLetters) => DEAD_LETTER_ORDERS.len(),
        (Screen::Queue, Pane::Queues) => QUEUE_ORDERS.len(),
        _ => 1,
    }
}

fn sort<T>(rows: &mut [&T], orders: &[Order<T>], list: &super::model::List) {
    if let Some(order) = orders.get(list.sort) {
        rows.sort_by(|a, b| (order.compare)(a, b));
    }
    if list.reversed {
        rows.reverse();
    }
}

/// Whether one of the texts contains the filter, whatever the case.
fn fits(filter: &str, texts: &[&str]) -> bool {
    let filter = filter.to_lowercase();
    texts.iter().any(|text| text.to_lowercase().contains(&filter))
}

pub(crate) fn products(model: &Model) -> Vec<&ProductView> {
    let all = model.shown().map_or(&[][..], |snapshot| &snapshot.products);
    let list = &model.products;
    let fitting =
        |product: &&ProductView| fits(&list.filter, &[&product.prod_id, &product.prod_name]);
    let mut rows: Vec<&ProductView> = all.iter().filter(fitting).collect();
    sort(&mut rows, PRODUCT_ORDERS, list);
    rows
}

pub(crate) fn orders(model: &Model) -> &[OrderView] {
    model.orders.rows.as_deref().unwrap_or_default()
}

pub(crate) fn queues(model: &Model) -> Vec<&QueuePart> {
    let all = model.shown().map_or(&[][..], |snapshot| &snapshot.queue.queues);
    let list = &model.queues;
    let fitting = |part: &&QueuePart| {
        let owner = part.owner.as_deref().unwrap_or_default();
        fits(&list.filter, &[&part.name, part.broker.as_deref().unwrap_or_default(), owner])
    };
    let mut rows: Vec<&QueuePart> = all.iter().filter(fitting).collect();
    sort(&mut rows, QUEUE_ORDERS, list);
    rows
}

pub(crate) fn dead_letters(model: &Model) -> Vec<&DeadLetterView> {
    let all = model.dead_letters.rows.as_deref().unwrap_or_default();
    let list = &model.dead_letters.list;
    let fitting = |letter: &&DeadLetterView| {
        let texts = [&letter.order_id, &letter.prod_id, &letter.user];
        let mut texts: Vec<&str> = texts.into_iter().filter_map(Option::as_deref).collect();
        texts.extend([letter.reason.as_str(), &letter.content]);
        fits(&list.filter, &texts)
    };
    let mut rows: Vec<&DeadLetterView> = all.iter().filter(fitting).collect();
    sort(&mut rows, DEAD_LETTER_ORDERS, list);
    rows
}

/// The daemon's events and this console's own notes that fit the filter, newest last.
pub(crate) fn events(model: &Model) -> Vec<&Notable> {
    let mut rows = newest_events(model);
    rows.retain(|event| {
        let texts = [event.kind.as_str(), event.severity.as_str(), event.text.as_str()];
        fits(&model.events.filter, &texts)
    });
    rows
}

/// All of them.
pub(crate) fn newest_events(model: &Model) -> Vec<&Notable> {
    let theirs = model.shown().map_or(&[][..], |snapshot| &snapshot.notables);
    let until = model.frozen.as_ref().map(|frozen| frozen.at);
    let ours = model.notes.iter().filter(|note| until.is_none_or(|until| note.at <= until));
    let mut rows: Vec<&Notable> = theirs.iter().chain(ours).collect();
    // Stable: what happened at one moment stays in its sequence.
    rows.sort_by_key(|event| event.at);
    rows
}

/// The keys of the list with the cursor.
pub(crate) fn keys(model: &Model) -> Vec<String> {
    match (model.screen, model.pane) {
        (Screen::Overview | Screen::Products, _) => product_keys(&products(model)),
        (Screen::Orders, _) => order_keys(orders(model)),
        (Screen::Queue, Pane::DeadLetters) => dead_letter_keys(&dead_letters(model)),
        (Screen::Queue, Pane::Queues) => queue_keys(&queues(model)),
        (Screen::Gateway, _) => gateway_keys(model),
        (Screen::Events, _) => event_keys(&events(model)),
    }
}

pub(crate) fn product_keys(rows: &[&ProductView]) -> Vec<String> {
    rows.iter().map(|product| product.prod_id.clone()).collect()
}

pub(crate) fn order_keys(rows: &[OrderView]) -> Vec<String> {
    rows.iter().map(|order| order.order_id.clone()).collect()
}

pub(crate) fn dead_letter_keys(rows: &[&DeadLetterView]) -> Vec<String> {
    rows.iter().map(|letter| letter.id.to_string()).collect()
}

pub(crate) fn queue_keys(rows: &[&QueuePart]) -> Vec<String> {
    rows.iter().map(|part| part.name.clone()).collect()
}

pub(crate) fn event_keys(rows: &[&Notable]) -> Vec<String> {
    rows.iter().map(|event| format!("{}/{}/{}", event.id, event.at.0, event.text)).collect()
}

/// What the Gateway screen counts.
pub(crate) struct Answered {
    /// What was answered.
    pub(crate) kind: &'static str,
    pub(crate) code: String,
    /// Where and what the fault was, for a part of the answers of this code.
    pub(crate) fault: Option<String>,
    pub(crate) count: u64,
    /// Of all answers of its kind, in tenths of a percent.
    pub(crate) share: u64,
}

/// The codes of both kinds of answers; below 40005 what was wrong, the most frequent first.
pub(crate) fn answers(gateway: &GatewayView) -> Vec<Answered> {
    let mut rows = answers_to("charge", &gateway.charges, &gateway.invalid_charges);
    rows.extend(answers_to("query", &gateway.queries, &gateway.invalid_queries));
    rows
}

fn answers_to(
    kind: &'static str,
    codes: &BTreeMap<String, u64>,
    faults: &BTreeMap<String, u64>,
) -> Vec<Answered> {
    let shares = shares(&codes.values().copied().collect::<Vec<_>>());
    let row = |code: &String, fault: Option<&String>, count: u64, share: u64| Answered {
        kind,
        code: code.clone(),
        fault: fault.cloned(),
        count,
        share,
    };
    let mut faults: Vec<(&String, u64)> = faults.iter().map(|(fault, n)| (fault, *n)).collect();
    faults.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut rows = Vec::new();
    for ((code, count), share) in codes.iter().zip(shares) {
        rows.push(row(code, None, *count, share));
        if code == Code::InvalidInput.as_str() {
            rows.extend(faults.iter().map(|(fault, count)| row(code, Some(fault), *count, 0)));
        }
    }
    rows
}

/// The counts in tenths of a percent of their sum, so that they add up to 1,000: what is lost by
/// cutting goes to those that lost most of it.
fn shares(counts: &[u64]) -> Vec<u64> {
    let sum: u128 = counts.iter().map(|count| u128::from(*count)).sum();
    if sum == 0 {
        return vec![0; counts.len()];
    }
    let scaled = |count: &u64| u128::from(*count) * 1_000;
    let mut shares: Vec<u64> =
        counts.iter().map(|count| u64::try_from(scaled(count) / sum).unwrap_or(0)).collect();
    let left = 1_000_u64.saturating_sub(shares.iter().sum());
    let mut by_loss: Vec<usize> = (0..counts.len()).collect();
    by_loss.sort_by_key(|index| std::cmp::Reverse(scaled(&counts[*index]) % sum));
    for index in by_loss.into_iter().take(usize::try_from(left).unwrap_or(0)) {
        shares[index] += 1;
    }
    shares
}

/// The keys of the Gateway screen's rows.
pub(crate) fn gateway_keys(model: &Model) -> Vec<String> {
    let gateway = model.shown().and_then(|snapshot| snapshot.gateway.as_ref());
    let rows = gateway.map(answers).unwrap_or_default();
    let key = |row: &Answered| {
        format!("{} {} {}", row.kind, row.code, row.fault.as_deref().unwrap_or_default())
    };
    rows.iter().map(key).collect()
}

pub(crate) fn selected_product(model: &Model) -> Option<&ProductView> {
    let rows = products(model);
    let index = model.products.selected(&product_keys(&rows))?;
    rows.get(index).copied()
}

/// The product whose row is marked on the screen.
pub(crate) fn marked_product(model: &Model) -> Option<&ProductView> {
    let rows = products(model);
    let index = model.products.marked(&product_keys(&rows))?;
    rows.get(index).copied()
}

/// The dead letter whose row is marked on the screen.
pub(crate) fn marked_dead_letter(model: &Model) -> Option<&DeadLetterView> {
    let rows = dead_letters(model);
    let index = model.dead_letters.list.marked(&dead_letter_keys(&rows))?;
    rows.get(index).copied()
}

pub(crate) fn selected_dead_letter(model: &Model) -> Option<&DeadLetterView> {
    let rows = dead_letters(model);
    let index = model.dead_letters.list.selected(&dead_letter_keys(&rows))?;
    rows.get(index).copied()
}

pub(crate) fn selected_order(model: &Model) -> Option<&OrderView> {
    let rows = orders(model);
    rows.get(model.orders.list.selected(&order_keys(rows))?)
}

#[cfg(test)]
mod tests {
    use super::shares;

    #[test]
    fn shares_add_up() {
        assert_eq!(shares(&[1, 1, 1]), [334, 333, 333]);
        assert_eq!(shares(&[0, 0]), [0, 0]);
        assert_eq!(shares(&[5, 0]), [1_000, 0]);
        for counts in [&[48_210, 310, 102_377, 12][..], &[1, 999_999_999], &[7, 7, 7, 7, 7, 7]] {
            assert_eq!(shares(counts).iter().sum::<u64>(), 1_000, "{counts:?}");
        }
        assert_eq!(shares(&[u64::MAX, u64::MAX]), [500, 500]);
    }
}
