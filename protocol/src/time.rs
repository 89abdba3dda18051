//! Points in time as the REST contract writes them: ISO 8601 with milliseconds, UTC as `+0000`.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const WIRE_FORMAT: &str = "%Y-%m-%dT%H:%M:%S%.3f%z";

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct EpochMs(pub i64);

impl EpochMs {
    /// The wire form. A value outside the years −9999 to 9999 is written as the nearest end of
    /// them.
    #[must_use]
    pub fn to_wire(self) -> String {
        let end = if self.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Timestamp::from_millisecond(self.0).unwrap_or(end).strftime(WIRE_FORMAT).to_string()
    }

    /// The moment of a text in the wire form, or as RFC 3339 has it (`Z`, `+08:00`); `None` for
    /// anything else, as for a time without a zone.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let wire = jiff::fmt::strtime::parse("%Y-%m-%dT%H:%M:%S%.f%z", text)
            .and_then(|parsed| parsed.to_timestamp());
        let moment = wire.or_else(|_| text.parse::<Timestamp>()).ok()?;
        Some(Self(moment.as_millisecond()))
    }
}

impl Serialize for EpochMs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_wire())
    }
}

impl<'de> Deserialize<'de> for EpochMs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        jiff::fmt::strtime::parse("%Y-%m-%dT%H:%M:%S%.f%z", &text)
            .and_then(|parsed| parsed.to_timestamp())
            .map(|stamp| Self(stamp.as_millisecond()))
            .map_err(|error| de::Error::custom(format!("{text:?} is no ISO 8601 time: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::EpochMs;

    #[test]
    fn is_written_as_the_java_services_write_it() -> Result<(), serde_json::Error> {
        let time = EpochMs(1_795_444_100_572);
        let json = serde_json::to_string(&time)?;
        assert_eq!(json, r#""2026-11-23T14:28:20.572+0000""#);
        assert_eq!(serde_json::from_str::<EpochMs>(&json)?, time);
        assert_eq!(EpochMs(0).to_wire(), "1970-01-01T00:00:00.000+0000");
        for same in [
            "2026-11-23T14:28:20.572Z",
            "2026-11-23T22:28:20.572+08:00",
            "2026-11-23T14:28:20.572+0000",
        ] {
            assert_eq!(EpochMs::from_text(same), Some(time), "{same}");
        }
        for none in ["", "2026-11-23", "2026-11-23T14:28:20", "2026-11-23T14:28:20 0000", "1"] {
            assert_eq!(EpochMs::from_text(none), None, "{none}");
        }
        assert!(EpochMs(i64::MAX).to_wire().starts_with("9999-"));
        Ok(())
    }
}
