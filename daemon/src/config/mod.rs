//! Configuration: from profile, file, environment and command line to one judged, typed tree. It
//! alone reads the environment; everything else gets what it needs handed over. See docs/config.md.

mod directives;
mod env_type;
mod extract;
mod faults;
mod layers;
mod places;
mod print;
mod products;
mod reload;
mod secret_files;
mod secrets;
mod shape;
mod surroundings;
mod texts;
mod tree;
mod unknown;
mod validate;

use std::fmt;
use std::path::PathBuf;

pub use directives::{LEVELS, LogDirectives, NoDirective};
pub use env_type::{EnvType, UnknownEnvType};
pub use extract::Sources;
pub use faults::{ConfigFault, Faults, Source};
pub use print::{docs, effective, entries};
pub use products::differing;
#[cfg(test)]
pub(crate) use reload::taken_one_by_one;
pub use reload::{changes, taken};
pub use secret_files::{ACCESS_KEY_FILE, ORDER_ID_KEY_FILE, SECRET_KEY_FILE, SecretFile};
pub(crate) use tree::PUBLISH_WAITING_MOST;
pub(crate) use tree::tunables::Config as Tunables;
pub use tree::{
    Admin, Config, Doctor, Gateway, Http, Log, LogFormat, Metrics, OptionalAddress, Order, Others,
    ProductSeed, Queue, QueueKind, Rocketmq, Role, Shutdown, Store,
};

pub use surroundings::Manager;
use surroundings::{ENV_TYPE_VARIABLES, Surroundings};

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
    /// What the operator should know at a start, though it is no fault.
    pub notes: Vec<Note>,
    /// Whether standard error is connected to systemd's journal.
    pub journal: bool,
    /// The service manager.
    pub manager: Manager,
    options: Options,
    credentials_folder: Option<PathBuf>,
}

/// What an operator should know at a start, though it is no fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// Everyone on the machine may read a file with a secret.
    SecretExposed(String),
    /// Anything else.
    Other(String),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::SecretExposed(text) | Self::Other(text)) = self;
        f.write_str(text)
    }
}

/// Reads and judges the configuration.
///
/// # Errors
/// Every fault at once. An unknown envType is the only one, because without it there is no profile.
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
    notes.extend(products::notes(&config));
    let (journal, manager) = (around.journal, around.manager.clone());
    let credentials_folder = around.credentials_folder.clone();
    let options = options.clone();
    let notes = notes.into_iter().map(Note::Other).collect();
    let mut loaded =
        Loaded { config, env_type, sources, notes, journal, manager, options, credentials_folder };
    loaded.look_at_secrets(&mut faults);
    if faults.iter().any(ConfigFault::hides_a_layer) {
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
) -> Result<EnvType, ConfigFault> {
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
        return Err(ConfigFault { key, value, source: None, problem });
    }
    name.parse().map_err(|problem: UnknownEnvType| ConfigFault {
        key: key.to_owned(),
        value: Some(format!("{name:?}")),
        source: None,
        problem: problem.to_string(),
    })
}

impl Loaded {
    /// Reads and judges the configuration again, by the same command line, for a process that runs.
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
