//! The end of a connection: what is still to be said, and a close that doesn't destroy the last
//! answer.
//!
//! Closing with bytes unread makes the kernel send a reset, which can overtake the answer and
//! delete it on the client's side. So after an answer that came before the end of the request, the
//! rest of the request is read and thrown away, within a limit of time and one of bytes.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use hyper::StatusCode;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, timeout, timeout_at};

use super::edge::Closing;
use super::reply;
use super::stream::EdgeStream;

/// How much is thrown away after one answer: more than any client sends before it looks for an
/// answer, and little enough that reading it costs no more than a few dozen milliseconds of a
/// processor. A client that sends more meets the close.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// A client that has sent nothing for so long has its answer, or isn't there.
const SILENCE_MAX: Duration = Duration::from_secs(2);

/// While draining, how long a client that is still sending has for its answer.
const WHILE_DRAINING_MAX: Duration = Duration::from_millis(500);

/// The buffer into which the rest is read.
const BUFFER_BYTES: usize = 16 * 1024;

/// How a connection came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Everything that was read was answered, or the peer is gone.
    Clean,
    /// Answered, but bytes of the request may be on their way.
    Unread,
    /// No request was read, and hyper closes without a word: say this.
    Unanswered(StatusCode),
}

/// Sends what is still to be said, and closes. After an answer that came before its request's end,
/// the rest may take as long as a body (`rest_max`); a drain that begins meanwhile shortens that.
pub(super) async fn hang_up<I>(
    mut stream: EdgeStream<I>,
    end: End,
    rest_max: Duration,
    closing: &Closing,
) where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let deadline = Instant::now() + rest_max;
    if let End::Unanswered(status) = end {
        let answer = reply::raw_fault(status);
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
    if stream.shutdown().await.is_err() || (end == End::Clean && !has_more(&mut stream).await) {
        return;
    }
    let at_most = async {
        let _ = timeout_at(deadline, closing.begun()).await;
        tokio::time::sleep_until(deadline.min(Instant::now() + WHILE_DRAINING_MAX)).await;
    };
    tokio::select! {
        () = discard(&mut stream) => {}
        () = at_most => {}
    }
}

/// Whether bytes lie there already, as when a client wrote on after its last request.
async fn has_more(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut byte = [0];
    poll_fn(|context| {
        let mut buffer = ReadBuf::new(&mut byte);
        let read = Pin::new(&mut *stream).poll_read(context, &mut buffer);
        Poll::Ready(matches!(read, Poll::Ready(Ok(()))) && !buffer.filled().is_empty())
    })
    .await
}

async fn discard(stream: &mut (impl AsyncRead + Unpin)) {
    let mut rest = BYTES_MAX;
    let mut buffer = BytesMut::with_capacity(BUFFER_BYTES);
    while 0 < rest {
        buffer.clear();
        match timeout(SILENCE_MAX, stream.read_buf(&mut buffer)).await {
            Ok(Ok(count @ 1..)) => rest = rest.saturating_sub(count),
            Ok(Ok(0) | Err(_)) | Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::discard;

    #[tokio::test]
    async fn not_more_is_thrown_away_than_the_limit() {
        let mut endless = tokio::io::repeat(b'a');
        tokio::time::timeout(Duration::from_secs(60), discard(&mut endless)).await.unwrap();
    }
}
