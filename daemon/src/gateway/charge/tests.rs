//! Tests of the charge path, from the desk through publisher, confirmer and refresh. What becomes
//! of claims that nobody settles is in `guard`.

mod guard;
mod window;

use std::time::Duration;

use domain::order_id::OrderIdKey;
use domain::ports::{Blame, Published};
use protocol::{Money, Outcome, Seq};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::gateway::publisher;
use crate::gateway::refresh::Refresh;
use crate::gateway::testing::{FakeOrders, FakeQueue, FakeUnconfirmed, PHONE, PROD, cause};
use crate::tunable::Tunable;

const PRICE: Money = Money::from_milli(5_999_000);

struct Gateway {
    desk: Arc<ChargeDesk>,
    book: Arc<Book>,
    queue: Arc<FakeQueue>,
    orders: Arc<FakeOrders>,
    unconfirmed: Arc<UnconfirmedOrders>,
    kept: Arc<FakeUnconfirmed>,
    refresh: Refresh,
    publisher: JoinHandle<()>,
}

struct Sizes {
    waiting: usize,
    unconfirmed: usize,
}

const ROOMY: Sizes = Sizes { waiting: 64, unconfirmed: 64 };

async fn gateway(stock: u64, sizes: Sizes) -> Gateway {
    restarted(FakeOrders::with_stock(stock), Arc::default(), sizes).await
}

async fn restarted(orders: Arc<FakeOrders>, kept: Arc<FakeUnconfirmed>, sizes: Sizes) -> Gateway {
    let book = Arc::new(Book::new(OrderIdKey::new(vec![7; 32])));
    let queue = FakeQueue::new();
    let mut refresh = Refresh::new(
        Arc::clone(&book),
        Arc::clone(&orders) as Arc<dyn domain::ports::order_side::OrderSide>,
        Duration::from_millis(1),
    );
    let result = refresh.catch_up().await;
    refresh.tell(result);
    let unconfirmed = Arc::new(UnconfirmedOrders::new(Arc::clone(&book), Arc::clone(&kept) as _));
    unconfirmed.recover().await.unwrap();
    let (claims, waiting) = mpsc::channel(sizes.waiting);
    let publisher = tokio::spawn(publisher::run(
        waiting,
        Arc::clone(&queue) as _,
        Arc::clone(&unconfirmed),
        4_usize,
        Arc::default(),
    ));
    let desk = Arc::new(ChargeDesk::new(
        Arc::clone(&book),
        claims,
        Arc::clone(&queue) as _,
        Arc::clone(&unconfirmed),
        sizes.unconfirmed,
        refresh.state(),
    ));
    Gateway { desk, book, queue, orders, unconfirmed, kept, refresh, publisher }
}

impl Gateway {
    async fn charge(&self, phone: &str) -> (Code, Option<String>) {
        told(&self.desk.charge(&request(phone), EpochMs(1)).await.1)
    }

    fn charging(&self, phone: &str) -> JoinHandle<(Code, Option<String>)> {
        let (desk, request) = (Arc::clone(&self.desk), request(phone));
        tokio::spawn(async move { told(&desk.charge(&request, EpochMs(1)).await.1) })
    }

    fn held(&self) -> u32 {
        self.book.entry(&PROD.into()).unwrap().stock.figures().held
    }

    fn free(&self) -> u64 {
        self.book.entry(&PROD.into()).unwrap().stock.figures().free(protocol::PreheatRatio::NONE)
    }
}

fn request(phone: &str) -> ChargeRequest {
    ChargeRequest { phone: phone.into(), charge_price: PRICE, prod_id: PROD.into() }
}

fn told(reply: &Reply<ChargeDetails>) -> (Code, Option<String>) {
    (reply.code, reply.data().and_then(ChargeDetails::order).map(|data| data.order_id.to_string()))
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if condition() {
            return;
        }
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("never came: {what}");
}

#[tokio::test]
async fn the_checks_come_in_the_contracts_order() {
    let gateway = gateway(1, ROOMY).await;
    let unknown = ChargeRequest { prod_id: "pid_9999".into(), ..request(PHONE) };
    let wrong_price = ChargeRequest { charge_price: Money::from_milli(1), ..request(PHONE) };
    for (request, code) in [(unknown, Code::NoSuchProduct), (wrong_price, Code::InvalidInput)] {
        assert_eq!(told(&gateway.desk.charge(&request, EpochMs(1)).await.1), (code, None));
    }
    let (code, id) = gateway.charge(PHONE).await;
    assert_eq!(code, Code::Queued);
    gateway.desk.set_intake_paused(IntakePaused::Yes);
    assert_eq!(gateway.charge(PHONE).await, (Code::Queued, id.clone()));
    assert_eq!(gateway.charge("15200008882").await, (Code::IntakePaused, None));
    gateway.desk.set_intake_paused(IntakePaused::No);
    assert_eq!(gateway.charge("15200008882").await, (Code::SoldOut, None));
    assert_eq!(gateway.charge(PHONE).await, (Code::Queued, id));
    assert_eq!(gateway.queue.sent_ids().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn buyers_who_click_four_times_take_one_unit_each() {
    let gateway = gateway(300, Sizes { waiting: 4_096, unconfirmed: 64 }).await;
    let tasks: Vec<_> =
        (0..1_600).map(|n| gateway.charging(&format!("1520000{:04}", n / 4))).collect();
    let mut ids = std::collections::HashMap::<String, usize>::new();
    for task in tasks {
        match task.await.unwrap() {
            (Code::Queued, Some(id)) => *ids.entry(id).or_default() += 1,
            (Code::SoldOut, None) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(ids.len(), 300);
    assert!(ids.values().all(|clicks| *clicks == 4), "a repeat got another answer");
    assert_eq!((gateway.held(), gateway.queue.sent_ids().len()), (300, 300));
}

#[tokio::test]
async fn a_definite_failure_returns_the_unit_and_the_buyer_may_try_again() {
    let gateway = gateway(1, ROOMY).await;
    gateway.queue.then(Published::Rejected(Blame::Queue, cause("refused")));
    assert_eq!(gateway.charge(PHONE).await, (Code::BizError, None));
    assert_eq!(gateway.held(), 0);
    assert_eq!(gateway.charge(PHONE).await.0, Code::Queued);
    let sent = gateway.queue.sent_ids();
    assert_eq!(sent[0], sent[1], "the same try has the same id");
}

#[tokio::test]
async fn an_unknown_result_keeps_unit_and_id_until_it_is_confirmed() {
    let gateway = gateway(2, ROOMY).await;
    gateway.queue.then(Published::Unknown(cause("no answer")));
    let (code, id) = gateway.charge(PHONE).await;
    assert_eq!((code, gateway.held()), (Code::Unconfirmed, 1));
    assert_eq!(gateway.charge(PHONE).await, (Code::Unconfirmed, id.clone()));
    assert_eq!(gateway.kept.orders.lock().unwrap().len(), 1);
    // A definite failure of a later try proves nothing about the first.
    gateway.queue.then(Published::Rejected(Blame::Queue, cause("refused")));
    let cancel = CancellationToken::new();
    let confirmer = tokio::spawn(Arc::clone(&gateway.unconfirmed).run(
        Arc::clone(&gateway.queue) as _,
        4_usize,
        Duration::from_millis(1),
        cancel.clone(),
    ));
    until("the confirmation", || gateway.unconfirmed.count() == 0).await;
    until("the store to forget", || gateway.kept.orders.lock().unwrap().is_empty()).await;
    assert_eq!(gateway.charge(PHONE).await, (Code::Queued, id.clone()));
    let sent = gateway.queue.sent_ids();
    assert_eq!(sent, vec![id.unwrap(); 3]);
    assert_eq!(gateway.held(), 1);
    cancel.cancel();
    confirmer.await.unwrap();
}

/// As while another program has this process's database locked, and the broker doesn't answer.
#[tokio::test]
async fn an_unknown_result_that_could_not_be_kept_is_kept_as_soon_as_it_can_be() {
    let gateway = gateway(2, ROOMY).await;
    gateway.kept.is_locked.store(true, Ordering::SeqCst);
    gateway.queue.then(Published::Unknown(cause("no answer")));
    assert_eq!(gateway.charge(PHONE).await.0, Code::Unconfirmed);
    let round = async || {
        gateway.queue.then(Published::Unknown(cause("no answer")));
        gateway.unconfirmed.round(&*gateway.queue, 4).await;
        gateway.kept.orders.lock().unwrap().len()
    };
    assert_eq!(round().await, 0);
    gateway.kept.is_locked.store(false, Ordering::SeqCst);
    assert_eq!(round().await, 1);
    assert_eq!(round().await, 1, "once is enough");
    gateway.unconfirmed.round(&*gateway.queue, 4).await;
    assert_eq!((gateway.kept.orders.lock().unwrap().len(), gateway.unconfirmed.count()), (0, 0));
}

/// Repeats are answered 10000 as well, so that code alone doesn't tell whether anybody gets in.
#[tokio::test]
async fn an_order_is_accepted_once_however_often_its_buyer_asks() {
    let gateway = gateway(9, ROOMY).await;
    assert_eq!(gateway.desk.passage().accepted(), 0);
    for _ in 0..3 {
        assert_eq!(gateway.charge(PHONE).await.0, Code::Queued);
    }
    assert_eq!(gateway.desk.passage().accepted(), 1);
    gateway.queue.then(Published::Rejected(Blame::Queue, cause("refused")));
    assert_eq!(gateway.charge("15200008882").await.0, Code::BizError);
    gateway.queue.then(Published::Unknown(cause("no answer")));
    assert_eq!(gateway.charge("15200008883").await.0, Code::Unconfirmed);
    assert_eq!(gateway.desk.passage().accepted(), 1);
    assert_eq!(gateway.charge("15200008882").await.0, Code::Queued);
    assert_eq!(gateway.desk.passage().accepted(), 2);
}

#[tokio::test]
async fn too_many_unknown_results_close_the_intake() {
    let gateway = gateway(9, Sizes { waiting: 64, unconfirmed: 1 }).await;
    gateway.queue.then(Published::Unknown(cause("no answer")));
    assert_eq!(gateway.charge(PHONE).await.0, Code::Unconfirmed);
    assert_eq!(gateway.charge("15200008882").await, (Code::Overloaded, None));
    assert_eq!(gateway.held(), 1);
}

#[tokio::test]
async fn unknown_results_survive_a_restart() {
    let first = gateway(2, ROOMY).await;
    first.queue.then(Published::Unknown(cause("no answer")));
    let (_, id) = first.charge(PHONE).await;
    let second = restarted(Arc::clone(&first.orders), Arc::clone(&first.kept), ROOMY).await;
    assert_eq!(second.charge(PHONE).await, (Code::Unconfirmed, id));
    assert_eq!((second.held(), second.unconfirmed.count()), (1, 1));
}

#[tokio::test]
async fn a_full_publisher_answers_overloaded_and_keeps_no_unit() {
    let gateway = gateway(9, Sizes { waiting: 1, unconfirmed: 64 }).await;
    gateway.queue.open.send_replace(false);
    let first = gateway.charging(PHONE);
    until("the first to be sent", || !gateway.queue.sent_ids().is_empty()).await;
    let second = gateway.charging("15200008882");
    until("the second to wait", || gateway.held() == 2).await;
    assert_eq!(gateway.charge("15200008883").await, (Code::Overloaded, None));
    assert_eq!(gateway.held(), 2);
    gateway.queue.open.send_replace(true);
    assert_eq!(first.await.unwrap().0, Code::Queued);
    assert_eq!(second.await.unwrap().0, Code::Queued);
}

#[tokio::test]
async fn few_orders_wait_for_the_batch_before_theirs_and_many_do_not() {
    for (buyers, sent_at_once) in [(5, 4), (6, 6)] {
        let gateway = gateway(9, ROOMY).await;
        *gateway.queue.beside.lock().unwrap() = (2, 2);
        gateway.queue.open.send_replace(false);
        let phones = (0..buyers).map(|buyer| format!("1520000{buyer:04}"));
        let charges: Vec<_> = phones.map(|phone| gateway.charging(&phone)).collect();
        until("the first batch to be sent", || !gateway.queue.sent_ids().is_empty()).await;
        // Time enough for another batch, should one be sent.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(gateway.queue.sent_ids().len(), sent_at_once);
        gateway.queue.open.send_replace(true);
        for charge in charges {
            assert_eq!(charge.await.unwrap().0, Code::Queued);
        }
        assert_eq!(gateway.queue.sent_ids().len(), buyers);
    }
}

#[tokio::test]
async fn limits_hold_as_they_are_turned() {
    let waiting_max = Tunable::from(1_u32);
    let sizes = Sizes { unconfirmed: 0, ..ROOMY };
    let gateway = gateway(9, sizes).await;
    assert_eq!(gateway.charge(PHONE).await.0, Code::Overloaded, "no send may be unconfirmed");
    let desk = Arc::into_inner(gateway.desk).unwrap();
    let desk = desk.with_waiting_max(waiting_max.clone());
    assert_eq!(desk.waiting(), (0, 1));
    waiting_max.set(7);
    assert_eq!(desk.waiting(), (0, 7));
    waiting_max.set(1_000);
    assert_eq!(desk.waiting(), (0, 64), "the channel has no more room");
}

#[tokio::test]
async fn a_queue_known_to_be_away_is_not_tried() {
    let gateway = gateway(9, ROOMY).await;
    *gateway.queue.away.lock().unwrap() = Some(cause("broker away"));
    assert_eq!(gateway.charge(PHONE).await, (Code::BizError, None));
    assert_eq!((gateway.held(), gateway.queue.sent_ids().len()), (0, 0));
    *gateway.queue.away.lock().unwrap() = None;
    assert_eq!(gateway.charge(PHONE).await.0, Code::Queued);
}

#[tokio::test]
async fn a_buyer_who_hangs_up_still_has_the_order() {
    let gateway = gateway(9, ROOMY).await;
    gateway.queue.open.send_replace(false);
    let hung_up = gateway.charging(PHONE);
    until("it to be sent", || !gateway.queue.sent_ids().is_empty()).await;
    hung_up.abort();
    let repeat = gateway.charging(PHONE);
    gateway.queue.open.send_replace(true);
    assert_eq!(repeat.await.unwrap().0, Code::Queued);
    assert_eq!((gateway.held(), gateway.queue.sent_ids().len()), (1, 1));
}

#[tokio::test]
async fn decisions_end_holds_and_freed_units_come_back() {
    let mut gateway = gateway(3, ROOMY).await;
    let phones = ["15200008881", "15200008882", "15200008883"];
    let mut ids = Vec::new();
    for phone in phones {
        ids.push(gateway.charge(phone).await.1.unwrap());
    }
    assert_eq!(gateway.charge("15200008884").await, (Code::SoldOut, None));
    gateway.orders.decide(&ids[0], &phones[0].into(), Outcome::Placed);
    gateway.orders.decide(&ids[1], &phones[1].into(), Outcome::Failed);
    gateway.orders.decide("java", &"15200000000".into(), Outcome::Failed);
    gateway.refresh.catch_up().await.unwrap();
    assert_eq!((gateway.held(), gateway.free()), (1, 1));
    assert_eq!(gateway.charge(phones[0]).await, (Code::Queued, Some(ids[0].clone())));
    let (code, next_id) = gateway.charge(phones[1]).await;
    assert_eq!(code, Code::Queued);
    assert_ne!(next_id.as_ref(), Some(&ids[1]), "a failed buyer's next try is a new order");
    assert_eq!(gateway.free(), 0);
}

#[tokio::test]
async fn a_restarted_gateway_knows_whose_order_was_placed() {
    let first = gateway(3, ROOMY).await;
    let id = first.charge(PHONE).await.1.unwrap();
    first.orders.decide(&id, &PHONE.into(), Outcome::Placed);
    let second = restarted(Arc::clone(&first.orders), Arc::default(), ROOMY).await;
    assert_eq!(second.charge(PHONE).await, (Code::Queued, Some(id)));
    assert_eq!((second.held(), second.queue.sent_ids().len()), (0, 0));
}

#[tokio::test]
async fn nothing_is_admitted_before_the_order_side_was_read() {
    let orders = FakeOrders::with_stock(3);
    *orders.away.lock().unwrap() = Some(cause("order node away"));
    let mut gateway = restarted(Arc::clone(&orders), Arc::default(), ROOMY).await;
    assert_eq!(gateway.charge(PHONE).await, (Code::Overloaded, None));
    *orders.away.lock().unwrap() = None;
    let result = gateway.refresh.catch_up().await;
    gateway.refresh.tell(result);
    assert_eq!(gateway.charge(PHONE).await.0, Code::Queued);
    // Away again: charges go on with what is known.
    gateway.refresh.tell(Err(cause("order node away")));
    assert_eq!(gateway.charge("15200008882").await.0, Code::Queued);
}

#[tokio::test]
async fn another_database_or_an_older_copy_starts_the_book_over() {
    for store_id in ["restored", "store"] {
        let mut gateway = gateway(3, ROOMY).await;
        let id = gateway.charge(PHONE).await.1.unwrap();
        gateway.orders.decide(&id, &PHONE.into(), Outcome::Placed);
        gateway.refresh.catch_up().await.unwrap();
        {
            let mut page = gateway.orders.page.lock().unwrap();
            page.store_id = store_id.to_owned();
            page.decisions.clear();
            page.head = Seq(0);
            page.products[0].stock = 3;
        }
        gateway.refresh.catch_up().await.unwrap_err();
        gateway.refresh.catch_up().await.unwrap();
        assert_eq!(gateway.free(), 3, "{store_id}");
        assert_eq!(gateway.charge(PHONE).await, (Code::Queued, Some(id)), "{store_id}");
        assert_eq!(gateway.queue.sent_ids().len(), 2, "{store_id}");
    }
}

#[tokio::test]
async fn recovered_doubts_are_published_again_by_a_confirmer_that_ran_before() {
    let first = gateway(2, ROOMY).await;
    first.queue.then(Published::Unknown(cause("no answer")));
    let (_, id) = first.charge(PHONE).await;
    // One that no claim of this gateway's key can have made: it is published, but holds nothing.
    let mut foreign = first.kept.orders.lock().unwrap()[0].clone();
    foreign.message.order_id = "made-with-another-key".into();
    foreign.message.phone = "15200008882".into();
    first.kept.orders.lock().unwrap().push(foreign);

    let second = gateway(2, ROOMY).await;
    let unconfirmed =
        Arc::new(UnconfirmedOrders::new(Arc::clone(&second.book), Arc::clone(&first.kept) as _));
    let cancel = CancellationToken::new();
    let confirmer = tokio::spawn(Arc::clone(&unconfirmed).run(
        Arc::clone(&second.queue) as _,
        4_usize,
        Duration::from_millis(1),
        cancel.clone(),
    ));
    tokio::task::yield_now().await;
    unconfirmed.recover().await.unwrap();
    assert_eq!(second.held(), 1);
    until("the confirmation", || unconfirmed.count() == 0).await;
    let mut sent = second.queue.sent_ids();
    sent.sort();
    let mut wanted = vec![id.unwrap(), "made-with-another-key".into()];
    wanted.sort();
    assert_eq!(sent, wanted);
    cancel.cancel();
    confirmer.await.unwrap();
}

#[tokio::test]
async fn a_panic_in_the_queues_client_leaves_nobody_waiting() {
    let gateway = gateway(2, ROOMY).await;
    *gateway.queue.panics.lock().unwrap() = true;
    assert_eq!(gateway.charge(PHONE).await.0, Code::Unconfirmed);
    // Neither does it end the task that publishes what is unconfirmed.
    gateway.unconfirmed.round(&*gateway.queue, 4).await;
    assert_eq!(gateway.unconfirmed.count(), 1);
    *gateway.queue.panics.lock().unwrap() = false;
    assert_eq!(gateway.charge("15200008882").await.0, Code::Queued);
    assert_eq!(gateway.held(), 2);
    gateway.unconfirmed.round(&*gateway.queue, 4).await;
    assert_eq!(gateway.unconfirmed.count(), 0);
}

#[tokio::test]
async fn what_was_claimed_before_the_stop_is_still_published() {
    let gateway = gateway(9, ROOMY).await;
    gateway.queue.open.send_replace(false);
    let tasks: Vec<_> = (0..6).map(|n| gateway.charging(&format!("1520000888{n}"))).collect();
    until("all to be claimed", || gateway.held() == 6).await;
    let Gateway { desk, publisher, queue, .. } = gateway;
    queue.open.send_replace(true);
    for task in tasks {
        assert_eq!(task.await.unwrap().0, Code::Queued);
    }
    drop(desk);
    publisher.await.unwrap();
    assert_eq!(queue.sent_ids().len(), 6);
}

#[tokio::test]
async fn an_unknown_result_that_was_decided_meanwhile_holds_nothing_after_a_restart() {
    let first = gateway(2, ROOMY).await;
    first.queue.then(Published::Unknown(cause("no answer")));
    let (_, id) = first.charge(PHONE).await;
    first.orders.decide(id.as_deref().unwrap(), &PHONE.into(), Outcome::Failed);
    let second = restarted(Arc::clone(&first.orders), Arc::clone(&first.kept), ROOMY).await;
    assert_eq!(second.held(), 0);
    let (code, next_id) = second.charge(PHONE).await;
    assert_eq!(code, Code::Queued);
    assert_ne!(next_id, id);
}
