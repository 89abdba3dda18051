//! The gateway's REST interface: which of the contract's endpoints there are, and by what method.
//! Each has a file of its own that reads its requests and answers them.

mod charge;
mod query;

use std::sync::Arc;

use edge::{Call, Route, route};
use hyper::Method;
use instruments::clock::Now;
use instruments::meter::Endpoint;
use warp::reply::Response;

use crate::gateway::charge::ChargeDesk;
use crate::gateway::query::QueryDesk;
use crate::gateway::tally::Tally;
use crate::request::PhonePattern;
use crate::request::fields::has_readable_body;

/// What the routes hand requests to.
#[derive(Clone)]
pub struct GatewayEndpoints {
    /// Takes charges.
    pub charge: Arc<ChargeDesk>,
    /// Answers queries.
    pub query: Arc<QueryDesk>,
    /// Counts what is answered.
    pub tally: Arc<Tally>,
    /// What a phone number must be.
    pub phones: Arc<PhonePattern>,
    /// The time at which a charge came.
    pub now: Now,
}

/// All paths of the gateway.
pub fn routes(endpoints: GatewayEndpoints) -> Vec<Route> {
    // One reference count for all parts: a request clones this `Arc` and not each part by itself.
    let endpoints = Arc::new(endpoints);
    let charge = |endpoints: Arc<GatewayEndpoints>, call| async move {
        charge::answer(&endpoints, &call).await
    };
    let query = |endpoints: Arc<GatewayEndpoints>, call| async move {
        query::answer(&endpoints, &call).await
    };
    vec![
        row(&endpoints, Endpoint::Charge, &[Method::POST], charge),
        row(&endpoints, Endpoint::GatewayQuery, &[Method::GET, Method::POST], query),
    ]
}

fn row<A, F>(
    endpoints: &Arc<GatewayEndpoints>,
    endpoint: Endpoint,
    methods: &'static [Method],
    answer: A,
) -> Route
where
    A: Fn(Arc<GatewayEndpoints>, Call) -> F + Send + Sync + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let endpoints = Arc::clone(endpoints);
    let route = route(endpoint.path(), methods, move |call| answer(Arc::clone(&endpoints), call));
    route.of_the_contract(has_readable_body)
}

#[cfg(test)]
mod tests;
