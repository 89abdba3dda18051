//! What every store of the sale owes. Its crate's test is
//!
//! ```ignore
//! contract::sale::holds(async |seeds| {
//!     let fixture = Fixture::fresh(seeds).await;
//!     (Arc::new(fixture.store.clone()) as Arc<dyn Sale>, fixture)
//! })
//! .await;
//! ```
//!
//! where the second value is kept for as long as the store is used. The order that waits in a
//! queue of the store's own is that queue's contract.

use std::collections::HashSet;
use std::sync::Arc;

use protocol::{
    Decision, EpochMs, Money, ORDER_TOPIC, OrderId, OrderMessage, OrderStatus, Outcome, Phone,
    Reason, Seq, Terms,
};

use crate::outcomes::Outcomes;
use crate::ports::{Delivery, OrderRow, Sale, Seed};

/// The product of most orders, and its price and stock.
pub const PROD: &str = "pid_0001";
pub const PRICE: &str = "1200.000";
pub const STOCK: u32 = 3;

/// Another one, of another price.
pub const OTHER: &str = "pid_0002";
pub const OTHER_PRICE: &str = "5999.000";
pub const OTHER_STOCK: u32 = 1;

/// When the buyers asked.
const ASKED_AT: EpochMs = EpochMs(900_000);

/// Runs every case over a store of its own, which `fresh` makes with these products.
pub async fn holds<K>(fresh: impl AsyncFn(Vec<Seed>) -> (Arc<dyn Sale>, K)) {
    let fresh = async || fresh(seeds()).await;
    let (sale, _kept) = fresh().await;
    a_fresh_store_has_its_products_and_nothing_else(&*sale).await;
    let (sale, _kept) = fresh().await;
    an_order_gets_a_unit_a_number_and_a_row(&*sale).await;
    let (sale, _kept) = fresh().await;
    the_first_rule_that_fits_decides(&*sale).await;
    let (sale, _kept) = fresh().await;
    a_buyer_has_one_live_order_of_a_product(&*sale).await;
    let (sale, _kept) = fresh().await;
    what_is_decided_stays_decided(&*sale).await;
    let (sale, _kept) = fresh().await;
    a_batch_of_unknown_end_is_given_again_and_decided_once(&*sale).await;
    let (sale, _kept) = fresh().await;
    numbers_are_seen_in_sequence_with_the_products_of_their_moment(&*sale).await;
    let (sale, _kept) = fresh().await;
    a_page_that_is_read_beside_placing_is_of_one_moment(&*sale).await;
    let (sale, _kept) = fresh().await;
    the_books_balance_and_the_outcomes_agree(&*sale).await;
    let (sale, _kept) = fresh().await;
    an_order_is_found_as_it_stands(&*sale).await;
    let (sale, _kept) = fresh().await;
    what_cannot_be_read_is_set_aside_once_and_its_batch_goes_on(&*sale).await;
    let (sale, _kept) = fresh().await;
    changes_tell_of_what_was_decided_and_of_nothing_else(&*sale).await;
}

/// The products of a fresh store.
pub fn seeds() -> Vec<Seed> {
    let seed = |prod_id: &str, prod_name: &str, price: &str, stock| Seed {
        prod_id: prod_id.into(),
        prod_name: prod_name.to_owned(),
        terms: Terms { on_shelf: true, ..Terms::at(Money::parse(price).unwrap()) },
        stock,
    };
    vec![
        seed(PROD, "小米9SE", PRICE, STOCK),
        seed(OTHER, "another phone", OTHER_PRICE, OTHER_STOCK),
    ]
}

/// A phone number of the tests.
pub fn phone(user: u32) -> Phone {
    format!("1520000{user:04}").into()
}

pub(super) fn delivery(order_id: &str, user: u32, prod_id: &str, charge_money: &str) -> Delivery {
    let message = OrderMessage {
        order_id: order_id.into(),
        phone: phone(user),
        prod_id: prod_id.into(),
        charge_money: charge_money.to_owned(),
    };
    Delivery {
        body: message.encode(ORDER_TOPIC),
        asked_at: ASKED_AT,
        queued_at: Some(EpochMs(910_000)),
        origin: format!("broker-a/T/0@{order_id}"),
        redeliveries: 0,
    }
}

/// An order for the first product at its price.
pub(super) fn order(order_id: &str, user: u32) -> Delivery {
    delivery(order_id, user, PROD, PRICE)
}

/// So many orders, each of a buyer of its own.
fn orders(count: u32) -> Vec<Delivery> {
    (0..count).map(|user| order(&format!("o{user}"), user)).collect()
}

async fn decisions(sale: &dyn Sale) -> Vec<Decision> {
    sale.decisions(Seq(0), 1_000).await.unwrap().decisions
}

async fn found(sale: &dyn Sale, prod_id: &str, user: u32) -> Option<OrderRow> {
    sale.find(&prod_id.into(), &phone(user)).await.unwrap()
}

async fn stock(sale: &dyn Sale, prod_id: &str) -> u64 {
    let products = sale.products().await.unwrap();
    products.iter().find(|product| product.prod_id == prod_id).unwrap().stock
}

/// `initial + added = stock + sold`, and the row's figure is that of the live orders.
async fn assert_books(sale: &dyn Sale) {
    for balance in sale.books().await.unwrap() {
        assert!(balance.holds() && 0 <= balance.stock, "{balance}");
    }
}

pub async fn a_fresh_store_has_its_products_and_nothing_else(sale: &dyn Sale) {
    let products = sale.products().await.unwrap();
    let figures: Vec<_> = products
        .iter()
        .map(|one| {
            (one.prod_id.as_str(), one.terms.price.to_string(), one.initial, one.stock, one.sold)
        })
        .collect();
    let wanted = [
        (PROD, PRICE.to_owned(), u64::from(STOCK), u64::from(STOCK), 0),
        (OTHER, OTHER_PRICE.to_owned(), u64::from(OTHER_STOCK), u64::from(OTHER_STOCK), 0),
    ];
    assert_eq!(figures, wanted);
    assert!(products.iter().all(|product| product.terms.on_shelf && product.added == 0));
    let page = sale.decisions(Seq(0), 10).await.unwrap();
    assert_eq!((page.head, page.decisions.len(), page.products), (Seq(0), 0, products));
    assert_eq!(sale.outcomes().await.unwrap(), Outcomes::default());
    assert_eq!(sale.dead_letter_count().await.unwrap(), 0);
    assert_eq!(found(sale, PROD, 1).await, None);
    assert_books(sale).await;
}

pub async fn an_order_gets_a_unit_a_number_and_a_row(sale: &dyn Sale) {
    let outcomes = sale.decide(vec![order("a", 1)]).await.unwrap();
    assert_eq!(outcomes, Outcomes { placed: 1, ..Outcomes::default() });
    let row = found(sale, PROD, 1).await.unwrap();
    assert_eq!((&*row.order_id.text(), row.status), ("a", OrderStatus::Placed));
    assert_eq!((row.prod_id.as_str(), row.prod_name.as_str()), (PROD, "小米9SE"));
    assert_eq!((row.phone, row.reason, row.duplicates), (phone(1), None, 0));
    assert_eq!(row.charge_money, Money::parse(PRICE).ok());
    assert_eq!((row.asked_at, row.finish_time), (ASKED_AT, None));
    assert!(row.placed_at.is_some());
    let page = sale.decisions(Seq(0), 10).await.unwrap();
    let wanted = Decision {
        seq: page.head,
        order_id: "a".into(),
        prod_id: PROD.into(),
        phone: phone(1),
        outcome: Outcome::Placed,
        reason: None,
        live_order_id: None,
    };
    assert_eq!(page.decisions, [wanted]);
    let product = &page.products[0];
    assert_eq!((product.stock, product.sold), (u64::from(STOCK) - 1, 1));
    assert_books(sale).await;
}

pub async fn the_first_rule_that_fits_decides(sale: &dyn Sale) {
    let cases = [
        (delivery("stranger", 1, "pid_9999", "x"), "pid_9999", Reason::UnknownProduct, None),
        (delivery("unparsable", 2, PROD, "1E+3"), PROD, Reason::PriceUnparsable, None),
        (delivery("differs", 3, PROD, "1200.001"), PROD, Reason::PriceDiffers, Some("1200.001")),
        (delivery("sold", 5, OTHER, OTHER_PRICE), OTHER, Reason::SoldOut, Some(OTHER_PRICE)),
    ];
    sale.decide(vec![delivery("last", 4, OTHER, OTHER_PRICE)]).await.unwrap();
    // A wrong price goes before "sold out".
    sale.decide(vec![delivery("late", 6, OTHER, "1")]).await.unwrap();
    assert_eq!(found(sale, OTHER, 6).await.unwrap().reason, Some(Reason::PriceDiffers));
    for (delivery, prod_id, reason, amount) in cases {
        let message = OrderMessage::decode(&delivery.body).unwrap();
        let outcomes = sale.decide(vec![delivery]).await.unwrap();
        assert_eq!((outcomes.decided(), outcomes.failed_for(reason)), (1, 1), "{reason:?}");
        let row = sale.find(&prod_id.into(), &message.phone).await.unwrap().unwrap();
        assert_eq!((row.order_id, row.status), (message.order_id, OrderStatus::Failed));
        assert_eq!((row.reason, row.placed_at), (Some(reason), None));
        assert!(row.finish_time.is_some());
        assert_eq!(row.charge_money.map(|money| money.to_string()).as_deref(), amount);
        assert_eq!(row.prod_name.is_empty(), reason == Reason::UnknownProduct);
    }
    assert_eq!((stock(sale, PROD).await, stock(sale, OTHER).await), (u64::from(STOCK), 0));
    assert_books(sale).await;
}

pub async fn a_buyer_has_one_live_order_of_a_product(sale: &dyn Sale) {
    // A failed one is no live one.
    sale.decide(vec![delivery("cheap", 1, PROD, "1"), order("a", 1), order("b", 1)]).await.unwrap();
    let outcomes = sale.decide(vec![order("c", 1), delivery("d", 1, OTHER, OTHER_PRICE)]).await;
    let outcomes = outcomes.unwrap();
    assert_eq!((outcomes.placed, outcomes.duplicate_orders), (1, 1));
    let row = found(sale, PROD, 1).await.unwrap();
    assert_eq!((&*row.order_id.text(), row.duplicates), ("a", 2));
    assert_eq!(found(sale, OTHER, 1).await.unwrap().order_id, "d");
    let ends: Vec<_> = decisions(sale).await;
    let duplicates: Vec<_> = ends.iter().filter(|end| end.outcome == Outcome::Duplicate).collect();
    assert_eq!(duplicates.len(), 2);
    for (end, id) in duplicates.iter().zip(["b", "c"]) {
        assert_eq!((&*end.order_id.text(), end.reason), (id, None));
        assert_eq!(end.live_order_id, Some("a".into()));
    }
    // The order of a buyer who has one never fails as "sold out".
    sale.decide(vec![order("e", 2), order("f", 3)]).await.unwrap();
    let outcomes = sale.decide(vec![order("g", 1), order("h", 4)]).await.unwrap();
    assert_eq!((outcomes.duplicate_orders, outcomes.failed_for(Reason::SoldOut)), (1, 1));
    assert_eq!(stock(sale, PROD).await, 0);
    assert_books(sale).await;
}

pub async fn what_is_decided_stays_decided(sale: &dyn Sale) {
    let first = vec![
        order("a", 1),
        order("a", 1),
        order("duplicate", 1),
        delivery("failed", 2, PROD, "1"),
        delivery("stranger", 3, "pid_9999", "1"),
    ];
    let outcomes = sale.decide(first.clone()).await.unwrap();
    assert_eq!((outcomes.decided(), outcomes.duplicate_deliveries), (4, 1));
    let (page, products) =
        (sale.decisions(Seq(0), 10).await.unwrap(), sale.products().await.unwrap());
    // Together, one by one, and beside new ones.
    sale.decide(first.clone()).await.unwrap();
    for delivery in first.clone() {
        let outcomes = sale.decide(vec![delivery]).await.unwrap();
        assert_eq!(outcomes, Outcomes { duplicate_deliveries: 1, ..Outcomes::default() });
    }
    assert_eq!(sale.decisions(Seq(0), 10).await.unwrap(), page);
    assert_eq!(sale.products().await.unwrap(), products);
    let mut mixed = first.clone();
    mixed.insert(2, order("new", 4));
    let outcomes = sale.decide(mixed).await.unwrap();
    assert_eq!((outcomes.placed, outcomes.duplicate_deliveries), (1, 5));
    assert_eq!(found(sale, PROD, 1).await.unwrap().duplicates, 1);
    let all = sale.outcomes().await.unwrap();
    assert_eq!((all.decided(), all.duplicate_deliveries), (5, 16));
    assert_books(sale).await;
}

/// As a consumer does whose commit gave no answer, perhaps while the first try is still under way.
pub async fn a_batch_of_unknown_end_is_given_again_and_decided_once(sale: &dyn Sale) {
    let batch = orders(5);
    let (one, other) = tokio::join!(sale.decide(batch.clone()), sale.decide(batch.clone()));
    assert_eq!(one.unwrap().plus(&other.unwrap()).duplicate_deliveries, 5);
    for cut in batch.chunks(2) {
        sale.decide(cut.to_vec()).await.unwrap();
    }
    let ids: Vec<OrderId> = decisions(sale).await.into_iter().map(|one| one.order_id).collect();
    assert_eq!(ids, ["o0", "o1", "o2", "o3", "o4"]);
    let outcomes = sale.outcomes().await.unwrap();
    assert_eq!((outcomes.placed, outcomes.failed_for(Reason::SoldOut)), (u64::from(STOCK), 2));
    assert_books(sale).await;
}

pub async fn numbers_are_seen_in_sequence_with_the_products_of_their_moment(sale: &dyn Sale) {
    for batch in orders(7).chunks(2) {
        sale.decide(batch.to_vec()).await.unwrap();
    }
    let whole = sale.decisions(Seq(0), 100).await.unwrap();
    assert_eq!(whole.decisions.len(), 7);
    assert_eq!(whole.decisions.last().map(|last| last.seq), Some(whole.head));
    assert!(whole.decisions.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    let (mut seen, mut after) = (Vec::new(), Seq(0));
    loop {
        let page = sale.decisions(after, 2).await.unwrap();
        // A page may end before the newest decision; number and products are of now all the same.
        assert_eq!((page.head, &page.products), (whole.head, &whole.products));
        assert_eq!(page.store_id, whole.store_id);
        assert!(page.decisions.len() <= 2);
        let Some(last) = page.decisions.last() else { break };
        after = last.seq;
        seen.extend(page.decisions);
    }
    assert_eq!(seen, whole.decisions);
    assert!(sale.decisions(whole.head, 10).await.unwrap().decisions.is_empty());
    assert!(sale.decisions(Seq(u64::MAX), 10).await.unwrap().decisions.is_empty());
}

/// The stock of a page is what its decisions left, also while further ones are being made.
pub async fn a_page_that_is_read_beside_placing_is_of_one_moment(sale: &dyn Sale) {
    let placing = async {
        for batch in orders(40).chunks(3) {
            sale.decide(batch.to_vec()).await.unwrap();
        }
    };
    let reading = async {
        let (mut seen, mut after) = (0, Seq(0));
        while seen < 40 {
            let page = sale.decisions(after, 1_000).await.unwrap();
            for decision in &page.decisions {
                assert!(after < decision.seq, "{decision:?} after {after}");
                after = decision.seq;
            }
            seen += page.decisions.len();
            let all = sale.decisions(Seq(0), 1_000).await.unwrap();
            let placed = all.decisions.iter().filter(|one| one.outcome == Outcome::Placed).count();
            assert_eq!(all.products[0].sold, placed as u64);
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(placing, reading);
    assert_books(sale).await;
}

pub async fn the_books_balance_and_the_outcomes_agree(sale: &dyn Sale) {
    let mut sum = Outcomes::default();
    for user in 0..6_u32 {
        let repeated = order(&format!("o{}", user / 2), user / 2);
        let batch = vec![
            order(&format!("o{user}"), user),
            repeated,
            delivery(&format!("p{user}"), user, OTHER, OTHER_PRICE),
            delivery(&format!("x{user}"), user, PROD, "1"),
        ];
        sum = sum.plus(&sale.decide(batch).await.unwrap());
        assert_books(sale).await;
        assert_eq!(sale.outcomes().await.unwrap(), sum);
        assert_eq!(decisions(sale).await.len() as u64, sum.decided());
    }
    assert_eq!(sum.placed, u64::from(STOCK + OTHER_STOCK));
    let balances = sale.books().await.unwrap();
    let sold: Vec<_> = balances.iter().map(|one| (one.sold, one.stock)).collect();
    assert_eq!(sold, [(i64::from(STOCK), 0), (i64::from(OTHER_STOCK), 0)]);
    let placed = decisions(sale).await.into_iter().filter(|one| one.outcome == Outcome::Placed);
    let mut buyers = HashSet::new();
    assert!(placed.into_iter().all(|one| buyers.insert((one.prod_id, one.phone))));
}

pub async fn an_order_is_found_as_it_stands(sale: &dyn Sale) {
    assert_eq!(found(sale, PROD, 1).await, None);
    sale.decide(vec![delivery("a", 1, PROD, "1"), delivery("b", 1, PROD, "x")]).await.unwrap();
    let failed = found(sale, PROD, 1).await.unwrap();
    // The newest of those that failed.
    assert_eq!((&*failed.order_id.text(), failed.reason), ("b", Some(Reason::PriceUnparsable)));
    assert_eq!(found(sale, OTHER, 1).await, None);
    assert_eq!(found(sale, PROD, 2).await, None);
    sale.decide(vec![order("c", 1)]).await.unwrap();
    let live = found(sale, PROD, 1).await.unwrap();
    assert_eq!((&*live.order_id.text(), live.status), ("c", OrderStatus::Placed));
    // The live one stands, whatever comes after it.
    sale.decide(vec![order("d", 1), delivery("e", 1, PROD, "1")]).await.unwrap();
    let live = found(sale, PROD, 1).await.unwrap();
    assert_eq!((&*live.order_id.text(), live.duplicates), ("c", 2));
}

pub async fn what_cannot_be_read_is_set_aside_once_and_its_batch_goes_on(sale: &dyn Sale) {
    let bad = Delivery { body: b"{\"nonsense\"".to_vec(), ..order("bad", 7) };
    let batch = vec![order("a", 1), bad.clone(), order("b", 2)];
    let outcomes = sale.decide(batch.clone()).await.unwrap();
    assert_eq!((outcomes.placed, outcomes.dead_lettered), (2, 1));
    let outcomes = sale.decide(batch).await.unwrap();
    assert_eq!((outcomes.duplicate_deliveries, outcomes.dead_lettered), (2, 0));
    assert_eq!(sale.dead_letter_count().await.unwrap(), 1);
    // A rebuilt broker counts from 0 again: the same place, another message.
    let later = Delivery { asked_at: EpochMs(950_000), ..bad };
    assert_eq!(sale.decide(vec![later]).await.unwrap().dead_lettered, 1);
    assert_eq!(sale.dead_letter_count().await.unwrap(), 2);
    assert_eq!(sale.outcomes().await.unwrap().dead_lettered, 2);
    assert_books(sale).await;
}

pub async fn changes_tell_of_what_was_decided_and_of_nothing_else(sale: &dyn Sale) {
    let mut changes = sale.changes();
    assert!(!changes.has_changed().unwrap());
    sale.decide(vec![order("a", 1)]).await.unwrap();
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    sale.decide(vec![order("a", 1)]).await.unwrap();
    assert!(!changes.has_changed().unwrap());
    sale.decide(vec![order("b", 1), delivery("c", 2, PROD, "1")]).await.unwrap();
    assert!(changes.has_changed().unwrap());
}
