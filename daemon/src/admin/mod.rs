//! The admin socket: HTTP/1.1 and JSON for the operator's tools, on a Unix socket.
//!
//! It shows what `status` publishes and will hand commands to their owners; it never reaches into a
//! role. `GET` views, `POST` operates; `access` says who may. Endpoints:
//!
//! - `GET /v1/`: this list
//! - `GET /v1/status`: the whole state, a [`protocol::Snapshot`]
//! - `GET /v1/health`: 200 when in full service, else 503, with the reasons in one line
//!
//! Refusals look like those of the REST listeners (`code`, `msg`, `data`), with `not_permitted` for
//! 403.

mod access;
mod socket;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::future::ready;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{HeaderMap, ORIGIN, REFERER};
use hyper::{Method, StatusCode};
use protocol::{Phase, Snapshot};
use serde::Serialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use warp::reject::Reject;
use warp::reply::Response;
use warp::{Filter, Rejection};

pub use access::{Permission, permission};
pub use socket::{AdminSocket, SocketError};

use crate::http::{self, Call, EdgeCounters, Limits, Listener, Peer, route};
use crate::queue::BoxFuture;

/// Limits of the admin socket: few clients, all on this machine.
const LIMITS: Limits = Limits {
    connections_max: 16,
    header_timeout: Duration::from_secs(5),
    body_timeout: Duration::from_secs(5),
    header_bytes_max: 16 * 1024,
    body_bytes_max: 64 * 1024,
};

/// Every endpoint, as `GET /v1/` lists them.
const ENDPOINTS: [Endpoint; 3] = [
    Endpoint { method: "GET", path: "/v1/", what: "this list" },
    Endpoint { method: "GET", path: "/v1/status", what: "the whole state" },
    Endpoint { method: "GET", path: "/v1/health", what: "200 when in full service, else 503" },
];

#[derive(Serialize)]
struct Endpoint {
    method: &'static str,
    path: &'static str,
    what: &'static str,
}

/// Where the state comes from.
pub trait StatusSource: Send + Sync + 'static {
    /// The state now. What can't be read is `None` in it and said in words; it doesn't fail, and
    /// doesn't wait for anything that may hang.
    fn snapshot(&self) -> BoxFuture<'_, Snapshot>;
}

/// Serves the admin socket until `cancel` and removes its file. Must be called within a Tokio
/// runtime.
///
/// # Errors
/// The listener is broken for good.
pub async fn serve(
    socket: AdminSocket,
    source: Arc<dyn StatusSource>,
    counters: Arc<EdgeCounters>,
    cancel: CancellationToken,
) -> io::Result<()> {
    let (listener, _file) = socket.into_parts();
    let listener = Listener::Unix(tokio::net::UnixListener::from_std(listener)?);
    http::serve(listener, warp::service(routes(source)), LIMITS, counters, cancel).await
}

/// All endpoints, behind the guard.
fn routes(
    source: Arc<dyn StatusSource>,
) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + Send + Sync + 'static {
    const GET: &[Method] = &[Method::GET];
    let health = Arc::clone(&source);
    let endpoints = route("/v1/", GET, |_: Call| ready(list()))
        .or(route("/v1/status", GET, move |_: Call| status(Arc::clone(&source))))
        .unify()
        .or(route("/v1/health", GET, move |_: Call| self::health(Arc::clone(&health))))
        .unify();
    guard(rustix::process::geteuid().as_raw()).and(endpoints).recover(recover).unify()
}

fn list() -> Response {
    http::write(StatusCode::OK, &json!({ "endpoints": ENDPOINTS }))
}

async fn status(source: Arc<dyn StatusSource>) -> Response {
    http::write(StatusCode::OK, &source.snapshot().await)
}

async fn health(source: Arc<dyn StatusSource>) -> Response {
    let snapshot = source.snapshot().await;
    let healthy = snapshot.phase == Phase::Serving && snapshot.degraded.is_empty();
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    http::write(
        status,
        &json!({ "healthy": healthy, "phase": snapshot.phase, "degraded": snapshot.degraded }),
    )
}

/// Why a peer is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    NotPermitted,
    /// A page can't reach a Unix socket, but somebody will put a proxy before it, and then a
    /// browser would lend its user's rights to any page.
    FromBrowser,
}

impl Reject for Refused {}

impl Refused {
    const fn message(self) -> &'static str {
        match self {
            Self::NotPermitted => "only root and the daemon's own user may do this",
            Self::FromBrowser => "requests with Origin or Referer are refused",
        }
    }
}

/// Lets through what the peer may do.
fn guard(own_uid: u32) -> impl Filter<Extract = (), Error = Rejection> + Clone {
    warp::method()
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<Peer>())
        .and_then(move |method: Method, headers: HeaderMap, peer: Option<Peer>| {
            ready(admit(&method, &headers, permission(peer, own_uid)))
        })
        .untuple_one()
}

fn admit(method: &Method, headers: &HeaderMap, held: Permission) -> Result<(), Rejection> {
    let wanted = if method.is_safe() { Permission::View } else { Permission::Operate };
    if held < wanted {
        Err(warp::reject::custom(Refused::NotPermitted))
    } else if headers.contains_key(ORIGIN) || headers.contains_key(REFERER) {
        Err(warp::reject::custom(Refused::FromBrowser))
    } else {
        Ok(())
    }
}

async fn recover(rejection: Rejection) -> Result<Response, Infallible> {
    match rejection.find::<Refused>() {
        Some(refused) => Ok(http::write(
            StatusCode::FORBIDDEN,
            &json!({ "code": "not_permitted", "msg": refused.message(), "data": Value::Null }),
        )),
        None => http::recover(rejection).await,
    }
}
