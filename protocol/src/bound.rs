//! A bound of a product's window: the moment at which its sale opens or closes, or none.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::EpochMs;

/// A moment, or no bound. In JSON and in the configuration it is RFC 3339 with a zone and at most
/// milliseconds (`"2026-12-11T20:00:00+08:00"`), or `null`; it is written in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Bound(pub Option<EpochMs>);

/// The text is no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoBound {
    /// It is no RFC 3339 time with a zone.
    NoTime,
    /// It has a fraction finer than a millisecond.
    TooFine,
}

/// How no bound is written where people write.
const NONE: &str = "none";

impl Bound {
    /// No bound.
    pub const NONE: Self = Self(None);

    /// The bound at a moment.
    #[must_use]
    pub const fn at(moment: EpochMs) -> Self {
        Self(Some(moment))
    }

    /// Reads RFC 3339 with a zone, or `none`.
    ///
    /// # Errors
    /// Says why the text is neither.
    pub fn parse(text: &str) -> Result<Self, NoBound> {
        if text == NONE {
            return Ok(Self::NONE);
        }
        let moment: Timestamp = text.parse().map_err(|_| NoBound::NoTime)?;
        let is_whole = moment.subsec_nanosecond() % 1_000_000 == 0;
        is_whole.then(|| Self::at(EpochMs(moment.as_millisecond()))).ok_or(NoBound::TooFine)
    }
}

/// RFC 3339 in UTC, or `none`. A moment outside the years −9999 to 9999 is written as the nearest
/// end of them.
impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(EpochMs(moment)) = self.0 else { return f.write_str(NONE) };
        let end = if moment < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Timestamp::from_millisecond(moment).unwrap_or(end).fmt(f)
    }
}

impl fmt::Display for NoBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoTime => "not a time with its zone, such as 2026-12-11T20:00:00+08:00",
            Self::TooFine => "finer than a millisecond",
        })
    }
}

impl std::error::Error for NoBound {}

impl Serialize for Bound {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_none() { serializer.serialize_none() } else { serializer.collect_str(self) }
    }
}

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else {
            return Ok(Self::NONE);
        };
        match Self::parse(&text) {
            Ok(Self(None)) | Err(NoBound::NoTime) => Err(NoBound::NoTime),
            other => other,
        }
        .map_err(|fault| de::Error::custom(format!("{fault}: {text:?}")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::{Bound, NoBound};
    use crate::EpochMs;

    const EVENING: Bound = Bound::at(EpochMs(1_796_990_400_000));

    #[test]
    fn reads_a_time_with_its_zone() {
        for text in [
            "2026-12-11T20:00:00+08:00",
            "2026-12-11T12:00:00Z",
            "2026-12-11T12:00:00.000Z",
            "2026-12-11T12:00:00.000+0000",
            "2026-12-11 12:00:00Z",
        ] {
            assert_eq!(Bound::parse(text), Ok(EVENING), "{text:?}");
        }
        assert_eq!(EVENING.to_string(), "2026-12-11T12:00:00Z");
        let half = Bound::parse("2026-12-11T12:00:00.5Z").unwrap();
        assert_eq!(half.to_string(), "2026-12-11T12:00:00.5Z");
        assert_eq!(Bound::parse("none"), Ok(Bound::NONE));
    }

    #[test]
    fn no_zone_and_no_time_are_no_bound() {
        for text in ["", "20:00", "2026-12-11", "2026-12-11T20:00:00", "tomorrow", "1796990400000"]
        {
            assert_eq!(Bound::parse(text), Err(NoBound::NoTime), "{text:?}");
        }
        assert_eq!(Bound::parse("2026-12-11T12:00:00.0005Z"), Err(NoBound::TooFine));
    }

    #[test]
    fn null_is_no_bound_and_a_word_isnt() {
        assert_eq!(serde_json::to_value(Bound::NONE).unwrap(), json!(null));
        assert_eq!(serde_json::from_value::<Bound>(json!(null)).unwrap(), Bound::NONE);
        for wrong in [json!("none"), json!(0), json!("2026-12-11T20:00:00")] {
            assert!(serde_json::from_value::<Bound>(wrong).is_err());
        }
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(ms in 0_i64..=253_402_207_200_999) {
            let bound = Bound::at(EpochMs(ms));
            prop_assert_eq!(Bound::parse(&bound.to_string()), Ok(bound));
            let json = serde_json::to_value(bound).unwrap();
            prop_assert_eq!(serde_json::from_value::<Bound>(json).unwrap(), bound);
        }
    }
}
