//! The order node's REST interface: `query.do` for operators and gateways, and the decisions for
//! gateways.

use std::sync::Arc;
use std::time::Instant;

use hyper::{Method, StatusCode};
use protocol::{Code, QueryData, Reply, mask_phone};
use tracing::warn;
use warp::reply::Response;

use super::Tally;
use crate::http::{self, Call, Route, route};
use crate::order_side::{Known, OrderSide};
use crate::request::fields::{Fields, has_readable_body, read_fields};
use crate::request::{self, FieldFault, QueryRequest};

/// All paths of the order node. `tally` counts the answers to `query.do`.
pub fn routes(orders: Arc<dyn OrderSide>, tally: Arc<Tally>) -> Vec<Route> {
    let queried = Arc::clone(&orders);
    let query = route("/api/query.do", &[Method::POST], move |call: Call| {
        let (orders, tally) = (Arc::clone(&queried), Arc::clone(&tally));
        async move {
            let since = Instant::now();
            let (code, response) = query(&*orders, &tally, &call).await;
            tally.queries.record(code, since.elapsed());
            response
        }
    });
    let decisions = route("/internal/v1/decisions", &[Method::GET], move |call: Call| {
        let orders = Arc::clone(&orders);
        async move { decisions(&*orders, &call).await }
    });
    vec![query.of_the_contract(has_readable_body), decisions]
}

async fn query(orders: &dyn OrderSide, tally: &Tally, call: &Call) -> (Code, Response) {
    let invalid = |fault: FieldFault, given: Option<&Fields<'_>>| {
        tally.invalid_queries.note(fault, given);
        let reply = Reply::<()>::refusal(Code::InvalidInput);
        (Code::InvalidInput, http::invalid(fault, &reply))
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
            let reply = find(orders, asked).await;
            (reply.code, http::json(&reply))
        }
        Err(fault) => invalid(fault, Some(&fields)),
    }
}

async fn find(orders: &dyn OrderSide, asked: QueryRequest<'_>) -> Reply<QueryData> {
    match orders.find(asked.prod_id, asked.user_phone_num).await {
        Ok(Known::Found(data)) => Reply::with(Code::Found, *data),
        Ok(Known::Never) => Reply::refusal(Code::BizError),
        Ok(Known::NotYet) => Reply::refusal(Code::NotKnownYet),
        Err(cause) => {
            let (prod_id, user) = (asked.prod_id, mask_phone(asked.user_phone_num));
            warn!(prod_id, user, %cause, "a query could not be answered");
            Reply::refusal(Code::ServerError)
        }
    }
}

async fn decisions(orders: &dyn OrderSide, call: &Call) -> Response {
    let after = form_urlencoded::parse(call.query.as_bytes())
        .find(|(key, _)| key == "after")
        .map_or(Ok(0), |(_, value)| value.parse::<u64>());
    let Ok(after) = after else { return http::fault(StatusCode::BAD_REQUEST) };
    match orders.decisions(after).await {
        Ok(page) => http::write(StatusCode::OK, &page),
        Err(cause) => {
            warn!(%cause, "decisions could not be read");
            http::fault(StatusCode::SERVICE_UNAVAILABLE)
        }
    }
}
