//! Each placing rule over a real database, the sale as a whole, and batches with something bad in
//! them.

use std::collections::{HashMap, HashSet};
use std::thread;

use domain::ordering::{Facts, Offer, Verdict, decide};
use domain::ports::{Delivery, Sale};
use proptest::prelude::*;
use protocol::{Money, OrderId, OrderMessage, OrderStatus, Outcome, Phone, Reason, Seq, Terms};

use super::{Fixture, PRICE, PROD, delivery, message, order, phone};
use crate::Outcomes;

#[tokio::test]
async fn an_order_gets_a_unit_and_a_row() {
    let fixture = Fixture::with_stock(3);
    let mut changes = fixture.store.changes();
    let outcomes = fixture.decide(vec![order("a", 1)]).await;
    assert_eq!(outcomes, Outcomes { placed: 1, ..Outcomes::default() });
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    let row = fixture.store.find(&PROD.into(), &phone(1)).await.unwrap().unwrap();
    assert_eq!((&*row.order_id.text(), row.status), ("a", OrderStatus::Placed));
    assert_eq!((row.prod_name.as_str(), row.finish_time), ("小米9SE", None));
    assert_eq!(row.charge_money.unwrap().to_string(), "1200.000");
    assert_eq!((row.asked_at.0, row.placed_at.unwrap().0), (900_000, 1_000_000));
    let product = fixture.store.products().await.unwrap().remove(0);
    assert_eq!((product.stock, product.sold, product.version), (2, 1, 1));
    assert!(fixture.balance().await.holds());
}

#[tokio::test]
async fn the_same_order_again_changes_nothing() {
    let fixture = Fixture::with_stock(3);
    let failing = delivery(&message("b", 2, "1"));
    fixture.decide(vec![order("a", 1), failing.clone()]).await;
    let before = fixture.store.decisions(Seq(0), 10).await.unwrap();
    let mut changes = fixture.store.changes();
    changes.mark_unchanged();
    let outcomes = fixture.decide(vec![order("a", 1), failing, order("a", 1)]).await;
    assert_eq!(outcomes, Outcomes { duplicate_deliveries: 3, ..Outcomes::default() });
    assert_eq!(fixture.store.decisions(Seq(0), 10).await.unwrap(), before);
    assert!(!changes.has_changed().unwrap());
}

#[tokio::test]
async fn a_second_order_of_one_buyer_is_counted_at_the_first() {
    let fixture = Fixture::with_stock(3);
    let outcomes = fixture.decide(vec![order("a", 1), order("b", 1), order("c", 1)]).await;
    assert_eq!((outcomes.placed, outcomes.duplicate_orders), (1, 2));
    // Its id is decided: it doesn't get a unit when it comes again.
    assert_eq!(fixture.decide(vec![order("b", 1)]).await.duplicate_deliveries, 1);
    let row = fixture.store.find(&PROD.into(), &phone(1)).await.unwrap().unwrap();
    assert_eq!((&*row.order_id.text(), row.duplicates), ("a", 2));
    let page = fixture.store.decisions(Seq(1), 10).await.unwrap();
    assert_eq!(page.decisions[0].outcome, Outcome::Duplicate);
    assert_eq!(page.decisions[0].live_order_id, Some("a".into()));
    assert_eq!(fixture.balance().await.stock, 2);
}

#[tokio::test]
async fn the_last_unit_is_sold_and_the_next_buyer_is_told_sold_out() {
    let fixture = Fixture::with_stock(1);
    let outcomes = fixture.decide(vec![order("a", 1), order("b", 2)]).await;
    assert_eq!((outcomes.placed, outcomes.failed_for(Reason::SoldOut)), (1, 1));
    assert_eq!(fixture.decide(vec![order("c", 3)]).await.failed_for(Reason::SoldOut), 1);
    let row = fixture.store.find(&PROD.into(), &phone(2)).await.unwrap().unwrap();
    assert_eq!((row.status, row.reason), (OrderStatus::Failed, Some(Reason::SoldOut)));
    assert_eq!((row.finish_time.unwrap().0, row.placed_at), (1_000_000, None));
    assert!(fixture.balance().await.holds());
}

#[tokio::test]
async fn a_buyer_whose_order_failed_may_try_again() {
    let fixture = Fixture::with_stock(1);
    let outcomes = fixture.decide(vec![delivery(&message("a", 1, "1")), order("b", 1)]).await;
    assert_eq!((outcomes.placed, outcomes.failed_for(Reason::PriceDiffers)), (1, 1));
}

#[tokio::test]
async fn unknown_products_and_bad_prices_fail_with_rows_of_their_own() {
    let fixture = Fixture::with_stock(3);
    let cases = [
        ("1E+3", Reason::PriceUnparsable, None),
        ("-0.5", Reason::PriceUnparsable, None),
        ("1200.001", Reason::PriceDiffers, Some("1200.001")),
        ("0", Reason::PriceDiffers, Some("0.000")),
    ];
    for (user, (price, reason, stored)) in (1_u32..).zip(cases) {
        let outcomes = fixture.decide(vec![delivery(&message(price, user, price))]).await;
        assert_eq!(outcomes.failed_for(reason), 1, "{price}");
        let row = fixture.store.find(&PROD.into(), &phone(user)).await.unwrap().unwrap();
        assert_eq!(row.reason, Some(reason));
        assert_eq!(row.charge_money.map(|money| money.to_string()).as_deref(), stored);
        assert_eq!(row.prod_name, "小米9SE");
    }
    let stranger = OrderMessage { prod_id: "pid_9999".into(), ..message("x", 9, "1") };
    fixture.decide(vec![delivery(&stranger)]).await;
    let row = fixture.store.find(&"pid_9999".into(), &phone(9)).await.unwrap().unwrap();
    assert_eq!((row.prod_name.as_str(), row.reason), ("", Some(Reason::UnknownProduct)));
    let all = fixture.store.outcomes().await.unwrap();
    assert_eq!((all.decided(), all.failed_for(Reason::PriceUnparsable)), (5, 2));
    assert_eq!(fixture.balance().await.stock, 3);
}

#[tokio::test]
async fn of_400_buyers_charging_4_times_exactly_300_get_the_300_units() {
    let fixture = Fixture::with_stock(300);
    let threads: Vec<_> = (0..4)
        .map(|repeat| {
            let store = fixture.store.clone();
            thread::spawn(move || {
                let orders: Vec<Delivery> =
                    (0..400).map(|user| order(&format!("{user}-{repeat}"), user)).collect();
                for batch in orders.chunks(32) {
                    store.decide_blocking(batch.to_vec()).unwrap();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let page = fixture.store.decisions(Seq(0), 10_000).await.unwrap();
    let buyers: Vec<&Phone> = page
        .decisions
        .iter()
        .filter(|decision| decision.outcome == Outcome::Placed)
        .map(|decision| &decision.phone)
        .collect();
    assert_eq!(buyers.len(), 300);
    assert_eq!(buyers.iter().collect::<HashSet<_>>().len(), 300);
    assert_eq!(page.decisions.len(), 1_600);
    let outcomes = fixture.store.outcomes().await.unwrap();
    assert_eq!((outcomes.placed, outcomes.decided()), (300, 1_600));
    let balance = fixture.balance().await;
    assert!(balance.holds() && balance.stock == 0, "{balance:?}");
}

#[tokio::test]
async fn a_malformed_message_is_set_aside_once_and_its_batch_goes_on() {
    let fixture = Fixture::with_stock(3);
    let bad = Delivery { body: b"{\"nonsense\"".to_vec(), ..order("bad", 7) };
    let batch = vec![order("a", 1), bad.clone(), order("b", 2)];
    let outcomes = fixture.decide(batch.clone()).await;
    assert_eq!((outcomes.placed, outcomes.dead_lettered), (2, 1));
    let outcomes = fixture.decide(batch).await;
    assert_eq!((outcomes.duplicate_deliveries, outcomes.dead_lettered), (2, 0));
    assert_eq!(fixture.store.dead_letter_count().await.unwrap(), 1);
    // A rebuilt broker counts from 0 again: the same place, another message.
    let later = Delivery { asked_at: protocol::EpochMs(950_000), ..bad };
    assert_eq!(fixture.decide(vec![later]).await.dead_lettered, 1);
    assert_eq!(fixture.store.outcomes().await.unwrap().dead_lettered, 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However orders are cut into batches, each ends as if it had come alone.
    #[test]
    fn batches_decide_as_one_order_after_the_other(
        orders in proptest::collection::vec((0_u32..20, 0_u32..5, 0_usize..3), 0..40),
        batch in 1_usize..12, stock in 0_u32..4,
    ) {
        let prices = [PRICE, "1", "x"];
        let fixture = Fixture::with_stock(stock);
        let messages: Vec<OrderMessage> = orders
            .iter()
            .map(|(id, user, price)| message(&id.to_string(), *user, prices[*price]))
            .collect();
        for some in messages.chunks(batch) {
            fixture.store.decide_blocking(some.iter().map(delivery).collect()).unwrap();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let page = runtime.block_on(fixture.store.decisions(Seq(0), 100)).unwrap();
        let ends: Vec<_> = page
            .decisions
            .into_iter()
            .map(|decision| (decision.order_id, decision.outcome, decision.reason))
            .collect();
        prop_assert_eq!(ends, one_by_one(&messages, u64::from(stock)));
        prop_assert!(runtime.block_on(fixture.balance()).holds());
    }
}

/// The ends of the orders by the rules alone.
fn one_by_one(
    messages: &[OrderMessage],
    mut stock: u64,
) -> Vec<(OrderId, Outcome, Option<Reason>)> {
    let terms = Terms { on_shelf: true, ..Terms::at(Money::parse(PRICE).unwrap()) };
    let mut live: HashMap<&Phone, &OrderId> = HashMap::new();
    let mut ends: Vec<(OrderId, Outcome, Option<Reason>)> = Vec::new();
    for message in messages {
        let verdict = decide(&Facts {
            decided: ends.iter().any(|(id, ..)| *id == message.order_id),
            live_order_id: live.get(&message.phone).copied(),
            product: Some(Offer { terms, windows: &[], stock }),
            charge_money: &message.charge_money,
            asked_at: protocol::EpochMs(0),
        });
        let (outcome, reason) = match verdict {
            Verdict::AlreadyDecided => continue,
            Verdict::DuplicateOrder { .. } => (Outcome::Duplicate, None),
            Verdict::Fail(reason) => (Outcome::Failed, Some(reason)),
            Verdict::Place => (Outcome::Placed, None),
        };
        if outcome == Outcome::Placed {
            stock -= 1;
            live.insert(&message.phone, &message.order_id);
        }
        ends.push((message.order_id.clone(), outcome, reason));
    }
    ends
}

pub(super) const POISON: &str = "CREATE TRIGGER poison BEFORE INSERT ON t_seckill_order
    WHEN NEW.order_id = 'poison' BEGIN SELECT RAISE(ABORT, 'poisonous'); END";

#[tokio::test]
async fn an_order_that_fails_by_itself_is_set_aside_and_its_batch_goes_on() {
    let fixture = Fixture::with_stock(3);
    fixture.sql(POISON).await;
    let batch = vec![order("a", 1), order("poison", 2), order("b", 3)];
    let outcomes = fixture.decide(batch).await;
    assert_eq!((outcomes.placed, outcomes.dead_lettered), (2, 1));
    let balance = fixture.balance().await;
    assert!(balance.holds() && balance.stock == 1, "{balance:?}");
    // It is not decided, so its buyer isn't answered that there is no order, and an operator can
    // resend it.
    let row = fixture.store.find(&PROD.into(), &phone(2)).await.unwrap().unwrap();
    assert_eq!((&*row.order_id.text(), row.status), ("poison", OrderStatus::Queued));
    fixture.sql("DROP TRIGGER poison").await;
    assert_eq!(fixture.decide(vec![order("poison", 2)]).await.placed, 1);
    assert_eq!(fixture.store.dead_letter_count().await.unwrap(), 0);
}
