//! The verdict on a whole sale, from the buyers' answers and the database file alone.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::buyers::{BuyerAnswer, Crowd, Ledger};
use crate::checker::{Books, faults};

/// How long the queue may take to be empty after the last buyer has a final answer.
pub const DRAIN_MAX: Duration = Duration::from_secs(60);

/// The sale has ended as it must: see the checker; afterwards everyone asks once more, and is
/// answered the same.
///
/// # Errors
/// What is wrong, one line each.
pub async fn judge(database: &Path, crowd: Crowd, ledger: &Ledger) -> Result<()> {
    let (prod_id, sold) = (crowd.prod_id.clone(), crowd.placeable);
    let books = Books::drained(database, DRAIN_MAX).await?;
    let found = faults(&books, ledger, sold);
    ensure!(found.is_empty(), "{} faults:\n{}", found.len(), found.join("\n"));
    let again = crowd.ask_again().await?;
    let books = Books::drained(database, DRAIN_MAX).await?;
    for (before, after) in ledger.buyers.iter().zip(&again.buyers) {
        let fits = match (before.answers.last(), &after.answers[..]) {
            (
                Some(BuyerAnswer::Placed(id)),
                [BuyerAnswer::Queued(again), BuyerAnswer::Placed(queried)],
            ) => id == again && id == queried,
            (
                Some(BuyerAnswer::Refused(_)),
                [BuyerAnswer::Refused(code), BuyerAnswer::NoOrder(query)],
            ) => code == "40006" && query == "41004",
            // Where several gateways over-admit, the surplus is a failed order, which a query
            // answers.
            (
                Some(BuyerAnswer::Refused(_)),
                [BuyerAnswer::Refused(code), BuyerAnswer::Failed { reason, .. }],
            ) => code == "40006" && reason == "sold_out",
            _ => false,
        };
        ensure!(fits, "{}: {:?}, asked again {:?}", before.phone, before.answers, after.answers);
    }
    ensure!(books.sold(&prod_id) == sold && books.faults().is_empty(), "asking changed the books");
    Ok(())
}
