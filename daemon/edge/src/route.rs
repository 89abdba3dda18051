//! A listener's paths as a table behind one filter, which answers every method of a path: the
//! listed ones by its handler, `OPTIONS` by the list, all others by 405. Warp's own method filters
//! reject, and a pile of rejections doesn't say which methods a path has.
//!
//! The same table is the listener's gate, which decides by the head alone whether a body is of use.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use warp::path::FullPath;
use warp::reply::Response;
use warp::{Filter, Rejection};

use super::edge::{Gate, LeftOut};
use super::{UnixPeer, path, recover, reply};

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
    /// The body was left out because it couldn't be read: its type isn't one of the route's, or it
    /// is compressed. A handler that needs the body answers 415.
    pub body_left_out: bool,
    /// The process that asks; `None` for a client on the network.
    pub peer: Option<UnixPeer>,
}

/// An answer that is being made.
type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// How a request may spell a route's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// As it is.
    Exact,
    /// As the Java services' framework reads it.
    Lenient,
}

/// Whether a body of this `Content-Type`, in a request with this query string, is of use.
type Reads = fn(content_type: Option<&str>, query: &str) -> bool;

/// One path: its methods, and what answers them.
pub struct Route {
    path: &'static str,
    spelling: Spelling,
    methods: &'static [Method],
    reads: Reads,
    handler: Box<dyn Fn(Call) -> Answering + Send + Sync>,
}

/// A path with its methods and their handler. The path is compared as it came: nothing is decoded,
/// and a slash at the end makes another path, unless it is [`Route::of_the_contract`].
pub fn route<H, F>(path: &'static str, methods: &'static [Method], handler: H) -> Route
where
    H: Fn(Call) -> F + Send + Sync + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    Route {
        path,
        spelling: Spelling::Exact,
        methods,
        reads: |_, _| true,
        handler: Box::new(move |call| Box::pin(handler(call))),
    }
}

impl Route {
    /// The path is one of the contract with the Java services' clients: every spelling that their
    /// framework takes for it is taken, and a body that `reads` rejects isn't waited for.
    #[must_use]
    pub fn of_the_contract(self, reads: Reads) -> Self {
        Self { spelling: Spelling::Lenient, reads, ..self }
    }
}

/// The gate of a listener that answers from a [`table`] of these routes.
pub fn gate(routes: Vec<Route>) -> Gate {
    Box::new(move |head: &Parts| {
        let Some(route) = find(&routes, head.uri.path()) else { return false };
        let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        allows(route.methods, &head.method)
            && (route.reads)(content_type, head.uri.query().unwrap_or_default())
    })
}

/// The route of a path as it came.
fn find<'r>(routes: &'r [Route], path: &str) -> Option<&'r Route> {
    // Nearly every path is spelled exactly: then no text is allocated for it.
    let exact = routes.iter().find(|route| route.path == path);
    exact.or_else(|| {
        let mut lenient = routes.iter().filter(|route| route.spelling == Spelling::Lenient);
        let plain = path::lenient(path)?;
        lenient.find(|route| route.path == plain)
    })
}

/// The filter of all these paths, which answers every request. With warp's own `or` each request
/// would pass every path before its own, in a future as large as all of them.
pub fn table(
    routes: Vec<Route>,
) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + Send + Sync + 'static {
    let routes: Arc<[Route]> = routes.into();
    anywhere(move |call: Call| answer(&routes, call)).recover(recover).unify()
}

fn answer(routes: &[Route], call: Call) -> Answering {
    let refusal = match find(routes, &call.path) {
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

/// Takes the request apart. No request that came through our listener is rejected.
fn call() -> impl Filter<Extract = (Call,), Error = Rejection> + Copy {
    warp::method()
        .and(warp::path::full())
        .and(warp::query::raw().or_else(|_| ready(Ok::<_, Rejection>((String::new(),)))))
        .and(warp::header::optional::<String>("content-type"))
        .and(warp::body::bytes())
        .and(warp::ext::optional::<UnixPeer>())
        .and(warp::ext::optional::<LeftOut>())
        .map(|method, path: FullPath, query, content_type, body, peer, left_out| Call {
            method,
            path: path.as_str().to_owned(),
            query,
            content_type,
            body,
            body_left_out: Option::<LeftOut>::is_some(&left_out),
            peer,
        })
}

fn allows(methods: &[Method], method: &Method) -> bool {
    methods.contains(method) || (method == Method::HEAD && methods.contains(&Method::GET))
}

/// The answer to a method that a path doesn't have, or to `OPTIONS`.
pub fn unhandled(method: &Method, allow: &HeaderValue) -> Response {
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
pub fn allow_header(methods: &[Method]) -> HeaderValue {
    let mut names: Vec<&str> = methods.iter().map(Method::as_str).collect();
    if methods.contains(&Method::GET) {
        names.push("HEAD");
    }
    // Method names are header-safe by their grammar, so the fallback is never seen.
    HeaderValue::from_str(&names.join(", ")).unwrap_or(HeaderValue::from_static(""))
}
