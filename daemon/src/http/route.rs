//! One filter per path, which answers every method: the listed ones by its handler, `OPTIONS` by
//! the list, all others by 405. Warp's own method filters reject, and from a pile of rejections the
//! methods that a path has can't be told any more.

use std::future::{Future, ready};

use bytes::Bytes;
use hyper::header::{ALLOW, HeaderValue};
use hyper::{Method, StatusCode};
use warp::path::FullPath;
use warp::reply::Response;
use warp::{Filter, Rejection};

use super::{UnixPeer, reply};

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

/// The filter of one path. The path is compared as it came: nothing is decoded, and a slash at the
/// end makes another path.
pub fn route<H, F>(
    path: &'static str,
    methods: &'static [Method],
    handler: H,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + 'static
where
    H: Fn(Call) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response> + Send,
{
    warp::path::full()
        .and_then(move |full: FullPath| {
            ready(if full.as_str() == path { Ok(()) } else { Err(warp::reject::not_found()) })
        })
        .untuple_one()
        .and(call())
        .then(move |call: Call| {
            let handled = if allows(methods, &call.method) {
                Ok(handler(call))
            } else {
                Err(unhandled(&call.method, &allow_header(methods)))
            };
            async move {
                match handled {
                    Ok(answer) => answer.await,
                    Err(response) => response,
                }
            }
        })
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
