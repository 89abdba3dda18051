//! The gateway's REST interface: `charge.do` and `query.do`, as `contract` has them.

use std::sync::Arc;

use edge::{Call, Route, route};
use hyper::Method;
use hyper::header::{HeaderValue, RETRY_AFTER};
use protocol::{ChargeOutcome, Code, EpochMs, Reply};
use warp::reply::Response;

use crate::gateway::charge::ChargeDesk;
use crate::gateway::query::QueryDesk;
use crate::gateway::tally::Tally;
use crate::request::fields::{Fields, has_readable_body, read_fields};
use crate::request::{self, FieldFault, PhonePattern};

/// Seconds after which a charge that the queue didn't take may be tried again.
const QUEUE_AWAY_RETRY_S: u32 = 1;

/// What the routes hand requests to.
#[derive(Clone)]
pub struct Desks {
    /// Takes charges.
    pub charge: Arc<ChargeDesk>,
    /// Answers queries.
    pub query: Arc<QueryDesk>,
    /// Counts what is answered.
    pub tally: Arc<Tally>,
    /// What a phone number must be.
    pub phones: Arc<PhonePattern>,
    /// The time at which a charge came.
    pub now: Arc<dyn Fn() -> EpochMs + Send + Sync>,
}

/// All paths of the gateway.
pub fn routes(desks: Desks) -> Vec<Route> {
    // One reference count for all parts: a request clones this `Arc` and not each part by itself.
    let desks = Arc::new(desks);
    let for_charge = Arc::clone(&desks);
    let charge = route("/api/charge.do", &[Method::POST], move |call: Call| {
        let desks = Arc::clone(&for_charge);
        async move { charge(&desks, &call).await }
    });
    let query = route("/api/query.do", &[Method::GET, Method::POST], move |call: Call| {
        let desks = Arc::clone(&desks);
        async move { query(&desks, &call).await }
    });
    vec![charge.of_the_contract(has_readable_body), query.of_the_contract(has_readable_body)]
}

async fn charge(desks: &Desks, call: &Call) -> Response {
    let being_answered = desks.tally.begin();
    let (outcome, response) = charged(desks, call).await;
    being_answered.charged(outcome);
    response
}

async fn charged(desks: &Desks, call: &Call) -> (ChargeOutcome, Response) {
    let invalid = |fault: FieldFault, given: Option<&Fields<'_>>| {
        desks.tally.invalid_charges().note(fault, given);
        desks.charge.count_unread(fault.outcome());
        (fault.outcome(), request::invalid(fault, &Reply::<()>::refusal(Code::InvalidInput)))
    };
    if call.body_left_out {
        return invalid(FieldFault::UnreadableType, None);
    }
    let fields = match read_fields(call.content_type.as_deref(), &call.query, &call.body).await {
        Ok(fields) => fields,
        Err(fault) => return invalid(fault, None),
    };
    let request = match request::charge_request(&fields, &desks.phones) {
        Ok(request) => request,
        Err(fault) => return invalid(fault, Some(&fields)),
    };
    let (outcome, reply) = desks.charge.charge(request, (desks.now)()).await;
    if outcome == ChargeOutcome::WrongPrice {
        desks.tally.invalid_charges().note_price(request.charge_price, request.prod_id);
        return (outcome, request::invalid(FieldFault::NotThePrice, &reply));
    }
    let mut response = edge::json(&reply);
    // The code is final elsewhere; here it says that the queue is away, which passes.
    if reply.code == Code::BizError {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(QUEUE_AWAY_RETRY_S));
    }
    (outcome, response)
}

async fn query(desks: &Desks, call: &Call) -> Response {
    let being_answered = desks.tally.begin();
    let (code, response) = queried(desks, call).await;
    being_answered.queried(code);
    response
}

async fn queried(desks: &Desks, call: &Call) -> (Code, Response) {
    let invalid = |fault: FieldFault, given: Option<&Fields<'_>>| {
        desks.tally.invalid_queries().note(fault, given);
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
            let reply = desks.query.query(asked.prod_id, asked.user_phone_num).await;
            (reply.code, edge::json(&reply))
        }
        Err(fault) => invalid(fault, Some(&fields)),
    }
}

#[cfg(test)]
mod tests;
