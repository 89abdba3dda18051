//! Databases that daemons of older schemas wrote, and what must be found in each after an upgrade.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use rusqlite::Connection;

use crate::checker::Books;
use crate::daemon::Daemon;
use crate::until;

/// Written by the last daemon of schema 1.
const SCHEMA_1: &str = include_str!("old_schemas/schema-1.sql");
/// Orders that wait in it are placed and settled within this.
const SETTLED_MAX: Duration = Duration::from_secs(30);

/// Makes the database of schema 1 at a path.
///
/// # Errors
/// It can't be written.
pub fn make_schema_1(path: &Path) -> Result<()> {
    let connection = Connection::open(path)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    ensure!(mode == "wal", "journal mode {mode}");
    connection.execute_batch(SCHEMA_1)?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(())
}

/// The schema version of a database.
///
/// # Errors
/// It can't be read.
pub fn version(path: &Path) -> Result<i32> {
    Ok(Connection::open(path)?.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// Waits until a daemon on that database has answered each of its buyers as it must.
///
/// # Errors
/// Somebody is answered something else, or not in time.
pub async fn schema_1_is_all_there(daemon: &Daemon) -> Result<()> {
    for (phone, prod_id, id) in [
        ("15200001001", "pid_0001", "58919bc5-f5c9-8817-a7ef-4152738c72ed"),
        ("15200001004", "pid_0002", "655b6570-70d7-8ad0-a580-670743e4f3f7"),
        // This order was queued and is placed now, as is the next, whose send nobody had confirmed.
        ("15200001006", "pid_0001", "e867be78-a429-829b-a25f-45d917bc9daf"),
        ("15200001007", "pid_0001", "f15e4ad3-27a2-81e1-96e0-95fd0e7470e7"),
    ] {
        until(&format!("{phone}'s order placed"), SETTLED_MAX, || async {
            let told = daemon.query(phone, prod_id).await?.json()?;
            let data = &told["data"];
            ensure!(told["code"] != "41004", "{phone} is told that there is no order");
            Ok((data["orderId"] == id && data["orderStatus"] == 2).then_some(()))
        })
        .await?;
    }
    let failed = daemon.query("15200001005", "pid_0001").await?.json()?;
    ensure!(failed["data"]["reason"] == "price_differs", "{failed}");
    // The key of the order ids is the old one: a repeat is answered with the old order.
    let repeat = daemon.charge("15200001001", "pid_0001", "5999.000").await?.json()?;
    ensure!(repeat["data"]["orderId"] == "58919bc5-f5c9-8817-a7ef-4152738c72ed", "{repeat}");
    let books = Books::drained(&daemon.database(), SETTLED_MAX).await?;
    let faults = books.faults();
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    ensure!(books.sold("pid_0001") == 5 && books.dead_letters == 1, "{books:?}");
    Ok(())
}
