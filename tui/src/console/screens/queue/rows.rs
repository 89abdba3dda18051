//! The queues and the dead letters as they are shown: filtered, sorted, with the key by which the
//! cursor stays on one.

use protocol::{DeadLetterView, OrderId, ProdId, QueuePart};

use crate::console::model::Model;
use crate::console::screens::sorting::{Sorting, fits, sort, sorting};

/// The ways of sorting dead letters.
pub(crate) const DEAD_LETTER_ORDERS: &[Sorting<DeadLetterView>] = &[
    sorting("age", |a, b| a.dead_at.cmp(&b.dead_at)),
    sorting("reason", |a, b| a.reason.cmp(&b.reason)),
    sorting("product", |a, b| a.prod_id.cmp(&b.prod_id)),
];

/// The ways of sorting queues.
pub(crate) const QUEUE_ORDERS: &[Sorting<QueuePart>] = &[
    sorting("name", |a, b| a.name.cmp(&b.name)),
    sorting("lag", |a, b| b.lag_messages.cmp(&a.lag_messages)),
    sorting("age", |a, b| b.lag_age_ms.cmp(&a.lag_age_ms)),
];

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
        let order_id = letter.order_id.as_ref().map(OrderId::text);
        let prod_id = letter.prod_id.as_ref().map(ProdId::as_str);
        let ids = [order_id.as_deref(), prod_id, letter.user.as_deref()];
        let mut texts: Vec<&str> = ids.into_iter().flatten().collect();
        texts.extend([letter.reason.as_str(), &letter.content]);
        fits(&list.filter, &texts)
    };
    let mut rows: Vec<&DeadLetterView> = all.iter().filter(fitting).collect();
    sort(&mut rows, DEAD_LETTER_ORDERS, list);
    rows
}

pub(crate) fn dead_letter_keys(rows: &[&DeadLetterView]) -> Vec<String> {
    rows.iter().map(|letter| letter.id.to_string()).collect()
}

pub(crate) fn queue_keys(rows: &[&QueuePart]) -> Vec<String> {
    rows.iter().map(|part| part.name.clone()).collect()
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
