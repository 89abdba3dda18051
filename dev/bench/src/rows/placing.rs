//! The order role against what SQLite itself does with the same rows.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use load::ratio_of;
use rusqlite::Connection;
use seckill_e2e::daemon::Daemon;
use tempfile::TempDir;

use crate::stage::{Stage, Watch, charges, copy, embedded, gateway, load, pause, resume, stop};
use crate::table::{Rounds, Row, Wanted};

/// Orders per commit of the bare loop.
const BATCH: usize = 256;

/// A database with a backlog of orders that nobody has open.
pub(super) struct Backlog {
    folder: Arc<TempDir>,
    orders: u64,
}

impl Backlog {
    /// Charges so many orders, consumption being paused, in the folder's database, which may hold
    /// others already.
    pub(super) async fn of(folder: Arc<TempDir>, first_buyer: u64, orders: u64) -> Result<Self> {
        let daemon = Daemon::start_in(Arc::clone(&folder), embedded(1)).await?;
        pause(&daemon).await?;
        let mut charges = charges(first_buyer, 120.0);
        charges.push(("requests-max", orders.to_string()));
        load(&gateway(&daemon)?, &charges).await?.only("10000")?;
        stop(daemon).await?;
        Ok(Self { folder, orders })
    }

    /// Orders per second of a daemon that places all of them.
    pub(super) async fn placed_by_daemon(&self, stage: &Stage) -> Result<f64> {
        let folder = stage.folder()?;
        copy(&embedded(1).database(self.folder.path()), folder.path())?;
        let daemon = Daemon::start_in(folder, embedded(1)).await?;
        let watch = Watch::over(&daemon.database())?;
        let before = watch.sold()?;
        let start = Instant::now();
        resume(&daemon).await?;
        let done = watch.until_sold(before + self.orders).await?;
        stop(daemon).await?;
        Ok(ratio_of(self.orders, (done - start).as_secs_f64()))
    }

    /// Orders per second of a bare loop that makes the same changes.
    pub(super) async fn placed_bare(&self, stage: &Stage) -> Result<f64> {
        let folder = stage.folder()?;
        let database = copy(&embedded(1).database(self.folder.path()), folder.path())?;
        let seconds = tokio::task::spawn_blocking(move || bare_loop(&database)).await??;
        drop(folder);
        Ok(ratio_of(self.orders, seconds))
    }

    /// Placed by turns.
    pub(super) async fn rounds(&self, stage: &Stage) -> Result<Rounds> {
        let mut rounds = Rounds::default();
        for _ in 0..stage.size.rounds {
            rounds.ours.push(self.placed_by_daemon(stage).await?);
            rounds.other.push(self.placed_bare(stage).await?);
        }
        Ok(rounds)
    }
}

/// What the bare loop says it is.
pub(super) const BARE: &str = "bare rusqlite, 256 per FULL commit";

struct Queued {
    seq: i64,
    order_id: String,
    prod_id: String,
    phone: String,
    asked_at: i64,
}

/// Moves every queued order among the decided ones: the same inserts, deletions and updates as the
/// order role's, without a look at any of them. Reading the queue isn't timed.
fn bare_loop(database: &Path) -> Result<f64> {
    let mut connection = Connection::open(database)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let sql =
        "SELECT seq, order_id, prod_id, user_phoneno, charged_at FROM seckill_queue ORDER BY seq";
    let queued = connection
        .prepare(sql)?
        .query_map([], |row| {
            Ok(Queued {
                seq: row.get(0)?,
                order_id: row.get(1)?,
                prod_id: row.get(2)?,
                phone: row.get(3)?,
                asked_at: row.get(4)?,
            })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let sql = "SELECT COALESCE(MAX(decision_seq), 0) FROM t_seckill_order";
    let mut decision: i64 = connection.query_row(sql, [], |row| row.get(0))?;
    let start = Instant::now();
    for batch in queued.chunks(BATCH) {
        decision = commit(&mut connection, batch, decision)?;
    }
    Ok(start.elapsed().as_secs_f64())
}

fn commit(connection: &mut Connection, batch: &[Queued], mut decision: i64) -> Result<i64> {
    let transaction = connection.transaction()?;
    {
        let mut insert = transaction.prepare_cached(
            "INSERT INTO t_seckill_order
               (gmt_create, gmt_update, order_id, order_status, user_phoneno, prod_id, prod_name,
                charge_money, charge_time, finish_time, reason, placed_at, decision_seq, queued_at)
             VALUES (?1, ?1, ?2, 0, ?3, ?4, 'p', 5999000, ?1, NULL, NULL, ?1, ?5, ?1)",
        )?;
        let mut delete = transaction.prepare_cached("DELETE FROM seckill_queue WHERE seq = ?1")?;
        let mut sell = transaction.prepare_cached(
            "UPDATE t_seckill_product
                SET prod_stock = prod_stock - ?2, sold = sold + ?2, version = version + ?2
              WHERE prod_id = ?1",
        )?;
        for order in batch {
            decision += 1;
            let (id, buyer, product) = (&order.order_id, &order.phone, &order.prod_id);
            insert.execute((order.asked_at, id, buyer, product, decision))?;
            delete.execute([order.seq])?;
        }
        if let Some(first) = batch.first() {
            sell.execute((&first.prod_id, i64::try_from(batch.len())?))?;
        }
    }
    transaction.commit()?;
    Ok(decision)
}

pub(super) async fn placed(stage: &Stage) -> Result<Vec<Row>> {
    let backlog = Backlog::of(stage.folder()?, 0, 100_000 / stage.size.divisor).await?;
    let rounds = backlog.rounds(stage).await?;
    let what = format!("placed of a backlog of {} orders, embedded", backlog.orders);
    Ok(vec![Row::compared("placed", &what, BARE, &rounds, Wanted::AtLeast(0.7))])
}
