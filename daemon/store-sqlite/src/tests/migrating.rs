//! Databases of older schemas: they are taken over with everything in them.

use std::path::Path;
use std::time::Duration;

use domain::backoff::Backoff;
use domain::ports::lists::OrderFilter;
use domain::ports::resent::ResentLetters;
use domain::ports::{Sale, TakingLimits};
use protocol::{ORDER_TOPIC, OrderState, OrderStatus, Seq, StepKind};
use rusqlite::Connection;
use rusqlite::types::Value;

use super::{PRICE, PROD, bare, message, outgoing, phone, seeds, settings};
use crate::engine::migrations::{KNOWN, migrate_to};
use crate::{Store, examine};

/// A database as schema 1 left it, with something in each of its tables.
fn first_schema(path: &Path) -> Connection {
    let mut connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    migrate_to(&mut connection, 1).unwrap();
    let body = |order_id, user| message(order_id, user, PRICE).encode(ORDER_TOPIC);
    connection
        .execute_batch(
            "INSERT INTO t_seckill_product
               (gmt_create, gmt_update, prod_id, prod_name, prod_stock, prod_price, version,
                initial_stock, sold)
             VALUES (1, 1, 'pid_0002', '小米9SE', 4, 1200000, 1, 5, 1);
             INSERT INTO t_seckill_order
               (gmt_create, gmt_update, order_id, order_status, user_phoneno, prod_id, prod_name,
                charge_money, charge_time, finish_time, reason, placed_at, decision_seq, duplicates)
             VALUES (20, 20, 'placed', 2, '15200000001', 'pid_0002', '小米9SE', 1200000, 10, NULL,
                     NULL, 20, 1, 1),
                    (20, 20, 'failed', 3, '15200000002', 'pid_0002', '小米9SE', 1000, 10, 20,
                     'price_differs', NULL, 2, 0);
             INSERT INTO seckill_duplicate
             VALUES ('twice', 'pid_0002', '15200000001', 'placed', 3, 21);
             INSERT INTO seckill_counter VALUES ('placed', 1);
             INSERT INTO seckill_meta VALUES ('intake_paused', x'31');",
        )
        .unwrap();
    let queue = "INSERT INTO seckill_queue (order_id, prod_id, user_phoneno, body, charged_at)
                 VALUES ('queued', ?1, ?2, ?3, 11)";
    connection.execute(queue, (PROD, phone(3).whole(), body("queued", 3))).unwrap();
    connection
        .execute("UPDATE sqlite_sequence SET seq = 7 WHERE name = 'seckill_queue'", [])
        .unwrap();
    let letter = "INSERT INTO seckill_dead_letter
                    (origin, order_id, prod_id, user_phoneno, body, reason, redeliveries,
                     charged_at, dead_at, resolved_at)
                  VALUES (?1, ?2, ?3, ?4, ?5, 'poisonous', 2, 12, 30, ?6)";
    for (user, order_id, resolved_at) in [(4, "aside", None), (1, "placed", Some(20))] {
        let (phone, body) = (phone(user), body(order_id, user));
        let row = (order_id, order_id, PROD, phone.whole(), body, resolved_at);
        connection.execute(letter, row).unwrap();
    }
    let unconfirmed = "INSERT INTO seckill_unconfirmed
                       VALUES ('sent', ?1, ?2, ?3, 13, 14, 2, 'no answer')";
    connection.execute(unconfirmed, (body("sent", 5), PROD, phone(5).whole())).unwrap();
    connection
}

async fn has_everything(store: &Store) {
    let balances = store.books().await.unwrap();
    assert!(balances[0].holds() && balances[0].stock == 4, "{balances:?}");
    assert_eq!(store.outcomes().await.unwrap().placed, 1);
    let products = store.products().await.unwrap();
    assert!(products.iter().all(|product| product.terms_version == 0), "{products:?}");
    assert_eq!(store.meta("intake_paused").await.unwrap(), Some(b"1".to_vec()));
    for (order_id, state) in [
        ("placed", OrderState::Placed),
        ("failed", OrderState::Failed),
        ("twice", OrderState::Duplicate),
        ("queued", OrderState::Queued),
        ("aside", OrderState::DeadLetter),
        ("sent", OrderState::Unconfirmed),
    ] {
        let detail = store.order_history(&order_id.into()).await.unwrap().unwrap();
        assert_eq!(detail.order.state, state, "{order_id}");
        let queued = detail.steps.iter().find(|step| step.what.kind() == StepKind::Queued);
        assert_eq!(queued.and_then(|step| step.at), None, "{order_id}");
    }
    let twice = store.order_history(&"twice".into()).await.unwrap().unwrap();
    assert_eq!((twice.order.asked_at.0, twice.steps[0].at), (21, None));
    assert_eq!(store.dead_letter_count().await.unwrap(), 1);
    assert_eq!(store.embedded_lag().await.unwrap().messages, 1);
    // Numbers of the queue's rows name its dead letters: none is given out again.
    let sequence = "SELECT seq FROM sqlite_sequence WHERE name = 'seckill_queue'";
    let given_out = store.read(move |db| db.query_row(sequence, [], |row| row.get::<_, i64>(0)));
    assert_eq!(given_out.await.unwrap(), 7);
    assert_eq!(store.unconfirmed().await.unwrap().len(), 1);
    assert_eq!(store.decisions(Seq(0), 10).await.unwrap().head, Seq(3));
    let listed = store.list_orders(OrderFilter::default(), None, 10).await.unwrap();
    assert_eq!(listed.orders.len(), 5);
}

#[tokio::test]
async fn a_database_of_the_first_schema_keeps_everything_and_works_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    drop(first_schema(&path));
    let store = Store::open(&settings(path.clone()), &seeds(1_000)).unwrap();
    has_everything(&store).await;
    let row = store.find(&PROD.into(), &phone(3)).await.unwrap().unwrap();
    assert_eq!(row.status, OrderStatus::Queued);
    // The desk works on rows of that time.
    store.resend_dead_letter(bare("r1"), 1).await.unwrap();
    let backoff = Backoff { first_ms: 1, max_ms: 1 };
    let taken = store.decide_from_queue(10, 3, backoff).await.unwrap();
    let limits = TakingLimits { batch_max: 10, deliveries_max: 3, backoff };
    let letters = store.decide_resent(limits).await.unwrap();
    assert_eq!((taken.outcomes.placed, letters.outcomes.placed), (1, 1));
    store.close().await.unwrap();
    let version: i32 = Connection::open(&path)
        .unwrap()
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap();
    assert_eq!(version, KNOWN);
}

#[tokio::test]
async fn a_queue_of_the_second_schema_is_taken_over_row_by_row_and_knows_its_orders() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut connection = first_schema(&path);
    migrate_to(&mut connection, 2).unwrap();
    let put_off = "INSERT INTO seckill_queue
                     (order_id, prod_id, user_phoneno, body, charged_at, attempts, not_before,
                      last_error, queued_at, wait_ms, letter_id)
                   VALUES ('put off', ?1, ?2, ?3, 12, 1, 900, 'poisonous', 13, 700, 4)";
    let body = message("put off", 6, PRICE).encode(ORDER_TOPIC);
    connection.execute(put_off, (PROD, phone(6).whole(), body)).unwrap();
    let rows = |connection: &Connection| -> Vec<Vec<Value>> {
        let columns =
            "seq, order_id, prod_id, user_phoneno, body, charged_at, attempts, not_before,
                       last_error, queued_at, wait_ms, letter_id";
        let sql = format!("SELECT {columns} FROM seckill_queue ORDER BY seq");
        let mut rows = connection.prepare(&sql).unwrap();
        let rows = rows.query_map([], |row| (0..12).map(|at| row.get(at)).collect()).unwrap();
        rows.collect::<rusqlite::Result<_>>().unwrap()
    };
    let before = rows(&connection);
    assert_eq!((before.len(), &before[1][0]), (2, &Value::Integer(8)));
    migrate_to(&mut connection, 3).unwrap();
    assert_eq!(rows(&connection), before);
    drop(connection);
    let store = Store::open(&settings(path.clone()), &seeds(1_000)).unwrap();
    // One that is queued is known by its id, and its buyer by the number.
    store.enqueue(vec![outgoing("put off", 6), outgoing("new", 7)]).await.unwrap();
    assert_eq!(store.embedded_lag().await.unwrap().messages, 3);
    let row = store.find(&PROD.into(), &phone(6)).await.unwrap().unwrap();
    assert_eq!((&*row.order_id.text(), row.status), ("put off", OrderStatus::Queued));
}

/// A letter that was resent, and its row in the queue of schema 3 where it is on its way:
/// deliveries so far, when it is due, its wait, what went wrong.
type Resent = (&'static str, u32, Option<(u32, i64, i64, Option<&'static str>)>);

const RESENT: [Resent; 5] = [
    ("at once", 11, Some((0, 0, 0, None))),
    ("paced", 12, Some((0, 5_000, 4_000, None))),
    ("tried", 13, Some((2, 900, 700, Some("poisonous")))),
    // Its order came meanwhile and is decided; the row is still there.
    ("failed", 2, Some((0, 0, 0, None))),
    // Decided after it was resent.
    ("twice", 1, None),
];

/// A database of schema 3 with letters in each state, and the numbers of those on their way.
fn third_schema(path: &Path) -> Vec<i64> {
    let mut connection = first_schema(path);
    migrate_to(&mut connection, 3).unwrap();
    let body = |order_id, user| message(order_id, user, PRICE).encode(ORDER_TOPIC);
    let letter = "INSERT INTO seckill_dead_letter
                    (origin, order_id, prod_id, user_phoneno, body, reason, redeliveries,
                     charged_at, dead_at, queued_at, resolved_at, resolution)
                  VALUES (?1, ?1, ?2, ?3, ?4, 'poisonous', 0, 12, 30, 13, 40, ?5)";
    let put = "INSERT INTO seckill_queue
                 (order_id, prod_id, user_phoneno, body, charged_at, attempts, not_before,
                  last_error, queued_at, wait_ms, letter_id)
               VALUES (?1, ?2, ?3, ?4, 12, ?5, ?6, ?7, 13, ?8, ?9)";
    let mut on_their_way = Vec::new();
    for (order_id, user, row) in RESENT {
        let bytes = body(order_id, user);
        connection
            .execute(letter, (order_id, PROD, phone(user).whole(), &bytes, "resent"))
            .unwrap();
        let id = connection.last_insert_rowid();
        if let Some((attempts, due, wait_ms, error)) = row {
            let phone = phone(user);
            let buyer = phone.whole();
            let row = (order_id, PROD, buyer, bytes, attempts, due, error, wait_ms, id);
            connection.execute(put, row).unwrap();
            on_their_way.push(id);
        }
    }
    let bytes = body("given up", 14);
    connection.execute(letter, ("given up", PROD, phone(14).whole(), bytes, "discarded")).unwrap();
    // An order of the queue's own that was put off, and no letter.
    let (buyer, bytes) = (phone(15), body("own", 15));
    let row = ("own", PROD, buyer.whole(), bytes, 1, 900, "poisonous", 700, None::<i64>);
    connection.execute(put, row).unwrap();
    on_their_way
}

#[tokio::test]
async fn letters_on_their_way_come_over_from_the_queue_and_none_is_lost_or_doubled() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let on_their_way = third_schema(&path);
    let store = Store::open(&settings(path.clone()), &seeds(1_000)).unwrap();
    let due = "SELECT id, order_id, attempts, due_at, wait_ms, last_error, resent_at
                 FROM seckill_dead_letter WHERE due_at IS NOT NULL ORDER BY id";
    let mut kept = Vec::new();
    let connection = Connection::open(&path).unwrap();
    let mut rows = connection.prepare(due).unwrap();
    let mut rows = rows.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let order_id: String = row.get(1).unwrap();
        let (_, _, wanted) = RESENT.iter().find(|(id, ..)| *id == order_id).unwrap();
        let error: Option<String> = row.get(5).unwrap();
        let (attempts, due_at, wait_ms) = (row.get(2), row.get(3), row.get(4));
        let row_now = (attempts.unwrap(), due_at.unwrap(), wait_ms.unwrap(), error.as_deref());
        assert_eq!(Some(row_now), *wanted, "{order_id}");
        assert_eq!(row.get::<_, i64>(6).unwrap(), 40, "{order_id}");
        kept.push(row.get::<_, i64>(0).unwrap());
    }
    assert_eq!(kept, on_their_way);
    assert_eq!(store.embedded_lag().await.unwrap().messages, 2, "the queue's own");
    assert_eq!(store.on_their_way().await.unwrap().messages, 4);
    assert_eq!(store.dead_letter_count().await.unwrap(), 1);
    for (order_id, state, last) in [
        ("at once", OrderState::Queued, StepKind::Resent),
        ("paced", OrderState::Queued, StepKind::Resent),
        ("tried", OrderState::Queued, StepKind::PutOff),
        ("failed", OrderState::Failed, StepKind::Resent),
        ("twice", OrderState::Duplicate, StepKind::Resent),
        ("own", OrderState::Queued, StepKind::PutOff),
        ("aside", OrderState::DeadLetter, StepKind::SetAside),
    ] {
        let detail = store.order_history(&order_id.into()).await.unwrap().unwrap();
        assert_eq!(detail.order.state, state, "{order_id}");
        assert_eq!(detail.steps.last().unwrap().what.kind(), last, "{order_id}");
    }
    let waiting = store.undecided().await.unwrap();
    let mut waiting: Vec<_> = waiting.iter().map(|order| order.order_id.to_string()).collect();
    waiting.sort();
    assert_eq!(waiting, ["aside", "at once", "failed", "own", "paced", "queued", "tried"]);

    let backoff = Backoff { first_ms: 1, max_ms: 1 };
    let limits = TakingLimits { batch_max: 10, deliveries_max: 3, backoff };
    let taken = store.decide_resent(limits).await.unwrap();
    assert_eq!((taken.taken, taken.outcomes.placed), (4, 3));
    assert_eq!(taken.outcomes.duplicate_deliveries, 1, "the order that came meanwhile");
    let own = store.decide_from_queue(10, 3, backoff).await.unwrap();
    assert_eq!(own.outcomes.decided(), 2);
    let waiting = store.undecided().await.unwrap();
    assert!(waiting.len() == 1 && waiting[0].order_id == "aside", "{waiting:?}");
    assert!(store.books().await.unwrap()[0].holds());
}

#[tokio::test]
async fn a_look_counts_letters_on_their_way_before_and_after_their_migration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    third_schema(&path);
    let look = || examine(&path, Duration::MAX).unwrap().unwrap();
    let older = look();
    assert_eq!((older.schema, older.queued), (3, 6));
    Store::open(&settings(path.clone()), &[]).unwrap().close().await.unwrap();
    let migrated = look();
    assert_eq!((migrated.schema, migrated.queued), (KNOWN, 6));
}

#[tokio::test]
async fn a_migration_cut_short_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let connection = first_schema(&path);
    // A kill in the middle of the second step: its transaction was never committed.
    connection
        .execute_batch(
            "BEGIN IMMEDIATE;
             CREATE TABLE seckill_audit (id INTEGER PRIMARY KEY);
             ALTER TABLE seckill_queue ADD COLUMN queued_at INTEGER;",
        )
        .unwrap();
    let copy = tempfile::tempdir().unwrap();
    for name in ["store.db", "store.db-wal"] {
        std::fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
    }
    let settings = settings(copy.path().join("store.db"));
    has_everything(&Store::open(&settings, &seeds(1_000)).unwrap()).await;
    // Opened again, nothing is done twice.
    has_everything(&Store::open(&settings, &seeds(1_000)).unwrap()).await;
}

#[tokio::test]
async fn a_database_of_each_older_schema_is_looked_at_as_its_migration_would_leave_it() {
    for version in 1..KNOWN {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let mut connection = first_schema(&path);
        migrate_to(&mut connection, version).unwrap();
        drop(connection);
        let look = || examine(&path, Duration::MAX).unwrap().unwrap();
        let older = look();
        assert_eq!((older.schema, older.orders, older.queued), (version, 2, 1));
        let version_of = |path: &Path| -> i32 {
            let connection = Connection::open(path).unwrap();
            connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
        };
        assert_eq!(version_of(&path), version, "a look changes nothing");
        Store::open(&settings(path.clone()), &[]).unwrap().close().await.unwrap();
        let migrated = look();
        assert_eq!(migrated.schema, KNOWN);
        assert_eq!((older.books, older.products), (migrated.books, migrated.products));
    }
}

#[tokio::test]
async fn what_an_older_database_may_have_sold_is_bounded_by_no_window() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut connection = first_schema(&path);
    migrate_to(&mut connection, 4).unwrap();
    let made = |id: &str, status: i64, version: i64| {
        connection
            .execute(
                "INSERT INTO t_seckill_product (gmt_create, gmt_update, prod_id, prod_name,
                   prod_status, prod_stock, prod_price, version, initial_stock)
                 VALUES (0, 0, ?1, 'p', ?2, 1, 1, ?3, 1)",
                (id, status, version),
            )
            .unwrap();
    };
    made("on", 0, 0);
    made("was on", 1, 1);
    made("never on", 1, 0);
    drop(connection);
    Store::open(&settings(path.clone()), &[]).unwrap().close().await.unwrap();
    let connection = Connection::open(&path).unwrap();
    let mut query = connection
        .prepare("SELECT prod_id FROM seckill_window WHERE opens_at = ?1 AND closes_at = ?2")
        .unwrap();
    let unbounded: Vec<String> = query
        .query_map([i64::MIN, i64::MAX], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(unbounded.contains(&"on".to_owned()) && unbounded.contains(&"was on".to_owned()));
    assert!(!unbounded.contains(&"never on".to_owned()), "{unbounded:?}");
}
