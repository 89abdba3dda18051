//! Deciding orders inside a transaction. A batch is decided as a whole. Only when something in it
//! fails unexpectedly is it done over, each order by itself, to find the order at fault and spare
//! the others. Where the orders come from, and what becomes of a message that can't be decided, is
//! the callers' business.

use domain::batch::Candidate;
use domain::outcomes::Outcomes;
use protocol::{OrderId, Reason};

use crate::engine::error::JobError;
use crate::engine::tx::Tx;
use crate::sale::deciding::Deciding;
use crate::sale::outcomes;

/// What became of a batch.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    /// How its orders ended.
    pub(crate) outcomes: Outcomes,
    /// Positions of the orders that failed unexpectedly, by themselves, with the cause.
    pub(crate) at_fault: Vec<(usize, JobError)>,
}

/// Decides the orders in their sequence. The outcomes are returned, not yet counted in the
/// database.
pub(crate) fn decide_all(tx: &Tx<'_>, candidates: &[Candidate<'_>]) -> Result<Decided, JobError> {
    match tx.undoable(|tx| decide_group(tx, candidates)) {
        Ok(outcomes) => Ok(Decided { outcomes, at_fault: Vec::new() }),
        Err(fault) if gives_up(tx, &fault) => Err(fault),
        Err(_) => decide_each(tx, candidates),
    }
}

fn decide_each(tx: &Tx<'_>, candidates: &[Candidate<'_>]) -> Result<Decided, JobError> {
    let mut decided = Decided::default();
    for (at, candidate) in candidates.iter().enumerate() {
        match tx.undoable(|tx| decide_group(tx, std::slice::from_ref(candidate))) {
            Ok(outcomes) => decided.outcomes = decided.outcomes.plus(&outcomes),
            Err(fault) if gives_up(tx, &fault) => return Err(fault),
            Err(fault) => decided.at_fault.push((at, fault)),
        }
    }
    Ok(decided)
}

/// Whether the whole transaction is lost, so that looking for the order at fault is pointless.
pub(crate) fn gives_up(tx: &Tx<'_>, fault: &JobError) -> bool {
    !fault.is_of_the_work() || tx.is_spoiled() || tx.connection.is_autocommit()
}

fn decide_group(tx: &Tx<'_>, candidates: &[Candidate<'_>]) -> Result<Outcomes, JobError> {
    let mut deciding = Deciding::open(tx)?;
    for candidate in candidates {
        deciding.decide(candidate)?;
    }
    deciding.close()
}

/// Fails an order for a reason that the placing rules don't know, unless it is decided, and counts
/// that.
pub(crate) fn fail(tx: &Tx<'_>, candidate: &Candidate<'_>, reason: Reason) -> Result<(), JobError> {
    let mut deciding = Deciding::open(tx)?;
    deciding.fail(candidate, reason)?;
    outcomes::store(tx, &deciding.close()?)
}

/// Whether an order of this id is decided.
pub(crate) fn is_decided(tx: &Tx<'_>, order_id: &OrderId) -> Result<bool, JobError> {
    let decided = tx.statement(DECIDED)?.query_row([&*order_id.text()], |row| row.get(0))?;
    Ok(decided)
}

/// Whether an order's id is decided.
const DECIDED: &str = "
    SELECT EXISTS (SELECT 1 FROM t_seckill_order WHERE order_id = ?1)
        OR EXISTS (SELECT 1 FROM seckill_duplicate WHERE order_id = ?1)";
