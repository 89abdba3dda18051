//! `query.do`, as the contract has it: what is read of a request, and its answer.

use edge::Call;
use instruments::meter::Endpoint;
use protocol::{Code, Reply};
use warp::reply::Response;

use super::GatewayEndpoints;
use crate::request::fields::{Fields, read_fields};
use crate::request::{self, FieldFault};

/// Queries, and counts the answer.
pub(super) async fn answer(endpoints: &GatewayEndpoints, call: &Call) -> Response {
    let being_answered = endpoints.tally.begin(Endpoint::GatewayQuery);
    let (code, response) = queried(endpoints, call).await;
    being_answered.answered(code);
    response
}

async fn queried(endpoints: &GatewayEndpoints, call: &Call) -> (Code, Response) {
    let invalid = |fault: FieldFault, given: Option<&Fields<'_>>| {
        endpoints.tally.of(Endpoint::GatewayQuery).invalid.note(fault, given);
        let reply = Reply::<()>::bare(Code::InvalidInput);
        (Code::InvalidInput, request::invalid(fault, &reply))
    };
    if call.body_left_out {
        return invalid(FieldFault::UnreadableType, None);
    }
    let fields = match read_fields(call.content_type.as_deref(), &call.query, &call.body).await {
        Ok(fields) => fields,
        Err(fault) => return invalid(fault, None),
    };
    match request::query_request(&fields) {
        Ok(asked) => {
            let reply = endpoints.query.query(asked.prod_id, asked.user_phone_num).await;
            (reply.code, edge::json(&reply))
        }
        Err(fault) => invalid(fault, Some(&fields)),
    }
}
