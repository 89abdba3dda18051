//! What queries, gateways and restarts are answered.

use domain::ports::{Cause, Sale};
use protocol::{EpochMs, OrderStatus, Outcome, Reason, Seq};

use super::{Fixture, PROD, delivery, message, order, outgoing, phone};
use crate::lists::export;
use crate::queue_table::unconfirmed::Unconfirmed;
use crate::sale::{deciding, decisions, orders, products};

#[tokio::test]
async fn the_live_order_wins_over_the_queued_and_that_over_the_newest_failed() {
    let fixture = Fixture::with_stock(5);
    let find = async || fixture.store.find(&PROD.into(), &phone(1)).await.unwrap();
    assert_eq!(find().await, None);
    fixture.decide(vec![delivery(&message("a", 1, "1")), delivery(&message("b", 1, "x"))]).await;
    let failed = find().await.unwrap();
    assert_eq!((&*failed.order_id.text(), failed.reason), ("b", Some(Reason::PriceUnparsable)));
    fixture.store.enqueue(vec![outgoing("c", 1)]).await.unwrap();
    let queued = find().await.unwrap();
    assert_eq!((&*queued.order_id.text(), queued.status), ("c", OrderStatus::Queued));
    assert_eq!((queued.prod_name.as_str(), queued.asked_at.0), ("小米9SE", 900_000));
    assert_eq!(queued.charge_money.unwrap().milli(), 1_200_000);
    fixture.decide(vec![order("d", 1)]).await;
    let live = find().await.unwrap();
    assert_eq!((&*live.order_id.text(), live.status), ("d", OrderStatus::Placed));
    assert_eq!(fixture.store.find(&"pid_0001".into(), &phone(1)).await.unwrap(), None);
}

#[tokio::test]
async fn decisions_can_be_paged_without_gaps_and_agree_with_the_products() {
    let fixture = Fixture::with_stock(4);
    for round in 0..3 {
        let orders = (0..4).map(|user| order(&format!("{round}-{user}"), round * 2 + user));
        fixture.decide(orders.collect()).await;
    }
    let mut after = Seq(0);
    let mut seen = Vec::new();
    loop {
        let page = fixture.store.decisions(after, 5).await.unwrap();
        assert_eq!((page.head, page.store_id.as_str()), (Seq(12), fixture.store.store_id()));
        assert_eq!((page.products[0].stock, page.products[0].sold), (0, 4));
        let Some(last) = page.decisions.last() else { break };
        after = last.seq;
        seen.extend(page.decisions.iter().map(|decision| decision.seq));
    }
    assert_eq!(seen, (1..=12).map(Seq).collect::<Vec<_>>());
}

/// A later version that wrote to this database may have had more reasons.
#[tokio::test]
async fn a_reason_of_another_version_is_other_wherever_it_is_read() {
    let fixture = Fixture::with_stock(5);
    fixture.decide(vec![delivery(&message("a", 1, "x"))]).await;
    let later = rusqlite::Connection::open(fixture.path()).unwrap();
    let sql = "UPDATE t_seckill_order SET reason = 'of_a_later_version'";
    assert_eq!(later.execute(sql, []).unwrap(), 1);
    let found = fixture.store.find(&PROD.into(), &phone(1)).await.unwrap().unwrap();
    assert_eq!((found.status, found.reason), (OrderStatus::Failed, Some(Reason::Other)));
    let page = fixture.store.decisions(Seq(0), 5).await.unwrap();
    let decision = &page.decisions[0];
    assert_eq!((decision.outcome, decision.reason), (Outcome::Failed, Some(Reason::Other)));
}

#[tokio::test]
async fn reads_beside_writes_always_see_balanced_products() {
    let fixture = Fixture::with_stock(60);
    let store = fixture.store.clone();
    let writing = tokio::task::spawn_blocking(move || {
        for user in 0..80 {
            store.decide_blocking(vec![order(&user.to_string(), user)]).unwrap();
        }
    });
    while !writing.is_finished() {
        let page = fixture.store.decisions(Seq(0), 1_000).await.unwrap();
        let product = &page.products[0];
        let placed = page.decisions.iter().filter(|decision| decision.reason.is_none()).count();
        assert_eq!(product.stock + product.sold, product.initial);
        assert_eq!((product.sold, page.head.0), (placed as u64, page.decisions.len() as u64));
    }
    writing.await.unwrap();
    assert!(fixture.balance().await.holds());
}

#[tokio::test]
async fn unconfirmed_sends_are_kept_changed_and_forgotten() {
    let fixture = Fixture::with_stock(1);
    let send = |order_id: &str, user: u32, tries: u32| Unconfirmed {
        order: outgoing(order_id, user),
        since: EpochMs(5),
        tries,
        cause: Cause("no answer".to_owned()),
    };
    fixture.store.keep_unconfirmed(vec![send("a", 1, 1), send("b", 2, 1)]).await.unwrap();
    fixture.store.keep_unconfirmed(vec![send("a", 1, 2)]).await.unwrap();
    let kept = fixture.store.unconfirmed().await.unwrap();
    assert_eq!(kept, [send("a", 1, 2), send("b", 2, 1)]);
    fixture.store.forget_unconfirmed(vec!["a".into()]).await.unwrap();
    assert_eq!(fixture.store.unconfirmed().await.unwrap(), [send("b", 2, 1)]);
}

#[tokio::test]
async fn values_are_kept_under_their_names() {
    let fixture = Fixture::with_stock(1);
    assert_eq!(fixture.store.meta("intake_paused").await.unwrap(), None);
    fixture.store.set_meta("intake_paused", b"1".to_vec()).await.unwrap();
    fixture.store.set_meta("intake_paused", b"0".to_vec()).await.unwrap();
    assert_eq!(fixture.store.meta("intake_paused").await.unwrap(), Some(b"0".to_vec()));
}

/// The questions asked for each order, each query or each look of a gateway are answered from
/// indexes.
#[tokio::test]
async fn no_frequent_question_walks_a_table() {
    let fixture = Fixture::with_stock(1);
    for (sql, index) in [
        (deciding::FACTS, "one_live_order"),
        (orders::LIVE, "one_live_order"),
        (orders::FAILED, "failed_orders"),
        (orders::QUEUED, "INTEGER PRIMARY KEY"),
        (orders::SET_ASIDE, "open_dead_letters"),
        (decisions::LIST, "decision_seq"),
        (export::EXPORT, "decision_seq"),
        (products::BALANCES, "one_live_order"),
    ] {
        let plan = plan(&fixture, sql).await;
        let walks = plan.contains("SCAN t_") || plan.contains("SCAN seckill_");
        assert!(plan.contains(index) && !walks && !plan.contains("TEMP"), "{sql}\n{plan}");
    }
}

pub(super) async fn plan(fixture: &Fixture, sql: &str) -> String {
    let sql = format!("EXPLAIN QUERY PLAN {sql}");
    let lines = fixture.store.read(move |connection| {
        let mut statement = connection.prepare(&sql)?;
        for at in 1..=statement.parameter_count() {
            statement.raw_bind_parameter(at, "x")?;
        }
        let mut rows = statement.raw_query();
        let mut lines = Vec::new();
        while let Some(row) = rows.next()? {
            lines.push(row.get::<_, String>(3)?);
        }
        Ok(lines)
    });
    lines.await.unwrap().join("\n")
}
