//! What the order node counts of its answers to `query.do`, for the admin views and the log.

use crate::meter::{AnswerMeter, Endpoint};
use crate::request::InvalidRequests;

/// The order node's counters. Shared by its routes.
#[derive(Debug)]
pub struct Tally {
    /// How long the answers took, by code.
    pub queries: AnswerMeter,
    /// Those answered 40005.
    pub invalid_queries: InvalidRequests,
}

impl Default for Tally {
    fn default() -> Self {
        let endpoint = Endpoint::OrderQuery;
        let invalid_queries = InvalidRequests::new(endpoint);
        Self { queries: AnswerMeter::new(endpoint), invalid_queries }
    }
}
