//! Orders that wait in a broker: listed where this process's gateway knows them, and said to be
//! lacking where it doesn't. How they are looked for: by number, id, and the beginning of one.

use domain::ports::Cause;
use protocol::{
    EpochMs, Money, OrderHistory, OrderState, OrderStatus, OrdersPage, QueryData, UnlistedPlace,
};
use serde_json::{Value, json};
use store_sqlite::testing::{PRICE, delivery, message, order, outgoing, phone};

use super::{BOTH, Served, We};
use crate::admin::{Reached, UndecidedOrder};
use crate::config::Role;

const NEAR: &str = "7d4483a4-1b2c-8567-8901-123456789abc";
const FAR: &str = "7d4483b0-1b2c-8567-8901-123456789abc";

fn waiting(order_id: &str, user: u32, reached: Reached) -> UndecidedOrder {
    UndecidedOrder {
        order_id: order_id.into(),
        phone: phone(user),
        prod_id: "p".into(),
        prod_name: "P".to_owned(),
        price: Money::from_milli(1_000),
        asked_at: EpochMs(5_000 + i64::from(user)),
        reached,
    }
}

/// A broker with so many messages, and a gateway that knows these orders.
async fn served(
    roles: &[Role],
    messages: Result<u64, &str>,
    orders: impl IntoIterator<Item = UndecidedOrder>,
) -> Served {
    let served = Served::with(We::Operate, roles).await;
    let told = messages.map_err(|why| Cause(why.to_owned()));
    *served.owners.outside.lock().unwrap() = Some(told);
    served.owners.undecided.lock().unwrap().extend(orders);
    served
}

async fn page(served: &Served, query: &str) -> OrdersPage {
    let (status, body) = served.get(&format!("/v1/orders?{query}")).await;
    assert_eq!(status, 200, "{query}: {body}");
    serde_json::from_value(body).unwrap()
}

fn ids(page: &OrdersPage) -> Vec<String> {
    page.orders.iter().map(|order| order.order_id.to_string()).collect()
}

fn lacks(page: &OrdersPage) -> Vec<(UnlistedPlace, Option<u64>)> {
    page.unlisted.iter().map(|unlisted| (unlisted.place, unlisted.count)).collect()
}

#[tokio::test]
async fn an_order_that_waits_in_the_broker_is_found_by_number_state_and_id() {
    let orders = [waiting(NEAR, 1, Reached::Queued), waiting(FAR, 2, Reached::Unconfirmed)];
    let served = served(&BOTH, Ok(1), orders).await;
    let number = phone(1).whole().to_owned();
    for typed in [
        number.clone(),
        format!("%2B86{number}"),
        format!("{}%20{}%20{}", &number[..3], &number[3..7], &number[7..]),
        format!("0086{number}"),
    ] {
        let page = page(&served, &format!("phone={typed}")).await;
        assert_eq!((ids(&page), lacks(&page)), (vec![NEAR.to_owned()], vec![]), "{typed}");
        assert!(!format!("{page:?}").contains(&number));
    }
    assert_eq!(ids(&page(&served, "state=queued").await), [NEAR]);
    assert_eq!(ids(&page(&served, "state=queued&prod=p").await), [NEAR]);
    assert!(ids(&page(&served, "state=queued&prod=q").await).is_empty());
    assert_eq!(ids(&page(&served, "state=unconfirmed").await), [FAR]);
    assert_eq!(ids(&page(&served, "").await), [FAR, NEAR], "newest first");
    for typed in [NEAR, "7D4483A4", "7d4483a41B2C", &NEAR.replace('-', "").to_uppercase()] {
        assert_eq!(ids(&page(&served, &format!("id={typed}")).await), [NEAR], "{typed}");
    }
    assert_eq!(ids(&page(&served, "id=7d4483").await).len(), 2);
    served.end().await;
}

/// The phone pattern binds our gateway alone: a Java gateway's number is placed as it came.
#[tokio::test]
async fn a_number_that_was_sent_with_its_country_code_is_found() {
    let served = served(&BOTH, Ok(0), []).await;
    let number = phone(1).whole().to_owned();
    let mut sent = message("java", 1, PRICE);
    sent.phone = format!("+86{number}").into();
    served.fixture.decide(vec![delivery(&sent)]).await;
    for typed in [number.clone(), format!("%2B86{number}"), format!("0086-{number}")] {
        let page = page(&served, &format!("phone={typed}")).await;
        assert_eq!(ids(&page), ["java"], "{typed}");
    }
    assert!(ids(&page(&served, &format!("phone={}", phone(2).whole())).await).is_empty());
    served.end().await;
}

#[tokio::test]
async fn what_is_no_number_is_refused_by_name() {
    let served = served(&BOTH, Ok(0), []).await;
    for typed in ["1520000", "152000x0077", "25200000077", "%2B12025550100"] {
        let (status, body) = served.get(&format!("/v1/orders?phone={typed}")).await;
        assert_eq!((status, &body["code"]), (400, &json!("bad_request")), "{typed}");
        let told = body["msg"].as_str().unwrap();
        assert!(told.starts_with("phone: ") && told.contains("such as 15200000077"), "{told}");
    }
    assert_eq!(served.get("/v1/orders?id=--").await.0, 400);
    served.end().await;
}

#[tokio::test]
async fn what_the_gateway_does_not_know_is_said_with_the_list() {
    let served = served(&BOTH, Ok(1_205), [waiting(NEAR, 1, Reached::Queued)]).await;
    for query in ["state=queued", "", &format!("phone={}", phone(9).whole()), "id=ff"] {
        let page = page(&served, query).await;
        assert_eq!(lacks(&page), [(UnlistedPlace::Broker, Some(1_204))], "{query}");
        assert!(page.unlisted[0].text.starts_with("1,204 orders wait in RocketMQ"), "{page:?}");
    }
    for state in ["placed", "failed", "finished", "duplicate", "dead_letter", "unconfirmed"] {
        assert_eq!(lacks(&page(&served, &format!("state={state}")).await), [], "{state}");
    }
    let (status, body) = served.get("/v1/orders/ffff").await;
    assert_eq!(status, 404);
    assert!(body["msg"].as_str().unwrap().contains("1,204 orders wait in RocketMQ"), "{body}");
    assert_eq!(body["data"]["unlisted"][0]["count"], json!(1_204));
    *served.owners.outside.lock().unwrap() = Some(Err(Cause("no name server answers".to_owned())));
    let page = page(&served, "state=queued").await;
    assert_eq!(lacks(&page), [(UnlistedPlace::Broker, None)]);
    assert!(page.unlisted[0].text.contains("isn't known (no name server answers)"), "{page:?}");
    served.end().await;
}

#[tokio::test]
async fn what_was_decided_meanwhile_is_listed_once() {
    let held = ["a", "b", "c"].iter().zip(1..).map(|(id, user)| waiting(id, user, Reached::Queued));
    let served = served(&BOTH, Ok(1), held.collect::<Vec<_>>()).await;
    served.fixture.decide(vec![order("a", 1)]).await;
    served.fixture.store.enqueue(vec![outgoing("b", 2)]).await.unwrap();
    let all = page(&served, "").await;
    assert_eq!((ids(&all), lacks(&all)), (["c", "b", "a"].map(str::to_owned).to_vec(), vec![]));
    let states: Vec<OrderState> = all.orders.iter().map(|order| order.state).collect();
    assert_eq!(states, [OrderState::Queued, OrderState::Queued, OrderState::Placed]);
    served.end().await;
}

#[tokio::test]
async fn pages_lead_over_from_the_broker_to_the_database() {
    let held = (1..=5).map(|user| waiting(&format!("w{user}"), user, Reached::Queued));
    let served = served(&BOTH, Ok(5), held.collect::<Vec<_>>()).await;
    served.fixture.decide(vec![order("d1", 11), order("d2", 12)]).await;
    let (mut seen, mut after) = (Vec::new(), String::new());
    for _ in 0..9 {
        let page = page(&served, &format!("limit=2{after}")).await;
        seen.extend(ids(&page).iter().map(ToString::to_string));
        match page.next {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["w5", "w4", "w3", "w2", "w1", "d2", "d1"]);
    assert_eq!(served.get("/v1/orders?after=wx").await.0, 400);
    served.end().await;
}

#[tokio::test]
async fn the_beginning_of_an_id_finds_its_order_or_names_those_that_fit() {
    let served = served(&BOTH, Ok(2), [waiting(NEAR, 1, Reached::Queued)]).await;
    served.fixture.decide(vec![order(FAR, 2), order("JAVA-2026-1", 3)]).await;
    for (typed, found) in [
        (NEAR, NEAR),
        ("7d4483a4", NEAR),
        ("7D4483A41B", NEAR),
        ("7d4483b", FAR),
        (&FAR.to_uppercase(), FAR),
        (&FAR.replace('-', ""), FAR),
        ("JAVA", "JAVA-2026-1"),
        ("java-2026", "JAVA-2026-1"),
    ] {
        let (status, body) = served.get(&format!("/v1/orders/{typed}")).await;
        assert_eq!(status, 200, "{typed}: {body}");
        let history: OrderHistory = serde_json::from_value(body).unwrap();
        assert_eq!(history.order.order_id, found, "{typed}");
    }
    let (status, body) = served.get("/v1/orders/7d4483?reveal=phone").await;
    assert_eq!((status, &body["code"]), (409, &json!("ambiguous")));
    let told = body["msg"].as_str().unwrap();
    assert!(told.contains(NEAR) && told.contains(FAR) && told.contains("say more"), "{told}");
    assert_eq!(body["data"]["orders"].as_array().map(Vec::len), Some(2));
    assert!(!body.to_string().contains(phone(1).whole()), "{body}");
    served.end().await;
}

#[tokio::test]
async fn a_node_with_one_role_says_what_the_other_has() {
    let order_node = served(&[Role::Order], Ok(3), []).await;
    let page_of = page(&order_node, "").await;
    assert_eq!(
        lacks(&page_of),
        [(UnlistedPlace::Broker, Some(3)), (UnlistedPlace::Gateways, None)]
    );
    let letters = order_node.get("/v1/dead-letters").await.1;
    assert_eq!(letters["unlisted"], json!([]));
    order_node.shown.0.lock().unwrap().queue.broker_dead_letters = Some(2);
    let letters = order_node.get("/v1/dead-letters").await.1;
    assert_eq!(letters["unlisted"][0]["place"], json!("broker_dead_letters"));
    assert_eq!(letters["unlisted"][0]["count"], json!(2));
    order_node.end().await;

    let gateway = served(&[Role::Gateway], Ok(0), [waiting(NEAR, 1, Reached::Queued)]).await;
    let page_of = page(&gateway, "").await;
    assert_eq!(
        (ids(&page_of), lacks(&page_of)),
        (vec![NEAR.to_owned()], vec![(UnlistedPlace::OrderNode, None)])
    );
    assert_eq!(lacks(&page(&gateway, "state=queued").await), []);
    // Of one buyer it knows what `query.do` knows.
    let query = format!("phone={}", phone(7).whole());
    let page_of = page(&gateway, &query).await;
    assert!(page_of.unlisted[0].text.contains("it is away"), "{page_of:?}");
    *gateway.owners.elsewhere.lock().unwrap() = Some(QueryData {
        order_id: FAR.into(),
        order_status: OrderStatus::Placed,
        phone: phone(7),
        prod_id: "p".into(),
        prod_name: "P".to_owned(),
        charge_money: None,
        asked_at: EpochMs(1),
        finish_time: None,
        reason: None,
        duplicates: 0,
    });
    let page_of = page(&gateway, &query).await;
    assert_eq!(
        (ids(&page_of), page_of.orders[0].state),
        (vec![FAR.to_owned()], OrderState::Placed)
    );
    assert_eq!(lacks(&page_of), [(UnlistedPlace::OrderNode, None)]);
    gateway.end().await;
}

#[tokio::test]
async fn on_the_embedded_queue_nothing_is_lacking() {
    let served = Served::operated().await;
    served.owners.undecided.lock().unwrap().push(waiting(NEAR, 1, Reached::Publishing));
    let (_, body) = served.get("/v1/orders").await;
    assert_eq!(body, json!({ "orders": [], "next": Value::Null, "unlisted": [] }));
    let (status, body) = served.get(&format!("/v1/orders/{NEAR}")).await;
    assert_eq!((status, body["steps"].as_array().map(Vec::len)), (200, Some(1)), "{body}");
    served.end().await;
}
