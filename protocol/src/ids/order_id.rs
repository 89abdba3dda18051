//! An order's id.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

/// An order's id as it travels: our UUIDs in 16 bytes, whatever a Java gateway made up as its text.
/// Either way it is the text that came, byte for byte.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct OrderId(Form);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Form {
    /// A UUID in the usual lower-case spelling with dashes.
    Uuid(Uuid),
    /// Any other text.
    Text(Box<str>),
}

/// An order's id spelt out, without an allocation.
pub struct OrderIdText<'a>(Spelt<'a>);

enum Spelt<'a> {
    Uuid([u8; Hyphenated::LENGTH]),
    Text(&'a str),
}

impl OrderId {
    /// The id that is this UUID.
    #[must_use]
    pub const fn from_uuid(bytes: [u8; 16]) -> Self {
        Self(Form::Uuid(Uuid::from_bytes(bytes)))
    }

    /// The id as text.
    #[must_use]
    pub fn text(&self) -> OrderIdText<'_> {
        OrderIdText(match &self.0 {
            Form::Uuid(uuid) => {
                let mut buffer = [0; Hyphenated::LENGTH];
                uuid.hyphenated().encode_lower(&mut buffer);
                Spelt::Uuid(buffer)
            }
            Form::Text(text) => Spelt::Text(text),
        })
    }
}

impl Deref for OrderIdText<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            // Digits and dashes are a text.
            Spelt::Uuid(bytes) => std::str::from_utf8(bytes).unwrap_or_default(),
            Spelt::Text(text) => text,
        }
    }
}

impl From<&str> for OrderId {
    fn from(text: &str) -> Self {
        let uuid = || Uuid::try_parse(text).map(|uuid| Self(Form::Uuid(uuid)));
        match uuid() {
            Ok(id) if *id.text() == *text => id,
            _ => Self(Form::Text(text.into())),
        }
    }
}

impl From<String> for OrderId {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl PartialOrd for OrderId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OrderId {
    /// As their texts are ordered.
    fn cmp(&self, other: &Self) -> Ordering {
        self.text().cmp(&other.text())
    }
}

impl PartialEq<str> for OrderId {
    fn eq(&self, text: &str) -> bool {
        *self.text() == *text
    }
}

impl PartialEq<&str> for OrderId {
    fn eq(&self, text: &&str) -> bool {
        *self.text() == **text
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text())
    }
}

impl fmt::Debug for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for OrderId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for OrderId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(OfText)
    }
}

/// Reads an id without a `String` in between.
struct OfText;

impl Visitor<'_> for OfText {
    type Value = OrderId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E>(self, text: &str) -> Result<OrderId, E> {
        Ok(text.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Form, OrderId};

    const UUID: &str = "7d4483a4-1b2c-8567-8901-123456789abc";

    #[test]
    fn only_the_usual_spelling_is_kept_as_a_number() {
        let usual = OrderId::from(UUID);
        assert!(matches!(usual.0, Form::Uuid(_)));
        for text in ["", "SK_20261130", &UUID.to_uppercase(), &UUID.replace('-', "")] {
            let id = OrderId::from(text);
            assert!(matches!(id.0, Form::Text(_)), "{text}");
            assert!(id == *text && id != usual);
        }
    }

    proptest! {
        #[test]
        fn is_the_text_that_came(text in prop_oneof![
            "[0-9a-fA-F]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "\\PC{0,40}",
        ]) {
            let id = OrderId::from(text.as_str());
            prop_assert_eq!(&*id.text(), text.as_str());
            prop_assert_eq!(id.to_string(), text.as_str());
            let json = serde_json::to_string(&id).unwrap();
            prop_assert_eq!(&json, &serde_json::to_string(&text).unwrap());
            prop_assert_eq!(serde_json::from_str::<OrderId>(&json).unwrap(), id);
        }
    }
}
