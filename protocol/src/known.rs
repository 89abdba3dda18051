//! A field that may be unknown, and whose words a later version may have more of.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

/// A value, or what this version can't read.
#[derive(Deserialize)]
#[serde(untagged)]
enum Word<T> {
    Known(T),
    Unknown(IgnoredAny),
}

/// Reads a word that isn't known here as `None`.
pub(crate) fn or_none<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(match Option::deserialize(deserializer)? {
        Some(Word::Known(value)) => Some(value),
        Some(Word::Unknown(IgnoredAny)) | None => None,
    })
}
