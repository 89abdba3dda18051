//! What is wrong with a configuration, in sentences for the operator: each fault with its key, its
//! value, where that came from, and what is allowed. All faults are collected and shown at once.

use std::fmt;
use std::path::PathBuf;

use figment::value::Value;
use protocol::escaped;

use super::EnvType;

/// Characters of a value that a message shows.
const SHOWN_CHARS_MAX: usize = 120;

/// The key of faults of a file that was named.
pub(super) const CONFIG_OPTION: &str = "--config";

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Written in the program.
    Default,
    /// The compiled-in profile of an envType.
    Profile(EnvType),
    /// A configuration file.
    File(PathBuf),
    /// An environment variable, by its name.
    Variable(String),
    /// `--set` on the command line.
    CommandLine,
    /// Chosen at start because nobody but a profile named it; the text says by what.
    Machine(&'static str),
}

impl Source {
    /// Whether no operator named the value.
    #[must_use]
    pub const fn is_built_in(&self) -> bool {
        matches!(self, Self::Default | Self::Profile(_))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("built-in default"),
            Self::Profile(env_type) => write!(f, "built-in profile {env_type}"),
            Self::File(path) => write!(f, "file {}", escaped(&path.to_string_lossy())),
            Self::Variable(name) => write!(f, "environment variable {}", escaped(name)),
            Self::CommandLine => f.write_str("--set"),
            Self::Machine(chosen_by) => write!(f, "chosen for this machine: {chosen_by}"),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFault {
    /// The key's dotted path, an option (`--config`), or empty where neither is at fault.
    pub key: String,
    /// The value as TOML; `None` where there is none, or where it could be a secret.
    pub value: Option<String>,
    /// Where the value came from.
    pub source: Option<Source>,
    /// What is wrong and what is allowed.
    pub problem: String,
}

impl ConfigFault {
    /// A fault that shows its value.
    pub(super) fn of(key: &str, value: &Value, source: Source, problem: impl Into<String>) -> Self {
        Self { value: Some(shown(value)), ..Self::hiding(key, source, problem) }
    }

    /// Whether no operator named the value.
    pub(super) fn is_built_in(&self) -> bool {
        self.source.as_ref().is_some_and(Source::is_built_in)
    }

    /// Whether a whole layer is missing because of it.
    pub(super) fn hides_a_layer(&self) -> bool {
        matches!(self.key.as_str(), "" | CONFIG_OPTION)
    }

    /// A fault that doesn't show its value.
    pub(super) fn hiding(key: &str, source: Source, problem: impl Into<String>) -> Self {
        let (key, problem) = (key.to_owned(), problem.into());
        Self { key, value: None, source: Some(source), problem }
    }
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escaped(&self.key))?;
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        if let Some(source) = &self.source {
            let blank = if self.key.is_empty() { "" } else { " " };
            write!(f, "{blank}({source})")?;
        }
        write!(f, ": {}", self.problem)
    }
}

/// Every fault of a configuration; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Faults(pub Vec<ConfigFault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("the configuration has a fault:")?,
            count => write!(f, "the configuration has {count} faults:")?,
        }
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

/// A value as TOML on one line, cut where it is long.
pub(super) fn shown(value: &Value) -> String {
    let text = as_toml(value).map_or_else(|| "?".to_owned(), |value| value.to_string());
    cut(text.replace('\n', " "))
}

/// A text on one line, with what can't be seen made visible, cut where it is long.
pub(super) fn shown_text(text: &str) -> String {
    cut(format!("{text:?}"))
}

fn cut(line: String) -> String {
    match line.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// A value of figment's as one of TOML's.
pub(super) fn as_toml(value: &Value) -> Option<toml::Value> {
    toml::Value::try_from(value).ok()
}
