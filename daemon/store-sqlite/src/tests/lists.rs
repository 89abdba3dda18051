//! Lists of orders: each where it stands, newest first, in pages that end.

use domain::ports::lists::{ExportFilter, ListError, OrderFilter, Orders, Phones};
use domain::ports::{Cause, Sale};
use protocol::{EpochMs, OrderState, OrderView, Seq};

use super::deciding::POISON;
use super::{Fixture, PROD, delivery, message, order, outgoing, phone};
use crate::lists::order_lists::ListStage;
use crate::queue_table::unconfirmed::Unconfirmed;

/// One order in each state; the duplicate's live order is `placed`.
async fn with_all_states() -> Fixture {
    let fixture = Fixture::with_stock(5);
    fixture.sql(POISON).await;
    let failed = delivery(&message("failed", 2, "1"));
    fixture.decide(vec![order("placed", 1), failed, order("twice", 1), order("poison", 3)]).await;
    fixture.decide(vec![order("finished", 4)]).await;
    fixture
        .sql(
            "UPDATE t_seckill_order SET order_status = 0, finish_time = 7
              WHERE order_id = 'finished'",
        )
        .await;
    fixture.store.enqueue(vec![outgoing("queued", 5), outgoing("again", 2)]).await.unwrap();
    let sends = ["sent", "placed", "queued", "poison", "twice"].map(|order_id| Unconfirmed {
        order: outgoing(order_id, 6),
        since: EpochMs(950_000),
        tries: 1,
        cause: Cause("no answer".to_owned()),
    });
    fixture.store.keep_unconfirmed(sends.to_vec()).await.unwrap();
    fixture
}

async fn page(fixture: &Fixture, filter: OrderFilter, after: Option<&str>, limit: usize) -> Orders {
    fixture.store.list_orders(filter, after, limit).await.unwrap()
}

fn owned(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

fn ids(orders: &[OrderView]) -> Vec<String> {
    orders.iter().map(|order| order.order_id.to_string()).collect()
}

#[tokio::test]
async fn waiting_orders_come_first_then_decided_ones_and_no_duplicates() {
    let fixture = with_all_states().await;
    let all = page(&fixture, OrderFilter::default(), None, 10).await;
    let wanted = ["again", "queued", "sent", "poison", "finished", "failed", "placed"];
    assert_eq!((ids(&all.orders), all.next), (owned(&wanted), None));
    assert!(!format!("{:?}", all.orders).contains("152000000"));
    let queued = &all.orders[1];
    assert_eq!((queued.state, queued.user.as_str()), (OrderState::Queued, "152****0005"));
    assert_eq!((queued.prod_id.as_str(), queued.prod_name.as_str()), (PROD, "小米9SE"));
    assert_eq!(queued.charge_money.unwrap().to_string(), "1200.000");
    assert_eq!((queued.asked_at.0, queued.decided_at), (900_000, None));
    let failed = &all.orders[5];
    assert_eq!(
        (failed.state, failed.reason.as_deref()),
        (OrderState::Failed, Some("price_differs"))
    );
    assert_eq!(failed.decided_at, Some(EpochMs(1_000_000)));
    assert_eq!(all.orders[6].duplicates, 1);
    assert!(all.orders[3].reason.as_ref().unwrap().contains("poisonous"));
}

#[tokio::test]
async fn a_state_lists_its_orders_only() {
    let fixture = with_all_states().await;
    for (state, wanted) in [
        (OrderState::Queued, &["again", "queued"][..]),
        (OrderState::Unconfirmed, &["sent"]),
        (OrderState::DeadLetter, &["poison"]),
        (OrderState::Placed, &["placed"]),
        (OrderState::Failed, &["failed"]),
        (OrderState::Duplicate, &["twice"]),
        (OrderState::Finished, &["finished"]),
    ] {
        let filter = OrderFilter { state: Some(state), ..OrderFilter::default() };
        let found = page(&fixture, filter, None, 10).await;
        assert_eq!((ids(&found.orders), found.next), (owned(wanted), None), "{state:?}");
        assert!(found.orders.iter().all(|order| order.state == state));
    }
}

#[tokio::test]
async fn a_buyers_orders_are_found_by_the_whole_number_in_every_product() {
    let fixture = with_all_states().await;
    let stranger = protocol::OrderMessage { prod_id: "pid_0001".into(), ..message("else", 2, "1") };
    fixture.decide(vec![delivery(&stranger)]).await;
    let of = |user: u32| OrderFilter { phone: Some(phone(user)), ..OrderFilter::default() };
    assert_eq!(ids(&page(&fixture, of(2), None, 10).await.orders), ["again", "else", "failed"]);
    assert_eq!(ids(&page(&fixture, of(1), None, 10).await.orders), ["placed", "twice"]);
    assert_eq!(ids(&page(&fixture, of(3), None, 10).await.orders), ["poison"]);
    assert_eq!(ids(&page(&fixture, of(6), None, 10).await.orders), ["sent"]);
    assert_eq!(ids(&page(&fixture, of(77), None, 10).await.orders), [""; 0]);
    let part = OrderFilter { phone: Some("1520000".into()), ..OrderFilter::default() };
    assert_eq!(page(&fixture, part, None, 10).await.orders, []);
    let prod_id = Some(protocol::ProdId::from("pid_0001"));
    let here = OrderFilter { prod_id: prod_id.clone(), ..of(2) };
    assert_eq!(ids(&page(&fixture, here, None, 10).await.orders), ["else"]);
    let any = OrderFilter { prod_id, ..OrderFilter::default() };
    assert_eq!(ids(&page(&fixture, any, None, 10).await.orders), ["else"]);
    let failed = OrderFilter { state: Some(OrderState::Failed), ..of(2) };
    assert_eq!(ids(&page(&fixture, failed, None, 10).await.orders), ["else", "failed"]);
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps_through_all_stages() {
    let fixture = with_all_states().await;
    for (phone, wanted) in [(None, 7), (Some(phone(2)), 2)] {
        let filter = OrderFilter { phone, ..OrderFilter::default() };
        let whole = page(&fixture, filter.clone(), None, 500).await;
        assert_eq!(whole.orders.len(), wanted);
        for limit in 1..=3 {
            let (mut orders, mut after, mut pages) = (Vec::new(), None::<String>, 0);
            loop {
                let next = page(&fixture, filter.clone(), after.as_deref(), limit).await;
                assert!(next.orders.len() <= limit);
                orders.extend(next.orders);
                (after, pages) = (next.next, pages + 1);
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(orders, whole.orders);
            assert!(pages <= wanted.div_ceil(limit) + 1, "{pages} pages of {limit}");
        }
    }
    for wrong in ["", "q", "z1", "qx", "日1"] {
        let answer = fixture.store.list_orders(OrderFilter::default(), Some(wrong), 1).await;
        assert_eq!(answer, Err(ListError::Cursor), "{wrong:?}");
    }
}

#[tokio::test]
async fn a_filter_that_fits_little_looks_at_a_bounded_number_of_rows() {
    let fixture = Fixture::with_stock(100);
    fixture.decide((0..50).map(|user| order(&user.to_string(), user)).collect()).await;
    fixture.decide(vec![delivery(&message("failed", 60, "1"))]).await;
    fixture.decide((70..90).map(|user| order(&user.to_string(), user)).collect()).await;
    let filter = || OrderFilter { state: Some(OrderState::Failed), ..OrderFilter::default() };
    let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let next = fixture.store.list_orders_within(filter(), after.as_deref(), 10).await;
        found.extend(next.orders);
        (after, pages) = (next.next, pages + 1);
        if after.is_none() {
            break;
        }
    }
    assert_eq!((ids(&found), pages), (owned(&["failed"]), 8));
}

#[tokio::test]
async fn of_several_letters_of_an_order_the_newest_is_listed() {
    let fixture = with_all_states().await;
    let copy = domain::ports::Delivery { origin: "msgid:7".to_owned(), ..order("poison", 3) };
    fixture.decide(vec![copy]).await;
    assert_eq!(fixture.store.dead_letter_count().await.unwrap(), 2);
    let filter = OrderFilter { state: Some(OrderState::DeadLetter), ..OrderFilter::default() };
    assert_eq!(ids(&page(&fixture, filter, None, 10).await.orders), ["poison"]);
}

/// What the lists and histories ask is answered from the tables' own order or from indexes.
#[tokio::test]
async fn no_list_walks_more_than_it_shows_or_counts() {
    use crate::lists::order_history;
    use crate::operators::letter_commands;
    use crate::sale::dead_letters;
    let fixture = Fixture::with_stock(1);
    let mut questions = vec![
        dead_letters::LIST.to_owned(),
        letter_commands::RESENDABLE.to_owned(),
        order_history::LETTERS.to_owned(),
        order_history::DUPLICATES.to_owned(),
    ];
    for stage in ListStage::ALL {
        questions.push(stage.walk().to_owned());
        questions.push(stage.row().to_owned());
        questions.extend(order_history::number(stage).map(str::to_owned));
    }
    for sql in &questions {
        let plan = super::answers::plan(&fixture, sql).await;
        assert!(!plan.contains("SCAN") && !plan.contains("TEMP"), "{sql}\n{plan}");
    }
    for sql in ListStage::ALL.into_iter().filter_map(ListStage::of_buyer) {
        // The products are walked, and the few rows of one buyer are sorted.
        let plan = super::answers::plan(&fixture, &sql).await;
        assert!(!plan.contains("SCAN t_") && !plan.contains("SCAN seckill_"), "{sql}\n{plan}");
        assert!(!plan.contains("SCAN o") && !plan.contains("SCAN t\n"), "{sql}\n{plan}");
    }
}

/// A filter that fits nothing for long ends a page, and the next one goes on behind it.
#[tokio::test]
async fn an_export_looks_at_so_many_rows_for_one_page() {
    let fixture = with_all_states().await;
    let mut filter = ExportFilter {
        after: Seq(0),
        up_to: None,
        state: Some(OrderState::Finished),
        prod_id: None,
        since: None,
        until: None,
        phones: Phones::Masked,
    };
    let (mut pages, mut found) = (Vec::new(), Vec::new());
    loop {
        let page = fixture.store.export_within(filter.clone(), 10, 1).await.unwrap();
        pages.push((page.up_to.0, page.orders.len()));
        found.extend(page.orders);
        filter.after = page.up_to;
        if page.up_to == page.head {
            break;
        }
    }
    assert_eq!(pages, [(1, 0), (2, 0), (3, 0), (4, 1)]);
    assert_eq!((&*found[0].order_id.text(), found[0].finish_time), ("finished", Some(EpochMs(7))));
}
