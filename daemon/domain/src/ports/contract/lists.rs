//! What every store owes those who look through it: what is there is found, once, and no whole
//! phone number is in a list. Its crate's test calls [`holds`] with a rig of its own.

use std::collections::HashSet;

use protocol::{EpochMs, ExportedOrder, OrderId, OrderState, OrderView, Seq, StepKind};

use super::desk::Rig;
use super::sale::{OTHER, OTHER_PRICE, PRICE, PROD, delivery, order, phone};
use crate::order_id::IdPrefix;
use crate::ports::Delivery;
use crate::ports::lists::{
    ExportFilter, Exported, Happened, ListError, OrderFilter, PAGE_MAX, Phones,
};

/// Runs every case over a store of its own, which `fresh` makes.
pub async fn holds<R: Rig>(fresh: impl AsyncFn() -> R) {
    orders_are_listed_where_they_stand_without_whole_numbers(&fresh().await).await;
    a_filter_lists_what_fits_it_and_nothing_else(&fresh().await).await;
    pages_follow_each_other_without_gaps(&fresh().await).await;
    an_export_has_each_decision_once_and_whole_numbers_on_demand_only(&fresh().await).await;
    an_export_has_what_fits_its_filter(&fresh().await).await;
    an_orders_way_is_told_from_its_beginning_to_its_end(&fresh().await).await;
    those_that_stand_somewhere_are_known(&fresh().await).await;
    letters_are_listed_oldest_first_without_whole_numbers(&fresh().await).await;
}

/// One order of each kind that a sale makes by itself: its letter is `aside`.
async fn sell(rig: &impl Rig) {
    rig.sale()
        .decide(vec![
            order("placed", 1),
            delivery("failed", 2, PROD, "1"),
            order("twice", 1),
            delivery("other", 2, OTHER, OTHER_PRICE),
        ])
        .await
        .unwrap();
    rig.set_aside(order("aside", 3)).await;
}

async fn listed(rig: &impl Rig, filter: OrderFilter) -> Vec<OrderView> {
    let page = rig.lists().orders(filter, None, 100).await.unwrap();
    assert_eq!(page.next, None);
    page.orders
}

fn ids(orders: &[OrderView]) -> Vec<String> {
    orders.iter().map(|order| order.order_id.to_string()).collect()
}

pub async fn orders_are_listed_where_they_stand_without_whole_numbers(rig: &impl Rig) {
    assert_eq!(listed(rig, OrderFilter::default()).await, []);
    sell(rig).await;
    let all = listed(rig, OrderFilter::default()).await;
    assert_eq!(ids(&all), ["aside", "other", "failed", "placed"], "newest first, no duplicates");
    for user in 1..=3 {
        assert!(!format!("{all:?}").contains(phone(user).whole()));
    }
    let [aside, _, failed, placed] = &all[..] else { unreachable!("{all:?}") };
    assert_eq!((aside.state, aside.decided_at), (OrderState::DeadLetter, None));
    assert!(aside.reason.is_some());
    assert_eq!(
        (failed.state, failed.reason.as_deref()),
        (OrderState::Failed, Some("price_differs"))
    );
    assert_eq!((placed.state, placed.duplicates), (OrderState::Placed, 1));
    assert_eq!((placed.prod_id.as_str(), placed.prod_name.as_str()), (PROD, "小米9SE"));
    assert_eq!(placed.charge_money.map(|money| money.to_string()).as_deref(), Some(PRICE));
    assert_eq!((placed.asked_at.0, placed.user.as_str()), (900_000, "152****0001"));
    assert!(placed.decided_at.is_some());
}

pub async fn a_filter_lists_what_fits_it_and_nothing_else(rig: &impl Rig) {
    sell(rig).await;
    let none = OrderFilter::default;
    let of_state = |state| OrderFilter { state: Some(state), ..none() };
    let of_buyer = |user| OrderFilter { phone: Some(phone(user)), ..none() };
    let of_product = |prod_id: &str| OrderFilter { prod_id: Some(prod_id.into()), ..none() };
    for (filter, wanted) in [
        (of_state(OrderState::Placed), &["other", "placed"][..]),
        (of_state(OrderState::Failed), &["failed"]),
        (of_state(OrderState::DeadLetter), &["aside"]),
        (of_state(OrderState::Duplicate), &["twice"]),
        (of_state(OrderState::Unconfirmed), &[]),
        (of_buyer(1), &["placed", "twice"]),
        (of_buyer(2), &["other", "failed"]),
        (of_buyer(3), &["aside"]),
        (of_buyer(77), &[]),
        (of_product(OTHER), &["other"]),
        (of_product("pid_9999"), &[]),
        (OrderFilter { prod_id: Some(PROD.into()), ..of_buyer(2) }, &["failed"]),
        (OrderFilter { state: Some(OrderState::Placed), ..of_buyer(2) }, &["other"]),
        (OrderFilter { id: IdPrefix::read("PLA"), ..none() }, &["placed"]),
        (OrderFilter { id: IdPrefix::read("t"), ..none() }, &["twice"]),
        (OrderFilter { id: IdPrefix::read("z"), ..none() }, &[]),
    ] {
        assert_eq!(ids(&listed(rig, filter.clone()).await), wanted, "{filter:?}");
    }
    // The whole number, and not a part of it.
    let part = OrderFilter { phone: Some("1520000".into()), ..none() };
    assert_eq!(listed(rig, part).await, []);
}

pub async fn pages_follow_each_other_without_gaps(rig: &impl Rig) {
    sell(rig).await;
    for filter in
        [OrderFilter::default(), OrderFilter { phone: Some(phone(2)), ..OrderFilter::default() }]
    {
        let whole = listed(rig, filter.clone()).await;
        for limit in 1..=3 {
            let (mut orders, mut after) = (Vec::new(), None::<String>);
            loop {
                let page =
                    rig.lists().orders(filter.clone(), after.as_deref(), limit).await.unwrap();
                assert!(page.orders.len() <= limit);
                orders.extend(page.orders);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(orders, whole);
        }
    }
    let wrong = rig.lists().orders(OrderFilter::default(), Some("日1"), 1).await;
    assert_eq!(wrong, Err(ListError::Cursor));
}

const EVERYTHING: ExportFilter = ExportFilter {
    after: Seq(0),
    up_to: None,
    state: None,
    prod_id: None,
    since: None,
    until: None,
    phones: Phones::Masked,
};

fn exported(page: &Exported) -> Vec<(u64, String, OrderState)> {
    let row = |order: &ExportedOrder| (order.seq.0, order.order_id.to_string(), order.state);
    page.orders.iter().map(row).collect()
}

pub async fn an_export_has_each_decision_once_and_whole_numbers_on_demand_only(rig: &impl Rig) {
    let none = rig.lists().decided(EVERYTHING, PAGE_MAX).await.unwrap();
    assert_eq!(none, Exported { orders: vec![], up_to: Seq(0), head: Seq(0) });
    sell(rig).await;
    let whole = rig.lists().decided(EVERYTHING, PAGE_MAX).await.unwrap();
    let wanted = [
        (1, "placed", OrderState::Placed),
        (2, "failed", OrderState::Failed),
        (3, "twice", OrderState::Duplicate),
        (4, "other", OrderState::Placed),
    ];
    let wanted = wanted.map(|(seq, id, state)| (seq, id.to_owned(), state));
    assert_eq!(exported(&whole), wanted, "what is set aside isn't decided");
    assert_eq!((whole.up_to, whole.head), (Seq(4), Seq(4)));
    for user in 1..=3 {
        assert!(!format!("{whole:?}").contains(phone(user).whole()));
    }
    let placed = &whole.orders[0];
    assert_eq!((placed.prod_name.as_str(), placed.user.as_str()), ("小米9SE", "152****0001"));
    assert_eq!((placed.asked_at.0, placed.duplicates, placed.finish_time), (900_000, 1, None));
    assert_eq!(placed.charge_money.map(|money| money.to_string()).as_deref(), Some(PRICE));
    assert_eq!(whole.orders[1].reason.as_deref(), Some("price_differs"));
    for limit in 1..=3 {
        let (mut orders, mut filter) = (Vec::new(), EVERYTHING);
        loop {
            let page = rig.lists().decided(filter.clone(), limit).await.unwrap();
            assert!(page.orders.len() <= limit);
            orders.extend(page.orders);
            filter.after = page.up_to;
            if page.up_to == page.head {
                break;
            }
        }
        assert_eq!(orders, whole.orders);
    }
    let revealed = ExportFilter { phones: Phones::Whole, ..EVERYTHING };
    let revealed = rig.lists().decided(revealed, PAGE_MAX).await.unwrap();
    let phones: Vec<_> = revealed.orders.iter().map(|order| order.phone.clone()).collect();
    assert_eq!(phones, [1, 2, 1, 2].map(|user| Some(phone(user))));
}

pub async fn an_export_has_what_fits_its_filter(rig: &impl Rig) {
    sell(rig).await;
    let whole = rig.lists().decided(EVERYTHING, PAGE_MAX).await.unwrap();
    let times = || whole.orders.iter().map(|order| order.decided_at);
    let (first, last) = (times().min().unwrap(), times().max().unwrap());
    let later = Some(EpochMs(last.0 + 1));
    let of_state = |state| ExportFilter { state: Some(state), ..EVERYTHING };
    for (filter, wanted) in [
        (ExportFilter { after: Seq(2), ..EVERYTHING }, &[3, 4][..]),
        (ExportFilter { up_to: Some(Seq(2)), ..EVERYTHING }, &[1, 2]),
        (ExportFilter { up_to: Some(Seq(9)), after: Seq(3), ..EVERYTHING }, &[4]),
        (ExportFilter { after: Seq(u64::MAX), ..EVERYTHING }, &[]),
        (of_state(OrderState::Placed), &[1, 4]),
        (of_state(OrderState::Failed), &[2]),
        (of_state(OrderState::Duplicate), &[3]),
        (of_state(OrderState::Finished), &[]),
        (ExportFilter { prod_id: Some(OTHER.into()), ..EVERYTHING }, &[4]),
        (ExportFilter { since: Some(first), until: later, ..EVERYTHING }, &[1, 2, 3, 4]),
        (ExportFilter { until: Some(first), ..EVERYTHING }, &[]),
        (ExportFilter { since: later, ..EVERYTHING }, &[]),
    ] {
        let after = filter.after;
        let page = rig.lists().decided(filter.clone(), PAGE_MAX).await.unwrap();
        let seqs: Vec<u64> = page.orders.iter().map(|order| order.seq.0).collect();
        assert_eq!(seqs, wanted, "{filter:?}");
        let end = filter.up_to.map_or(page.head, |up_to| up_to.min(page.head)).max(after);
        assert_eq!(page.up_to, end, "{filter:?}");
    }
}

pub async fn an_orders_way_is_told_from_its_beginning_to_its_end(rig: &impl Rig) {
    sell(rig).await;
    assert_eq!(rig.lists().order(&"nobody's".into()).await.unwrap(), None);
    for (order_id, user, wanted) in [
        (
            "placed",
            1,
            &[StepKind::Accepted, StepKind::Queued, StepKind::Placed, StepKind::DuplicateSetAside]
                [..],
        ),
        ("failed", 2, &[StepKind::Accepted, StepKind::Queued, StepKind::Failed]),
        ("twice", 1, &[StepKind::Accepted, StepKind::Queued, StepKind::Duplicate]),
        ("aside", 3, &[StepKind::Accepted, StepKind::Queued, StepKind::SetAside]),
    ] {
        let detail = rig.lists().order(&order_id.into()).await.unwrap().unwrap();
        assert_eq!(detail.order.order_id, order_id);
        assert_eq!(detail.phone, Some(phone(user)));
        let kinds: Vec<StepKind> = detail.steps.iter().map(|step| step.what.kind()).collect();
        assert_eq!(kinds, wanted, "{order_id}");
        let at = |index: usize| detail.steps[index].at.map(|at| at.0);
        assert_eq!((at(0), at(1)), (Some(900_000), Some(910_000)), "{order_id}");
    }
    let twice = rig.lists().order(&"twice".into()).await.unwrap().unwrap();
    assert_eq!(twice.steps[2].what, Happened::Duplicate("placed".into()));
}

pub async fn those_that_stand_somewhere_are_known(rig: &impl Rig) {
    sell(rig).await;
    let all = ["placed", "failed", "twice", "aside", "nobody's"].map(OrderId::from);
    let standing = rig.lists().standing_among(all.to_vec()).await.unwrap();
    assert_eq!(standing, HashSet::from_iter(all[..4].iter().cloned()));
}

pub async fn letters_are_listed_oldest_first_without_whole_numbers(rig: &impl Rig) {
    let body = format!("{{\"userPhoneNo\":\"{}\"", phone(8).whole()).into_bytes();
    rig.sale().decide(vec![Delivery { body, ..order("x", 8) }]).await.unwrap();
    rig.set_aside(order("aside", 3)).await;
    let all = rig.lists().dead_letters(None, 100).await.unwrap();
    assert_eq!((all.total, all.next.as_deref(), all.dead_letters.len()), (2, None, 2));
    let [unreadable, readable] = &all.dead_letters[..] else { unreachable!("{all:?}") };
    assert_eq!(all.newest, Some(readable.id));
    assert_eq!((unreadable.resendable, &unreadable.user), (false, &None));
    assert_eq!(unreadable.content, "{\"userPhoneNo\":\"152****0008\"");
    assert_eq!((readable.resendable, readable.order_id.clone()), (true, Some("aside".into())));
    assert_eq!(readable.user.as_deref(), Some("152****0003"));
    assert_eq!((readable.prod_id.clone(), readable.asked_at.0), (Some(PROD.into()), 900_000));
    for user in [3, 8] {
        assert!(!format!("{all:?}").contains(phone(user).whole()));
    }
    let first = rig.lists().dead_letters(None, 1).await.unwrap();
    assert_eq!((first.total, first.dead_letters.len()), (2, 1));
    let second = rig.lists().dead_letters(first.next.as_deref(), 1).await.unwrap();
    assert_eq!((second.dead_letters[0].id, second.next), (readable.id, None));
    assert_eq!(rig.lists().dead_letters(Some("?"), 1).await, Err(ListError::Cursor));
}
