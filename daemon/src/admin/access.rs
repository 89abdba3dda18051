//! Who may do what on the admin socket. The file's mode is the first fence: who can't open it never
//! gets here. This is the second: what the kernel says of the process at the other end, and the
//! name service of its user's groups.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use domain::ports::desk::Actor;
use edge::UnixPeer;
use protocol::{PeerView, Permission};

use crate::config::Others;
use crate::os::groups::{self, UserEntry};

/// How long a user's groups are remembered: an operator who is taken out of the group loses the
/// right this soon.
const REMEMBER: Duration = Duration::from_secs(10);

/// Users that are remembered at once; with more, all are looked up again.
const REMEMBERED_MAX: usize = 64;

/// The rules of access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The daemon's effective user.
    pub own_uid: u32,
    /// The operators' group by name and number; `None` when there is none.
    pub operators: Option<(String, u32)>,
    /// What all others may do.
    pub others: Others,
}

/// A peer, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    /// Who it is and what it may do.
    pub(super) view: PeerView,
    /// Its process: for the log only.
    pub(super) pid: Option<i32>,
}

impl Caller {
    /// As the audit log keeps it.
    pub(super) fn actor(&self) -> Actor {
        Actor { uid: self.view.uid, user: self.view.user.clone(), pid: self.pid }
    }
}

/// Applies the rules.
#[derive(Debug)]
pub struct Access {
    rules: ArcSwap<Rules>,
    known: Mutex<HashMap<u32, (Instant, UserEntry)>>,
    /// For whom every peer is taken in tests, which can't be somebody else.
    #[cfg(test)]
    stand_in: Option<u32>,
}

impl Access {
    /// Access by these rules.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            rules: ArcSwap::from_pointee(rules),
            known: Mutex::default(),
            #[cfg(test)]
            stand_in: None,
        }
    }

    /// Applies other rules from now on, also to those who were known.
    pub fn change(&self, rules: Rules) {
        self.rules.store(Arc::new(rules));
        self.remembered().clear();
    }

    /// Access that takes every peer for an unknown user.
    #[cfg(test)]
    pub(super) fn of_a_stranger(others: Others) -> Self {
        let operators = Some(("no-such-group".to_owned(), u32::MAX));
        let access = Self::new(Rules { own_uid: 990, operators, others });
        Self { stand_in: Some(4_000_000_000), ..access }
    }

    /// Who a peer is and what it may do. `None` for one that isn't a local process, or isn't known:
    /// then something stands between it and us that makes its identity worthless.
    pub(super) async fn caller(&self, peer: Option<UnixPeer>) -> Option<Caller> {
        let peer = peer?;
        #[cfg(test)]
        let peer = match self.stand_in {
            Some(uid) => UnixPeer { uid, gid: uid, ..peer },
            None => peer,
        };
        let known = self.look_up(peer.uid).await;
        Some(Caller { view: self.rules.load().judge(peer, known), pid: peer.pid })
    }

    async fn look_up(&self, uid: u32) -> UserEntry {
        if let Some((since, known)) = self.remembered().get(&uid)
            && since.elapsed() < REMEMBER
        {
            return known.clone();
        }
        // A name service that fails leaves the user with the group that the kernel tells.
        let known =
            tokio::task::spawn_blocking(move || groups::of_user(uid)).await.unwrap_or_default();
        let mut remembered = self.remembered();
        if REMEMBERED_MAX <= remembered.len() {
            remembered.clear();
        }
        remembered.insert(uid, (Instant::now(), known.clone()));
        known
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, HashMap<u32, (Instant, UserEntry)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rules {
    fn judge(&self, peer: UnixPeer, known: UserEntry) -> PeerView {
        let is_operator = self
            .operators
            .as_ref()
            .is_some_and(|(_, gid)| peer.gid == *gid || known.groups.contains(gid));
        let permission = if peer.uid == 0 || peer.uid == self.own_uid || is_operator {
            Permission::Operate
        } else {
            match self.others {
                Others::View => Permission::View,
                Others::None => Permission::None,
            }
        };
        let missing = (permission < Permission::Operate).then(|| self.missing(permission));
        PeerView { uid: peer.uid, user: known.name, permission, missing }
    }

    /// What somebody lacks to do more than `held`.
    fn missing(&self, held: Permission) -> String {
        let what = if held == Permission::None { "anything" } else { "this" };
        match &self.operators {
            Some((group, _)) => format!(
                "only root, the daemon's own user and members of group {group} may do {what}: \
                 `usermod -aG {group} USER` makes one"
            ),
            None => format!(
                "only root and the daemon's own user may do {what}: no group of operators is set \
                 (admin.operator_group)"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use edge::UnixPeer;
    use protocol::Permission;

    use super::{Access, Others, Rules, UserEntry};

    fn rules(others: Others) -> Rules {
        Rules { own_uid: 990, operators: Some(("sale".to_owned(), 77)), others }
    }

    #[test]
    fn root_the_own_user_and_operators_operate_and_others_as_the_rules_say() {
        let held = |others, uid, gid, groups: &[u32]| {
            let known = UserEntry { name: None, groups: groups.to_vec() };
            rules(others).judge(UnixPeer { uid, gid, pid: None }, known).permission
        };
        for others in [Others::None, Others::View] {
            assert_eq!(held(others, 0, 0, &[]), Permission::Operate);
            assert_eq!(held(others, 990, 990, &[]), Permission::Operate);
            assert_eq!(held(others, 991, 77, &[]), Permission::Operate, "by its primary group");
            assert_eq!(held(others, 991, 991, &[991, 77]), Permission::Operate, "supplementary");
        }
        assert_eq!(held(Others::View, 991, 991, &[78]), Permission::View);
        assert_eq!(held(Others::None, 991, 991, &[78]), Permission::None);
        // What a user namespace makes of a stranger.
        assert_eq!(held(Others::None, 65534, 65534, &[]), Permission::None);
    }

    #[test]
    fn what_is_missing_names_the_group_or_the_key() {
        let peer = UnixPeer { uid: 991, gid: 991, pid: None };
        let told = |rules: Rules| rules.judge(peer, UserEntry::default()).missing.unwrap();
        assert!(told(rules(Others::View)).contains("group sale"));
        let nobody = Rules { operators: None, ..rules(Others::None) };
        assert!(told(nobody).contains("admin.operator_group"));
        let root = UnixPeer { uid: 0, gid: 0, pid: None };
        assert_eq!(rules(Others::View).judge(root, UserEntry::default()).missing, None);
    }

    #[tokio::test]
    async fn other_rules_hold_at_once() {
        let access = Access::new(rules(Others::None));
        let peer = UnixPeer { uid: 4_000_000_000, gid: 78, pid: None };
        let held = async || access.caller(Some(peer)).await.unwrap().view.permission;
        assert_eq!(held().await, Permission::None);
        access.change(Rules { operators: Some(("crew".to_owned(), 78)), ..rules(Others::None) });
        assert_eq!(held().await, Permission::Operate);
        access.change(rules(Others::View));
        assert_eq!(held().await, Permission::View);
    }

    #[tokio::test]
    async fn only_local_processes_are_anybody() {
        let access = Access::new(rules(Others::View));
        assert_eq!(access.caller(None).await, None);
        for _ in 0..2 {
            let root = UnixPeer { uid: 0, gid: 0, pid: Some(1) };
            let caller = access.caller(Some(root)).await.unwrap();
            assert_eq!(caller.view.user.as_deref(), Some("root"));
            assert_eq!((caller.view.permission, caller.pid), (Permission::Operate, Some(1)));
        }
    }
}
