//! A text that hardly ever has more than a few characters. A short one lies in the value itself, so
//! that it is made and cloned without an allocation, and without a reference count that several
//! processors would pass around.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::{Deserializer, Visitor};

/// Bytes of the longest text that lies in the value: it is as large as a `String` then.
const INLINE_MAX: usize = 22;

/// A text, of any length. Equal texts have the same form.
#[derive(Clone)]
pub(super) enum ShortText {
    /// Its first `len` bytes; the others are 0.
    Inline { len: u8, bytes: [u8; INLINE_MAX] },
    /// A longer one.
    Shared(Arc<str>),
}

impl ShortText {
    pub(super) fn as_str(&self) -> &str {
        match self {
            // It was made of a text, so it is one.
            Self::Inline { .. } => std::str::from_utf8(self.bytes()).unwrap_or_default(),
            Self::Shared(text) => text,
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Inline { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Self::Shared(text) => text.as_bytes(),
        }
    }
}

impl From<&str> for ShortText {
    fn from(text: &str) -> Self {
        let mut bytes = [0; INLINE_MAX];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(begin), Ok(len)) => {
                begin.copy_from_slice(text.as_bytes());
                Self::Inline { len, bytes }
            }
            _ => Self::Shared(text.into()),
        }
    }
}

impl PartialEq for ShortText {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for ShortText {}

impl Hash for ShortText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.bytes());
        // A byte that no text holds ends it, so that two in a row are no other two.
        state.write_u8(0xff);
    }
}

impl PartialOrd for ShortText {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ShortText {
    /// As texts are ordered, which is by their bytes.
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes().cmp(other.bytes())
    }
}

/// Reads a JSON string into what is made of a text, without a `String` in between.
pub(super) fn read<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: for<'a> From<&'a str>,
    D: Deserializer<'de>,
{
    struct Text<T>(PhantomData<T>);

    impl<T: for<'a> From<&'a str>> Visitor<'_> for Text<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<E>(self, text: &str) -> Result<T, E> {
            Ok(T::from(text))
        }
    }

    deserializer.deserialize_str(Text(PhantomData))
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, RandomState};

    use proptest::prelude::*;

    use super::{INLINE_MAX, ShortText};

    #[test]
    fn is_as_large_as_a_string() {
        assert_eq!(size_of::<ShortText>(), size_of::<String>());
    }

    #[test]
    fn is_inside_up_to_the_last_byte_that_fits() {
        for len in [0, 1, INLINE_MAX, INLINE_MAX + 1, 300] {
            let (text, hasher) = ("x".repeat(len), RandomState::new());
            let short = ShortText::from(text.as_str());
            assert_eq!(short.as_str(), text);
            assert_eq!(matches!(short, ShortText::Inline { .. }), len <= INLINE_MAX);
            assert_eq!(hasher.hash_one(&short), hasher.hash_one(short.clone()));
        }
    }

    proptest! {
        #[test]
        fn is_the_text_and_is_ordered_as_it(one in "\\PC{0,12}", other in "\\PC{0,12}") {
            let (a, b) = (ShortText::from(one.as_str()), ShortText::from(other.as_str()));
            prop_assert_eq!(a.as_str(), one.as_str());
            prop_assert_eq!(a == b, one == other);
            prop_assert_eq!(a.cmp(&b), one.cmp(&other));
        }
    }
}
