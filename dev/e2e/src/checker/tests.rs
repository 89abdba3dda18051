//! The checker against a hand-made database: it passes a clean sale and finds each kind of fault.

use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;

use super::{Books, faults};
use crate::buyers::{Buyer, BuyerAnswer, Ledger};

const SCHEMA: &str = "
CREATE TABLE t_seckill_product (prod_id TEXT, initial_stock INTEGER, added_stock INTEGER,
    prod_stock INTEGER) STRICT;
CREATE TABLE t_seckill_order (order_id TEXT, prod_id TEXT, user_phoneno TEXT, order_status INTEGER,
    reason TEXT, record_status INTEGER) STRICT;
CREATE TABLE seckill_queue (id INTEGER) STRICT;
CREATE TABLE seckill_unconfirmed (id INTEGER) STRICT;
CREATE TABLE seckill_dead_letter (id INTEGER, due_at INTEGER) STRICT;
CREATE TABLE seckill_duplicate (order_id TEXT) STRICT;
INSERT INTO t_seckill_product VALUES ('p', 1, 1, 1);
INSERT INTO t_seckill_order VALUES ('a', 'p', '1', 2, NULL, 0), ('b', 'p', '2', 3, 'sold_out', 0);
";

/// Buyer 1 got order a, buyer 2's order b failed, buyer 3 was refused: one of two units is left.
fn story() -> Vec<Buyer> {
    let buyer = |phone: &str, told: &[BuyerAnswer]| Buyer {
        phone: phone.to_owned(),
        answers: told.to_vec(),
    };
    vec![
        buyer(
            "1",
            &[
                queued("a"),
                BuyerAnswer::Nothing("cut".to_owned()),
                BuyerAnswer::Placed("a".to_owned()),
            ],
        ),
        buyer("2", &[queued("b"), failed("sold_out"), refused()]),
        buyer("3", &[refused()]),
    ]
}

fn queued(id: &str) -> BuyerAnswer {
    BuyerAnswer::Queued(id.to_owned())
}

fn failed(reason: &str) -> BuyerAnswer {
    BuyerAnswer::Failed { id: "b".to_owned(), reason: reason.to_owned() }
}

fn refused() -> BuyerAnswer {
    BuyerAnswer::Refused("40006".to_owned())
}

fn judged(change: &str, buyers: Vec<Buyer>) -> anyhow::Result<Vec<String>> {
    let folder = TempDir::new()?;
    let file = folder.path().join("sale.db");
    let connection = Connection::open(&file)?;
    connection.execute_batch(SCHEMA)?;
    connection.execute_batch(change)?;
    let ledger = Ledger { prod_id: "p".to_owned(), buyers, took: Duration::ZERO };
    Ok(faults(&Books::read(&file)?, &ledger, 1))
}

#[test]
fn a_clean_sale_passes() -> anyhow::Result<()> {
    assert_eq!(judged("", story())?, Vec::<String>::new());
    Ok(())
}

#[test]
fn faults_of_the_books_are_found() -> anyhow::Result<()> {
    for (change, wanted) in [
        ("UPDATE t_seckill_product SET prod_stock = 2", "p: 1 + 1 ≠ 2 left + 1 sold"),
        ("UPDATE t_seckill_product SET prod_stock = -1, added_stock = -1", "p: stock -1"),
        ("UPDATE t_seckill_order SET user_phoneno = '1', order_status = 2", "second live orders"),
        ("UPDATE t_seckill_order SET record_status = 1", "p: 0 sold, 1 expected"),
        ("INSERT INTO seckill_queue VALUES (1)", "1 messages are still queued"),
        ("INSERT INTO seckill_dead_letter VALUES (1, 9)", "1 messages are still queued"),
        ("INSERT INTO seckill_unconfirmed VALUES (1)", "1 sends are still unconfirmed"),
    ] {
        let found = judged(change, story())?;
        assert!(found.iter().any(|fault| fault.contains(wanted)), "{change}: {found:?}");
    }
    Ok(())
}

#[test]
fn what_buyers_were_told_must_stand() -> anyhow::Result<()> {
    for (buyer, told, wanted) in [
        (0, vec![queued("x"), BuyerAnswer::Placed("a".to_owned())], "the order has no outcome"),
        (1, vec![queued("a"), refused()], "the order is another's"),
        (1, vec![queued("b"), failed("price_differs")], "and the books have"),
        (1, vec![BuyerAnswer::Placed("b".to_owned())], "told of an order at the end, and has none"),
        (0, vec![queued("a"), refused()], "told 40006 at the end, and has an order"),
        (
            0,
            vec![queued("a"), BuyerAnswer::NoOrder("41004".to_owned())],
            "told that there is no order",
        ),
    ] {
        let mut buyers = story();
        buyers[buyer].answers.clone_from(&told);
        let found = judged("", buyers)?;
        assert!(found.iter().any(|fault| fault.contains(wanted)), "{told:?}: {found:?}");
    }
    Ok(())
}

#[test]
fn two_ids_are_one_too_many_unless_one_failed() -> anyhow::Result<()> {
    let duplicate = "INSERT INTO seckill_duplicate VALUES ('c')";
    let mut buyers = story();
    buyers[0].answers.insert(1, queued("c"));
    let found = judged(duplicate, buyers)?;
    assert!(found.iter().any(|fault| fault.contains("several ids")), "{found:?}");
    let second = "INSERT INTO t_seckill_order VALUES ('d', 'p', '2', 2, NULL, 0);
        UPDATE t_seckill_order SET record_status = 1 WHERE order_id = 'a';";
    let mut buyers = story();
    buyers.remove(0);
    buyers[0].answers.pop();
    buyers[0].answers.extend([queued("d"), BuyerAnswer::Placed("d".to_owned())]);
    assert_eq!(judged(second, buyers)?, Vec::<String>::new());
    Ok(())
}
