//! What is asked for beside the stream: when, and what becomes of the answers.

use std::time::Duration;

use protocol::{Change, DeadLettersPage, Line, OrdersPage};

use super::fixtures::{
    AT, changed, connected, dead_letters, line, operator, order, orders_of_all_states, pass, press,
    sale,
};
use crate::console::msg::{Ask, Effect, Msg};
use crate::console::screens::{orders, row_keys};
use crate::console::update::update;

#[test]
fn orders_are_asked_for_when_they_are_looked_at() {
    let mut model = connected(sale(), operator());
    let asked =
        |asked: u64, path: &str| vec![Effect::Ask(Ask::Orders { asked, path: path.to_owned() })];
    assert_eq!(press(&mut model, "3"), asked(1, "/v1/orders?limit=100"));
    assert_eq!(press(&mut model, "j"), [], "one question at a time");
    let page = OrdersPage {
        orders: orders_of_all_states(),
        next: Some("n/1".to_owned()),
        unlisted: Vec::new(),
    };
    update(&mut model, Msg::Orders { asked: 1, answer: Ok(page) });
    let more = asked(2, "/v1/orders?limit=100&after=n%2F1");
    assert_eq!(press(&mut model, "G"), more, "near the end the next page is asked for");
    let page = OrdersPage {
        orders: vec![order(99, protocol::OrderState::Placed)],
        next: None,
        unlisted: Vec::new(),
    };
    update(&mut model, Msg::Orders { asked: 2, answer: Ok(page) });
    assert_eq!(orders::rows::orders(&model).len(), 8);
    let filtered = press(&mut model, "/failed pid_0001 15200001111<Enter>");
    let path = "/v1/orders?limit=100&state=failed&prod=pid_0001&phone=15200001111";
    assert_eq!(filtered, asked(3, path));
    let stale = OrdersPage { orders: orders_of_all_states(), next: None, unlisted: Vec::new() };
    update(&mut model, Msg::Orders { asked: 2, answer: Ok(stale) });
    assert!(orders::rows::orders(&model).is_empty(), "an answer to an older question is dropped");
    update(
        &mut model,
        Msg::Orders {
            asked: 3,
            answer: Ok(OrdersPage { orders: vec![], next: None, unlisted: Vec::new() }),
        },
    );
    assert_eq!(press(&mut model, "<Esc>"), asked(4, "/v1/orders?limit=100"));
    update(&mut model, Msg::Orders { asked: 4, answer: Err("away".to_owned()) });
    let by_number = press(&mut model, "/+86 152 0000 1111<Enter>");
    assert_eq!(by_number, asked(5, "/v1/orders?limit=100&phone=15200001111"));
    update(&mut model, Msg::Orders { asked: 5, answer: Err("away".to_owned()) });
    let by_id = press(&mut model, "<Esc>/7D4483A4-1b<Enter>");
    assert_eq!(by_id.last(), asked(7, "/v1/orders?limit=100&id=7D4483A4-1b").first());
    press(&mut model, "<Esc>");
    assert_eq!(press(&mut model, "/nothing<Enter>"), []);
    assert!(model.toast.as_ref().unwrap().text.contains("\"nothing\" is no state"));
    assert!(model.typing.is_some(), "it stays to be mended");
}

#[test]
fn the_first_page_of_orders_is_loaded_again_when_there_are_others_but_not_all_the_time() {
    let mut model = connected(sale(), operator());
    press(&mut model, "3");
    let page = OrdersPage { orders: orders_of_all_states(), next: None, unlisted: Vec::new() };
    update(&mut model, Msg::Orders { asked: 1, answer: Ok(page) });
    let mut orders = sale().orders.unwrap();
    orders.placed += 1;
    assert_eq!(line(&mut model, changed(2, Change::Orders(Some(orders)))), []);
    pass(&mut model, Duration::from_secs(2));
    assert_eq!(line(&mut model, Line::Heartbeat { seq: 2, at: AT }).len(), 1);
    pass(&mut model, Duration::from_secs(60));
    let page = OrdersPage { orders: orders_of_all_states(), next: None, unlisted: Vec::new() };
    update(&mut model, Msg::Orders { asked: 2, answer: Ok(page) });
    assert_eq!(line(&mut model, Line::Heartbeat { seq: 2, at: AT }), [], "nothing is new");
}

#[test]
fn dead_letters_are_asked_for_when_their_number_changes() {
    let mut model = connected(sale(), operator());
    let asked = [Effect::Ask(Ask::DeadLetters { path: "/v1/dead-letters".to_owned() })];
    assert_eq!(press(&mut model, "4"), asked);
    let page = DeadLettersPage {
        dead_letters: dead_letters(),
        next: None,
        total: 2,
        newest: Some(9),
        unlisted: Vec::new(),
    };
    assert_eq!(update(&mut model, Msg::DeadLetters(Ok(page))), []);
    assert_eq!(press(&mut model, "j"), []);
    let queue = protocol::QueueView { dead_letters: Some(3), ..sale().queue };
    assert_eq!(line(&mut model, changed(2, Change::Queue(queue))), asked);
    press(&mut model, "l");
    assert_eq!(row_keys(&model)[0], "seckill_order/0");
}

#[test]
fn a_phone_number_is_shown_on_demand_only() {
    let mut model = connected(sale(), operator());
    press(&mut model, "3");
    let page = OrdersPage { orders: orders_of_all_states(), next: None, unlisted: Vec::new() };
    update(&mut model, Msg::Orders { asked: 1, answer: Ok(page) });
    let order_id = orders_of_all_states()[0].order_id.clone();
    let asked = |query: &str| {
        let path = format!("/v1/orders/{order_id}{query}");
        [Effect::Ask(Ask::History { order_id: order_id.clone(), path })]
    };
    assert_eq!(press(&mut model, "<Enter>"), asked(""));
    assert_eq!(press(&mut model, "p"), asked("?reveal=phone"));
    assert_eq!(press(&mut model, "y"), [Effect::Copy(order_id.to_string())]);
}
