//! Long lists: pages are gathered until there are enough or no more.

use protocol::{OrdersPage, RefusalCode, Unlisted, UnlistedPlace};
use serde_json::Value;

use crate::daemon::{Daemon, Reply, ok};
use crate::fixtures::{dead_letters, orders, product, refused};
use crate::program::run;

/// 250 orders in pages of 100, the second of which is short.
fn many() -> Daemon {
    Daemon::answering(|request| match request.line.split_once("&after=") {
        None => ok(orders(0..100, Some("a b"))),
        Some((_, "a%20b")) => ok(orders(100..110, Some("c"))),
        Some((_, "c")) => ok(orders(110..250, None)),
        Some(_) => Reply::Cut,
    })
}

fn printed(json: &str) -> (usize, Value) {
    let document: Value = serde_json::from_str(json).unwrap();
    (document["orders"].as_array().unwrap().len(), document["next"].clone())
}

#[test]
fn all_is_every_page_in_one_document() {
    let daemon = many();
    let json = run(&daemon.socket(), &["orders", "--all", "--json"]).fine();
    assert_eq!(printed(&json), (250, Value::Null));
    assert_eq!(daemon.lines()[2], "GET /v1/orders?limit=500&after=c");
    assert_eq!(run(&daemon.socket(), &["orders", "--all"]).fine().lines().count(), 251);
}

#[test]
fn a_limit_is_reached_over_pages_and_more_is_told() {
    let daemon = many();
    let json = run(&daemon.socket(), &["orders", "--limit", "105", "--json"]).fine();
    assert_eq!(printed(&json), (110, "c".into()), "the fake daemon minds no limit");
    assert_eq!(daemon.lines()[1], "GET /v1/orders?limit=5&after=a%20b");
    let ran = run(&daemon.socket(), &["orders", "--limit", "105"]);
    assert_eq!((ran.code, ran.out.lines().count()), (0, 111));
    assert_eq!(ran.told, "seckillctl: there are more: say --limit COUNT or --all\n");
}

#[test]
fn filters_go_to_the_daemon() {
    let daemon = Daemon::always(orders(0..0, None));
    let words = ["orders", "--state", "sold_out", "--limit", "5"];
    assert!(
        run(&daemon.socket(), &words).failed(64).contains("possible values: queued, unconfirmed")
    );
    let words = [
        "orders",
        "--state",
        "dead_letter",
        "--product",
        "a&b",
        "--phone",
        "15200008881",
        "--limit",
        "5",
    ];
    let daemon = Daemon::answering(|request| match request.line.as_str() {
        "GET /v1/products/a%26b" => ok(product()),
        _ => ok(orders(0..0, None)),
    });
    let heading = run(&daemon.socket(), &words).fine();
    assert_eq!(heading, "ASKED  ORDER  PRODUCT  BUYER  AMOUNT  STATE  DECIDED  REASON\n");
    let line = "GET /v1/orders?limit=5&state=dead_letter&prod=a%26b&phone=15200008881";
    assert_eq!(daemon.lines()[0], line);
}

#[test]
fn pages_that_go_round_in_circles_end() {
    let daemon = Daemon::always(orders(0..2, Some("again")));
    let told = run(&daemon.socket(), &["orders", "--all"]).failed(69);
    assert!(told.contains("round in circles"), "{told}");
}

fn lacking(count: u64) -> Vec<Unlisted> {
    let text = format!("{count} orders wait in RocketMQ\u{202e} and aren't listed");
    vec![Unlisted { place: UnlistedPlace::Broker, count: Some(count), text }]
}

#[test]
fn what_a_list_lacks_stands_above_it_and_an_empty_one_is_no_proof() {
    let page = OrdersPage { unlisted: lacking(3), ..orders(0..0, None) };
    let daemon = Daemon::always(&page);
    let ran = run(&daemon.socket(), &["orders", "--state", "queued"]);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines[0], "NOT LISTED: 3 orders wait in RocketMQ\u{fffd} and aren't listed");
    assert_eq!((ran.code, lines.len()), (1, 2), "{}", ran.out);
    let ran = run(&daemon.socket(), &["orders", "--state", "queued", "--json"]);
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &document["unlisted"][0]["count"]), (1, &3.into()));
    assert_eq!(document["unlisted"][0]["place"], "broker");

    let daemon = Daemon::always(OrdersPage { unlisted: lacking(3), ..orders(0..1, None) });
    let ran = run(&daemon.socket(), &["orders"]);
    assert_eq!((ran.code, ran.out.lines().count()), (0, 3), "what is listed is there");

    let mut letters = dead_letters();
    (letters.dead_letters, letters.unlisted) = (Vec::new(), lacking(2));
    let daemon = Daemon::always(letters);
    let ran = run(&daemon.socket(), &["dead-letters", "list"]);
    assert!(ran.code == 1 && ran.out.starts_with("NOT LISTED: 2 orders"), "{}", ran.out);
}

#[test]
fn a_number_and_the_beginning_of_an_id_go_to_the_daemon_as_they_were_typed() {
    let daemon = Daemon::always(orders(0..1, None));
    let _ = run(&daemon.socket(), &["orders", "--phone", "+86 152-0000-0077"]).fine();
    let _ = run(&daemon.socket(), &["orders", "--id", "7D44"]).fine();
    let lines = ["phone=%2B86%20152-0000-0077", "id=7D44"];
    assert_eq!(daemon.lines(), lines.map(|filter| format!("GET /v1/orders?limit=50&{filter}")));
    let daemon = Daemon::answering(|_| refused(RefusalCode::BadRequest, "phone: \"1\" is none"));
    let told = run(&daemon.socket(), &["orders", "--phone", "1"]).failed(64);
    assert_eq!(told, "seckillctl: refused: phone: \"1\" is none (bad_request)\n");
}

#[test]
fn a_product_that_there_is_not_is_told() {
    let daemon = Daemon::answering(|request| match request.line.as_str() {
        "GET /v1/products/7d4483a4" => refused(RefusalCode::NotFound, "no such product"),
        _ => ok(orders(0..0, None)),
    });
    let told = run(&daemon.socket(), &["orders", "--product", "7d4483a4"]).failed(66);
    assert!(told.contains("no product has that id") && told.contains("seckillctl order ID"));
}
