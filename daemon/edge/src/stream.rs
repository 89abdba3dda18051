//! The bytes under hyper, with two things that hyper leaves out: a body on the faults that it
//! answers by itself, and a limit on a peer that never reads what we write.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use hyper::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::reply;

/// A connection's stream.
///
/// A head that can't be parsed never reaches a service: hyper writes `HTTP/1.1 431 …` with an empty
/// body and offers no hook. Such an answer is recognised by its form (4xx, `content-length: 0`, no
/// content type), which no answer of ours has, and written with its JSON instead.
pub(super) struct EdgeStream<I> {
    io: I,
    stall_max: Duration,
    stall: Option<Pin<Box<Sleep>>>,
    /// What is left of an answer that is written in place of hyper's.
    instead: Option<Bytes>,
}

impl<I> EdgeStream<I> {
    /// `stall_max`: how long a write may make no progress before the connection is given up.
    pub(super) const fn new(io: I, stall_max: Duration) -> Self {
        Self { io, stall_max, stall: None, instead: None }
    }
}

impl<I: AsyncWrite + Unpin> EdgeStream<I> {
    fn poll_progress(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = Pin::new(&mut self.io).poll_write(cx, bytes) {
            self.stall = None;
            return Poll::Ready(written);
        }
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(self.stall_max)));
        ready!(stall.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer doesn't read")))
    }

    fn poll_instead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(mut rest) = self.instead.take() {
            let written = self.poll_progress(cx, &rest);
            if let Poll::Ready(Ok(count)) = written {
                rest.advance(count);
            }
            if !rest.is_empty() {
                self.instead = Some(rest);
            }
            if ready!(written)? == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for EdgeStream<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for EdgeStream<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.instead.is_none() {
            let Some(status) = bare_fault(bytes) else { return self.poll_progress(cx, bytes) };
            self.instead = Some(reply::raw_fault(status).into());
        }
        // Until our answer is written, this returns `Pending`, and hyper offers the same bytes
        // again.
        ready!(self.poll_instead(cx))?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// The status of an answer that hyper made by itself.
fn bare_fault(bytes: &[u8]) -> Option<StatusCode> {
    const STATUS_AT: usize = "HTTP/1.1 ".len();
    let code = bytes.get(STATUS_AT..STATUS_AT + 3)?;
    if !bytes.starts_with(b"HTTP/1.") || code[0] != b'4' {
        return None;
    }
    let head = std::str::from_utf8(bytes).ok()?.strip_suffix("\r\n\r\n")?;
    let bare = head.contains("\r\ncontent-length: 0") && !head.contains("\r\ncontent-type:");
    bare.then(|| StatusCode::from_bytes(code).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::{EdgeStream, bare_fault};

    #[test]
    fn only_a_bare_fault_is_one() {
        let bare = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(bare_fault(bare).unwrap(), 431);
        for other in [
            "",
            "HTTP/1.1 4",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 405 X\r\ncontent-type: application/json\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}",
            "{\"HTTP/1.1 400\"}",
        ] {
            assert_eq!(bare_fault(other.as_bytes()), None, "{other:?}");
        }
    }

    #[tokio::test]
    async fn a_bare_fault_is_written_with_its_body_through_the_narrowest_pipe() {
        let (near, mut far) = duplex(1);
        let mut stream = EdgeStream::new(near, Duration::from_secs(60));
        let writing = tokio::spawn(async move {
            stream
                .write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
                .await
                .unwrap();
            stream.write_all(b"after").await.unwrap();
        });
        let mut seen = String::new();
        far.read_to_string(&mut seen).await.unwrap();
        writing.await.unwrap();
        assert!(seen.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{seen}");
        assert!(seen.ends_with("\"data\":null}after"), "{seen}");
    }

    #[tokio::test]
    async fn a_peer_that_never_reads_is_given_up() {
        let (near, _far) = duplex(8);
        let mut stream = EdgeStream::new(near, Duration::from_millis(20));
        let error = stream.write_all(b"more than eight bytes").await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    }
}
