//! Sockets that the service manager bound before this process and keeps after it: connections that
//! come while the daemon is being restarted wait in their queues instead of being refused. The
//! sockets are known by their names (`FileDescriptorName=` in systemd.socket(5)): `gateway`,
//! `order` and `admin`.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;

use crate::config::Role;

/// The sockets that were passed.
#[derive(Debug, Default)]
pub struct Inherited {
    /// For the gateway's REST interface.
    pub gateway: Option<TcpListener>,
    /// For the order role's REST interface.
    pub order: Option<TcpListener>,
    /// For the admin socket.
    pub admin: Option<UnixListener>,
}

/// Why the sockets can't be taken over.
#[derive(Debug, thiserror::Error)]
pub enum InheritError {
    /// A socket has a name that this daemon doesn't know.
    #[error(
        "the service manager passed a socket named `{0}`: FileDescriptorName= must be gateway, \
         order or admin"
    )]
    UnknownName(String),
    /// Two sockets have one name: one of them would never be answered on.
    #[error("the service manager passed two sockets named `{0}`")]
    Twice(String),
    /// Some sockets have no name.
    #[error("the service manager passed {sockets} sockets and {names} names for them")]
    Unnamed {
        /// Sockets that were passed.
        sockets: usize,
        /// Names in `LISTEN_FDNAMES`.
        names: usize,
    },
    /// The socket isn't of the kind that its name says.
    #[error("the socket named `{name}` that the service manager passed is not {wanted}: {source}")]
    WrongKind {
        /// Its name.
        name: String,
        /// What it should be.
        wanted: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The socket is for a role that this profile doesn't have: nobody would ever answer on it.
    #[error("the service manager passed a socket for the {0} role, which this profile hasn't")]
    NoSuchRole(&'static str),
}

/// Takes over the sockets that were passed to this very process, if any. `names` is
/// `LISTEN_FDNAMES`. To be called once, before other files are opened.
///
/// # Errors
/// The sockets don't fit this daemon.
pub fn take(names: Option<&str>, roles: &[Role]) -> Result<Inherited, InheritError> {
    let mut passed = ListenFd::from_env();
    let mut inherited = Inherited::default();
    if passed.len() == 0 {
        return Ok(inherited);
    }
    let names: Vec<&str> = names.map(|names| names.split(':').collect()).unwrap_or_default();
    if names.len() != passed.len() {
        return Err(InheritError::Unnamed { sockets: passed.len(), names: names.len() });
    }
    for (index, name) in names.into_iter().enumerate() {
        match name {
            "gateway" | "order" => {
                let role = if name == "order" { Role::Order } else { Role::Gateway };
                if !roles.contains(&role) {
                    return Err(InheritError::NoSuchRole(if name == "order" {
                        "order"
                    } else {
                        "gateway"
                    }));
                }
                let taken = passed.take_tcp_listener(index);
                let taken = judged(name, "a listening TCP socket", taken, |socket| {
                    socket.set_nonblocking(true)
                })?;
                let place = match role {
                    Role::Order => &mut inherited.order,
                    Role::Gateway => &mut inherited.gateway,
                };
                fill(place, taken, name)?;
            }
            "admin" => {
                let taken = passed.take_unix_listener(index);
                let taken = judged(name, "a listening Unix socket", taken, |socket| {
                    socket.set_nonblocking(true)
                })?;
                fill(&mut inherited.admin, taken, name)?;
            }
            unknown => return Err(InheritError::UnknownName(unknown.to_owned())),
        }
    }
    Ok(inherited)
}

fn judged<T>(
    name: &str,
    wanted: &'static str,
    taken: io::Result<Option<T>>,
    prepare: impl FnOnce(&T) -> io::Result<()>,
) -> Result<T, InheritError> {
    taken
        .and_then(|taken| taken.ok_or_else(|| io::Error::other("it is gone")))
        .and_then(|socket| prepare(&socket).map(|()| socket))
        .map_err(|source| InheritError::WrongKind { name: name.to_owned(), wanted, source })
}

fn fill<T>(place: &mut Option<T>, socket: T, name: &str) -> Result<(), InheritError> {
    match place.replace(socket) {
        None => Ok(()),
        Some(_) => Err(InheritError::Twice(name.to_owned())),
    }
}
