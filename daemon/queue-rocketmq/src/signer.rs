//! The account, and the signature of requests by it. The keys may be changed between two requests:
//! connections stay, nothing is sent twice, and the next request is signed with the new ones.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rocketmq_client_rust::{AclClientRPCHook, SessionCredentials};
use rocketmq_error::SharedError;
use rocketmq_protocol::protocol::remoting_command::RemotingCommand;
use rocketmq_transport::api::RPCHook;

use domain::ports::Account;
use domain::secret::Secret;

/// Signs every request with the keys of the moment; without keys, none.
pub(super) struct Signer(ArcSwap<Signing>);

struct Signing {
    account: Arc<Account>,
    hook: Option<AclClientRPCHook>,
}

impl Signing {
    fn of(account: Account) -> Self {
        Self { hook: account_hook(&account), account: Arc::new(account) }
    }
}

impl Signer {
    pub(super) fn new(account: Account) -> Arc<Self> {
        Arc::new(Self(ArcSwap::from_pointee(Signing::of(account))))
    }

    /// A signer for a trial with the keys of an account, which itself isn't changed.
    pub(super) fn on_trial(account: &Account) -> Arc<Self> {
        let nobody = Account {
            credentials: None,
            access_key_file: account.access_key_file.clone(),
            secret_key_file: account.secret_key_file.clone(),
        };
        let signing = Signing { hook: account_hook(account), account: Arc::new(nobody) };
        Arc::new(Self(ArcSwap::from_pointee(signing)))
    }

    /// A signer with the account's access key and another secret; none without keys.
    pub(super) fn with_secret(&self, secret: &str) -> Option<Arc<Self>> {
        let Signing { account, .. } = &**self.0.load();
        let keys = account.credentials.as_ref()?;
        let hook = Some(hook(&keys.access_key, secret));
        let account = Arc::clone(account);
        Some(Arc::new(Self(ArcSwap::from_pointee(Signing { account, hook }))))
    }

    pub(super) fn account(&self) -> Arc<Account> {
        Arc::clone(&self.0.load().account)
    }

    /// Signs with other keys from now on.
    pub(super) fn change(&self, account: Account) {
        self.0.store(Arc::new(Signing::of(account)));
    }
}

impl RPCHook for Signer {
    fn do_before_request(
        &self,
        remote: SocketAddr,
        request: &mut RemotingCommand,
    ) -> Result<(), SharedError> {
        match &self.0.load().hook {
            Some(hook) => hook.do_before_request(remote, request),
            None => Ok(()),
        }
    }

    fn do_after_response(
        &self,
        remote: SocketAddr,
        request: &RemotingCommand,
        response: &mut RemotingCommand,
    ) -> Result<(), SharedError> {
        match &self.0.load().hook {
            Some(hook) => hook.do_after_response(remote, request, response),
            None => Ok(()),
        }
    }
}

fn account_hook(account: &Account) -> Option<AclClientRPCHook> {
    let keys = account.credentials.as_ref()?;
    Some(hook(&keys.access_key, keys.secret_key.expose()))
}

fn hook(access_key: &Secret<String>, secret_key: &str) -> AclClientRPCHook {
    let access_key = access_key.expose().clone();
    AclClientRPCHook::new(SessionCredentials::with_keys(access_key, secret_key.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::path::PathBuf;

    use domain::ports::{Account, Credentials};
    use domain::secret::Secret;
    use rocketmq_protocol::protocol::remoting_command::RemotingCommand;
    use rocketmq_transport::api::RPCHook;

    use super::Signer;

    fn account(keys: Option<(&str, &str)>) -> Account {
        let credentials = keys.map(|(access_key, secret_key)| Credentials {
            access_key: Secret::new(access_key.to_owned()),
            secret_key: Secret::new(secret_key.to_owned()),
        });
        let (access_key_file, secret_key_file) = (PathBuf::new(), PathBuf::new());
        Account { credentials, access_key_file, secret_key_file }
    }

    /// Access key and signature of a request that is sent now.
    fn signed(signer: &Signer) -> [Option<String>; 2] {
        let broker = SocketAddr::from(([127, 0, 0, 1], 10911));
        let mut request = RemotingCommand::new_request(310, Vec::new());
        signer.do_before_request(broker, &mut request).unwrap();
        let fields = request.ext_fields().cloned().unwrap_or_default();
        ["AccessKey", "Signature"].map(|name| {
            let found = fields.iter().find(|(key, _)| key.as_str() == name);
            found.map(|(_, value)| value.to_string())
        })
    }

    #[test]
    fn the_next_request_is_signed_with_the_keys_of_the_moment() {
        let signer = Signer::new(account(None));
        assert_eq!(signed(&signer), [None, None]);
        signer.change(account(Some(("one", "first secret"))));
        let [access_key, first] = signed(&signer);
        assert_eq!(access_key.as_deref(), Some("one"));
        assert_eq!(signed(&signer)[1], first, "the same request has the same signature");
        signer.change(account(Some(("one", "second secret"))));
        assert_ne!(signed(&signer)[1], first);
        signer.change(account(Some(("other", "second secret"))));
        assert_eq!(signed(&signer)[0].as_deref(), Some("other"));
        let invented = signer.with_secret("invented").unwrap();
        assert_eq!(signed(&invented)[0].as_deref(), Some("other"));
        assert_ne!(signed(&invented)[1], signed(&signer)[1]);
        signer.change(account(None));
        assert_eq!(signed(&signer), [None, None]);
        assert!(signer.with_secret("invented").is_none());
    }
}
