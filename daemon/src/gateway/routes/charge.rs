//! `charge.do`, as the contract has it: what is read of a request, and its answer.

use edge::Call;
use hyper::header::{HeaderValue, RETRY_AFTER};
use instruments::meter::Endpoint;
use protocol::{ChargeDetails, ChargeOutcome, Code, Reply};
use warp::reply::Response;

use super::GatewayEndpoints;
use crate::request::fields::{Fields, read_call};
use crate::request::{self, FieldFault};

/// Seconds after which a charge that the queue didn't take may be tried again.
const QUEUE_AWAY_RETRY_S: u32 = 1;

/// Charges, and counts the answer.
pub(super) async fn answer(endpoints: &GatewayEndpoints, call: &Call) -> Response {
    let being_answered = endpoints.tally.begin(Endpoint::Charge);
    let (outcome, response) = charged(endpoints, call).await;
    being_answered.charged(outcome);
    response
}

async fn charged(endpoints: &GatewayEndpoints, call: &Call) -> (ChargeOutcome, Response) {
    let invalid = |fault: FieldFault, given: Option<&Fields<'_>>| {
        endpoints.tally.of(Endpoint::Charge).invalid.note(fault, given);
        endpoints.charge.count_unread(fault.outcome());
        (fault.outcome(), request::invalid(fault, &Reply::<()>::refusal(Code::InvalidInput)))
    };
    let fields = match read_call(call).await {
        Ok(fields) => fields,
        Err(fault) => return invalid(fault, None),
    };
    let request = match request::charge_request(&fields, &endpoints.phones) {
        Ok(request) => request,
        Err(fault) => return invalid(fault, Some(&fields)),
    };
    let (outcome, reply) = endpoints.charge.charge(&request, (endpoints.now)()).await;
    if outcome == ChargeOutcome::WrongPrice {
        endpoints
            .tally
            .of(Endpoint::Charge)
            .invalid
            .note_price(request.charge_price, &request.prod_id);
        return (outcome, request::invalid(FieldFault::NotThePrice, &reply));
    }
    let mut response = edge::json(&reply);
    // The code is final elsewhere; here it says that the queue is away, which passes.
    if reply.code == Code::BizError {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(QUEUE_AWAY_RETRY_S));
    }
    if let Some(ChargeDetails::NotOpen(early)) = reply.data() {
        let seconds = HeaderValue::from(early.retry_after_s());
        response.headers_mut().insert(RETRY_AFTER, seconds);
    }
    (outcome, response)
}
