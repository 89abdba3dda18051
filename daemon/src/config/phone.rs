//! The phone pattern, compiled once: gateways match whole numbers with it.

use regex_lite::Regex;

use super::Gateway;

/// A pattern that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PhonePatternError {
    /// It isn't a regular expression; the text says why.
    #[error("must be a regular expression: {0}")]
    Syntax(String),
    /// It is empty, or fits the empty text.
    #[error("must not fit the empty text")]
    FitsNothing,
}

impl Gateway {
    /// `phone_pattern` as an expression that fits whole texts only.
    ///
    /// # Errors
    /// It isn't a regular expression, or fits the empty text.
    pub fn phone_regex(&self) -> Result<Regex, PhonePatternError> {
        let compile = |pattern: &str| {
            Regex::new(pattern).map_err(|error| PhonePatternError::Syntax(error.to_string()))
        };
        // Alone first: `a)(b` would be well-formed once it is wrapped.
        compile(&self.phone_pattern)?;
        let whole = compile(&format!(r"\A(?:{})\z", self.phone_pattern))?;
        if whole.is_match("") { Err(PhonePatternError::FitsNothing) } else { Ok(whole) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Gateway, PhonePatternError};

    fn gateway(pattern: &str) -> Gateway {
        Gateway { phone_pattern: pattern.to_owned(), ..Gateway::default() }
    }

    #[test]
    fn only_whole_numbers_fit() {
        let phone = Gateway::default().phone_regex().unwrap();
        assert!(phone.is_match("15200008881"));
        for text in
            ["", "1520000888", "152000088811", "25200008881", "x15200008881", "15200008881\n", "１"]
        {
            assert!(!phone.is_match(text), "{text:?}");
        }
        let either = gateway("12|34").phone_regex().unwrap();
        assert!(either.is_match("12") && either.is_match("34"));
        assert!(!either.is_match("123") && !either.is_match("134"));
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        for pattern in ["(", "a)(b", "*"] {
            let error = gateway(pattern).phone_regex().err();
            assert!(matches!(error, Some(PhonePatternError::Syntax(_))), "{pattern}");
        }
        for pattern in ["", ".*", "[0-9]*"] {
            let error = gateway(pattern).phone_regex().err();
            assert_eq!(error, Some(PhonePatternError::FitsNothing), "{pattern}");
        }
    }
}
