//! One connection from its first byte to its close: hyper's HTTP/1 machine, the answer it leaves
//! out when a head is late, leaving while draining, and a close that doesn't destroy the last
//! answer.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tower_service::Service;
use warp::reply::Response;

use super::counters::Event;
use super::edge::{Answered, Edge, Limits, Peer};
use super::reply;
use super::stream::EdgeStream;

/// While draining, how long a new connection may take over its first request, and how long one may
/// sit with half a head before it is cut: nothing was asked on it yet, so no answer is owed. A peer
/// that reads its last answer too slowly is cut likewise.
const DRAIN_GRACE: Duration = Duration::from_millis(500);

/// After an answer to a request that wasn't read to its end, how long and how much of the rest is
/// read and thrown away. Closing with unread bytes makes the kernel send a reset, which can
/// overtake the answer and delete it on the client's side.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES_MAX: usize = 256 * 1024;

/// hyper's own lower limit for its buffer.
const BUFFER_BYTES_MIN: usize = 8192;

type Wire<I> = TokioIo<EdgeStream<I>>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a connection's requests tell its driver.
#[derive(Default)]
struct Progress {
    /// A request is being read or handled, so an answer is owed.
    answering: AtomicBool,
    /// Told of each request. It remembers that there was one until somebody waits, which the drain
    /// alone does, once.
    asked: Notify,
    /// No further request is wanted.
    last: AtomicBool,
    /// An answer was given before the request was read to its end.
    unread: AtomicBool,
}

/// How a connection came to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Everything was read and answered, or the peer is gone.
    Clean,
    /// Answered, but bytes of the request may be on their way.
    Unread,
    /// No request was read, and hyper closes without a word: say this.
    Unanswered(StatusCode),
}

/// Serves one connection to its end.
pub(super) async fn drive<I, S>(io: I, peer: Peer, edge: Arc<Edge<S>>, cancel: CancellationToken)
where
    I: AsyncRead + AsyncWrite + Unpin + Send,
    S: Service<Request<Full<Bytes>>, Response = Response, Error = Infallible> + Clone,
{
    let _open = edge.counters.open();
    let progress = Arc::new(Progress::default());
    let service = service_fn({
        let (edge, progress) = (Arc::clone(&edge), Arc::clone(&progress));
        // Boxed, because taking the stream back from hyper wants futures that can be moved.
        move |request| Box::pin(respond(Arc::clone(&edge), Arc::clone(&progress), peer, request))
    });
    let limits = edge.limits.now();
    let wire = TokioIo::new(EdgeStream::new(io, limits.body_timeout));
    let mut connection = builder(&limits).serve_connection(wire, service);

    let finished = tokio::select! {
        biased;
        finished = finish(&mut connection) => Some(finished),
        () = cancel.cancelled() => drain(&mut connection, &progress).await,
    };
    let Some(finished) = finished else { return };
    let parts = connection.into_parts();
    let stream = parts.io.into_inner();
    let end = match finished {
        Ok(()) if progress.unread.load(Relaxed) => End::Unread,
        Ok(()) => End::Clean,
        // Silence between two requests is how kept connections end: no fault, and nothing to
        // answer.
        Err(error) if error.is_timeout() && parts.read_buf.is_empty() => End::Clean,
        Err(error) => failed(&edge, &error),
    };
    hang_up(stream, end).await;
}

fn builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
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

async fn respond<S>(
    edge: Arc<Edge<S>>,
    progress: Arc<Progress>,
    peer: Peer,
    request: Request<Incoming>,
) -> Result<Response, Infallible>
where
    S: Service<Request<Full<Bytes>>, Response = Response, Error = Infallible> + Clone,
{
    progress.answering.store(true, Relaxed);
    progress.asked.notify_one();
    let answered = edge.answer(peer, request).await;
    progress.answering.store(false, Relaxed);
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
    Ok(response)
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

/// Lets the connection answer what it owes, and no more. `None`: it owed nothing and sat there.
///
/// One that was opened a moment ago has its request on the way, and its client has no reason to
/// think that it could be lost, as it has on a connection that idled between two requests: it gets
/// the time for it.
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

/// Counts what ended the connection, and tells what it needs.
fn failed<S>(edge: &Edge<S>, error: &hyper::Error) -> End {
    tracing::debug!(%error, "a connection ended early");
    let (event, end) = if error.is_timeout() {
        (Event::Timeout, End::Unanswered(StatusCode::REQUEST_TIMEOUT))
    } else if error.is_parse_version_h2() {
        (Event::Malformed, End::Unanswered(StatusCode::BAD_REQUEST))
    } else if error.is_parse_too_large() {
        (Event::TooLarge, End::Unread)
    } else if error.is_parse() {
        (Event::Malformed, End::Unread)
    } else {
        return End::Clean;
    };
    edge.counters.count(event);
    end
}

/// Sends what is still to be said, and closes.
async fn hang_up<I>(mut stream: EdgeStream<I>, end: End)
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    if let End::Unanswered(status) = end {
        let answer = reply::raw_fault(status);
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
    if stream.shutdown().await.is_err() || end == End::Clean {
        return;
    }
    // Also while draining: an answer that the close destroys wasn't given.
    let _ = tokio::time::timeout(LINGER, discard(&mut stream)).await;
}

async fn discard(stream: &mut (impl AsyncRead + Unpin)) {
    let mut rest = LINGER_BYTES_MAX;
    let mut buffer = BytesMut::with_capacity(BUFFER_BYTES_MIN);
    while 0 < rest {
        buffer.clear();
        match stream.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => rest = rest.saturating_sub(count),
        }
    }
}
