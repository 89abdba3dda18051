//! The configuration of a running daemon as it is reloaded: which generation is in force, how the
//! last reload went, and what a reload changes.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{EpochMs, ProdId};

/// The configuration in force.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigView {
    /// 1 at the start, and one more with each reload that changes something; 0 where an earlier
    /// daemon doesn't tell.
    pub generation: u64,
    /// Since when it is in force.
    pub since: EpochMs,
    /// Reloads since the start that found nothing changed.
    pub reloads_unchanged: u64,
    /// Reloads since the start that were refused.
    pub reloads_refused: u64,
    /// The last reload; `None` when there was none.
    pub last_reload: Option<ReloadView>,
}

/// How one reload went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadView {
    /// When.
    pub at: EpochMs,
    /// Who asked for it: a user's name, `uid 1000`, or `SIGHUP`.
    pub by: String,
    /// How it ended.
    pub outcome: ReloadOutcome,
    /// The keys that changed, or why it was refused, in one line.
    pub text: String,
}

/// How a reload ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReloadOutcome {
    /// A new generation is in force.
    Changed,
    /// Nothing was to be changed; the generation stays.
    Unchanged,
    /// Nothing was changed, because something can't be.
    Refused,
}

impl ReloadOutcome {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Changed, Self::Unchanged, Self::Refused];

    /// The outcome as it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
        }
    }
}

/// One key whose value differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigChange {
    /// `section.key`.
    pub key: String,
    /// The value in force until now. Secrets are files' paths; their content is never here.
    pub before: Value,
    /// The new value.
    pub after: Value,
    /// Where the new value comes from.
    pub source: String,
    /// What else is to be said: that the path is the same and the file holds something else, or why
    /// it takes a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The state after a reload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadState {
    /// The generation in force.
    pub generation: u64,
    /// What was changed; empty when nothing was.
    pub changed: Vec<ConfigChange>,
    /// Products that the database lacked and now has.
    #[serde(default)]
    pub products_added: Vec<ProdId>,
    /// What an operator should know, in sentences.
    #[serde(default)]
    pub notes: Vec<String>,
}
