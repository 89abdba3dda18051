//! Dead letters whose way back is cut off: the daemon dies around the commit that puts one on its
//! way, and around the commit that decides its order. Nothing of it is lost or done twice.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use protocol::{Endpoint, OrderHistory, OrderState, StepKind};
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

use crate::checker::Books;
use crate::daemon::{Daemon, Options, Until};
use crate::until;

/// How long anything may take that is waited for.
const WITHIN: Duration = Duration::from_secs(30);

/// Where the daemon dies that is asked to resend a letter.
const DEATHS: [&str; 4] = [
    "enqueue-before-commit",
    "enqueue-after-commit",
    "placing-before-commit",
    "placing-after-commit",
];

const PHONE: &str = "15200000000";
const PRODUCT: &str = r#"[{prod_id="few",prod_name="few",price="1.000",stock=2}]"#;
const BREAK: &str = "CREATE TRIGGER fault BEFORE INSERT ON t_seckill_order
    BEGIN SELECT RAISE(ABORT, 'as the test has it'); END";

/// Cuts the way back of a letter off at each place, starts again, and says how many places there
/// were.
///
/// # Errors
/// The letter's order is lost, or was decided twice.
pub async fn letters() -> Result<usize> {
    for death in DEATHS {
        Box::pin(cut_off_at(death)).await.context(death)?;
    }
    Ok(DEATHS.len())
}

async fn cut_off_at(death: &str) -> Result<()> {
    let folder = Arc::new(TempDir::new()?);
    let options = Options::embedded().set("order.deliveries_max", "1").set("products", PRODUCT);
    let (order_id, letter) = one_letter(&folder, &options).await?;
    let resend = Endpoint::Resend.of(letter).to_string();
    let command = json!({ "request_id": "the-same-each-time" });

    let dying = options.clone().fault_points(&format!("{death}=return"));
    let mut daemon = Daemon::start_in(Arc::clone(&folder), dying).await?;
    // It may die before it answers.
    drop(daemon.admin().post(&resend, command.clone()).await);
    let ended = daemon.ended_within(WITHIN).await?;
    ensure!(ended.status.code().is_none(), "it ended by itself: {ended:?}");
    let left = Books::of_the_dead(&daemon.database())?.context("no database")?;
    ensure!(left.faults().is_empty(), "left by the dead daemon:\n{}", left.faults().join("\n"));

    let mut daemon = Daemon::start_in(folder, options).await?;
    let admin = daemon.admin();
    // What was committed isn't done again, and what wasn't is done now.
    ensure!(admin.post(&resend, command).await?.status == 200, "the resend");
    let history: OrderHistory = until("the order placed", WITHIN, || async {
        let answer = admin.get(&format!("/v1/orders/{order_id}")).await?;
        let history: OrderHistory = serde_json::from_slice(&answer.body)?;
        Ok((history.order.state == OrderState::Placed).then_some(history))
    })
    .await?;
    let steps: Vec<StepKind> = history.steps.iter().map(|step| step.step).collect();
    let wanted = [StepKind::SetAside, StepKind::Resent, StepKind::Placed];
    ensure!(steps.ends_with(&wanted), "{steps:?}");
    let books = Books::drained(&daemon.database(), WITHIN).await?;
    ensure!(books.sold("few") == 1 && books.faults().is_empty(), "{books:?}");
    let page = admin.get(Endpoint::DeadLetters.pattern()).await?.json()?;
    ensure!(page["total"] == 0, "{page}");
    ensure!(daemon.terminate().await?.status.success());
    Ok(())
}

/// Leaves a dead letter behind: its order, and its number.
async fn one_letter(folder: &Arc<TempDir>, options: &Options) -> Result<(String, u64)> {
    let mut daemon =
        Daemon::start_in(Arc::clone(folder), options.clone().until(Until::Ready)).await?;
    let database = Connection::open(daemon.database())?;
    database.busy_timeout(WITHIN)?;
    database.execute_batch(BREAK)?;
    let answer = daemon.charge(PHONE, "few", "1.000").await?;
    ensure!(answer.code() == "10000", "{}", answer.text());
    let admin = daemon.admin();
    let letter = until("a dead letter", WITHIN, || async {
        let page = admin.get(Endpoint::DeadLetters.pattern()).await?.json()?;
        Ok(page["dead_letters"].get(0).cloned())
    })
    .await?;
    database.execute_batch("DROP TRIGGER fault")?;
    drop(database);
    ensure!(daemon.terminate().await?.status.success());
    let order_id = letter["order_id"].as_str().context("no order")?.to_owned();
    Ok((order_id, letter["id"].as_u64().context("no number")?))
}
