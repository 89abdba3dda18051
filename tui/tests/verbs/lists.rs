//! Long lists: pages are gathered until there are enough or no more.

use serde_json::Value;

use crate::daemon::{Daemon, Reply, ok};
use crate::fixtures::orders;
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
    let heading = run(&daemon.socket(), &words).fine();
    assert_eq!(heading, "ASKED  ORDER  PRODUCT  BUYER  AMOUNT  STATE  DECIDED  REASON\n");
    let line = "GET /v1/orders?limit=5&state=dead_letter&prod=a%26b&phone=15200008881";
    assert_eq!(daemon.lines(), [line]);
}

#[test]
fn pages_that_go_round_in_circles_end() {
    let daemon = Daemon::always(orders(0..2, Some("again")));
    let told = run(&daemon.socket(), &["orders", "--all"]).failed(69);
    assert!(told.contains("round in circles"), "{told}");
}
