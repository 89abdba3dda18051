//! A listener's paths as a table behind one filter, which answers every method of a path: the
//! listed ones by its handler, `OPTIONS` by the list, all others by 405. Warp's own method filters
//! reject, and from a pile of rejections the methods that a path has can't be told any more.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{ALLOW, HeaderValue};
use hyper::{Method, StatusCode};
use warp::path::FullPath;
use warp::reply::Response;
use warp::{Filter, Rejection};

use super::{UnixPeer, recover, reply};

/// A request as a handler gets it.
#[derive(Debug, Clone)]
pub struct Call {
    /// The method, one of the route's; `HEAD` where the route has `GET` (hyper leaves the body
    /// out).
    pub method: Method,
    /// The path as it came: nothing is decoded.
    pub path: String,
    /// The query string as it came, without the question mark; empty for none.
    pub query: String,
    /// The header `Content-Type`, where there is one.
    pub content_type: Option<String>,
    /// The whole body, within the edge's limit.
    pub body: Bytes,
    /// The process that asks; `None` for somebody on the network.
    pub peer: Option<UnixPeer>,
}

/// An answer that is being made.
type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// One path: its methods, and what answers them.
pub struct Route {
    path: &'static str,
    methods: &'static [Method],
    handler: Box<dyn Fn(Call) -> Answering + Send + Sync>,
}

/// A path with its methods and their handler. The path is compared as it came: nothing is decoded,
/// and a slash at the end makes another path.
pub fn route<H, F>(path: &'static str, methods: &'static [Method], handler: H) -> Route
where
    H: Fn(Call) -> F + Send + Sync + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    Route { path, methods, handler: Box::new(move |call| Box::pin(handler(call))) }
}

/// The filter of all these paths, which answers every request: of warp's own `or`, each request
/// would pass every path before its own, in a future as large as all of them.
pub fn table(
    routes: Vec<Route>,
) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + Send + Sync + 'static {
    let routes: Arc<[Route]> = routes.into();
    anywhere(move |call: Call| answer(&routes, call)).recover(recover).unify()
}

fn answer(routes: &[Route], call: Call) -> Answering {
    let found = routes.iter().find(|route| route.path == call.path);
    let refusal = match found {
        Some(route) if allows(route.methods, &call.method) => return (route.handler)(call),
        Some(route) => unhandled(&call.method, &allow_header(route.methods)),
        None => reply::fault(StatusCode::NOT_FOUND),
    };
    Box::pin(ready(refusal))
}

/// The filter of all paths and methods, for a handler that has a table of its own.
pub fn anywhere<H, F>(
    handler: H,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + 'static
where
    H: Fn(Call) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response> + Send,
{
    call().then(handler)
}

/// Takes the request apart. It never rejects a request that came through our listener.
fn call() -> impl Filter<Extract = (Call,), Error = Rejection> + Copy {
    warp::method()
        .and(warp::path::full())
        .and(warp::query::raw().or_else(|_| ready(Ok::<_, Rejection>((String::new(),)))))
        .and(warp::header::optional::<String>("content-type"))
        .and(warp::body::bytes())
        .and(warp::ext::optional::<UnixPeer>())
        .map(|method, path: FullPath, query, content_type, body, peer| Call {
            method,
            path: path.as_str().to_owned(),
            query,
            content_type,
            body,
            peer,
        })
}

fn allows(methods: &[Method], method: &Method) -> bool {
    methods.contains(method) || (method == Method::HEAD && methods.contains(&Method::GET))
}

/// The answer to a method that a path doesn't have, or to `OPTIONS`.
pub(crate) fn unhandled(method: &Method, allow: &HeaderValue) -> Response {
    let mut response = if method == Method::OPTIONS {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NO_CONTENT;
        response
    } else {
        reply::fault(StatusCode::METHOD_NOT_ALLOWED)
    };
    response.headers_mut().insert(ALLOW, allow.clone());
    response
}

/// `GET, HEAD`: what the route lists, and what it answers because of that.
pub(crate) fn allow_header(methods: &[Method]) -> HeaderValue {
    let mut names: Vec<&str> = methods.iter().map(Method::as_str).collect();
    if methods.contains(&Method::GET) {
        names.push("HEAD");
    }
    // Method names are header-safe by their grammar, so the fallback is never seen.
    HeaderValue::from_str(&names.join(", ")).unwrap_or(HeaderValue::from_static(""))
}
