//! Configuration: from profile, file, environment and command line to one judged, typed tree. It
//! alone reads the environment; everything else gets what it needs handed over. See docs/config.md.

mod directives;
mod env_type;
mod extract;
mod faults;
mod layers;
mod places;
mod print;
mod reload;
mod secrets;
mod shape;
mod surroundings;
mod texts;
mod tree;
mod unknown;
mod validate;

use std::path::{Path, PathBuf};

use domain::ports::{Account, Credentials};
use domain::secret::Secret;

pub use directives::{LEVELS, LogDirectives, NoDirective};
pub use env_type::{EnvType, UnknownEnvType};
pub use extract::Sources;
pub use faults::{Fault, Faults, Source};
pub use print::{docs, effective, entries};
#[cfg(test)]
pub(crate) use reload::taken_one_by_one;
pub use reload::{changes, taken};
pub(crate) use tree::PUBLISH_WAITING_MOST;
pub(crate) use tree::tunables::Config as Tunables;
pub use tree::{
    Admin, Config, Doctor, Gateway, Http, Log, LogFormat, Metrics, OptionalAddress, Order, Others,
    ProductSeed, Queue, QueueKind, Rocketmq, Role, Shutdown, Store,
};

use secrets::{Located, Refusal};
pub use surroundings::Manager;
use surroundings::{ENV_TYPE_VARIABLES, Surroundings};

/// The key that names the file with the access key.
pub const ACCESS_KEY_FILE: &str = "rocketmq.access_key_file";
/// The key that names the file with the secret key.
pub const SECRET_KEY_FILE: &str = "rocketmq.secret_key_file";
/// The key that names the file with the key of the order ids.
pub const ORDER_ID_KEY_FILE: &str = "gateway.order_id_key_file";

/// What the command line says about configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// `--env-type`
    pub env_type: Option<String>,
    /// `--config`: stands in for `/etc/seckill/<envType>.toml` and must exist.
    pub file: Option<PathBuf>,
    /// `--set`: dotted keys and their texts; later ones win.
    pub set: Vec<(String, String)>,
}

/// A configuration without fault.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The keys' values.
    pub config: Config,
    /// The profile that was the base.
    pub env_type: EnvType,
    /// Where each value came from.
    pub sources: Sources,
    /// What the operator should be told at start, though it is no fault.
    pub notes: Vec<String>,
    /// Whether standard error is connected to systemd's journal.
    pub journal: bool,
    /// The service manager.
    pub manager: Manager,
    options: Options,
    credentials_folder: Option<PathBuf>,
}

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

/// Reads and judges the configuration.
///
/// # Errors
/// Every fault at once. An unknown envType is told alone, because without it there is no profile.
pub fn load(options: &Options) -> Result<Loaded, Faults> {
    load_within(options, &Surroundings::read())
}

fn load_within(options: &Options, around: &Surroundings) -> Result<Loaded, Faults> {
    let mut notes = Vec::new();
    let env_type = env_type(options, around, &mut notes).map_err(|fault| Faults(vec![fault]))?;
    let mut faults = Vec::new();
    let layers = layers::gather(options, around, env_type, &mut faults, &mut notes);
    let (mut config, mut sources) = extract::extract(&layers, &mut faults);
    places::settle(&mut config, &mut sources, around, env_type, &mut notes);
    let known = faults.len();
    validate::judge(&config, &sources, env_type, &mut faults);
    let (journal, manager) = (around.journal, around.manager.clone());
    let credentials_folder = around.credentials_folder.clone();
    let options = options.clone();
    let mut loaded =
        Loaded { config, env_type, sources, notes, journal, manager, options, credentials_folder };
    loaded.look_at_secrets(&mut faults);
    if faults.iter().any(Fault::hides_a_layer) {
        // What a file says that can't be read, nobody knows: it may well set these keys right.
        let found = faults.split_off(known);
        faults.extend(found.into_iter().filter(|fault| !fault.is_built_in()));
    }
    if faults.is_empty() { Ok(loaded) } else { Err(Faults(faults)) }
}

fn env_type(
    options: &Options,
    around: &Surroundings,
    notes: &mut Vec<String>,
) -> Result<EnvType, Fault> {
    let chosen = match (&options.env_type, around.env_types.as_slice()) {
        (Some(name), _) => Some(("--env-type", name)),
        (None, [(variable, name), others @ ..]) => {
            if others.iter().any(|(_, other)| other != name) {
                let [first, second] = ENV_TYPE_VARIABLES;
                notes.push(format!("{first} and {second} differ; {first} counts: {name}"));
            }
            Some((*variable, name))
        }
        (None, []) => None,
    };
    let Some((key, name)) = chosen else { return Ok(EnvType::default()) };
    if let Some(flaw) = protocol::flaw(name) {
        let (key, value) = (key.to_owned(), Some(faults::shown_text(name)));
        let problem = format!("{flaw}; {UnknownEnvType}");
        return Err(Fault { key, value, source: None, problem });
    }
    name.parse().map_err(|problem: UnknownEnvType| Fault {
        key: key.to_owned(),
        value: Some(format!("{name:?}")),
        source: None,
        problem: problem.to_string(),
    })
}

impl Loaded {
    /// Reads and judges the configuration anew, by the same command line, for a process that runs.
    /// Variables are the process's own, so they are as they were.
    ///
    /// # Errors
    /// Every fault at once.
    pub fn read_again(&self) -> Result<Self, Faults> {
        self.read_again_within(&Surroundings::read())
    }

    fn read_again_within(&self, around: &Surroundings) -> Result<Self, Faults> {
        let mut again = load_within(&self.options, around)?;
        reload::keep_chosen(&mut again, self);
        Ok(again)
    }

    /// The keys for RocketMQ's access control; `None` where none are configured. They are read anew
    /// by each call, so that nothing keeps them longer than it needs them.
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

    /// Who we are to RocketMQ's brokers, read anew likewise.
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

    /// Tells the faults of the files with secrets, as far as they can be judged from here:
    /// systemd's credentials are there only for the service itself, so without them they are noted,
    /// not refused.
    fn look_at_secrets(&mut self, faults: &mut Vec<Fault>) {
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
                Ok(file) => self.notes.extend(file.exposure()),
                Err(_) => {}
            }
        }
        let is_put_off = |fault: &Fault| put_off.iter().any(|(key, _)| *key == fault.key);
        let refused = [self.credentials().err(), self.order_id_key().err()];
        let refused = refused.into_iter().flatten().flat_map(|faults| faults.0);
        faults.extend(refused.filter(|fault| !is_put_off(fault)));
        for (key, name) in put_off {
            self.notes.push(format!(
                "{key} = {:?} wasn't looked at: a bare name is a systemd credential, which is there \
                 only for the service that systemd starts",
                name.display().to_string()
            ));
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
    ) -> Result<T, Fault> {
        let located = Located::new(name, self.credentials_folder.as_deref());
        located.and_then(|file| read(&file)).map_err(|refusal| {
            let fault = Fault::hiding(key, self.sources.of(key), refusal.to_string());
            match refusal {
                Refusal::Pasted => fault,
                _ => Fault { value: Some(format!("{:?}", name.display().to_string())), ..fault },
            }
        })
    }
}

/// Whether a path is the empty text, which stands for none.
trait Emptiness {
    fn is_empty(&self) -> bool;
}

impl Emptiness for PathBuf {
    fn is_empty(&self) -> bool {
        self.as_os_str().is_empty()
    }
}

#[cfg(test)]
pub(crate) mod tests;
