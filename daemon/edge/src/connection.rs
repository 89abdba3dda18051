//! One connection from its first byte to its last answer: hyper's HTTP/1 machine, the answer that
//! hyper leaves out when a head is late, and the connection's end while draining. `linger` closes
//! it.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::time::Instant;
use tower_service::Service;
use warp::reply::Response;

use super::counters::{EdgeCounters, Event};
use super::edge::{Answered, Edge, Limits, UnixPeer};
use super::linger::{End, hang_up};
use super::stream::EdgeStream;

/// While draining, how long a new connection may take over its first request, and how long a
/// connection may sit with half a head before it is cut: nothing was asked on it yet, so no answer
/// is owed. A peer that reads its last answer too slowly is cut likewise.
const DRAIN_GRACE: Duration = Duration::from_millis(500);

/// hyper's own lower limit for its buffer.
const BUFFER_BYTES_MIN: usize = 8192;

/// [`Progress::quiet_since`] while a request is handled or its answer is on its way.
const BUSY: u64 = u64::MAX;

type Wire<I> = TokioIo<EdgeStream<I>>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a connection's requests report to its driver.
struct Progress {
    opened: Instant,
    /// A request is being read or handled, so an answer is owed.
    answering: AtomicBool,
    /// Nanoseconds from `opened` to the moment since which a request may come, or [`BUSY`].
    quiet_since: AtomicU64,
    /// Notified of each request. A request is remembered until somebody waits for it, which only
    /// the drain does, once.
    asked: Notify,
    /// No further request is wanted.
    last: AtomicBool,
    /// An answer was given before the request was read to its end.
    unread: AtomicBool,
}

impl Progress {
    fn new() -> Self {
        Self {
            opened: Instant::now(),
            answering: AtomicBool::new(false),
            quiet_since: AtomicU64::new(0),
            asked: Notify::new(),
            last: AtomicBool::new(false),
            unread: AtomicBool::new(false),
        }
    }

    fn begin(&self) {
        self.answering.store(true, Relaxed);
        self.quiet_since.store(BUSY, Relaxed);
        self.asked.notify_one();
    }

    /// The answer is there; what is left is to send it.
    fn answered(&self) {
        self.answering.store(false, Relaxed);
    }

    /// hyper has taken the whole answer.
    fn sent(&self) {
        let since = u64::try_from(self.opened.elapsed().as_nanos()).unwrap_or(BUSY - 1);
        self.quiet_since.store(since, Relaxed);
    }

    /// Since when the next request may come; `None` while one is under way.
    fn quiet_since(&self) -> Option<Instant> {
        match self.quiet_since.load(Relaxed) {
            BUSY => None,
            since => Some(self.opened + Duration::from_nanos(since)),
        }
    }

    /// Ends when the connection has been idle, or has had only a part of a request's head, for
    /// `limit`. One timer serves the whole connection: when it fires, it is set again for the
    /// requests that came meanwhile. hyper's own limit makes and drops a timer for each request.
    async fn silence(&self, limit: Duration) {
        let mut look = self.opened + limit;
        loop {
            tokio::time::sleep_until(look).await;
            let now = Instant::now();
            look = match self.quiet_since() {
                None => now + limit,
                Some(since) if now < since + limit => since + limit,
                Some(_) => return,
            };
        }
    }
}

/// What the requests of one connection share. All of it but the edge belongs to the connection
/// alone. What is counted up and down for each request lies in here: on a count that all
/// connections touched, the processors would wait for each other.
struct Exchange<M, S> {
    edge: Arc<Edge<M>>,
    service: Mutex<S>,
    peer: Option<UnixPeer>,
    progress: Progress,
}

/// Serves one connection to its end.
pub(super) async fn drive<I, M, S>(io: I, peer: Option<UnixPeer>, edge: Arc<Edge<M>>)
where
    I: AsyncRead + AsyncWrite + Unpin + Send,
    M: Fn() -> S + 'static,
    S: Service<Request<Full<Bytes>>, Response = Response, Error = Infallible> + 'static,
{
    let counters = Arc::clone(&edge.counters);
    let _open = counters.open();
    let limits = edge.limits.now();
    let service = Mutex::new((edge.make_service)());
    let exchange = Arc::new(Exchange { edge, service, peer, progress: Progress::new() });
    let service = service_fn({
        let exchange = Arc::clone(&exchange);
        // Boxed, because taking the stream back from hyper wants futures that can be moved.
        move |request| Box::pin(respond(Arc::clone(&exchange), request))
    });
    let wire = TokioIo::new(EdgeStream::new(io, limits.body_timeout));
    let mut connection = builder(&limits).serve_connection(wire, service);

    let progress = &exchange.progress;
    let finished = tokio::select! {
        biased;
        finished = finish(&mut connection) => Some(Finished::ByItself(finished)),
        () = exchange.edge.closing.begun() => {
            drain(&mut connection, progress).await.map(Finished::ByItself)
        }
        () = progress.silence(limits.header_timeout) => Some(Finished::Silent),
    };
    let Some(finished) = finished else { return };
    let parts = connection.into_parts();
    let stream = parts.io.into_inner();
    let end = match finished {
        Finished::ByItself(Ok(())) if progress.unread.load(Relaxed) => End::Unread,
        // Bytes came behind a request that was to be the last.
        Finished::ByItself(Ok(())) if !parts.read_buf.is_empty() => End::Unread,
        Finished::ByItself(Ok(())) => End::Clean,
        Finished::ByItself(Err(error)) => failed(&counters, &error),
        // Silence between two requests is how kept connections end: no fault, and nothing to
        // answer.
        Finished::Silent if parts.read_buf.is_empty() => End::Clean,
        Finished::Silent => {
            counters.count(Event::Timeout);
            End::Unanswered(StatusCode::REQUEST_TIMEOUT)
        }
    };
    hang_up(stream, end, limits.body_timeout, &exchange.edge.closing).await;
}

/// Why a connection isn't driven any more.
enum Finished {
    /// hyper is done with it.
    ByItself(hyper::Result<()>),
    /// No request came in time.
    Silent,
}

fn builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .max_header_size(limits.header_bytes_max)
        .max_buf_size(
            BUFFER_BYTES_MIN.max(limits.header_bytes_max.saturating_add(limits.body_bytes_max)),
        )
        // One buffer per answer: answers are small, and `EdgeStream` sees each head from its start.
        .writev(false)
        // Otherwise a client that hangs up would cancel its handler between two awaits: after the
        // reservation, say, and before the publish.
        .half_close(true);
    builder
}

async fn respond<M, S>(
    exchange: Arc<Exchange<M, S>>,
    request: Request<Incoming>,
) -> Result<hyper::Response<Sending<M, S>>, Infallible>
where
    S: Service<Request<Full<Bytes>>, Response = Response, Error = Infallible>,
{
    let Exchange { edge, service, peer, progress } = &*exchange;
    progress.begin();
    let answered = edge.answer(service, *peer, request).await;
    progress.answered();
    let mut response = match answered {
        Answered::Whole(response) => response,
        Answered::Unread(response) => {
            progress.unread.store(true, Relaxed);
            response
        }
    };
    if progress.last.load(Relaxed) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|body| Sending { body, exchange }))
}

/// warp's body, which has no public name.
type WarpBody = <Response as Whole>::Body;

trait Whole {
    type Body;
}

impl<B> Whole for hyper::Response<B> {
    type Body = B;
}

/// The body of an answer, which may be a stream without an end. hyper drops the body once it has
/// all of it.
struct Sending<M, S> {
    body: WarpBody,
    exchange: Arc<Exchange<M, S>>,
}

impl<M, S> Drop for Sending<M, S> {
    fn drop(&mut self) {
        self.exchange.progress.sent();
    }
}

impl<M, S> Body for Sending<M, S> {
    type Data = <WarpBody as Body>::Data;
    type Error = <WarpBody as Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Runs the connection to its end, but leaves the stream open.
async fn finish<I, S>(connection: &mut http1::Connection<Wire<I>, S>) -> hyper::Result<()>
where
    I: AsyncRead + AsyncWrite + Unpin,
    S: HttpService<Incoming, Future: Unpin> + Unpin,
    S::Error: Into<BoxError>,
    S::ResBody: 'static,
    <S::ResBody as Body>::Error: Into<BoxError>,
{
    poll_fn(|context| connection.poll_without_shutdown(context)).await
}

/// Lets the connection answer what it owes, and no more. `None`: it owed nothing and was idle.
///
/// A connection that was opened a moment ago has its request on the way. Its client has no reason
/// to think that the request could be lost, as a client has on a connection that idled between two
/// requests. So it gets time to send the request.
async fn drain<I, S>(
    connection: &mut http1::Connection<Wire<I>, S>,
    progress: &Progress,
) -> Option<hyper::Result<()>>
where
    I: AsyncRead + AsyncWrite + Unpin,
    S: HttpService<Incoming, Future: Unpin> + Unpin,
    S::Error: Into<BoxError>,
    S::ResBody: 'static,
    <S::ResBody as Body>::Error: Into<BoxError>,
{
    progress.last.store(true, Relaxed);
    tokio::select! {
        biased;
        finished = finish(connection) => return Some(finished),
        () = progress.asked.notified() => {}
        () = tokio::time::sleep(DRAIN_GRACE) => {}
    }
    Pin::new(&mut *connection).graceful_shutdown();
    loop {
        match tokio::time::timeout(DRAIN_GRACE, finish(connection)).await {
            Ok(finished) => return Some(finished),
            Err(_) if progress.answering.load(Relaxed) => {}
            Err(_) => return None,
        }
    }
}

/// Counts what ended the connection, and returns how it is to be closed.
fn failed(counters: &EdgeCounters, error: &hyper::Error) -> End {
    tracing::debug!(%error, "a connection ended early");
    let (event, end) = if error.is_parse_version_h2() {
        (Event::Malformed, End::Unanswered(StatusCode::BAD_REQUEST))
    } else if error.is_parse_too_large() {
        (Event::TooLarge, End::Unread)
    } else if error.is_parse() {
        (Event::Malformed, End::Unread)
    } else {
        return End::Clean;
    };
    counters.count(event);
    end
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, timeout};

    use super::Progress;

    const LIMIT: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn silence_is_counted_from_the_last_answers_end_and_never_within_one() {
        let progress = Progress::new();
        progress.begin();
        let silence = progress.silence(LIMIT);
        tokio::pin!(silence);
        let mut is_over = async |within: Duration| timeout(within, &mut silence).await.is_ok();
        assert!(!is_over(3 * LIMIT).await, "a request takes its time");
        progress.answered();
        assert!(!is_over(3 * LIMIT).await, "an answer is a stream");
        let since = Instant::now();
        progress.sent();
        assert!(is_over(Duration::from_secs(20)).await);
        assert!(LIMIT <= since.elapsed(), "over after {:?}", since.elapsed());
    }
}
