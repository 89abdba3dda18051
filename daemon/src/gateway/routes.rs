//! The gateway's REST interface: `charge.do` and `query.do`, as `contract` has them.

use std::sync::Arc;

use hyper::header::{HeaderValue, RETRY_AFTER};
use hyper::{Method, StatusCode};
use protocol::{Code, EpochMs, Reply};
use warp::reply::Response;

use crate::gateway::charge::ChargeDesk;
use crate::gateway::query::QueryDesk;
use crate::gateway::tally::Tally;
use crate::http::{self, Call, Route, route};
use crate::request::fields::{FieldFault, has_readable_body, read_fields};
use crate::request::{self, PhonePattern};

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
    // One count for all of them, instead of one for each.
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
    let (code, response) = charged(desks, call).await;
    being_answered.charged(code);
    response
}

async fn charged(desks: &Desks, call: &Call) -> (Code, Response) {
    let invalid = |fault: &FieldFault| {
        (Code::InvalidInput, refuse(fault, &Reply::<()>::refusal(Code::InvalidInput)))
    };
    if call.body_left_out {
        return invalid(&FieldFault::UnreadableType);
    }
    let fields = match read_fields(call.content_type.as_deref(), &call.query, &call.body).await {
        Ok(fields) => fields,
        Err(fault) => return invalid(&fault),
    };
    match request::charge_request(&fields, &desks.phones) {
        Ok(request) => {
            let reply = desks.charge.charge(request, (desks.now)()).await;
            let mut response = http::json(&reply);
            // The code is final elsewhere; here it says that the queue is away, which passes.
            if reply.code == Code::BizError {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(QUEUE_AWAY_RETRY_S));
            }
            (reply.code, response)
        }
        Err(fault) => invalid(&fault),
    }
}

async fn query(desks: &Desks, call: &Call) -> Response {
    let being_answered = desks.tally.begin();
    let (code, response) = queried(desks, call).await;
    being_answered.queried(code);
    response
}

async fn queried(desks: &Desks, call: &Call) -> (Code, Response) {
    let invalid = |fault: &FieldFault| {
        (Code::InvalidInput, refuse(fault, &Reply::<()>::bare(Code::InvalidInput)))
    };
    if call.body_left_out {
        return invalid(&FieldFault::UnreadableType);
    }
    let fields = match read_fields(call.content_type.as_deref(), &call.query, &call.body).await {
        Ok(fields) => fields,
        Err(fault) => return invalid(&fault),
    };
    match request::query_request(&fields) {
        Ok(asked) => {
            let reply = desks.query.query(asked.prod_id, asked.user_phone_num).await;
            (reply.code, http::json(&reply))
        }
        Err(fault) => invalid(&fault),
    }
}

fn refuse(fault: &FieldFault, reply: &Reply<()>) -> Response {
    tracing::debug!(%fault, "a request's fields can't be used");
    match fault {
        FieldFault::UnreadableType => http::fault(StatusCode::UNSUPPORTED_MEDIA_TYPE),
        _ => http::json(reply),
    }
}
