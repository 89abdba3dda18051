//! How much more a gateway may promise of a product than its stock: some of those who come first
//! never pay, and without a surplus they keep the units from those who would.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::Money;

/// A ratio of 1.000 to 3.000, in thousandths. In JSON it is a decimal string with three decimals
/// (`"1.500"`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PreheatRatio(u16);

/// The text or the number is no ratio of 1.000 to 3.000 with at most three decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoPreheatRatio;

/// Thousandths of one.
const ONE: u16 = 1_000;

impl PreheatRatio {
    /// No more is promised than there is.
    pub const NONE: Self = Self(ONE);
    /// The largest one: three are admitted for each unit.
    pub const MAX: Self = Self(3 * ONE);

    /// A ratio from thousandths.
    ///
    /// # Errors
    /// It is below 1.000 or above 3.000.
    pub fn from_milli(milli: i64) -> Result<Self, NoPreheatRatio> {
        let ratio = u16::try_from(milli).map(Self).map_err(|_| NoPreheatRatio)?;
        (Self::NONE..=Self::MAX).contains(&ratio).then_some(ratio).ok_or(NoPreheatRatio)
    }

    /// The ratio in thousandths.
    #[must_use]
    pub const fn milli(self) -> u16 {
        self.0
    }

    /// Reads a plain decimal, as a price is read.
    ///
    /// # Errors
    /// It is none of 1.000 to 3.000, or has more than three decimals.
    pub fn parse(text: &str) -> Result<Self, NoPreheatRatio> {
        let milli = Money::parse(text).map_err(|_| NoPreheatRatio)?.milli();
        Self::from_milli(milli)
    }

    /// Whether more is promised than there is.
    #[must_use]
    pub fn promises_more(self) -> bool {
        self != Self::NONE
    }

    /// Units that may be promised of so many: the product with the ratio, rounded down.
    #[must_use]
    pub const fn of(self, stock: u32) -> u64 {
        // At most 3,000 times 2^32: it fits.
        stock as u64 * self.0 as u64 / ONE as u64
    }
}

impl Default for PreheatRatio {
    fn default() -> Self {
        Self::NONE
    }
}

impl fmt::Display for PreheatRatio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / ONE, self.0 % ONE)
    }
}

impl fmt::Display for NoPreheatRatio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a decimal of 1.000 to 3.000")
    }
}

impl std::error::Error for NoPreheatRatio {}

impl Serialize for PreheatRatio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PreheatRatio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|error| de::Error::custom(format!("{error}: {text:?}")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{NoPreheatRatio, PreheatRatio};

    #[test]
    fn reads_1_to_3_with_three_decimals() {
        for (text, milli) in [("1", 1_000), ("1.5", 1_500), ("2.999", 2_999), ("3.000", 3_000)] {
            assert_eq!(PreheatRatio::parse(text).map(PreheatRatio::milli), Ok(milli), "{text:?}");
        }
        for text in ["0.999", "3.001", "1.0001", "-1", "1,5", "", " 1", "1e0", "65536000", "x"] {
            assert_eq!(PreheatRatio::parse(text), Err(NoPreheatRatio), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(milli in 1_000_i64..=3_000) {
            let ratio = PreheatRatio::from_milli(milli).unwrap();
            prop_assert_eq!(PreheatRatio::parse(&ratio.to_string()), Ok(ratio));
            let json = serde_json::to_value(ratio).unwrap();
            prop_assert_eq!(serde_json::from_value::<PreheatRatio>(json).unwrap(), ratio);
        }

        /// It never promises less than there is, and nothing of nothing.
        #[test]
        fn promises_the_stock_at_least(milli in 1_000_i64..=3_000, stock in any::<u32>()) {
            let ratio = PreheatRatio::from_milli(milli).unwrap();
            prop_assert!(u64::from(stock) <= ratio.of(stock));
            prop_assert!(ratio.of(stock) <= 3 * u64::from(stock));
            prop_assert_eq!(PreheatRatio::NONE.of(stock), u64::from(stock));
        }
    }
}
