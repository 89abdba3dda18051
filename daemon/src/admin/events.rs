//! The stream of `GET /v1/events`: the whole state, then numbered changes and heartbeats as the
//! observatory sends them, and a last word when the daemon ends it.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use protocol::{Line, PeerView};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use warp::Reply;
use warp::reply::Response;

use super::observatory::{Observatory, TooSlow, line};

const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// A subscriber's side of the stream.
struct Reader {
    /// The first line, until it is out.
    first: Option<Bytes>,
    lines: broadcast::Receiver<Bytes>,
    cancel: CancellationToken,
    ended: bool,
}

/// The answer that doesn't end until the daemon stops, the reader leaves, or is too slow: one that
/// is more than a few hundred lines behind is dropped, not awaited.
pub(super) async fn stream(
    observatory: &Observatory,
    you: PeerView,
    cancel: CancellationToken,
) -> Result<Response, TooSlow> {
    let subscription = observatory.subscribe(you).await?;
    let reader =
        Reader { first: Some(subscription.first), lines: subscription.lines, cancel, ended: false };
    let lines = stream::unfold(reader, |mut reader| async move {
        let line = reader.next().await?;
        Some((Ok::<_, Infallible>(line), reader))
    });
    let mut response = warp::reply::stream(lines).into_response();
    response.headers_mut().insert(CONTENT_TYPE, NDJSON);
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    Ok(response)
}

impl Reader {
    async fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let reason = tokio::select! {
            biased;
            () = self.cancel.cancelled() => "the daemon stops",
            next = self.lines.recv() => match next {
                Ok(line) => return Some(line),
                Err(broadcast::error::RecvError::Closed) => "the daemon stops",
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    "this reader is too slow: subscribe again"
                }
            },
        };
        self.ended = true;
        Some(line(&Line::Closing { reason: reason.to_owned() }))
    }
}
