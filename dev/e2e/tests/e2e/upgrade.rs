//! An upgrade as operators do it: a new daemon on the database of an old one. How a newer schema is
//! refused is among the refusals; upgrades that are killed midway are a part of the kill -9 loop.

use std::sync::Arc;

use anyhow::{Result, ensure};
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::old_schemas;
use tempfile::TempDir;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_schema_1_opens_with_everybody_in_it_and_sells_on() -> Result<()> {
    let folder = Arc::new(TempDir::new()?);
    let options = Options::embedded();
    let database = options.database(folder.path());
    old_schemas::make_schema_1(&database)?;
    ensure!(old_schemas::version(&database)? == 1);
    let mut daemon = Daemon::start_in(folder, options).await?;
    old_schemas::schema_1_is_all_there(&daemon).await?;
    let charged = daemon.charge("15200009999", "pid_0003", "2000.000").await?;
    ensure!(charged.code() == "10000", "{}", charged.text());
    let stopped = daemon.terminate().await?;
    ensure!(stopped.status.success() && 1 < old_schemas::version(&database)?, "{stopped:?}");
    // And once more, with nothing left to do.
    let daemon = daemon.restart().await?;
    old_schemas::schema_1_is_all_there(&daemon).await
}
