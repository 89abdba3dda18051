//! The schema, as an append-only list of steps. A step that has been released is never edited: what
//! is wrong in it is put right by the next one. There is no way back, so an older daemon refuses a
//! newer database instead of guessing at it.

use instruments::fault_points::{Point, reach};
use rusqlite::{Connection, TransactionBehavior};

/// Marks a SQLite file as ours (`PRAGMA application_id`): the bytes `SKIL`.
pub(crate) const APPLICATION_ID: i32 = 0x534B_494C;

/// Step `n` (from 1) takes a database from `user_version` `n − 1` to `n`.
const STEPS: &[&str] = &[STEP_1, STEP_2, STEP_3, STEP_4, STEP_5];

/// The schema version that this build writes.
#[expect(clippy::cast_possible_truncation, reason = "a handful of steps")]
pub(crate) const KNOWN: i32 = STEPS.len() as i32;

/// Names of the first two tables follow contract/schema.md. Each order row lies in exactly one of
/// the two partial indexes over (product, buyer), so that placing writes one index entry less:
/// `one_live_order` is the constraint that one buyer gets one unit, `failed_orders` answers
/// queries. Queries repeat the indexes' conditions word for word, or SQLite would not use them.
/// Products carry `sold` beside `prod_stock`, both written by the same UPDATE, as counting live
/// orders on every look at the stock would take longer with every sale; `conservation` counts them.
const STEP_1: &str = "
CREATE TABLE t_seckill_product (
  id            INTEGER PRIMARY KEY,
  gmt_create    INTEGER NOT NULL,
  gmt_update    INTEGER NOT NULL,
  prod_id       TEXT    NOT NULL UNIQUE,
  prod_name     TEXT    NOT NULL,
  prod_status   INTEGER NOT NULL DEFAULT 0 CHECK (prod_status IN (0, 1)),
  prod_stock    INTEGER NOT NULL CHECK (0 <= prod_stock),
  prod_price    INTEGER NOT NULL CHECK (0 <= prod_price),
  version       INTEGER NOT NULL DEFAULT 0,
  initial_stock INTEGER NOT NULL CHECK (0 <= initial_stock),
  added_stock   INTEGER NOT NULL DEFAULT 0,
  sold          INTEGER NOT NULL DEFAULT 0 CHECK (0 <= sold)
) STRICT;

CREATE TABLE t_seckill_order (
  id            INTEGER PRIMARY KEY,
  gmt_create    INTEGER NOT NULL,
  gmt_update    INTEGER NOT NULL,
  record_status INTEGER NOT NULL DEFAULT 0 CHECK (record_status IN (0, 1)),
  order_id      TEXT    NOT NULL UNIQUE,
  order_status  INTEGER NOT NULL CHECK (order_status BETWEEN 0 AND 3),
  user_phoneno  TEXT    NOT NULL,
  prod_id       TEXT    NOT NULL,
  prod_name     TEXT    NOT NULL,
  charge_money  INTEGER,
  charge_time   INTEGER NOT NULL,
  finish_time   INTEGER,
  reason        TEXT,
  placed_at     INTEGER,
  decision_seq  INTEGER UNIQUE,
  duplicates    INTEGER NOT NULL DEFAULT 0,
  CHECK ((order_status = 3) = (reason IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX one_live_order ON t_seckill_order (prod_id, user_phoneno)
  WHERE record_status = 0 AND order_status IN (0, 2);
CREATE INDEX failed_orders ON t_seckill_order (prod_id, user_phoneno) WHERE order_status = 3;

CREATE TABLE seckill_duplicate (
  order_id      TEXT    PRIMARY KEY,
  prod_id       TEXT    NOT NULL,
  user_phoneno  TEXT    NOT NULL,
  live_order_id TEXT    NOT NULL,
  decision_seq  INTEGER NOT NULL UNIQUE,
  decided_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE seckill_queue (
  seq           INTEGER PRIMARY KEY AUTOINCREMENT,
  order_id      TEXT    NOT NULL UNIQUE,
  prod_id       TEXT    NOT NULL,
  user_phoneno  TEXT    NOT NULL,
  body          BLOB    NOT NULL,
  charged_at    INTEGER NOT NULL,
  attempts      INTEGER NOT NULL DEFAULT 0,
  not_before    INTEGER NOT NULL DEFAULT 0,
  last_error    TEXT
) STRICT;
CREATE INDEX queued_orders ON seckill_queue (prod_id, user_phoneno);

CREATE TABLE seckill_dead_letter (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  origin        TEXT    NOT NULL,
  order_id      TEXT,
  prod_id       TEXT,
  user_phoneno  TEXT,
  body          BLOB    NOT NULL,
  reason        TEXT    NOT NULL,
  redeliveries  INTEGER NOT NULL,
  charged_at    INTEGER NOT NULL,
  dead_at       INTEGER NOT NULL,
  resolved_at   INTEGER,
  UNIQUE (origin, charged_at)
) STRICT;
CREATE INDEX open_dead_letters ON seckill_dead_letter (prod_id, user_phoneno)
  WHERE resolved_at IS NULL;

CREATE TABLE seckill_unconfirmed (
  order_id      TEXT    PRIMARY KEY,
  body          BLOB    NOT NULL,
  prod_id       TEXT    NOT NULL,
  user_phoneno  TEXT    NOT NULL,
  charged_at    INTEGER NOT NULL,
  since         INTEGER NOT NULL,
  tries         INTEGER NOT NULL,
  cause         TEXT    NOT NULL
) STRICT;

CREATE TABLE seckill_counter (
  name          TEXT    PRIMARY KEY,
  value         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE seckill_meta (
  key           TEXT    PRIMARY KEY,
  value         BLOB    NOT NULL
) STRICT, WITHOUT ROWID;
";

/// For operators: the audit log, the switches, and what is shown of an order's way. Letters that
/// were dealt with before this step are marked as decided: there was no other way to deal with
/// them. By `wait_ms` a row that is put off differs from one that only seems so because the clock
/// was set back. The new indexes cost the placing of orders nothing: none is over a table that it
/// writes for each order, but for `put_off_orders`, which rows enter only when they are put off.
const STEP_2: &str = "
CREATE TABLE seckill_audit (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  at            INTEGER NOT NULL,
  uid           INTEGER NOT NULL,
  user_name     TEXT,
  pid           INTEGER,
  verb          TEXT    NOT NULL,
  object        TEXT    NOT NULL,
  arguments     TEXT    NOT NULL,
  before        TEXT    NOT NULL,
  after         TEXT    NOT NULL,
  reason        TEXT,
  request_id    TEXT    NOT NULL UNIQUE,
  answer        TEXT    NOT NULL
) STRICT;

CREATE TABLE seckill_control (
  name          TEXT    PRIMARY KEY CHECK (name IN ('intake', 'consumption', 'drain')),
  engaged       INTEGER NOT NULL CHECK (engaged IN (0, 1)),
  since         INTEGER NOT NULL,
  switched_by   TEXT    NOT NULL,
  reason        TEXT
) STRICT, WITHOUT ROWID;

ALTER TABLE t_seckill_order ADD COLUMN queued_at INTEGER;

ALTER TABLE seckill_queue ADD COLUMN queued_at INTEGER;
ALTER TABLE seckill_queue ADD COLUMN wait_ms INTEGER;
ALTER TABLE seckill_queue ADD COLUMN letter_id INTEGER;
CREATE INDEX put_off_orders ON seckill_queue (not_before) WHERE 0 < not_before;

ALTER TABLE seckill_duplicate ADD COLUMN charge_money INTEGER;
ALTER TABLE seckill_duplicate ADD COLUMN charge_time INTEGER;
ALTER TABLE seckill_duplicate ADD COLUMN queued_at INTEGER;
CREATE INDEX duplicates_of ON seckill_duplicate (live_order_id, decision_seq);

ALTER TABLE seckill_dead_letter ADD COLUMN queued_at INTEGER;
ALTER TABLE seckill_dead_letter ADD COLUMN resolution TEXT
  CHECK (resolution IN ('resent', 'discarded', 'decided'));
UPDATE seckill_dead_letter SET resolution = 'decided' WHERE resolved_at IS NOT NULL;
CREATE INDEX open_letters ON seckill_dead_letter (id) WHERE resolved_at IS NULL;
CREATE INDEX letters_of ON seckill_dead_letter (order_id) WHERE order_id IS NOT NULL;
";

/// The queue without its two indexes, which `queue_index` keeps in memory instead. A constraint
/// can't be taken off a table, so a new table takes its place; numbers of rows are never used
/// again.
const STEP_3: &str = "
CREATE TABLE seckill_queue_3 (
  seq           INTEGER PRIMARY KEY AUTOINCREMENT,
  order_id      TEXT    NOT NULL,
  prod_id       TEXT    NOT NULL,
  user_phoneno  TEXT    NOT NULL,
  body          BLOB    NOT NULL,
  charged_at    INTEGER NOT NULL,
  attempts      INTEGER NOT NULL DEFAULT 0,
  not_before    INTEGER NOT NULL DEFAULT 0,
  last_error    TEXT,
  queued_at     INTEGER,
  wait_ms       INTEGER,
  letter_id     INTEGER
) STRICT;
INSERT INTO sqlite_sequence (name, seq)
  SELECT 'seckill_queue_3', seq FROM sqlite_sequence WHERE name = 'seckill_queue';
INSERT INTO seckill_queue_3
  SELECT seq, order_id, prod_id, user_phoneno, body, charged_at, attempts, not_before, last_error,
         queued_at, wait_ms, letter_id
    FROM seckill_queue;
DROP TABLE seckill_queue;
ALTER TABLE seckill_queue_3 RENAME TO seckill_queue;
CREATE INDEX put_off_orders ON seckill_queue (not_before) WHERE 0 < not_before;
";

/// How often commands have changed a product's terms: a number that no sale raises.
///
/// A dead letter that was resent stays among the dead letters, with the time at which it is due,
/// until its order is decided; those on their way were rows of the queue. `resent_letters` has all
/// that a look needs which finds none due, and what the lag is; lists walk `resent_in_sequence`.
const STEP_4: &str = "
ALTER TABLE t_seckill_product ADD COLUMN terms_version INTEGER NOT NULL DEFAULT 0;

ALTER TABLE seckill_dead_letter ADD COLUMN resent_at INTEGER;
ALTER TABLE seckill_dead_letter ADD COLUMN due_at INTEGER
  CHECK (due_at IS NULL OR (resolved_at IS NULL AND order_id IS NOT NULL
                            AND prod_id IS NOT NULL AND user_phoneno IS NOT NULL));
ALTER TABLE seckill_dead_letter ADD COLUMN wait_ms INTEGER;
ALTER TABLE seckill_dead_letter ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE seckill_dead_letter ADD COLUMN last_error TEXT;
UPDATE seckill_dead_letter SET resent_at = resolved_at WHERE resolution = 'resent';
UPDATE seckill_dead_letter
   SET resolved_at = NULL, resolution = NULL, due_at = q.not_before, wait_ms = q.wait_ms,
       attempts = q.attempts, last_error = q.last_error,
       order_id = q.order_id, prod_id = q.prod_id, user_phoneno = q.user_phoneno, body = q.body
  FROM seckill_queue q WHERE q.letter_id = seckill_dead_letter.id;
DELETE FROM seckill_queue
 WHERE letter_id IN (SELECT id FROM seckill_dead_letter WHERE due_at IS NOT NULL);
ALTER TABLE seckill_queue DROP COLUMN letter_id;
CREATE INDEX resent_letters ON seckill_dead_letter (due_at, id, wait_ms, charged_at)
  WHERE due_at IS NOT NULL;
CREATE INDEX resent_in_sequence ON seckill_dead_letter (id) WHERE due_at IS NOT NULL;
DROP INDEX open_letters;
CREATE INDEX open_letters ON seckill_dead_letter (id)
  WHERE resolved_at IS NULL AND due_at IS NULL;
";

/// When a product's sale opens and closes, how much of it may be promised, who set its terms last,
/// and the windows that it has had on the shelf (the ends of the numbers stand for no bound).
/// Orders may be on their way that products took before there were windows: those that ever were on
/// the shelf, or sold anything, begin with one that has no bound.
const STEP_5: &str = "
ALTER TABLE t_seckill_product ADD COLUMN opens_at INTEGER;
ALTER TABLE t_seckill_product ADD COLUMN closes_at INTEGER CHECK (opens_at < closes_at);
ALTER TABLE t_seckill_product ADD COLUMN preheat_ratio INTEGER NOT NULL DEFAULT 1000
  CHECK (preheat_ratio BETWEEN 1000 AND 3000);
ALTER TABLE t_seckill_product ADD COLUMN terms_at INTEGER;
ALTER TABLE t_seckill_product ADD COLUMN terms_by TEXT;
CREATE TABLE seckill_window (
  prod_id       TEXT    NOT NULL,
  opens_at      INTEGER NOT NULL,
  closes_at     INTEGER NOT NULL,
  PRIMARY KEY (prod_id, opens_at, closes_at)
) STRICT, WITHOUT ROWID;
INSERT INTO seckill_window (prod_id, opens_at, closes_at)
  SELECT prod_id, -9223372036854775808, 9223372036854775807
    FROM t_seckill_product WHERE prod_status = 0 OR 0 < version;
";

/// Columns that a step added to a table which is looked at without being migrated: the step, the
/// table, the column, and what its migration puts there.
const ADDED: &[(i32, &str, &str, &str)] = &[
    (4, "t_seckill_product", "terms_version", "0"),
    // Those on their way are rows of the queue before.
    (4, "seckill_dead_letter", "due_at", "NULL"),
    (5, "t_seckill_product", "opens_at", "NULL"),
    (5, "t_seckill_product", "closes_at", "NULL"),
    (5, "t_seckill_product", "preheat_ratio", "1000"),
    (5, "t_seckill_product", "terms_at", "NULL"),
    (5, "t_seckill_product", "terms_by", "NULL"),
];

/// Has queries of this connection find in a database of an older version what its migration would
/// put there, without changing it: views that lie before its tables, of this connection alone.
pub(crate) fn show_as_known(connection: &Connection, version: i32) -> rusqlite::Result<()> {
    let mut views: Vec<(&str, String)> = Vec::new();
    for (_, table, column, value) in ADDED.iter().filter(|(step, ..)| version < *step) {
        let column = format!(", {value} AS {column}");
        match views.iter_mut().find(|(view, _)| view == table) {
            Some((_, columns)) => columns.push_str(&column),
            None => views.push((table, column)),
        }
    }
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    for (table, columns) in views {
        connection.execute_batch(&format!(
            "CREATE TEMP VIEW {table} AS SELECT *{columns} FROM main.{table}"
        ))?;
    }
    Ok(())
}

/// Takes the database to [`KNOWN`], each step in a transaction of its own that also marks the file
/// as ours, so that a crash between two steps leaves a database that the next start goes on with.
pub(crate) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    migrate_to(connection, KNOWN)
}

/// As [`migrate`], but no further than `last`: tests make older databases with it.
pub(crate) fn migrate_to(connection: &mut Connection, last: i32) -> rusqlite::Result<()> {
    for (version, step) in (1_i32..=last).zip(STEPS) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let stands_at: i32 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if stands_at < version {
            transaction.execute_batch(step)?;
            transaction.pragma_update(None, "user_version", version)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            reach(Point::MigrationBeforeCommit);
        }
        transaction.commit()?;
        reach(Point::MigrationAfterCommit);
    }
    Ok(())
}
