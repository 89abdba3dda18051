//! Upgrades that are cut off: the database of an old daemon, and a new daemon that dies before or
//! after the commit of a step. The next daemon goes on from there.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::daemon::{Daemon, Options, Until};
use crate::old_schemas;

/// How long a start may take to come to the step where it dies.
const DIES_MAX: Duration = Duration::from_secs(30);

/// Where a start on a database of schema 1 dies, and the schema that it leaves. A step that was
/// done before passes its second point, too.
const DEATHS: [(&str, i32); 5] = [
    ("migration-before-commit=return", 1),
    ("migration-after-commit=return", 1),
    ("migration-after-commit=1*off->return", 2),
    ("migration-before-commit=2*off->return", 3),
    ("migration-after-commit=3*off->return", 4),
];

/// Cuts an upgrade off at each place, starts again, and says how many places there were.
///
/// # Errors
/// Something of the old database is missing.
pub async fn upgrades() -> Result<usize> {
    for (death, left) in DEATHS {
        Box::pin(cut_off_at(death, left)).await.context(death)?;
    }
    Ok(DEATHS.len())
}

async fn cut_off_at(death: &str, left: i32) -> Result<()> {
    let folder = Arc::new(TempDir::new()?);
    let options = Options::embedded();
    let database = options.database(folder.path());
    old_schemas::make_schema_1(&database)?;
    let dying = options.clone().until(Until::Spawned).fault_points(death);
    let mut daemon = Daemon::start_in(Arc::clone(&folder), dying).await?;
    let ended = daemon.ended_within(DIES_MAX).await?;
    ensure!(ended.status.code().is_none(), "it ended by itself: {ended:?}");
    ensure!(
        old_schemas::version(&database)? == left,
        "schema {}",
        old_schemas::version(&database)?
    );
    let mut daemon = Daemon::start_in(folder, options).await?;
    old_schemas::schema_1_is_all_there(&daemon).await?;
    ensure!(daemon.terminate().await?.status.success());
    Ok(())
}
