//! Orders in lists and by the beginning of an id, completed by what no database here holds: those
//! that a gateway has taken on and that wait in a broker, and, for a gateway alone, what the order
//! node tells of one buyer. What still can't be seen is said with the list (`unlisted`), so that an
//! empty list never stands for "there is none" where that isn't known.

use std::cmp::Reverse;
use std::collections::HashSet;

use domain::order_id::IdPrefix;
use domain::ports::Cause;
use domain::ports::lists::OrderFilter;
use protocol::{
    HistoryStep, OrderHistory, OrderId, OrderState, OrderStatus, OrderView, OrdersPage, QueryData,
    Refusal, RefusalCode, StepKind, Unlisted, UnlistedPlace, grouped,
};

use super::history::Told;
use super::views::{nothing, read};
use super::{AdminShared, Reached, UndecidedOrder};
use crate::config::Role;

/// Undecided orders of a gateway that are looked for in the database, to leave out what has moved
/// on. Beyond that they count as waiting.
const LOOKED_FOR_MAX: usize = 20_000;

/// Orders that an id which fits several is answered with.
const CANDIDATES_MAX: usize = 10;

/// Pages that are turned for the beginning of an id: the queue is walked, a bounded way at a time.
const PAGES_MAX: usize = 20;

/// Begins the cursors of the stage that is the gateway's alone; the store's own begin otherwise.
const WAITING_MARK: char = 'w';

/// A page of orders.
///
/// # Errors
/// The database can't be read, or `after` is no cursor.
pub(super) async fn page(
    desk: &AdminShared,
    filter: OrderFilter,
    after: Option<&str>,
    limit: usize,
) -> Result<OrdersPage, Refusal> {
    let mut waiting = Waiting::look(desk).await?;
    let is_first = after.is_none();
    let begun = after.and_then(|after| after.strip_prefix(WAITING_MARK));
    let mut page = OrdersPage { orders: Vec::new(), next: None, unlisted: Vec::new() };
    if is_first || begun.is_some() {
        waiting.orders.retain(|order| fits(order, &filter));
        let place = begun.map(ListPosition::read).transpose()?;
        let rest = waiting
            .orders
            .iter()
            .filter(|order| place.as_ref().is_none_or(|place| place.is_before(order)));
        let rest: Vec<&UndecidedOrder> = rest.take(limit).collect();
        if let Some(last) = rest.last().filter(|_| rest.len() == limit) {
            page.next = Some(ListPosition::of(last).write());
        }
        page.orders = rest.into_iter().map(view).collect();
    }
    if page.next.is_none() {
        let after = after.filter(|_| begun.is_none());
        let left = limit - page.orders.len();
        let stored = read(desk.parts.lists.orders(filter.clone(), after, left).await)?;
        page.orders.extend(stored.orders);
        page.next = stored.next;
    }
    page.unlisted = waiting.unlisted(desk, &filter);
    if is_first && page.next.is_none() {
        ask_order_node(desk, &filter, &mut page).await;
    }
    Ok(page)
}

/// What is known of the only order whose id begins so.
///
/// # Errors
/// There is none, or there are several; or the database can't be read.
pub(super) async fn find(desk: &AdminShared, typed: &str) -> Result<Told, Refusal> {
    let Some(id) = IdPrefix::read(typed) else {
        return Err(nothing(format!("{typed:?} is no order's id, nor the beginning of one")));
    };
    let undecided = undecided(desk).await?;
    if let Some(order) = undecided.iter().find(|order| order.order_id == typed) {
        return Ok(detail(order));
    }
    let filter = OrderFilter { id: Some(id.clone()), ..OrderFilter::default() };
    let fitting: Vec<&UndecidedOrder> =
        undecided.iter().filter(|order| id.fits(&order.order_id.text())).collect();
    let mut candidates: Vec<OrderView> = fitting.iter().map(|order| view(order)).collect();
    let stored = stored_candidates(desk, &filter).await?;
    let known: HashSet<&OrderId> = stored.iter().map(|order| &order.order_id).collect();
    candidates.retain(|order| !known.contains(&order.order_id));
    candidates.extend(stored.iter().cloned());
    match candidates.as_slice() {
        [] => Err(unknown(desk, typed).await),
        [only] => match fitting.into_iter().find(|order| order.order_id == only.order_id) {
            Some(order) if !known.contains(&order.order_id) => Ok(detail(order)),
            _ => match read(desk.parts.lists.order(&only.order_id).await)? {
                Some(found) => Ok(found.into()),
                // It has moved on between the two looks.
                None => Err(unknown(desk, typed).await),
            },
        },
        _ => Err(ambiguous(typed, candidates)),
    }
}

async fn stored_candidates(
    desk: &AdminShared,
    filter: &OrderFilter,
) -> Result<Vec<OrderView>, Refusal> {
    let (mut found, mut after) = (Vec::<OrderView>::new(), None::<String>);
    for _ in 0..PAGES_MAX {
        let listed = desk.parts.lists.orders(filter.clone(), after.as_deref(), CANDIDATES_MAX);
        let page = read(listed.await)?;
        let known: HashSet<OrderId> = found.iter().map(|order| order.order_id.clone()).collect();
        found.extend(page.orders.into_iter().filter(|order| !known.contains(&order.order_id)));
        after = page.next;
        if after.is_none() || CANDIDATES_MAX < found.len() {
            break;
        }
    }
    Ok(found)
}

fn ambiguous(typed: &str, mut candidates: Vec<OrderView>) -> Refusal {
    let is_more = CANDIDATES_MAX < candidates.len();
    candidates.truncate(CANDIDATES_MAX);
    let ids: Vec<String> = candidates.iter().map(|order| order.order_id.to_string()).collect();
    let more = if is_more { " and more" } else { "" };
    let msg =
        format!("{typed:?} begins several orders' ids: {}{more}; say more of it", ids.join(", "));
    let data = serde_json::json!({ "orders": candidates, "more": is_more });
    Refusal { data, ..Refusal::new(RefusalCode::Ambiguous, msg) }
}

/// The refusal for an id that is known nowhere here; it says where the order might be all the same.
async fn unknown(desk: &AdminShared, typed: &str) -> Refusal {
    let none = format!("no order {typed:?} is known here");
    let waiting = match Waiting::look(desk).await {
        Ok(waiting) => waiting,
        Err(refusal) => return refusal,
    };
    let unlisted = waiting.unlisted(desk, &OrderFilter::default());
    let texts: Vec<&str> = unlisted.iter().map(|unlisted| unlisted.text.as_str()).collect();
    let msg = match texts.as_slice() {
        [] => none,
        texts => format!("{none}; {}", texts.join("; ")),
    };
    let data = serde_json::json!({ "unlisted": unlisted });
    Refusal { data, ..nothing(msg) }
}

/// What the gateway of this process knows of orders that no database has, newest first, and how
/// much of the broker's queue that leaves unknown.
struct Waiting {
    orders: Vec<UndecidedOrder>,
    /// Messages in the broker beyond those; `None` where the queue is in the database.
    beyond: Option<Result<u64, Cause>>,
}

impl Waiting {
    /// The book is looked at first: an order that has left it by then is decided, and found in the
    /// database after that. The lag is read in between, so that what it counts and the book has is
    /// taken for waiting unless it was decided before the reading.
    async fn look(desk: &AdminShared) -> Result<Self, Refusal> {
        let Some(outside) = desk.parts.owners.waiting_outside() else {
            return Ok(Self { orders: Vec::new(), beyond: None });
        };
        let mut orders = undecided(desk).await?;
        let outside = outside.await;
        let ids = orders.iter().take(LOOKED_FOR_MAX).map(|order| order.order_id.clone()).collect();
        let standing = read(desk.parts.lists.standing_among(ids).await)?;
        orders.retain(|order| !standing.contains(&order.order_id));
        orders.sort_by(|a, b| ListPosition::of(a).cmp(&ListPosition::of(b)));
        let here = orders.iter().filter(|order| order.reached == Reached::Queued).count() as u64;
        let beyond = Some(outside.map(|messages| messages.saturating_sub(here)));
        Ok(Self { orders, beyond })
    }

    /// What a list by this filter lacks.
    fn unlisted(&self, desk: &AdminShared, filter: &OrderFilter) -> Vec<Unlisted> {
        let Some(beyond) = &self.beyond else { return Vec::new() };
        let has = |role| desk.parts.roles.contains(&role);
        let asks_for = |state| filter.state.is_none_or(|wanted| wanted == state);
        let mut unlisted = Vec::new();
        if asks_for(OrderState::Queued) {
            unlisted.extend(beyond_broker(beyond));
        }
        if !has(Role::Gateway) && asks_for(OrderState::Unconfirmed) {
            let text = "sends whose result is unknown are in the gateways' databases and aren't \
                        listed: ask their admin sockets";
            unlisted.push(of_place(UnlistedPlace::Gateways, None, text));
        }
        let is_decided = |state| !matches!(state, OrderState::Queued | OrderState::Unconfirmed);
        if !has(Role::Order) && filter.state.is_none_or(is_decided) {
            let text = "orders that were decided or set aside are in the order node's database and \
                        aren't listed: ask its admin socket";
            unlisted.push(of_place(UnlistedPlace::OrderNode, None, text));
        }
        unlisted
    }
}

fn of_place(place: UnlistedPlace, count: Option<u64>, text: impl Into<String>) -> Unlisted {
    Unlisted { place, count, text: text.into() }
}

fn beyond_broker(beyond: &Result<u64, Cause>) -> Option<Unlisted> {
    let (count, text) = match beyond {
        Ok(0) => return None,
        Ok(1) => (
            Some(1),
            "1 order waits in RocketMQ and isn't listed: whose it is isn't known here".to_owned(),
        ),
        Ok(count) => {
            let many = grouped(*count);
            let text = format!(
                "{many} orders wait in RocketMQ and aren't listed: whose they are isn't known here"
            );
            (Some(*count), text)
        }
        Err(cause) => {
            let text = format!(
                "how many orders wait in RocketMQ isn't known ({cause}); those that this process \
                 doesn't know aren't listed"
            );
            (None, text)
        }
    };
    Some(of_place(UnlistedPlace::Broker, count, text))
}

/// Where an undecided order stands in the list: the newest first, ids where times are the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct ListPosition {
    asked_at: Reverse<i64>,
    order_id: OrderId,
}

impl ListPosition {
    fn of(order: &UndecidedOrder) -> Self {
        Self { asked_at: Reverse(order.asked_at.0), order_id: order.order_id.clone() }
    }

    fn is_before(&self, order: &UndecidedOrder) -> bool {
        *self < Self::of(order)
    }

    fn write(&self) -> String {
        format!("{WAITING_MARK}{}.{}", self.asked_at.0, self.order_id)
    }

    fn read(text: &str) -> Result<Self, Refusal> {
        let parts = text.split_once('.').and_then(|(at, id)| Some((at.parse().ok()?, id)));
        let (at, order_id) = parts.ok_or_else(super::views::no_cursor)?;
        Ok(Self { asked_at: Reverse(at), order_id: order_id.into() })
    }
}

async fn undecided(desk: &AdminShared) -> Result<Vec<UndecidedOrder>, Refusal> {
    let looked = desk.parts.owners.undecided().await;
    looked.map_err(|cause| {
        let msg = format!("the gateway's undecided orders couldn't be looked through: {cause}");
        Refusal::new(RefusalCode::Internal, msg)
    })
}

fn fits(order: &UndecidedOrder, filter: &OrderFilter) -> bool {
    let OrderFilter { state, prod_id, phone, id } = filter;
    state.is_none_or(|state| state == state_of(order.reached))
        && prod_id.as_ref().is_none_or(|wanted| *wanted == order.prod_id)
        && phone.as_ref().is_none_or(|wanted| *wanted == order.phone)
        && id.as_ref().is_none_or(|wanted| wanted.fits(&order.order_id.text()))
}

const fn state_of(reached: Reached) -> OrderState {
    match reached {
        Reached::Unconfirmed => OrderState::Unconfirmed,
        Reached::Publishing | Reached::Queued => OrderState::Queued,
    }
}

fn view(order: &UndecidedOrder) -> OrderView {
    OrderView {
        order_id: order.order_id.clone(),
        prod_id: order.prod_id.clone(),
        prod_name: order.prod_name.clone(),
        user: order.phone.to_string(),
        state: state_of(order.reached),
        reason: None,
        charge_money: Some(order.price),
        asked_at: order.asked_at,
        decided_at: None,
        duplicates: 0,
    }
}

/// What a gateway knows of an order that nobody has decided.
fn detail(order: &UndecidedOrder) -> Told {
    let step = |at, step, detail: &str| HistoryStep { at, step, detail: detail.to_owned() };
    let accepted = "the buyer asked, and a unit is held";
    let mut steps = vec![step(Some(order.asked_at), StepKind::Accepted, accepted)];
    match order.reached {
        Reached::Publishing => {
            steps[0].detail.push_str("; it is on its way to the queue");
        }
        Reached::Queued => {
            let detail = "the queue has it; nobody has decided it yet";
            steps.push(step(None, StepKind::Queued, detail));
        }
        Reached::Unconfirmed => {
            let detail = "whether the queue has it is not known; it is published again";
            steps.push(step(None, StepKind::Unconfirmed, detail));
        }
    }
    let history = OrderHistory { order: view(order), phone: None, steps };
    Told { history, phone: Some(order.phone.clone()) }
}

/// A gateway alone asks the order node of one buyer, as `query.do` does, and puts in what it tells.
async fn ask_order_node(desk: &AdminShared, filter: &OrderFilter, page: &mut OrdersPage) {
    let is_lacking = |unlisted: &Unlisted| unlisted.place == UnlistedPlace::OrderNode;
    let Some(phone) = filter.phone.as_ref().filter(|_| page.unlisted.iter().any(is_lacking)) else {
        return;
    };
    let of_node = |text: String| of_place(UnlistedPlace::OrderNode, None, text);
    page.unlisted.retain(|unlisted| !is_lacking(unlisted));
    match desk.parts.owners.query_elsewhere(phone).await {
        Ok(found) => {
            let known: HashSet<OrderId> =
                page.orders.iter().map(|order| order.order_id.clone()).collect();
            let found = found.iter().map(told).filter(|order| {
                filter.state.is_none_or(|state| state == order.state)
                    && filter.prod_id.as_ref().is_none_or(|wanted| *wanted == order.prod_id)
                    && filter.id.as_ref().is_none_or(|wanted| wanted.fits(&order.order_id.text()))
            });
            page.orders.extend(found.filter(|order| !known.contains(&order.order_id)));
            page.unlisted.push(of_node(
                "the order node was asked for the buyer's newest order of each product; earlier \
                 ones, and those set aside, aren't listed: ask its admin socket"
                    .to_owned(),
            ));
        }
        Err(cause) => page.unlisted.push(of_node(format!(
            "what the order node knows of this buyer isn't listed: {cause}; ask its admin socket"
        ))),
    }
}

/// An order as `query.do` tells it.
fn told(order: &QueryData) -> OrderView {
    OrderView {
        order_id: order.order_id.clone(),
        prod_id: order.prod_id.clone(),
        prod_name: order.prod_name.clone(),
        user: order.phone.to_string(),
        state: match order.order_status {
            OrderStatus::Finished => OrderState::Finished,
            OrderStatus::Queued => OrderState::Queued,
            OrderStatus::Placed => OrderState::Placed,
            OrderStatus::Failed => OrderState::Failed,
        },
        reason: order.reason.map(|reason| reason.as_str().to_owned()),
        charge_money: order.charge_money,
        asked_at: order.asked_at,
        decided_at: order.finish_time,
        duplicates: order.duplicates,
    }
}
