//! Messages to the service manager. Every call does nothing when no manager is listening
//! (`NOTIFY_SOCKET` is not set), so the rest of the daemon needn't know where it runs.
//!
//! Nobody waits for a manager that doesn't read. A message that matters and for which its socket
//! has no room is kept, and goes with the next one.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sd_notify::NotifyState;
use tracing::debug;

/// Messages that are kept for a manager that doesn't read; the oldest go first.
const KEPT_MAX: usize = 32;

/// The way to the manager.
static MANAGER: Mutex<Option<Manager>> = Mutex::new(None);

/// Finds the manager by its socket's name, as `NOTIFY_SOCKET` has it: a path, or `@` and an
/// abstract name.
pub fn tell_at(name: Option<&OsStr>) {
    let manager = name.map(Manager::at).transpose().unwrap_or_else(|error| {
        debug!(%error, "the service manager can't be told anything");
        None
    });
    *MANAGER.lock().unwrap_or_else(PoisonError::into_inner) = manager;
}

/// Serving, with a line for `systemctl status`.
pub fn ready(status: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(status)], Worth::Keeping);
}

/// Reading the configuration again; [`ready`] or [`ready_again`] must follow.
pub fn reloading() {
    // A manager of systemd's version 253 or newer may have asked for the reload by a signal, and
    // knows by the time that this message is the answer.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now], Worth::Keeping),
        Err(error) => debug!(%error, "the monotonic clock can't be read"),
    }
}

/// Serving again, after a reload; the line for `systemctl status` follows.
pub fn ready_again() {
    send(&[NotifyState::Ready], Worth::Keeping);
}

/// A new line for `systemctl status`.
pub fn status(status: &str) {
    send(&[NotifyState::Status(status)], Worth::UntilTheNext);
}

/// Sends the messages that were kept, if the manager reads again.
pub fn tell_kept() {
    if let Some(manager) = &mut *MANAGER.lock().unwrap_or_else(PoisonError::into_inner) {
        manager.send_kept();
    }
}

/// Stopping, with a line for `systemctl status`.
pub fn stopping(status: &str) {
    send(&[NotifyState::Stopping, NotifyState::Status(status)], Worth::Keeping);
}

/// The start or stop goes on: it needs so much more time at most, from now on.
pub fn extend_timeout(by: Duration) {
    let by = u32::try_from(by.as_micros()).unwrap_or(u32::MAX);
    send(&[NotifyState::ExtendTimeoutUsec(by)], Worth::TheMoment);
}

/// Alive.
pub fn alive() {
    send(&[NotifyState::Watchdog], Worth::TheMoment);
}

fn send(states: &[NotifyState<'_>], worth: Worth) {
    let Some(manager) = &mut *MANAGER.lock().unwrap_or_else(PoisonError::into_inner) else {
        return;
    };
    let text: String = states.iter().map(|state| format!("{state}\n")).collect();
    manager.send(text, worth);
}

/// How long a message means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Worth {
    /// Until the manager has heard it.
    Keeping,
    /// Until another one of its kind.
    UntilTheNext,
    /// Now only.
    TheMoment,
}

struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
    kept: VecDeque<(String, Worth)>,
}

impl Manager {
    fn at(name: &OsStr) -> io::Result<Self> {
        let address = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(name)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, address, kept: VecDeque::new() })
    }

    fn send(&mut self, text: String, worth: Worth) {
        if worth == Worth::UntilTheNext {
            self.kept.retain(|(_, worth)| *worth != Worth::UntilTheNext);
        }
        self.kept.push_back((text, worth));
        self.send_kept();
        self.kept.retain(|(_, worth)| *worth != Worth::TheMoment);
        let surplus = self.kept.len().saturating_sub(KEPT_MAX);
        self.kept.drain(..surplus);
    }

    /// Sends in sequence, up to the first message for which there is no room.
    fn send_kept(&mut self) {
        while let Some((text, _)) = self.kept.front() {
            match self.socket.send_to_addr(text.as_bytes(), &self.address) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => debug!(%error, "the service manager could not be told"),
            }
            self.kept.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    use std::time::Duration;

    use super::{KEPT_MAX, Manager, Worth};

    fn heard(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 1_024];
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    #[test]
    fn a_manager_at_an_abstract_name_is_told() {
        let name = format!("seckill-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        let mut manager = Manager::at(&OsString::from(format!("@{name}"))).unwrap();
        manager.send("READY=1\n".to_owned(), Worth::Keeping);
        assert_eq!(heard(&socket), "READY=1\n");
    }

    #[test]
    fn nobody_waits_for_a_manager_that_does_not_read_and_what_matters_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let mut manager = Manager::at(path.as_os_str()).unwrap();
        // The kernel has taken as many messages as it takes.
        while manager.kept.is_empty() {
            manager.send("READY=1\n".to_owned(), Worth::Keeping);
        }
        for second in 0..100 {
            manager.send(format!("STATUS={second}\n"), Worth::UntilTheNext);
            manager.send("WATCHDOG=1\n".to_owned(), Worth::TheMoment);
        }
        manager.send("STOPPING=1\n".to_owned(), Worth::Keeping);
        assert_eq!(manager.kept.len(), 3);
        while heard(&socket) == "READY=1\n" {
            manager.send_kept();
            if manager.kept.is_empty() {
                break;
            }
        }
        let mut rest = vec![heard(&socket)];
        while rest.last().is_some_and(|last| last != "STOPPING=1\n") {
            rest.push(heard(&socket));
        }
        rest.retain(|text| text != "READY=1\n");
        assert_eq!(rest, ["STATUS=99\n", "STOPPING=1\n"]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let _socket = UnixDatagram::bind(&path).unwrap();
        let mut manager = Manager::at(path.as_os_str()).unwrap();
        for _ in 0..1_000 {
            manager.send("RELOADING=1\n".to_owned(), Worth::Keeping);
        }
        assert_eq!(manager.kept.len(), KEPT_MAX);
    }
}
