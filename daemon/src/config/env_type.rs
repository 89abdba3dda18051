//! The envType: which of the compiled-in profiles is the base of the configuration.

use std::fmt;
use std::str::FromStr;

/// The profiles that are shipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum EnvType {
    /// The queue in SQLite; nothing to install.
    #[default]
    Embedded,
    /// A RocketMQ of one's own, without credentials.
    Offline,
    /// Aliyun's RocketMQ, with credentials.
    Aliyun,
}

/// A text that is no [`EnvType`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be \"embedded\", \"offline\" or \"aliyun\"")]
pub struct UnknownEnvType;

impl EnvType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Embedded, Self::Offline, Self::Aliyun];

    /// Its name on the command line, in `ENV_TYPE` and in file names.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Offline => "offline",
            Self::Aliyun => "aliyun",
        }
    }

    /// The text of the profile, TOML.
    pub(super) const fn profile(self) -> &'static str {
        match self {
            Self::Embedded => include_str!("../../../profiles/embedded.toml"),
            Self::Offline => include_str!("../../../profiles/offline.toml"),
            Self::Aliyun => include_str!("../../../profiles/aliyun.toml"),
        }
    }
}

impl fmt::Display for EnvType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for EnvType {
    type Err = UnknownEnvType;

    fn from_str(name: &str) -> Result<Self, UnknownEnvType> {
        Self::ALL.into_iter().find(|known| known.name() == name).ok_or(UnknownEnvType)
    }
}
