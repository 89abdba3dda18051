//! Watches the ports of name servers and brokers by holding one silent connection to each: a
//! process that dies closes it at once, and its port answering again is seen within
//! [`RETRY_AFTER`]. No polling while all is well, no request, no account. Judges nothing: the
//! keeper does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// How long a connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Between two tries at a port that doesn't answer, and before a connection that was closed under
/// us is made again (brokers close silent ones after two minutes; a proxy may at once).
const RETRY_AFTER: Duration = Duration::from_millis(150);

/// What is known of a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Port {
    /// The first try is under way.
    Unknown,
    /// It answers. The number counts how often it came back after being down.
    Up { returns: u64 },
    /// It doesn't answer, and why.
    Down { returns: u64, why: String },
}

impl Port {
    fn returns(&self) -> u64 {
        match self {
            Self::Unknown => 0,
            Self::Up { returns } | Self::Down { returns, .. } => *returns,
        }
    }
}

/// Ports by address, `HOST:PORT`.
pub(super) type Ports = BTreeMap<String, Port>;

/// The watched ports.
pub(super) struct PortWatch {
    ports: Arc<watch::Sender<Ports>>,
    watchers: Mutex<BTreeMap<String, AbortHandle>>,
}

impl PortWatch {
    pub(super) fn new() -> Self {
        Self { ports: Arc::new(watch::Sender::default()), watchers: Mutex::default() }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Ports> {
        self.ports.subscribe()
    }

    /// Watches these ports and no others.
    pub(super) fn watch_only(&self, addresses: &[String]) {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|address, watcher| {
            let wanted = addresses.contains(address);
            if !wanted {
                watcher.abort();
                self.ports.send_if_modified(|ports| ports.remove(address).is_some());
            }
            wanted
        });
        for address in addresses {
            if watchers.contains_key(address) {
                continue;
            }
            self.ports.send_if_modified(|ports| {
                ports.insert(address.clone(), Port::Unknown);
                false
            });
            let task = tokio::spawn(watch_port(address.clone(), self.ports.clone()));
            watchers.insert(address.clone(), task.abort_handle());
        }
    }

    /// Waits until the state of each address is known, and returns why each one that is down is
    /// down. A port is never unknown for longer than a connect may take.
    pub(super) async fn down_among(&self, addresses: &[String]) -> BTreeMap<String, String> {
        let mut ports = self.subscribe();
        let known = ports.wait_for(|ports| {
            addresses
                .iter()
                .all(|address| ports.get(address).is_some_and(|port| *port != Port::Unknown))
        });
        let known = match tokio::time::timeout(CONNECT_TIMEOUT * 2, known).await {
            Ok(Ok(known)) => known.clone(),
            _ => self.ports.borrow().clone(),
        };
        let why = |address: &String| match known.get(address) {
            Some(Port::Down { why, .. }) => Some((address.clone(), why.clone())),
            _ => None,
        };
        addresses.iter().filter_map(why).collect()
    }

    /// How often the ports came back, all together.
    pub(super) fn returns_of(&self, addresses: &[String]) -> u64 {
        let ports = self.ports.borrow();
        addresses.iter().filter_map(|address| ports.get(address)).map(Port::returns).sum()
    }
}

impl Drop for PortWatch {
    fn drop(&mut self) {
        let watchers = self.watchers.get_mut().unwrap_or_else(PoisonError::into_inner);
        for watcher in watchers.values() {
            watcher.abort();
        }
    }
}

async fn watch_port(address: String, ports: Arc<watch::Sender<Ports>>) {
    loop {
        match connect(&address).await {
            Ok(stream) => {
                change(&ports, &address, |before| Port::Up {
                    returns: before.returns() + u64::from(matches!(before, Port::Down { .. })),
                });
                if until_closed(stream).await == End::Reset {
                    let why = "the connection was reset".to_owned();
                    change(&ports, &address, |before| Port::Down {
                        returns: before.returns(),
                        why,
                    });
                }
            }
            Err(why) => change(&ports, &address, |before| Port::Down {
                returns: before.returns(),
                why: why.clone(),
            }),
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

fn change(ports: &watch::Sender<Ports>, address: &str, now: impl FnOnce(&Port) -> Port) {
    ports.send_if_modified(|ports| {
        let Some(port) = ports.get_mut(address) else { return false };
        let now = now(port);
        let changed = std::mem::discriminant(port) != std::mem::discriminant(&now);
        *port = now;
        changed
    });
}

/// One connect, given up after a second.
pub(super) async fn connect(address: &str) -> Result<TcpStream, String> {
    match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} ms", CONNECT_TIMEOUT.as_millis())),
    }
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// In order, as brokers do with silent connections.
    Closed,
    /// By a reset: the other end forgot the connection, or something on the way did. The clients'
    /// own connections have most likely gone as well, and the library may not notice: a pull then
    /// waits for half a minute for its answer.
    Reset,
}

/// Nobody says anything on this connection, so whatever happens on it is its end.
async fn until_closed(mut stream: TcpStream) -> End {
    let mut byte = [0_u8; 1];
    match stream.read(&mut byte).await {
        Ok(_) => End::Closed,
        Err(_) => End::Reset,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::TcpListener;

    use super::{Port, PortWatch};

    async fn until(port_watch: &PortWatch, address: &str, wanted: impl Fn(&Port) -> bool) {
        let mut ports = port_watch.subscribe();
        let seen = ports.wait_for(|ports| ports.get(address).is_some_and(&wanted));
        tokio::time::timeout(Duration::from_secs(10), seen).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_port_is_seen_going_and_coming_back() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let port_watch = PortWatch::new();
        port_watch.watch_only(std::slice::from_ref(&address));
        let (held, _) = listener.accept().await.unwrap();
        until(&port_watch, &address, |port| *port == Port::Up { returns: 0 }).await;
        assert!(port_watch.down_among(std::slice::from_ref(&address)).await.is_empty());

        drop((held, listener));
        until(&port_watch, &address, |port| matches!(port, Port::Down { .. })).await;
        assert_eq!(port_watch.down_among(std::slice::from_ref(&address)).await.len(), 1);

        let listener = TcpListener::bind(&address).await.unwrap();
        until(&port_watch, &address, |port| *port == Port::Up { returns: 1 }).await;
        assert_eq!(port_watch.returns_of(std::slice::from_ref(&address)), 1);

        // A connection closed by a peer that is still there is no outage.
        let (held, _) = listener.accept().await.unwrap();
        drop(held);
        let (held, _) = listener.accept().await.unwrap();
        assert_eq!(port_watch.returns_of(std::slice::from_ref(&address)), 1);

        // A connection that was reset is counted: the client that used it is replaced.
        held.set_zero_linger().unwrap();
        drop(held);
        until(&port_watch, &address, |port| *port == Port::Up { returns: 2 }).await;

        port_watch.watch_only(&[]);
        assert!(port_watch.subscribe().borrow().is_empty());
    }
}
