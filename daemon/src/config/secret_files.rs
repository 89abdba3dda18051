//! The files with secrets that the configuration names: which a process reads, what is wrong with
//! them, and what they hold, read by each call so that nothing keeps a secret longer than it needs
//! it. How one file is found and read is in `secrets`.

use std::path::{Path, PathBuf};

use domain::ports::{Account, Credentials};
use domain::secret::Secret;

use super::secrets::{Located, Refusal};
use super::{ConfigFault, Emptiness, Faults, Loaded, Note, QueueKind, Role};

/// The key that names the file with the access key.
pub const ACCESS_KEY_FILE: &str = "rocketmq.access_key_file";
/// The key that names the file with the secret key.
pub const SECRET_KEY_FILE: &str = "rocketmq.secret_key_file";
/// The key that names the file with the key of the order ids.
pub const ORDER_ID_KEY_FILE: &str = "gateway.order_id_key_file";

/// A file with a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFile {
    /// The key that names it.
    pub key: &'static str,
    /// Where it is.
    pub path: PathBuf,
    /// Its mode's bits of permission; `None` where it can't be seen from here, as a credential of
    /// systemd's can't.
    pub mode: Option<u32>,
}

impl Loaded {
    /// The keys for RocketMQ's access control; `None` where none are configured. Each call reads
    /// them, so that nothing keeps them longer than it needs them.
    ///
    /// # Errors
    /// A file is missing, unreadable, or doesn't hold a secret.
    pub fn credentials(&self) -> Result<Option<Credentials>, Faults> {
        let files = &self.config.rocketmq;
        let named = !files.access_key_file.is_empty() && !files.secret_key_file.is_empty();
        if self.config.queue.kind != QueueKind::Rocketmq || !named {
            return Ok(None);
        }
        let access_key = self.secret(ACCESS_KEY_FILE, &files.access_key_file, Located::read_text);
        let secret_key = self.secret(SECRET_KEY_FILE, &files.secret_key_file, Located::read_text);
        match (access_key, secret_key) {
            (Ok(access_key), Ok(secret_key)) => Ok(Some(Credentials { access_key, secret_key })),
            (access_key, secret_key) => {
                Err(Faults(access_key.err().into_iter().chain(secret_key.err()).collect()))
            }
        }
    }

    /// Who we are to RocketMQ's brokers, read by each call as well.
    ///
    /// # Errors
    /// As for [`Loaded::credentials`].
    pub fn account(&self) -> Result<Account, Faults> {
        let files = &self.config.rocketmq;
        Ok(Account {
            credentials: self.credentials()?,
            access_key_file: files.access_key_file.clone(),
            secret_key_file: files.secret_key_file.clone(),
        })
    }

    /// The key of the order ids; `None` where it is to be the database's own.
    ///
    /// # Errors
    /// The file is missing, unreadable, or too short.
    pub fn order_id_key(&self) -> Result<Option<Secret<Vec<u8>>>, Faults> {
        let file = &self.config.gateway.order_id_key_file;
        if !self.config.roles.contains(&Role::Gateway) || file.is_empty() {
            return Ok(None);
        }
        self.secret(ORDER_ID_KEY_FILE, file, Located::read_order_id_key)
            .map(Some)
            .map_err(|fault| Faults(vec![fault]))
    }

    /// Adds the faults of the files with secrets, as far as they can be judged from here:
    /// systemd's credentials are there only for the service itself, so without them they are noted,
    /// not refused.
    pub(super) fn look_at_secrets(&mut self, faults: &mut Vec<ConfigFault>) {
        let (gateway, rocketmq) = (&self.config.gateway, &self.config.rocketmq);
        let keys = [
            (ACCESS_KEY_FILE, &rocketmq.access_key_file),
            (SECRET_KEY_FILE, &rocketmq.secret_key_file),
            (ORDER_ID_KEY_FILE, &gateway.order_id_key_file),
        ];
        let mut put_off = Vec::new();
        for (key, name) in keys.into_iter().filter(|(_, name)| !name.is_empty()) {
            match Located::new(name, self.credentials_folder.as_deref()) {
                Ok(file) if file.is_systemds_alone() => put_off.push((key, name.clone())),
                Ok(file) => self.notes.extend(file.exposure().map(Note::SecretExposed)),
                Err(_) => {}
            }
        }
        let is_put_off = |fault: &ConfigFault| put_off.iter().any(|(key, _)| *key == fault.key);
        let refused = [self.credentials().err(), self.order_id_key().err()];
        let refused = refused.into_iter().flatten().flat_map(|faults| faults.0);
        faults.extend(refused.filter(|fault| !is_put_off(fault)));
        for (key, name) in put_off {
            self.notes.push(Note::Other(format!(
                "{key} = {:?} wasn't looked at: a bare name is a systemd credential, which is there \
                 only for the service that systemd starts",
                name.display().to_string()
            )));
        }
    }

    /// The files with secrets that this process reads, as far as they are named.
    #[must_use]
    pub fn secret_files(&self) -> Vec<SecretFile> {
        let (gateway, rocketmq) = (&self.config.gateway, &self.config.rocketmq);
        let mut named = Vec::new();
        if self.config.queue.kind == QueueKind::Rocketmq {
            named.push((ACCESS_KEY_FILE, &rocketmq.access_key_file));
            named.push((SECRET_KEY_FILE, &rocketmq.secret_key_file));
        }
        if self.config.roles.contains(&Role::Gateway) {
            named.push((ORDER_ID_KEY_FILE, &gateway.order_id_key_file));
        }
        named.retain(|(_, name)| !name.is_empty());
        let file = |(key, name): (&'static str, &PathBuf)| {
            let located = Located::new(name, self.credentials_folder.as_deref()).ok()?;
            Some(SecretFile { key, mode: located.mode(), path: located.into_path() })
        };
        named.into_iter().filter_map(file).collect()
    }

    fn secret<T>(
        &self,
        key: &str,
        name: &Path,
        read: impl Fn(&Located) -> Result<T, Refusal>,
    ) -> Result<T, ConfigFault> {
        let located = Located::new(name, self.credentials_folder.as_deref());
        located.and_then(|file| read(&file)).map_err(|refusal| {
            let fault = ConfigFault::hiding(key, self.sources.of(key), refusal.to_string());
            match refusal {
                Refusal::Pasted => fault,
                _ => ConfigFault {
                    value: Some(format!("{:?}", name.display().to_string())),
                    ..fault
                },
            }
        })
    }
}
