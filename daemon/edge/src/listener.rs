//! The accept loop: a cap on connections, what to do about failing accepts, and the drain.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use rustix::io::Errno;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tower_service::Service;
use warp::reply::Response;

use super::connection::drive;
use super::counters::{EdgeCounters, Event};
use super::edge::{Closing, Edge, Gate, LiveLimits, UnixPeer};

/// How long accepting rests when the process or the machine is out of descriptors or memory: time
/// for connections to end. Until then the kernel queues.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Where connections come from.
#[derive(Debug)]
pub enum Listener {
    /// The network.
    Tcp(TcpListener),
    /// This machine.
    Unix(Arc<UnixPlace>),
}

/// A Unix listener in whose place another may be put while connections are accepted: its file may
/// be lost, and only a new one has a file again. Connections that were accepted go on.
#[derive(Debug)]
pub struct UnixPlace {
    current: ArcSwap<UnixListener>,
    replaced: Notify,
}

impl From<UnixListener> for UnixPlace {
    fn from(listener: UnixListener) -> Self {
        Self { current: ArcSwap::from_pointee(listener), replaced: Notify::new() }
    }
}

impl UnixPlace {
    /// Accepts on another listener from now on.
    pub fn replace(&self, listener: UnixListener) {
        self.current.store(Arc::new(listener));
        self.replaced.notify_waiters();
    }

    async fn accept(&self) -> io::Result<UnixStream> {
        loop {
            // Asked for before the look, so that no replacement is missed.
            let replaced = self.replaced.notified();
            let current = self.current.load_full();
            tokio::select! {
                accepted = current.accept() => return accepted.map(|(stream, _)| stream),
                () = replaced => {}
            }
        }
    }
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Serves the listener until `cancel`, then returns when every request that was begun is answered.
/// Idle connections are closed at once, answers given meanwhile carry `Connection: close`.
///
/// There is no deadline here: dropping the future cuts whatever is left, so the caller puts one
/// over it. `make_service` gives `warp::service(filter)`, once for each connection, with nothing in
/// it that another's service counts, locks or clones as well: its filter is cloned for each
/// request, and processors that share a count wait for each other. `gate` looks at each head before
/// the body is read. `limits` are [`Limits`](super::Limits), or [`LiveLimits`] that somebody else
/// may change meanwhile.
///
/// # Errors
/// The listener is broken for good (not: out of descriptors, which is waited out). What was in
/// flight is answered all the same.
pub async fn serve<M, S>(
    listener: Listener,
    make_service: M,
    gate: Gate,
    limits: impl Into<LiveLimits>,
    counters: Arc<EdgeCounters>,
    cancel: CancellationToken,
) -> io::Result<()>
where
    M: Fn() -> S + Send + Sync + 'static,
    S: Service<Request<Full<Bytes>>, Response = Response, Error = Infallible>,
    S: Send + 'static,
    S::Future: Send,
{
    let mut connections = JoinSet::new();
    let edge = Arc::new(Edge {
        make_service,
        gate,
        limits: limits.into(),
        counters,
        closing: Closing::default(),
    });
    let ended = accept_until(&cancel, &listener, &edge, &mut connections).await;
    drop(listener);
    edge.closing.begin();
    while let Some(joined) = connections.join_next().await {
        reap(&edge.counters, joined);
    }
    ended
}

async fn accept_until<M, S>(
    cancel: &CancellationToken,
    listener: &Listener,
    edge: &Arc<Edge<M>>,
    connections: &mut JoinSet<()>,
) -> io::Result<()>
where
    M: Fn() -> S + Send + Sync + 'static,
    S: Service<Request<Full<Bytes>>, Response = Response, Error = Infallible>,
    S: Send + 'static,
    S::Future: Send,
{
    loop {
        // Asked for before the limits are looked at, so that no change is missed.
        let changed = edge.limits.changed();
        // Without room no connection is accepted: those that come stay in the kernel's queue.
        let connections_max = edge.limits.now().connections_max;
        edge.counters.note_limit(connections_max);
        let has_room = connections.len() < connections_max;
        let (stream, peer) = tokio::select! {
            biased;
            () = cancel.cancelled() => return Ok(()),
            Some(joined) = connections.join_next() => {
                reap(&edge.counters, joined);
                continue;
            }
            () = changed => continue,
            accepted = accept(listener, &edge.counters), if has_room => accepted?,
        };
        let edge = Arc::clone(edge);
        connections.spawn(async move {
            match stream {
                Stream::Tcp(stream) => drive(stream, peer, edge).await,
                Stream::Unix(stream) => drive(stream, peer, edge).await,
            }
        });
    }
}

/// The next connection.
async fn accept(
    listener: &Listener,
    counters: &EdgeCounters,
) -> io::Result<(Stream, Option<UnixPeer>)> {
    loop {
        match accept_one(listener).await {
            Ok(accepted) => return Ok(accepted),
            Err(error) => match judge(&error) {
                Verdict::Ignore => {}
                Verdict::Rest => {
                    counters.count(Event::AcceptFailure);
                    tracing::warn!(%error, "cannot accept a connection; trying again");
                    tokio::time::sleep(ACCEPT_REST).await;
                }
                Verdict::GiveUp => return Err(error),
            },
        }
    }
}

async fn accept_one(listener: &Listener) -> io::Result<(Stream, Option<UnixPeer>)> {
    match listener {
        Listener::Tcp(listener) => {
            let (stream, _) = listener.accept().await?;
            // An answer is one small segment: waiting for an acknowledgement before sending it
            // would only add time. A socket that refuses the option is gone already, and says so
            // when read.
            let _ = stream.set_nodelay(true);
            Ok((Stream::Tcp(stream), None))
        }
        Listener::Unix(listener) => {
            let stream = listener.accept().await?;
            // Without credentials the peer can't be judged, so the connection counts as gone.
            let credentials = stream
                .peer_cred()
                .map_err(|_| io::Error::from(io::ErrorKind::ConnectionAborted))?;
            let peer =
                UnixPeer { uid: credentials.uid(), gid: credentials.gid(), pid: credentials.pid() };
            Ok((Stream::Unix(stream), Some(peer)))
        }
    }
}

/// What a failed accept says.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// The failure is about that one connection only, which is gone.
    Ignore,
    /// The failure is about this moment: a rest helps.
    Rest,
    /// The failure is about the listener itself.
    GiveUp,
}

fn judge(error: &io::Error) -> Verdict {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => Verdict::Rest,
        // Linux's accept also passes on the pending network errors of the new connection
        // (accept(2)).
        Some(
            Errno::CONNABORTED
            | Errno::INTR
            | Errno::AGAIN
            | Errno::PERM
            | Errno::PROTO
            | Errno::NETDOWN
            | Errno::NOPROTOOPT
            | Errno::HOSTDOWN
            | Errno::NONET
            | Errno::HOSTUNREACH
            | Errno::OPNOTSUPP
            | Errno::NETUNREACH,
        ) => Verdict::Ignore,
        Some(_) => Verdict::GiveUp,
        None if error.kind() == io::ErrorKind::ConnectionAborted => Verdict::Ignore,
        None => Verdict::GiveUp,
    }
}

/// Handlers' panics are contained; what arrives here happened in our own code around them.
fn reap(counters: &EdgeCounters, joined: Result<(), JoinError>) {
    if joined.is_err_and(|error| error.is_panic()) {
        counters.count(Event::Panic);
        tracing::error!("the task of a connection panicked");
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use rustix::io::Errno;

    use super::{Verdict, judge};

    #[test]
    fn accept_failures_are_told_apart() {
        for (errno, verdict) in [
            (Errno::CONNABORTED, Verdict::Ignore),
            (Errno::MFILE, Verdict::Rest),
            (Errno::NFILE, Verdict::Rest),
            (Errno::INVAL, Verdict::GiveUp),
            (Errno::BADF, Verdict::GiveUp),
        ] {
            assert_eq!(judge(&io::Error::from(errno)), verdict, "{errno:?}");
        }
        assert_eq!(judge(&io::ErrorKind::ConnectionAborted.into()), Verdict::Ignore);
        assert_eq!(judge(&io::Error::other("?")), Verdict::GiveUp);
    }
}
