//! The access key and secret that sign each request. Where they are read from is configuration's
//! business; here they are only kept out of every log.

use std::fmt;

use zeroize::Zeroizing;

/// An access key with its secret. `Debug` shows neither, and both are wiped when this is dropped (the
/// client library keeps a copy of its own for as long as it runs).
#[derive(Clone)]
pub struct Credentials {
    access_key: Zeroizing<String>,
    secret_key: Zeroizing<String>,
}

impl Credentials {
    /// Takes the two as they stand in their files, already trimmed.
    #[must_use]
    pub fn new(access_key: String, secret_key: String) -> Self {
        Self { access_key: Zeroizing::new(access_key), secret_key: Zeroizing::new(secret_key) }
    }

    pub(super) fn access_key(&self) -> &str {
        &self.access_key
    }

    pub(super) fn secret_key(&self) -> &str {
        &self.secret_key
    }

    /// The same account with a secret that nobody has: a broker that takes it checks nothing.
    pub(super) fn with_invented_secret(&self) -> Self {
        let invented = uuid::Uuid::from_u128(rand_u128()).simple().to_string();
        Self { access_key: self.access_key.clone(), secret_key: Zeroizing::new(invented) }
    }
}

/// Random bits; where the system has none to give, the time serves: it only has to be no real secret.
fn rand_u128() -> u128 {
    let mut bytes = [0_u8; 16];
    if getrandom::fill(&mut bytes).is_err() {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        return since.map_or(1, |since| since.as_nanos());
    }
    u128::from_le_bytes(bytes)
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::Credentials;

    #[test]
    fn neither_part_shows() {
        let credentials = Credentials::new("key-1".to_owned(), "secret-1".to_owned());
        assert_eq!(format!("{credentials:?}"), "Credentials(redacted)");
        let invented = credentials.with_invented_secret();
        assert_eq!(invented.access_key(), "key-1");
        assert_ne!(invented.secret_key(), "secret-1");
    }
}
