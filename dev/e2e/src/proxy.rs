//! A wire with bad weather: a TCP proxy between the daemon and what it talks to. It delays, holds
//! back and resets, and never changes or loses a byte of a connection that it doesn't reset: what
//! comes out is a prefix of what went in, as with any network.

use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::Result;
use rustix::net::sockopt::set_socket_linger;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Bytes that are carried at once; the kernel's buffers hold more back.
const CHUNK_BYTES: usize = 16 << 10;

/// How the wire is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Nothing is wrong.
    Clear,
    /// Each piece takes this much longer, in each direction.
    Slow(Duration),
    /// Questions arrive, answers are held back.
    AnswersHeld,
    /// Half-open: connections stand, new ones too, and nothing goes either way.
    Silent,
}

/// The state of the wire, and how often all connections were reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    weather: Weather,
    resets: u32,
}

/// A running proxy. Dropped, it ends with its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: watch::Sender<State>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens at an address, with port 0 on a free one, and carries to a target.
    ///
    /// # Errors
    /// The address can't be listened on.
    pub async fn start(listen: &str, target: &str) -> Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let (state, watched) = watch::channel(State { weather: Weather::Clear, resets: 0 });
        let target = target.to_owned();
        let accepting = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (target, watched) = (target.clone(), watched.clone());
                tokio::spawn(async move { carry(near, &target, watched).await });
            }
        });
        Ok(Self { address, state, accepting })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the weather, for connections that stand as well.
    pub fn set(&self, weather: Weather) {
        self.state.send_modify(|state| state.weather = weather);
    }

    /// Resets every connection (RST), with whatever was held back.
    pub fn reset(&self) {
        self.state.send_modify(|state| state.resets += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        // The connections end with the sender of the state.
    }
}

/// Carries one connection until an end closes, the target is away, or it is reset.
async fn carry(near: TcpStream, target: &str, mut state: watch::Receiver<State>) {
    let Ok(far) = TcpStream::connect(target).await else { return };
    let small = near.set_nodelay(true).and_then(|()| far.set_nodelay(true));
    // Other names of both sockets, to change their end by while they are in use.
    let handles = (near.as_fd().try_clone_to_owned(), far.as_fd().try_clone_to_owned());
    let (Ok(()), (Ok(near_handle), Ok(far_handle))) = (small, handles) else { return };
    let resets = state.borrow().resets;
    let ((near_read, near_write), (far_read, far_write)) = (split(near), split(far));
    let watched = state.clone();
    tokio::select! {
        () = pump(near_read, far_write, state.clone(), Direction::Question) => {}
        () = pump(far_read, near_write, watched, Direction::Answer) => {}
        _ = state.wait_for(|state| state.resets != resets) => {
            for handle in [near_handle, far_handle] {
                // Closed with no time to linger, a socket says RST and no goodbye.
                let _ = set_socket_linger(handle, Some(Duration::ZERO));
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Question,
    Answer,
}

impl Weather {
    fn lets_through(self, direction: Direction) -> bool {
        match self {
            Self::Clear | Self::Slow(_) => true,
            Self::AnswersHeld => direction == Direction::Question,
            Self::Silent => false,
        }
    }
}

async fn pump(
    mut from: ReadHalf<TcpStream>,
    mut to: WriteHalf<TcpStream>,
    mut state: watch::Receiver<State>,
    direction: Direction,
) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(count @ 1..) = from.read(&mut chunk).await {
        let weather = match state.wait_for(|state| state.weather.lets_through(direction)).await {
            Ok(state) => state.weather,
            Err(_) => return,
        };
        if let Weather::Slow(delay) = weather {
            tokio::time::sleep(delay).await;
        }
        if to.write_all(&chunk[..count]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use anyhow::{Context, Result};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::timeout;

    use super::{Proxy, Weather};

    const SOON: Duration = Duration::from_secs(10);
    /// Long enough for what isn't held back to come.
    const HELD: Duration = Duration::from_millis(100);

    async fn wire() -> Result<(Proxy, TcpStream, TcpStream)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let proxy = Proxy::start("127.0.0.1:0", &listener.local_addr()?.to_string()).await?;
        let near = TcpStream::connect(proxy.address()).await?;
        let (far, _) = timeout(SOON, listener.accept()).await??;
        Ok((proxy, near, far))
    }

    async fn arrives(stream: &mut TcpStream, text: &str) -> Result<()> {
        let mut bytes = vec![0; text.len()];
        timeout(SOON, stream.read_exact(&mut bytes)).await.context("nothing came")??;
        assert_eq!(bytes, text.as_bytes());
        Ok(())
    }

    #[tokio::test]
    async fn what_is_held_back_comes_later_and_in_order() -> Result<()> {
        let (proxy, mut near, mut far) = wire().await?;
        near.write_all(b"one").await?;
        arrives(&mut far, "one").await?;
        proxy.set(Weather::AnswersHeld);
        near.write_all(b"two").await?;
        arrives(&mut far, "two").await?;
        far.write_all(b"held").await?;
        assert!(timeout(HELD, near.read_u8()).await.is_err(), "an answer came through");
        proxy.set(Weather::Silent);
        near.write_all(b"three").await?;
        assert!(timeout(HELD, far.read_u8()).await.is_err(), "a question came through");
        proxy.set(Weather::Slow(Duration::from_millis(1)));
        arrives(&mut near, "held").await?;
        arrives(&mut far, "three").await
    }

    #[tokio::test]
    async fn a_reset_is_a_reset_at_both_ends() -> Result<()> {
        let (proxy, mut near, mut far) = wire().await?;
        near.write_all(b"one").await?;
        arrives(&mut far, "one").await?;
        proxy.reset();
        for stream in [&mut near, &mut far] {
            let ended = timeout(SOON, stream.read_u8()).await?;
            let kind = ended.map_err(|error| error.kind());
            assert_eq!(kind, Err(std::io::ErrorKind::ConnectionReset));
        }
        Ok(())
    }
}
