//! One request at the edge: its body is read within the limits, then the service is called and its
//! panic contained. Connections are `connection`'s business.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::poll;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, EXPECT, HeaderMap, HeaderName, HeaderValue,
    TRANSFER_ENCODING,
};
use hyper::http::request::Parts;
use hyper::{Request, StatusCode, Uri};
use instruments::panics::contain;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio_util::sync::CancellationToken;
use tower_service::Service;
use warp::reply::Response;

use super::counters::{EdgeCounters, Event};
use super::reply;

/// Limits of one listener. The head of this crate says what happens at each limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; further ones wait in the kernel's queue.
    pub connections_max: usize,
    /// Time for a request's head, and also for the silence between two requests.
    pub header_timeout: Duration,
    /// Time for a request's body, and also for a client to read any part of its answer.
    pub body_timeout: Duration,
    /// Bytes of a request's head.
    pub header_bytes_max: usize,
    /// Bytes of a request's body.
    pub body_bytes_max: usize,
}

/// Limits that may change while the listener serves. Clones share the limits. A change of those on
/// connections and bodies holds at once, a change of those on heads and on reading answers for
/// connections from then on.
#[derive(Debug, Clone)]
pub struct LiveLimits(Arc<Live>);

#[derive(Debug)]
struct Live {
    now: ArcSwap<Limits>,
    changed: Notify,
}

impl From<Limits> for LiveLimits {
    fn from(limits: Limits) -> Self {
        Self(Arc::new(Live { now: ArcSwap::from_pointee(limits), changed: Notify::new() }))
    }
}

impl LiveLimits {
    /// The limits now.
    #[must_use]
    pub fn now(&self) -> Limits {
        **self.0.now.load()
    }

    /// Puts other limits in force.
    pub fn change(&self, now: Limits) {
        self.0.now.store(Arc::new(now));
        self.0.changed.notify_waiters();
    }

    /// Ends with the next change after this call, polled or not.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.0.changed.notified()
    }
}

/// A process of this machine at the other end of a Unix socket, as the kernel knew it at its
/// `connect`. It stands in the extensions of the process's requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnixPeer {
    /// Its effective user.
    pub uid: u32,
    /// Its effective group; the kernel doesn't report supplementary groups.
    pub gid: u32,
    /// Its process id: for the log only, since numbers are used again.
    pub pid: Option<i32>,
}

/// Decides by a request's head alone whether its body is of use. Where the body isn't, the service
/// answers at once and without it, so that no client sends in vain.
pub type Gate = Box<dyn Fn(&Parts) -> bool + Send + Sync>;

/// In the extensions of a request whose body was left out, because its head determines the answer:
/// the path, the method, the type or the coding of the body.
#[derive(Debug, Clone, Copy)]
pub(super) struct LeftOut;

/// What all connections of a listener share.
pub(super) struct Edge<M> {
    /// Makes the service of one connection.
    pub(super) make_service: M,
    pub(super) gate: Gate,
    pub(super) limits: LiveLimits,
    pub(super) counters: Arc<EdgeCounters>,
    pub(super) closing: Closing,
}

/// Signals all connections of a listener that no further request is wanted.
#[derive(Debug, Default)]
pub(super) struct Closing {
    has_begun: AtomicBool,
    token: CancellationToken,
}

impl Closing {
    pub(super) fn begin(&self) {
        self.has_begun.store(true, Ordering::Release);
        self.token.cancel();
    }

    /// Ends when `begin` is called. This future is polled for each request, and each poll of the
    /// token takes two locks. So the token is polled only once to register the waker, and again
    /// after `has_begun` is set. The future must stay with the task that polls it first.
    pub(super) async fn begun(&self) {
        let mut cancelled = pin!(self.token.cancelled());
        let mut is_asked = false;
        poll_fn(|context| {
            if is_asked && !self.has_begun.load(Ordering::Acquire) {
                return Poll::Pending;
            }
            is_asked = true;
            cancelled.as_mut().poll(context)
        })
        .await;
    }
}

/// An answer, and whether the request was read to its end.
pub(super) enum Answered {
    Whole(Response),
    /// Bytes of the request may be unread or on their way: the connection must end with this
    /// answer, and not so abruptly that the answer is lost.
    Unread(Response),
}

impl<M> Edge<M> {
    /// Answers one request.
    pub(super) async fn answer<S>(
        &self,
        service: &Mutex<S>,
        peer: Option<UnixPeer>,
        request: Request<Incoming>,
    ) -> Answered
    where
        S: Service<Request<Full<Bytes>>, Response = Response, Error = Infallible>,
    {
        self.counters.count(Event::Request);
        let (mut parts, body) = request.into_parts();
        if let Some(peer) = peer {
            parts.extensions.insert(peer);
        }
        if parts.uri.path_and_query().is_none() {
            // An authority alone, as `CONNECT` has it, names no path of ours, and warp's reader of
            // paths panics at it. No route has the path `/`.
            parts.uri = Uri::from_static("/");
        }
        let coded = !body.is_end_stream() && is_coded(&parts.headers);
        if coded || !(self.gate)(&parts) {
            return self.answer_without(service, parts, body, coded).await;
        }
        match self.read_body(body).await {
            Ok(body) => {
                let request = Request::from_parts(parts, Full::new(body));
                Answered::Whole(self.call(service, request).await)
            }
            Err(status) => Answered::Unread(closed_after(reply::fault(status))),
        }
    }

    /// Answers a request whose body is of no use, before it has come: a client that waits for
    /// `100 Continue` never gets it, and sends no body.
    async fn answer_without<S>(
        &self,
        service: &Mutex<S>,
        mut parts: Parts,
        body: Incoming,
        coded: bool,
    ) -> Answered
    where
        S: Service<Request<Full<Bytes>>, Response = Response, Error = Infallible>,
    {
        let is_read = if body.is_end_stream() {
            true
        } else {
            parts.extensions.insert(LeftOut);
            !parts.headers.contains_key(EXPECT) && self.is_here(body).await
        };
        let mut response = self.call(service, Request::from_parts(parts, Full::default())).await;
        if coded && response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            // The coding that would be read instead (RFC 9110, 12.5.3).
            let identity = HeaderValue::from_static("identity");
            response.headers_mut().insert(ACCEPT_ENCODING, identity);
        }
        if is_read { Answered::Whole(response) } else { Answered::Unread(closed_after(response)) }
    }

    /// Whether a body, within the limit, came together with its head: then the request is read, and
    /// the connection can go on.
    async fn is_here(&self, body: Incoming) -> bool {
        let mut reading = pin!(Limited::new(body, self.limits.now().body_bytes_max).collect());
        matches!(poll!(reading.as_mut()), Poll::Ready(Ok(_)))
    }

    /// Calls the service; its panic is an answer too.
    async fn call<S>(&self, service: &Mutex<S>, request: Request<Full<Bytes>>) -> Response
    where
        S: Service<Request<Full<Bytes>>, Response = Response, Error = Infallible>,
    {
        let mut handling = pin!(async {
            // Held for the call alone; a panic in it leaves nothing behind that matters.
            let answer = service.lock().unwrap_or_else(PoisonError::into_inner).call(request);
            answer.await
        });
        match contain(handling.as_mut()).await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(panicked) => {
                self.counters.count(Event::Panic);
                tracing::error!(message = panicked.0, "a request handler panicked");
                reply::fault(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }

    async fn read_body(&self, body: Incoming) -> Result<Bytes, StatusCode> {
        if body.is_end_stream() {
            return Ok(Bytes::new());
        }
        let Limits { body_bytes_max: bytes_max, body_timeout, .. } = self.limits.now();
        // A length that is announced is judged before a byte is read (and before `100 Continue`).
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if bytes_max < announced {
            self.counters.count(Event::TooLarge);
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        let mut reading = pin!(Limited::new(body, bytes_max).collect());
        // Mostly the body came together with its head: then no timer is made for it.
        let read = match poll!(reading.as_mut()) {
            Poll::Ready(read) => Ok(read),
            Poll::Pending => tokio::time::timeout(body_timeout, reading).await,
        };
        match read {
            Ok(Ok(collected)) => Ok(collected.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                self.counters.count(Event::TooLarge);
                Err(StatusCode::PAYLOAD_TOO_LARGE)
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "a request's body broke off");
                self.counters.count(Event::Malformed);
                Err(StatusCode::BAD_REQUEST)
            }
            Err(_) => {
                self.counters.count(Event::Timeout);
                Err(StatusCode::REQUEST_TIMEOUT)
            }
        }
    }
}

/// Whether the body was compressed or otherwise coded, as content or for the transfer. Nothing here
/// decodes it; chunks are hyper's matter.
fn is_coded(headers: &HeaderMap) -> bool {
    let has_only = |name: HeaderName, plain: &[u8]| {
        headers.get_all(name).iter().all(|value| {
            let mut codings = value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
            codings.all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case(plain))
        })
    };
    !has_only(CONTENT_ENCODING, b"identity") || !has_only(TRANSFER_ENCODING, b"chunked")
}

fn closed_after(mut response: Response) -> Response {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
