//! What the order node keeps of its answers, for the admin views and the log.

use instruments::meter::{AnswerMeter, Endpoint};
use instruments::streak::Streak;

use crate::request::InvalidRequests;

/// The order node's counters for `query.do`, and its runs of failures. Shared by its routes.
#[derive(Debug)]
pub struct Tally {
    /// How long the answers took, by code.
    pub queries: AnswerMeter,
    /// Those answered 40005.
    pub invalid_queries: InvalidRequests,
    /// Of queries that could not be answered.
    pub(super) failed_queries: Streak,
    /// Of decisions that could not be read.
    pub(super) failed_decisions: Streak,
}

impl Default for Tally {
    fn default() -> Self {
        let endpoint = Endpoint::OrderQuery;
        let invalid_queries = InvalidRequests::new(endpoint);
        Self {
            queries: AnswerMeter::new(endpoint),
            invalid_queries,
            failed_queries: Streak::default(),
            failed_decisions: Streak::default(),
        }
    }
}
