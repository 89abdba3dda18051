//! What the verbs that only look print: the table, and the daemon's own document.

use std::fmt::Debug;

use serde::Serialize;
use serde_json::Value;

use crate::daemon::Daemon;
use crate::fixtures::{
    at_a_broker, audit, config, dead_letters, history, of_a_later_version, orders, product,
    snapshot,
};
use crate::program::run;

/// Runs a verb with and without `--json` against a daemon that always answers so, and returns the
/// table.
fn table_and_json(words: &[&str], line: &str, document: impl Serialize + Debug) -> String {
    let document = of_a_later_version(document);
    let daemon = Daemon::always(&document);
    let json = run(&daemon.socket(), &[words, &["--json"]].concat()).fine();
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), document);
    let table = run(&daemon.socket(), words).fine();
    assert_eq!(daemon.lines(), [line, line]);
    table
}

#[test]
fn status() {
    let expected = include_str!("golden/status.txt");
    assert_eq!(table_and_json(&["status"], "GET /v1/status", snapshot()), expected);
}

#[test]
fn products() {
    let page = protocol::ProductsPage { products: vec![product()] };
    let expected = include_str!("golden/products.txt");
    assert_eq!(table_and_json(&["products"], "GET /v1/products", page), expected);
}

#[test]
fn product_show() {
    let table =
        table_and_json(&["product", "show", "a b/c"], "GET /v1/products/a%20b%2Fc", product());
    assert!(table.contains("\npid_0001  iphoneX2019新款  on     5999.000"), "{table}");
}

#[test]
fn product_show_has_its_window() {
    let opens_at = protocol::Bound::parse("2026-12-11T20:00:00+08:00").unwrap();
    let terms = protocol::Terms { opens_at, ..product().terms };
    let product = protocol::ProductView { terms, ..product() };
    let shown = table_and_json(&["product", "show", "p"], "GET /v1/products/p", product);
    assert!(shown.ends_with("\n\nopening  2026-12-11T12:00:00Z\n"), "{shown}");
}

#[test]
fn product_show_has_the_products_own_rates_and_refusals() {
    let counted = |name: &str, total, last_1s, last_60s| {
        (name.to_owned(), protocol::Counted { total, last_1s, last_60s })
    };
    let charges = protocol::ChargesView(
        [
            counted("accepted", 40, 0, 1),
            counted("sold_out", 900, 150, 800),
            counted("wrong_price", 120, 120, 120),
        ]
        .into(),
    );
    let product = protocol::ProductView { charges: Some(charges), ..product() };
    let shown = table_and_json(&["product", "show", "p"], "GET /v1/products/p", product);
    let told = "
last second  270 charges, 0 accepted, 150 sold out, 120 wrong price
last minute  921 charges, 1 accepted, 800 sold out, 120 wrong price
since start  1060 charges, 40 accepted, 900 sold out, 120 wrong price
";
    assert!(shown.ends_with(told), "{shown}");
}

#[test]
fn orders_newest_first() {
    let expected = include_str!("golden/orders_newest_first.txt");
    let line = "GET /v1/orders?limit=50";
    assert_eq!(table_and_json(&["orders"], line, orders(1..3, None)), expected);
}

#[test]
fn one_order() {
    let expected = include_str!("golden/one_order.txt");
    let line = "GET /v1/orders/order-1";
    assert_eq!(table_and_json(&["order", "order-1"], line, history()), expected);
}

#[test]
fn one_order_with_its_phone() {
    let mut history = history();
    history.phone = Some("15200008881".into());
    let words = ["order", "order-1", "--reveal-phone"];
    let table = table_and_json(&words, "GET /v1/orders/order-1?reveal=phone", history);
    assert!(table.contains("\nbuyer       15200008881\n"), "{table}");
}

#[test]
fn dead_letters_oldest_first() {
    let expected = include_str!("golden/dead_letters_oldest_first.txt");
    let line = "GET /v1/dead-letters?limit=50";
    assert_eq!(table_and_json(&["dead-letters", "list"], line, dead_letters()), expected);
}

#[test]
fn configuration() {
    let expected = include_str!("golden/configuration.txt");
    assert_eq!(table_and_json(&["config"], "GET /v1/config", config()), expected);
}

#[test]
fn audit_newest_first() {
    let expected = include_str!("golden/audit_newest_first.txt");
    assert_eq!(table_and_json(&["audit"], "GET /v1/audit?limit=50", audit()), expected);
}

#[test]
fn queue_embedded() {
    let daemon = Daemon::always(snapshot());
    let expected = include_str!("golden/queue_embedded.txt");
    assert_eq!(run(&daemon.socket(), &["queue"]).fine(), expected);
}

#[test]
fn queue_at_a_broker() {
    let daemon = Daemon::always(at_a_broker());
    let expected = include_str!("golden/queue_at_a_broker.txt");
    assert_eq!(run(&daemon.socket(), &["queue"]).fine(), expected);
}

#[test]
fn queue_json_is_the_states_own_part() {
    let mut state = serde_json::to_value(at_a_broker()).unwrap();
    state["queue"]["of_a_later_version"] = 1.into();
    let daemon = Daemon::always(&state);
    let json = run(&daemon.socket(), &["queue", "--json"]).fine();
    let expected = serde_json::json!({ "queue": state["queue"], "rocketmq": state["rocketmq"] });
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), expected);
}

#[test]
fn log_level_in_force() {
    let daemon = Daemon::always(snapshot());
    assert_eq!(run(&daemon.socket(), &["log-level"]).fine(), "info\n");
    let json = run(&daemon.socket(), &["log-level", "--json"]).fine();
    assert_eq!(json, "{\n  \"level\": \"info\"\n}\n");
}
