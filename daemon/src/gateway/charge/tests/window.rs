//! Charges before, in and after a product's window.

use protocol::{Bound, NotOpenData, PreheatRatio, Terms};

use super::*;

/// A gateway whose product is open from 1,000 until 2,000, with this stock.
async fn timed(stock: u64) -> Gateway {
    let orders = FakeOrders::with_stock(stock);
    {
        let mut page = orders.page.lock().unwrap();
        let terms = &mut page.products[0].terms;
        *terms = Terms { opens_at: at(1_000), closes_at: at(2_000), ..*terms };
    }
    restarted(Arc::clone(&orders), Arc::default(), ROOMY).await
}

const fn at(ms: i64) -> Bound {
    Bound::at(EpochMs(ms))
}

impl Gateway {
    async fn charge_at(&self, phone: &str, now: i64) -> (Code, Option<String>) {
        told(&self.desk.charge(&request(phone), EpochMs(now)).await.1)
    }
}

#[tokio::test]
async fn nothing_is_taken_early_or_late() {
    let gateway = timed(10).await;
    let other = "15200008882";
    assert_eq!(gateway.charge_at(PHONE, 999).await, (Code::NotOpen, None));
    assert_eq!(gateway.held(), 0);
    let (code, id) = gateway.charge_at(PHONE, 1_000).await;
    assert_eq!(code, Code::Queued);
    assert_eq!(gateway.charge_at(other, 1_999).await.0, Code::Queued);
    assert_eq!(gateway.charge_at("15200008883", 2_000).await, (Code::Closed, None));
    // Whoever has an order is told of it at any time.
    for now in [999, 2_000] {
        assert_eq!(gateway.charge_at(PHONE, now).await, (Code::Queued, id.clone()));
    }
    assert_eq!(gateway.queue.sent_ids().len(), 2);
    let sent: Vec<EpochMs> =
        gateway.queue.sent.lock().unwrap().iter().map(|order| order.asked_at).collect();
    assert_eq!(sent, [EpochMs(1_000), EpochMs(1_999)], "what is judged is what is sent");
}

#[tokio::test]
async fn who_is_early_is_told_when_to_come() {
    let gateway = timed(10).await;
    let (outcome, reply) = gateway.desk.charge(&request(PHONE), EpochMs(400)).await;
    assert_eq!((outcome, reply.code), (ChargeOutcome::NotOpen, Code::NotOpen));
    let told = NotOpenData { opens_at: EpochMs(1_000), opens_in_ms: 600, server_time: 400 };
    assert_eq!(reply.data(), Some(&ChargeDetails::NotOpen(told)));
    assert_eq!(gateway.desk.charge(&request(PHONE), EpochMs(2_000)).await.1.data(), None);
}

/// Shelf, price and the buyer's order come before; pause, limits and stock after.
#[tokio::test]
async fn the_window_has_its_place_among_the_checks() {
    let gateway = timed(0).await;
    let wrong_price = ChargeRequest { charge_price: Money::from_milli(1), ..request(PHONE) };
    assert_eq!(
        told(&gateway.desk.charge(&wrong_price, EpochMs(0)).await.1),
        (Code::InvalidInput, None)
    );
    gateway.desk.set_intake_paused(IntakePaused::Yes);
    for (now, code) in [(0, Code::NotOpen), (1_000, Code::IntakePaused), (2_000, Code::Closed)] {
        assert_eq!(gateway.charge_at(PHONE, now).await, (code, None), "{now}");
    }
    gateway.desk.set_intake_paused(IntakePaused::No);
    assert_eq!(gateway.charge_at(PHONE, 1_000).await, (Code::SoldOut, None));
    let mut gateway = gateway;
    gateway.orders.page.lock().unwrap().products[0].terms.on_shelf = false;
    gateway.refresh.catch_up().await.unwrap();
    assert_eq!(gateway.charge_at(PHONE, 0).await, (Code::NoSuchProduct, None));
}

#[tokio::test]
async fn a_window_that_moves_is_the_next_charges() {
    let mut gateway = timed(10).await;
    assert_eq!(gateway.charge_at(PHONE, 500).await, (Code::NotOpen, None));
    gateway.orders.page.lock().unwrap().products[0].terms.opens_at = at(500);
    gateway.refresh.catch_up().await.unwrap();
    assert_eq!(gateway.charge_at(PHONE, 500).await.0, Code::Queued);
}

/// Half as many again as there are; each that is decided makes room by the ratio.
#[tokio::test]
async fn a_preheated_desk_lets_in_more_than_there_are() {
    let orders = FakeOrders::with_stock(4);
    orders.page.lock().unwrap().products[0].terms.preheat_ratio =
        PreheatRatio::from_milli(1_500).unwrap();
    let mut gateway = restarted(Arc::clone(&orders), Arc::default(), ROOMY).await;
    let buyers: Vec<String> = (0..8).map(|buyer| format!("1520000{buyer:04}")).collect();
    let mut ids = Vec::new();
    for buyer in &buyers[..6] {
        let (code, id) = gateway.charge_at(buyer, 1).await;
        assert_eq!(code, Code::Queued, "{buyer}");
        ids.extend(id);
    }
    assert_eq!(gateway.charge_at(&buyers[6], 1).await, (Code::SoldOut, None));
    // One fell out: of the four units six may be promised again, and five are.
    orders.decide(&ids[0], &buyers[0].as_str().into(), Outcome::Failed);
    gateway.refresh.catch_up().await.unwrap();
    assert_eq!(gateway.charge_at(&buyers[6], 1).await.0, Code::Queued);
    // Two are placed: of two units three may be promised, and four are.
    for (id, buyer) in ids[1..3].iter().zip(&buyers[1..3]) {
        orders.decide(id, &buyer.as_str().into(), Outcome::Placed);
    }
    gateway.refresh.catch_up().await.unwrap();
    assert_eq!((gateway.held(), gateway.charge_at(&buyers[7], 1).await.0), (4, Code::SoldOut));
}
