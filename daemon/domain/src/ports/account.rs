//! Who this process is to the brokers of a queue.

use std::path::PathBuf;

use crate::secret::Secret;

/// What RocketMQ's access control wants of a client.
#[derive(Debug)]
pub struct Credentials {
    /// Names the account.
    pub access_key: Secret<String>,
    /// Signs its requests.
    pub secret_key: Secret<String>,
}

/// Who we are to RocketMQ's brokers.
#[derive(Debug)]
pub struct Account {
    /// Its keys; `None` where none are configured.
    pub credentials: Option<Credentials>,
    /// The file that the access key is from, as it is configured: for sentences.
    pub access_key_file: PathBuf,
    /// The file that the secret key is from.
    pub secret_key_file: PathBuf,
}

impl Account {
    /// Which keys differ from those of the other account.
    #[must_use]
    pub fn differing(&self, other: &Self) -> Vec<AccountKey> {
        match (&self.credentials, &other.credentials) {
            (None, None) => Vec::new(),
            (Some(one), Some(other)) => [
                (AccountKey::Access, one.access_key.is(&other.access_key)),
                (AccountKey::Secret, one.secret_key.is(&other.secret_key)),
            ]
            .into_iter()
            .filter(|(_, is_same)| !is_same)
            .map(|(key, _)| key)
            .collect(),
            _ => vec![AccountKey::Access, AccountKey::Secret],
        }
    }
}

/// One of an account's two keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountKey {
    /// The one that names it.
    Access,
    /// The one that signs.
    Secret,
}
