//! Users and groups by the system's own name service (`nsswitch.conf`): names for people, and who
//! is a member of which group, supplementary members included. Looking up may ask a directory on
//! the network, so it belongs on a thread that may block.

use std::ffi::CString;

use nix::unistd::{Gid, Group, Uid, User, getgrouplist};

/// The number of the group that is called so.
#[must_use]
pub fn number_of(group: &str) -> Option<u32> {
    Group::from_name(group).ok().flatten().map(|group| group.gid.as_raw())
}

/// What the name service knows of a user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserEntry {
    /// The user's name.
    pub name: Option<String>,
    /// The numbers of the user's groups.
    pub groups: Vec<u32>,
}

/// A user by number; nothing is known of one who isn't registered.
#[must_use]
pub fn of_user(uid: u32) -> UserEntry {
    let Ok(Some(user)) = User::from_uid(Uid::from_raw(uid)) else { return UserEntry::default() };
    let groups = CString::new(user.name.as_str())
        .ok()
        .and_then(|name| getgrouplist(&name, user.gid).ok())
        .unwrap_or_else(|| vec![user.gid]);
    UserEntry { name: Some(user.name), groups: groups.into_iter().map(Gid::as_raw).collect() }
}

#[cfg(test)]
mod tests {
    use super::{number_of, of_user};

    #[test]
    fn root_is_known_everywhere_and_a_stranger_nowhere() {
        assert_eq!(number_of("root"), Some(0));
        assert_eq!(number_of("no-such-group-here"), None);
        let root = of_user(0);
        assert_eq!(root.name.as_deref(), Some("root"));
        assert!(root.groups.contains(&0));
        assert_eq!(of_user(4_000_000_000), super::UserEntry::default());
    }
}
