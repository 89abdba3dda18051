//! What every batch owes, however orders are mixed and cut into groups.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;

use super::*;

const PRICE: &str = "1200.000";
const PRODUCTS: [&str; 2] = ["pid_0001", "pid_0002"];

fn terms() -> Terms {
    Terms { on_shelf: true, ..Terms::at(Money::parse(PRICE).unwrap()) }
}

/// A store of the simplest kind: what was written, and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Books {
    head: Seq,
    stock: BTreeMap<ProdId, u64>,
    sold: BTreeMap<ProdId, u64>,
    orders: Vec<Row>,
    outcomes: Outcomes,
    waits_ms: Vec<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    seq: Seq,
    order_id: OrderId,
    buyer: (ProdId, Phone),
    /// `None` for one that is set aside.
    status: Option<OrderStatus>,
    reason: Option<Reason>,
    live_order_id: Option<OrderId>,
}

impl Books {
    fn with_stock(stock: [u64; 2]) -> Self {
        let stock = PRODUCTS.iter().zip(stock).map(|(id, units)| ((*id).into(), units));
        Self { stock: stock.collect(), ..Self::default() }
    }

    fn before(&self) -> Before<'_> {
        let product = |(id, stock): (_, &u64)| {
            let (name, terms) = (format!("name of {id}"), terms());
            (id, Product { name, terms, windows: Vec::new(), stock: *stock })
        };
        let placed = self.orders.iter().filter(|row| row.status == Some(OrderStatus::Placed));
        Before {
            now: EpochMs(1_000),
            head: self.head,
            products: self.stock.iter().map(product).collect(),
            decided: self.orders.iter().map(|row| &row.order_id).collect(),
            live: placed.map(|row| ((&row.buyer.0, &row.buyer.1), &row.order_id)).collect(),
        }
    }

    /// Decides the orders as one batch and writes what comes of it.
    fn place(&mut self, candidates: &[Candidate<'_>]) {
        let before = self.clone();
        let Writes { orders, batch } = Batch::decide(before.before(), candidates);
        for write in orders {
            let row = row(write);
            assert_eq!(row.seq, self.head.next(), "numbers leave nothing out");
            self.head = row.seq;
            self.orders.push(row);
        }
        for (prod_id, units) in batch.sold() {
            *self.stock.get_mut(prod_id).unwrap() -= units;
            *self.sold.entry(prod_id.clone()).or_default() += units;
        }
        self.outcomes = self.outcomes.plus(batch.outcomes());
        self.waits_ms.extend_from_slice(batch.waits_ms());
    }

    fn placed(&self) -> impl Iterator<Item = &Row> {
        self.orders.iter().filter(|row| row.status == Some(OrderStatus::Placed))
    }
}

fn row(write: Write<'_>) -> Row {
    let (candidate, seq, status, reason, live) = match write {
        Write::Order(NewOrder { candidate, seq, status, reason }) => {
            (candidate, seq, Some(status), reason, None)
        }
        Write::SetAside(SetAside { candidate, seq, live_order_id }) => {
            (candidate, seq, None, None, Some(live_order_id.clone()))
        }
    };
    let OrderMessage { order_id, prod_id, phone, .. } = candidate.message.clone().into_owned();
    Row { seq, order_id, buyer: (prod_id, phone), status, reason, live_order_id: live }
}

fn candidate(id: u32, buyer: u32, product: &str, price: &str) -> Candidate<'static> {
    let message = OrderMessage {
        order_id: format!("o{id}").into(),
        phone: format!("1520000{buyer:04}").into(),
        prod_id: product.into(),
        charge_money: price.to_owned(),
    };
    Candidate { message: Cow::Owned(message), asked_at: EpochMs(900), queued_at: None }
}

fn candidates() -> impl Strategy<Value = Vec<Candidate<'static>>> {
    let product = prop_oneof![6 => Just("pid_0001"), 2 => Just("pid_0002"), 1 => Just("pid_9999")];
    let price = prop_oneof![6 => Just(PRICE), 1 => Just("1"), 1 => Just("x")];
    let one = (0_u32..30, 0_u32..6, product, price);
    let one = one.prop_map(|(id, buyer, product, price)| candidate(id, buyer, product, price));
    proptest::collection::vec(one, 0..50)
}

#[test]
fn each_verdict_has_its_write() {
    let mut books = Books::with_stock([1, 0]);
    let orders = [
        candidate(1, 1, "pid_0001", PRICE),
        candidate(1, 1, "pid_0001", PRICE),
        candidate(2, 1, "pid_0001", PRICE),
        candidate(3, 2, "pid_0001", PRICE),
        candidate(4, 3, "pid_0001", "1"),
        candidate(5, 4, "pid_9999", PRICE),
    ];
    books.place(&orders);
    let ends: Vec<_> = books.orders.iter().map(|row| (row.seq.0, row.status, row.reason)).collect();
    let failed = Some(OrderStatus::Failed);
    let wanted = [
        (1, Some(OrderStatus::Placed), None),
        (2, None, None),
        (3, failed, Some(Reason::SoldOut)),
        (4, failed, Some(Reason::PriceDiffers)),
        (5, failed, Some(Reason::UnknownProduct)),
    ];
    assert_eq!(ends, wanted);
    assert_eq!(books.orders[1].live_order_id, Some("o1".into()));
    assert_eq!((books.outcomes.placed, books.outcomes.duplicate_deliveries), (1, 1));
    assert_eq!((books.outcomes.duplicate_orders, books.outcomes.decided()), (1, 5));
    assert_eq!(books.waits_ms, [100]);
}

#[test]
fn an_order_that_was_not_looked_up_is_judged_by_its_product_alone() {
    let mut batch = Batch::new(EpochMs(1_000), Seq(7));
    batch.meet(
        &"pid_0001".into(),
        Some(Product { name: "a phone".to_owned(), terms: terms(), windows: Vec::new(), stock: 1 }),
    );
    batch.meet(&"pid_9999".into(), None);
    assert!(batch.has_met(&"pid_9999".into()) && !batch.has_met(&"pid_0002".into()));
    let order = candidate(1, 1, "pid_0001", PRICE);
    assert_eq!(batch.judge(&order, Known::NotAsked), Verdict::Place);
    let live = OrderId::from("o0");
    let known = Known::Facts { decided: false, live_order_id: Some(&live) };
    assert_eq!(batch.judge(&order, known), Verdict::DuplicateOrder { live_order_id: &live });
    // Judging changes nothing; only what is entered does.
    let write = batch.next(&order, Known::NotAsked);
    assert!(matches!(write, Some(Write::Order(NewOrder { seq: Seq(8), .. }))), "{write:?}");
    assert_eq!(batch.name_of(&order), "a phone");
    let next = candidate(2, 2, "pid_0001", PRICE);
    assert_eq!(batch.judge(&next, Known::NotAsked), Verdict::Fail(Reason::SoldOut));
    assert_eq!(batch.sold().collect::<Vec<_>>(), [(&"pid_0001".into(), 1)]);
    let stranger = candidate(3, 3, "pid_9999", PRICE);
    assert_eq!(batch.judge(&stranger, Known::NotAsked), Verdict::Fail(Reason::UnknownProduct));
    assert_eq!(batch.name_of(&stranger), "");
}

proptest! {
    #[test]
    fn no_unit_is_lost_or_made_and_no_buyer_has_two(
        orders in candidates(), stock in [0_u64..6, 0_u64..3], group in 1_usize..12,
    ) {
        let mut books = Books::with_stock(stock);
        for some in orders.chunks(group) {
            books.place(some);
            for (prod_id, initial) in PRODUCTS.iter().zip(stock) {
                let sold = books.sold.get(&(*prod_id).into()).copied().unwrap_or(0);
                let live = books.placed().filter(|row| row.buyer.0 == *prod_id).count() as u64;
                prop_assert_eq!(initial, books.stock[&(*prod_id).into()] + sold);
                prop_assert_eq!(sold, live);
            }
            let mut buyers = HashSet::new();
            prop_assert!(books.placed().all(|row| buyers.insert(&row.buyer)));
        }
        prop_assert_eq!(books.outcomes.placed, books.waits_ms.len() as u64);
        prop_assert_eq!(books.outcomes.decided(), books.orders.len() as u64);
    }

    #[test]
    fn an_id_is_decided_once_and_again_changes_nothing(
        orders in candidates(), stock in [0_u64..6, 0_u64..3],
    ) {
        let mut books = Books::with_stock(stock);
        books.place(&orders);
        let mut ids = HashSet::new();
        prop_assert!(books.orders.iter().all(|row| ids.insert(&row.order_id)));
        prop_assert!(orders.iter().all(|order| ids.contains(&order.message.order_id)));
        let before = books.clone();
        books.place(&orders);
        let repeated = books.outcomes.duplicate_deliveries - before.outcomes.duplicate_deliveries;
        prop_assert_eq!(repeated, orders.len() as u64);
        books.outcomes = before.outcomes;
        prop_assert_eq!(books, before);
    }

    #[test]
    fn whole_or_in_groups_the_end_is_the_same(
        orders in candidates(), stock in [0_u64..6, 0_u64..3], group in 1_usize..12,
    ) {
        let (mut whole, mut split) = (Books::with_stock(stock), Books::with_stock(stock));
        whole.place(&orders);
        orders.chunks(group).for_each(|some| split.place(some));
        prop_assert_eq!(whole, split);
    }

    /// A store that goes by its constraints comes to the same as one that looks everything up.
    #[test]
    fn trying_first_and_looking_up_only_on_a_conflict_is_the_same(
        orders in candidates(), stock in [0_u64..6, 0_u64..3],
    ) {
        let mut whole = Books::with_stock(stock);
        whole.place(&orders);
        let empty = Books::with_stock(stock);
        let before = empty.before();
        let mut batch = Batch::new(before.now, before.head);
        let mut rows: Vec<Row> = Vec::new();
        for order in &orders {
            let prod_id = &order.message.prod_id;
            if !batch.has_met(prod_id) {
                batch.meet(prod_id, before.products.get(prod_id).cloned());
            }
            let buyer = (order.message.prod_id.clone(), order.message.phone.clone());
            let decided = rows.iter().any(|row| row.order_id == order.message.order_id);
            let live = rows
                .iter()
                .find(|row| row.status == Some(OrderStatus::Placed) && row.buyer == buyer)
                .map(|row| row.order_id.clone());
            let is_tried = batch.judge(order, Known::NotAsked) == Verdict::Place;
            let known = if is_tried && !decided && live.is_none() {
                Known::NotAsked
            } else {
                Known::Facts { decided, live_order_id: live.as_ref() }
            };
            rows.extend(batch.next(order, known).map(row));
        }
        prop_assert_eq!(&rows, &whole.orders);
        prop_assert_eq!(batch.outcomes(), &whole.outcomes);
    }
}
