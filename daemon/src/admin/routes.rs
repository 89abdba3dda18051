//! From a request to its endpoint: who asks, whether they may, what is asked for, and how long it
//! may take.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use domain::ports::desk::ANSWERED_WITHIN;
use edge::{Call, anywhere};
use hyper::StatusCode;
use hyper::header::{HeaderMap, ORIGIN, REFERER};
use hyper::http::request::Parts;
use protocol::{Permission, Refusal, RefusalCode};
use warp::Filter;
use warp::reply::Response;

use super::access::Caller;
use super::endpoints::{self, Found, Kind};
use super::{AdminShared, commands, events, views};

/// How long a request other than for events may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Where another program's lock keeps a command from being stored, the answer says that, and not
/// that nothing is known.
const _: () = assert!(ANSWERED_WITHIN.as_millis() <= REQUEST_TIMEOUT.as_millis());

/// All endpoints, behind the guard.
pub(super) fn routes(
    desk: Arc<AdminShared>,
) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + Send + Sync + 'static {
    let answered = anywhere(move |call: Call| {
        let desk = Arc::clone(&desk);
        async move { answer(desk, call).await.unwrap_or_else(|refusal| refuse(&refusal)) }
    });
    // A page can't reach a Unix socket, but somebody will put a proxy before it, and then a browser
    // would lend its user's rights to any page.
    let from_browser = warp::header::headers_cloned().and_then(|headers: HeaderMap| {
        let refused = if is_browsers(&headers) { Ok(()) } else { Err(warp::reject::not_found()) };
        std::future::ready(refused)
    });
    let refused = from_browser.untuple_one().map(|| {
        let msg = "requests with Origin or Referer are refused";
        refuse(&Refusal::new(RefusalCode::NotPermitted, msg))
    });
    refused.or(answered).unify().recover(edge::recover).unify()
}

fn is_browsers(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) || headers.contains_key(REFERER)
}

/// The gate: whether a request's head leads to an endpoint at all.
pub(super) fn wants_body(head: &Parts) -> bool {
    let found = || endpoints::find(&head.method, head.uri.path());
    !is_browsers(&head.headers) && matches!(found(), Found::Endpoint(..))
}

async fn answer(desk: Arc<AdminShared>, call: Call) -> Result<Response, Refusal> {
    let caller = desk.parts.access.caller(call.peer).await;
    let caller = caller.ok_or_else(|| {
        Refusal::new(RefusalCode::NotPermitted, "only processes of this machine may ask")
    })?;
    let (endpoint, value) = match endpoints::find(&call.method, &call.path) {
        Found::Endpoint(endpoint, value) => (endpoint, value),
        Found::Methods(methods) => {
            permit(&caller, Permission::View)?;
            return Ok(other_methods(&call, &methods));
        }
        Found::Nothing => {
            permit(&caller, Permission::View)?;
            let msg = format!("{}: no such endpoint; GET /v1/ lists them", call.path);
            return Err(Refusal::new(RefusalCode::NotFound, msg));
        }
    };
    permit(&caller, endpoint.permission())?;
    if call.body_left_out {
        return Ok(edge::fault(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    match endpoints::kind(endpoint) {
        Kind::Events => {
            let cancel = desk.cancel.clone();
            let stream = events::stream(&desk.observatory, caller.view, cancel).await;
            stream.map_err(|_| too_slow())
        }
        Kind::View(name) => {
            within_limit(async move { views::view(&desk, &call, &caller, name, value).await }).await
        }
        Kind::Command(name, role) => {
            let command = (name, role);
            let done =
                async move { commands::carry_out(&desk, &call, caller, command, value).await };
            within_limit(done).await
        }
    }
}

fn permit(caller: &Caller, wanted: Permission) -> Result<(), Refusal> {
    if wanted <= caller.view.permission {
        return Ok(());
    }
    let missing = caller.view.missing.clone().unwrap_or_default();
    Err(Refusal::new(RefusalCode::NotPermitted, missing))
}

/// A command that takes too long goes on: what it has stored must also take effect.
async fn within_limit(
    work: impl Future<Output = Result<Response, Refusal>> + Send + 'static,
) -> Result<Response, Refusal> {
    match tokio::time::timeout(REQUEST_TIMEOUT, tokio::spawn(work)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_panicked)) => {
            let msg = "a fault of ours; the log has more";
            Err(Refusal::new(RefusalCode::Internal, msg))
        }
        Err(_) => Err(too_slow()),
    }
}

/// What is answered when the limit is reached.
pub(super) fn too_slow() -> Refusal {
    let msg = "not done within 5 seconds; a command goes on all the same: repeat it with the same \
               request_id to learn how it ended";
    Refusal::new(RefusalCode::TimedOut, msg)
}

fn other_methods(call: &Call, methods: &[hyper::Method]) -> Response {
    let allow = edge::allow_header(methods);
    if call.method == hyper::Method::OPTIONS {
        return edge::unhandled(&call.method, &allow);
    }
    let names = allow.to_str().unwrap_or_default();
    let msg = format!("{} is no method of {}; allowed: {names}", call.method, call.path);
    let mut response = refuse(&Refusal::new(RefusalCode::MethodNotAllowed, msg));
    response.headers_mut().insert(hyper::header::ALLOW, allow);
    response
}

fn refuse(refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.code.status());
    edge::write(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), refusal)
}
