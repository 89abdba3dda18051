//! `query.do`, as the contract has it: what is read of a request, and its answer.

use edge::Call;
use instruments::meter::Endpoint;
use protocol::{Code, Reply};
use warp::reply::Response;

use super::GatewayEndpoints;
use crate::request::{QueryRequest, answer_query};

/// Queries, and counts the answer.
pub(super) async fn answer(endpoints: &GatewayEndpoints, call: &Call) -> Response {
    let being_answered = endpoints.tally.begin(Endpoint::GatewayQuery);
    let (code, response) = queried(endpoints, call).await;
    being_answered.answered(code);
    response
}

async fn queried(endpoints: &GatewayEndpoints, call: &Call) -> (Code, Response) {
    let invalid = &endpoints.tally.of(Endpoint::GatewayQuery).invalid;
    let refusal = Reply::bare(Code::InvalidInput);
    let answer =
        async |asked: QueryRequest| endpoints.query.query(&asked.prod_id, &asked.phone).await;
    answer_query(call, invalid, &refusal, answer).await
}
