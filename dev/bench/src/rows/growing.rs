//! What a charge and a query cost when there is more of everything.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use rusqlite::Connection;
use seckill_e2e::daemon::Daemon;
use tempfile::TempDir;

use super::placing::{BARE, Backlog};
use crate::stage::{Stage, charges, embedded, gateway, load, pause, queries, stop};
use crate::table::{Rounds, Row, Wanted};

/// Flat within 20 %.
const FLAT: Wanted = Wanted::AtLeast(0.8);

/// A daemon whose growth is measured by itself, and what it did.
struct Grown {
    daemon: Daemon,
    label: String,
    products: u64,
    orders: u64,
    charged: Vec<f64>,
    queried: Vec<f64>,
}

/// Charges and queries by turns, on all of them in each round.
async fn measure(stage: &Stage, grown: &mut [Grown]) -> Result<()> {
    let mut first_buyer = 100_000_000;
    for _ in 0..stage.size.rounds {
        for one in &mut *grown {
            let target = gateway(&one.daemon)?;
            let mut charge = charges(first_buyer, stage.size.seconds / 2.0);
            charge.push(("products", one.products.to_string()));
            one.charged.push(load(&target, &charge).await?.only("10000")?.per_second());
            first_buyer += 1_000_000;
            let mut query = queries(one.orders, stage.size.seconds / 2.0);
            query.push(("products", one.products.to_string()));
            one.queried.push(load(&target, &query).await?.only("10000")?.per_second());
        }
    }
    Ok(())
}

/// Each against the first.
async fn compared(name: &'static str, grown: Vec<Grown>) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let first =
        grown.first().map(|one| (one.label.clone(), one.charged.clone(), one.queried.clone()));
    let Some((label, charged, queried)) = first else { return Ok(rows) };
    for one in grown {
        if one.label != label {
            let rounds = Rounds { ours: one.charged, other: charged.clone() };
            let what = format!("accepted charges, {}", one.label);
            rows.push(Row::compared(name, &what, &label, &rounds, FLAT));
            let rounds = Rounds { ours: one.queried, other: queried.clone() };
            let what = format!("queries, {}", one.label);
            rows.push(Row::compared(name, &what, &label, &rounds, FLAT));
        }
        stop(one.daemon).await?;
    }
    Ok(rows)
}

pub(super) async fn products(stage: &Stage) -> Result<Vec<Row>> {
    let mut grown = Vec::new();
    for products in [1, 10, 100, 1_000] {
        let daemon = stage.daemon(embedded(products)).await?;
        // Some orders to ask for, each product's buyers in turn.
        let mut some = charges(0, 60.0);
        some.push(("requests-max", "2000".to_owned()));
        some.push(("products", products.to_string()));
        load(&gateway(&daemon)?, &some).await?.only("10000")?;
        pause(&daemon).await?;
        let (label, orders) = (format!("{products} products"), 2_000);
        let (charged, queried) = (Vec::new(), Vec::new());
        grown.push(Grown { daemon, label, products, orders, charged, queried });
    }
    measure(stage, &mut grown).await?;
    compared("products", grown).await
}

pub(super) async fn orders(stage: &Stage) -> Result<Vec<Row>> {
    let (mut grown, mut placing) = (Vec::new(), Vec::new());
    for orders in [1_000, 10_000, 100_000, 1_000_000, 10_000_000] {
        let orders = (orders / stage.size.divisor).max(100);
        let folder = stage.folder()?;
        fill(&folder, orders).await?;
        placing.push(placed(stage, &folder, orders).await?);
        let daemon = Daemon::start_in(folder, embedded(1)).await?;
        pause(&daemon).await?;
        let label = format!("{orders} orders");
        let (charged, queried) = (Vec::new(), Vec::new());
        grown.push(Grown { daemon, label, products: 1, orders, charged, queried });
    }
    measure(stage, &mut grown).await?;
    let plans = grown.last().map(|one| plans(&one.daemon.database())).transpose()?;
    let mut rows = compared("orders", grown).await?;
    rows.extend(placing);
    if let Some(last) = rows.last_mut() {
        last.notes.extend(plans.into_iter().flatten());
    }
    Ok(rows)
}

/// A database with so many orders of one product, placed by bare SQL in no time.
async fn fill(folder: &Arc<TempDir>, orders: u64) -> Result<()> {
    stop(Daemon::start_in(Arc::clone(folder), embedded(1)).await?).await?;
    let (database, orders) = (embedded(1).database(folder.path()), i64::try_from(orders)?);
    tokio::task::spawn_blocking(move || {
        let connection = Connection::open(database)?;
        // The ids lie as the daemon's do, evenly over all there can be, but come in their sequence:
        // ten million in no sequence would take an hour.
        connection.execute(FILL, [orders, (1 << 32) / orders])?;
        connection.execute(
            "UPDATE t_seckill_product SET prod_stock = prod_stock - ?1, sold = sold + ?1",
            [orders],
        )?;
        anyhow::Ok(())
    })
    .await?
}

const FILL: &str = "
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1),
         ids(i, h) AS (SELECT i, printf('%08x', i * ?2) || lower(hex(randomblob(12))) FROM n)
    INSERT INTO t_seckill_order
      (gmt_create, gmt_update, order_id, order_status, user_phoneno, prod_id, prod_name,
       charge_money, charge_time, placed_at, decision_seq, queued_at)
    SELECT 1, 1,
           substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-8' || substr(h, 14, 3) || '-a'
             || substr(h, 18, 3) || '-' || substr(h, 21, 12),
           0, CAST(10000000000 + i AS TEXT), 'pid_0001', 'p', 5999000, 1, 1, i + 1, 1
      FROM ids";

/// Placing on such a database, by turns with the bare loop on the same.
async fn placed(stage: &Stage, folder: &Arc<TempDir>, orders: u64) -> Result<Row> {
    let own = stage.folder()?;
    crate::stage::copy(&embedded(1).database(folder.path()), own.path())?;
    let backlog = Backlog::of(own, 200_000_000, 20_000 / stage.size.divisor).await?;
    let rounds = backlog.rounds(stage).await?;
    let what = format!("placed, with {orders} orders there");
    Ok(Row::compared("orders", &what, BARE, &rounds, Wanted::Nothing))
}

/// How SQLite finds what a charge and a query look for.
fn plans(database: &Path) -> Result<Vec<String>> {
    let connection = Connection::open(database)?;
    let live = "SELECT order_id FROM t_seckill_order WHERE prod_id = 'p' AND user_phoneno = 'u'
                 AND record_status = 0 AND order_status IN (0, 2)";
    let failed = "SELECT order_id FROM t_seckill_order WHERE prod_id = 'p' AND user_phoneno = 'u'
                   AND record_status = 0 AND order_status = 3 ORDER BY id DESC LIMIT 1";
    let decided = "SELECT 1 FROM t_seckill_order WHERE order_id = 'o'";
    let mut plans = Vec::new();
    for (what, sql) in [("live order", live), ("failed order", failed), ("decided order", decided)]
    {
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
        let steps = explain.query_map([], |row| row.get::<_, String>(3))?;
        let steps = steps.collect::<rusqlite::Result<Vec<_>>>()?;
        plans.push(format!("plan of a {what}: {}", steps.join("; ")));
    }
    Ok(plans)
}
