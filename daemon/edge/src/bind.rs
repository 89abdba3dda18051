//! Binding a TCP address, apart from serving it: so that "port in use" is reported before anything
//! starts.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

/// Connections that the kernel queues while all our slots are taken. The kernel caps the number at
/// `net.core.somaxconn`; a client's SYN beyond it is dropped and retried.
const BACKLOG_CONNECTIONS: u32 = 1024;

/// Why an address can't be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody listens there: another daemon, or something else.
    #[error("cannot listen on {0}: the address is in use by another process")]
    InUse(SocketAddr),
    /// Ports below 1024 want `CAP_NET_BIND_SERVICE`.
    #[error("cannot listen on {0}: not permitted (ports below 1024 need CAP_NET_BIND_SERVICE)")]
    NotPermitted(SocketAddr),
    /// The address isn't one of this machine's.
    #[error("cannot listen on {0}: this machine has no such address")]
    NoSuchAddress(SocketAddr),
    /// Anything else.
    #[error("cannot listen on {address}: {source}")]
    Other {
        /// Where we tried.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// Binds the address and begins to queue connections; port 0 takes a free one. A port that a
/// stopped daemon left in TIME_WAIT is taken over.
///
/// Must be called within a Tokio runtime.
///
/// # Errors
/// Says in one sentence why the address can't be had.
pub fn bind_tcp(address: SocketAddr) -> Result<TcpListener, BindError> {
    listen(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse(address),
        io::ErrorKind::PermissionDenied => BindError::NotPermitted(address),
        io::ErrorKind::AddrNotAvailable => BindError::NoSuchAddress(address),
        _ => BindError::Other { address, source },
    })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG_CONNECTIONS)
}

#[cfg(test)]
mod tests {
    use super::{BindError, bind_tcp};

    #[tokio::test]
    async fn a_taken_port_is_told_in_a_sentence() {
        let first = bind_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = first.local_addr().unwrap();
        assert_ne!(address.port(), 0);
        let error = bind_tcp(address).unwrap_err();
        assert!(matches!(error, BindError::InUse(at) if at == address), "{error:?}");
        assert!(error.to_string().contains("in use"), "{error}");
        drop(first);
        bind_tcp(address).unwrap();
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_told() {
        // TEST-NET-1 (RFC 5737) is nobody's.
        let error = bind_tcp("192.0.2.1:0".parse().unwrap()).unwrap_err();
        assert!(matches!(error, BindError::NoSuchAddress(_)), "{error:?}");
    }
}
