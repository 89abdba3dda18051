//! Who may do what on the admin socket. The file's mode is the first fence: who can't open it never
//! gets here. This is the second: what the kernel says of the process at the other end.

use crate::http::Peer;

/// What a peer may do; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Nothing.
    None,
    /// Look (`GET`).
    View,
    /// Change the daemon (`POST`).
    Operate,
}

/// The permission of a peer: root and the daemon's own user operate, all others may do nothing,
/// even where the socket's group lets them connect.
///
/// `own_uid` is the daemon's effective user. A peer that isn't a local process, or isn't known,
/// gets nothing: then something stands between it and us that makes its identity worthless.
#[must_use]
pub fn permission(peer: Option<Peer>, own_uid: u32) -> Permission {
    match peer {
        Some(Peer::Unix(unix)) if unix.uid == 0 || unix.uid == own_uid => Permission::Operate,
        Some(Peer::Unix(_) | Peer::Tcp(_)) | None => Permission::None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Permission, permission};
    use crate::http::{Peer, UnixPeer};

    #[test]
    fn root_and_our_own_user_operate_and_nobody_else_does_anything() {
        let unix = |uid| Some(Peer::Unix(UnixPeer { uid, gid: 0, pid: None }));
        assert_eq!(permission(unix(0), 990), Permission::Operate);
        assert_eq!(permission(unix(990), 990), Permission::Operate);
        assert_eq!(permission(unix(991), 990), Permission::None);
        // What a user namespace makes of a stranger.
        assert_eq!(permission(unix(65534), 990), Permission::None);
        assert_eq!(
            permission(Some(Peer::Tcp("127.0.0.1:1".parse().unwrap())), 0),
            Permission::None
        );
        assert_eq!(permission(None, 0), Permission::None);
        assert!(Permission::None < Permission::View && Permission::View < Permission::Operate);
    }
}
