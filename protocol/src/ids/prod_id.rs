//! A product's id.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// A product's id. It may be any text, as a message may name any product; what a product that is
/// made may be called is [`prod_id_fault`](crate::prod_id_fault)'s rule. Cloning one allocates
/// nothing; making one allocates from 24 bytes on.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProdId(SmolStr);

impl ProdId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ProdId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for ProdId {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl PartialEq<str> for ProdId {
    fn eq(&self, text: &str) -> bool {
        self.as_str() == text
    }
}

impl PartialEq<&str> for ProdId {
    fn eq(&self, text: &&str) -> bool {
        self.as_str() == *text
    }
}

impl fmt::Display for ProdId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for ProdId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::ProdId;

    #[test]
    fn is_a_plain_text_in_json_and_in_sentences() {
        for text in ["pid_0001", "", "华为MATE20", "a-text-of-more-than-twenty-three-bytes"] {
            let id = ProdId::from(text);
            let json = serde_json::to_string(&id).unwrap();
            assert_eq!(json, serde_json::to_string(text).unwrap());
            assert_eq!(serde_json::from_str::<ProdId>(&json).unwrap(), id);
            assert_eq!((id.to_string(), format!("{id:?}")), (text.to_owned(), format!("{text:?}")));
            assert!(id == *text && ProdId::from(text.to_owned()) == id);
        }
        assert!(serde_json::from_str::<ProdId>("1").is_err());
    }
}
