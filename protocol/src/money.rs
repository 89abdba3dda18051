//! Amounts of money as integers of a thousandth (milli-units): the contract has three decimals, and
//! a float could not hold them exactly.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An amount in milli-units. On the wire it is a decimal string with three decimals (`"5999.000"`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Money(i64);

/// Why a text is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoneyError {
    /// Not digits with at most one point between them: signs, exponents, blanks and full-width
    /// digits are refused.
    NotPlainDecimal,
    /// More than three digits after the point.
    TooManyDecimals,
    /// More than 2^63 − 1 milli-units.
    TooLarge,
}

/// Digits after the point, by the REST contract.
const DECIMALS: usize = 3;

impl Money {
    /// An amount from milli-units.
    #[must_use]
    pub const fn from_milli(milli: i64) -> Self {
        Self(milli)
    }

    /// The amount in milli-units.
    #[must_use]
    pub const fn milli(self) -> i64 {
        self.0
    }

    /// Reads a plain decimal: ASCII digits, optionally a point and one to three more digits.
    ///
    /// # Errors
    /// Says which rule the text breaks. The work is bounded by the text's length.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        let (whole, fraction) = match text.split_once('.') {
            Some((_, "")) => return Err(MoneyError::NotPlainDecimal),
            Some(parts) => parts,
            None => (text, ""),
        };
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return Err(MoneyError::NotPlainDecimal);
        }
        if DECIMALS < fraction.len() {
            return Err(MoneyError::TooManyDecimals);
        }
        let padding = std::iter::repeat_n(b'0', DECIMALS - fraction.len());
        whole
            .bytes()
            .chain(fraction.bytes())
            .chain(padding)
            .try_fold(0_i64, |sum, byte| sum.checked_mul(10)?.checked_add(i64::from(byte - b'0')))
            .map(Self)
            .ok_or(MoneyError::TooLarge)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let milli = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:03}", milli / 1000, milli % 1000)
    }
}

impl fmt::Display for MoneyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotPlainDecimal => "not a plain decimal",
            Self::TooManyDecimals => "more than three decimals",
            Self::TooLarge => "too large",
        })
    }
}

impl std::error::Error for MoneyError {}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|error| de::Error::custom(format!("{error}: {text:?}")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Money, MoneyError};

    #[test]
    fn reads_plain_decimals() {
        for (text, milli) in
            [("5999.000", 5_999_000), ("5999", 5_999_000), ("0.01", 10), ("1.5", 1_500), ("0", 0)]
        {
            assert_eq!(Money::parse(text), Ok(Money::from_milli(milli)), "{text}");
        }
    }

    #[test]
    fn refuses_all_else() {
        for text in
            ["", "abc", "-0.5", "+1", "1E+3", "1e3", "１２", " 1", "1 ", "1.", ".5", "1.2.3", "0x1"]
        {
            assert_eq!(Money::parse(text), Err(MoneyError::NotPlainDecimal), "{text:?}");
        }
        assert_eq!(Money::parse("1.0000"), Err(MoneyError::TooManyDecimals));
        assert_eq!(Money::parse("9223372036854775.808"), Err(MoneyError::TooLarge));
        assert_eq!(Money::parse(&"9".repeat(1_000_000)), Err(MoneyError::TooLarge));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(milli in 0..=i64::MAX) {
            let money = Money::from_milli(milli);
            prop_assert_eq!(Money::parse(&money.to_string()), Ok(money));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            let _ = Money::parse(&text);
        }
    }
}
