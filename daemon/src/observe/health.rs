//! `/healthz` and `/readyz`, for load balancers and service managers, on every REST listener.

use std::sync::Arc;

use edge::{Call, Route, route};
use hyper::{Method, StatusCode};
use protocol::Phase;
use serde::Serialize;
use warp::reply::Response;

use crate::observe::status::Status;

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    phase: Phase,
    degraded: Vec<String>,
    warnings: Vec<String>,
    recovering: Vec<String>,
}

/// Both paths.
pub fn routes(status: Arc<Status>) -> Vec<Route> {
    let alive = route("/healthz", &[Method::GET], |_: Call| async {
        edge::write(StatusCode::OK, &serde_json::json!({ "alive": true }))
    });
    let ready = route("/readyz", &[Method::GET], move |_: Call| {
        let response = readiness(&status);
        async move { response }
    });
    vec![alive, ready]
}

/// 200 when everything works, when it is to be tried again, or when what is wrong keeps no buyer
/// out (an order node that is away); else 503. Both list what is wrong.
fn readiness(status: &Status) -> Response {
    let condition = status.condition();
    let ready = status.is_ready();
    let readiness = Readiness {
        ready,
        phase: status.phase(),
        degraded: condition.degraded,
        warnings: condition.warnings,
        recovering: condition.recovering,
    };
    edge::write(if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &readiness)
}
