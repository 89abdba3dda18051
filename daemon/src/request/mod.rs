//! What the fields of a charge or a query must be, before any rule of the sale looks at them.

mod excerpt;
mod fault;
pub mod fields;
mod invalid;
mod query;
mod refused;

use protocol::{Money, Phone, ProdId, TEXT_CHARS_MAX};
use regex_lite::Regex;

pub use self::fault::{FieldFault, TextPosition};
use self::fields::{Field, Fields};
pub use self::invalid::invalid;
pub use self::query::answer_query;
pub use self::refused::{InvalidRequests, TOLD_EVERY};

/// A charge whose fields are sound. Whether the product exists and has this price is asked later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeRequest {
    /// Matches the profile's phone pattern.
    pub phone: Phone,
    /// A plain decimal with at most three decimals.
    pub charge_price: Money,
    /// Not blank, up to 64 characters.
    pub prod_id: ProdId,
}

/// A query whose fields are sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryRequest {
    /// Not blank, up to 64 characters.
    pub phone: Phone,
    /// Not blank, up to 64 characters.
    pub prod_id: ProdId,
}

/// Reads a charge.
///
/// # Errors
/// The first field that is missing, blank or malformed; code 40005.
pub fn charge_request(
    fields: &Fields<'_>,
    phones: &PhonePattern,
) -> Result<ChargeRequest, FieldFault> {
    let phone = text(fields, Field::UserPhoneNum)?;
    if !phones.matches(phone) {
        return Err(FieldFault::Malformed(Field::UserPhoneNum));
    }
    let charge_price = Money::parse(fields.get(Field::ChargePrice)?)
        .map_err(|_| FieldFault::Malformed(Field::ChargePrice))?;
    let prod_id = text(fields, Field::ProdId)?.into();
    Ok(ChargeRequest { phone: phone.into(), charge_price, prod_id })
}

/// Reads a query. The phone pattern doesn't bind here: Java gateways on the same topic send what
/// they like, their orders are placed (contract/messages.md), and their buyers may ask for them.
///
/// # Errors
/// The first field that is missing, blank or longer than any order's; code 40005.
pub fn query_request(fields: &Fields<'_>) -> Result<QueryRequest, FieldFault> {
    Ok(QueryRequest {
        phone: text(fields, Field::UserPhoneNum)?.into(),
        prod_id: text(fields, Field::ProdId)?.into(),
    })
}

/// A text that an order can hold.
fn text<'f>(fields: &'f Fields<'_>, field: Field) -> Result<&'f str, FieldFault> {
    let text = fields.get(field)?;
    // A character is a byte at least, so most texts needn't be counted.
    if TEXT_CHARS_MAX < text.len() && TEXT_CHARS_MAX < text.chars().count() {
        return Err(FieldFault::TooLong(field));
    }
    Ok(text)
}

/// The phone pattern of the profile, which a whole number must match.
#[derive(Debug, Clone)]
pub struct PhonePattern(Matcher);

#[derive(Debug, Clone)]
enum Matcher {
    /// The shipped profiles' own, by hand: it is on the path of every charge.
    MainlandMobile,
    Regex(Regex),
}

/// A pattern that can't be used. The text says what it must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It isn't a regular expression; the text says why.
    #[error("must be a regular expression: {0}")]
    Syntax(String),
    /// It is empty, or fits the empty text.
    #[error("must not fit the empty text")]
    FitsNothing,
}

impl PhonePattern {
    /// The pattern that the shipped profiles have.
    pub const DEFAULT: &'static str = protocol::MOBILE_PATTERN;

    /// Compiles a pattern. Matching takes time linear in the number, whatever the pattern.
    ///
    /// # Errors
    /// Says what is wrong with the pattern.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        if pattern == Self::DEFAULT {
            return Ok(Self(Matcher::MainlandMobile));
        }
        let compile =
            |text: &str| Regex::new(text).map_err(|error| PatternError::Syntax(error.to_string()));
        // The pattern is compiled alone first: with the group around it, a text such as `1)|(2`
        // would be valid.
        compile(pattern)?;
        let whole = compile(&format!(r"\A(?:{pattern})\z"))?;
        if whole.is_match("") {
            return Err(PatternError::FitsNothing);
        }
        Ok(Self(Matcher::Regex(whole)))
    }

    /// Whether the whole text matches. `\d` is an ASCII digit: full-width digits are refused.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match &self.0 {
            Matcher::MainlandMobile => protocol::is_mobile(text),
            Matcher::Regex(regex) => regex.is_match(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use instruments::captured_log::lines;
    use proptest::prelude::*;
    use protocol::Money;

    use super::{ChargeRequest, PhonePattern, QueryRequest, charge_request, query_request};
    use crate::request::FieldFault;
    use crate::request::fields::{Field, read_fields};

    async fn charge(query: &str) -> Result<(String, Money, String), FieldFault> {
        let phones = PhonePattern::new(PhonePattern::DEFAULT).unwrap();
        let body = Bytes::new();
        let fields = read_fields(None, query, &body).await?;
        let ChargeRequest { phone, charge_price, prod_id } = charge_request(&fields, &phones)?;
        Ok((phone.whole().to_owned(), charge_price, prod_id.to_string()))
    }

    #[tokio::test]
    async fn no_line_of_the_log_has_the_whole_number_of_what_was_read() {
        let body = Bytes::new();
        let fields = read_fields(None, "userPhoneNum=15200008881&prodId=p", &body).await.unwrap();
        let request = query_request(&fields).unwrap();
        let QueryRequest { phone, .. } = &request;
        let lines = lines(|| tracing::info!(%phone, again = ?phone, ?request, "asked"));
        assert!(lines[0].contains("phone=152****8881 again=152****8881"), "{lines:?}");
        assert!(!lines[0].contains(phone.whole()), "{lines:?}");
    }

    #[tokio::test]
    async fn a_sound_charge_is_read() {
        assert_eq!(
            charge("userPhoneNum=15200008881&chargePrice=5999.000&prodId=pid_0001").await,
            Ok(("15200008881".to_owned(), Money::from_milli(5_999_000), "pid_0001".to_owned()))
        );
    }

    #[tokio::test]
    async fn every_malformed_field_is_named() {
        use Field::{ChargePrice, ProdId, UserPhoneNum};
        use FieldFault::{Blank, Malformed, Missing, TooLong};
        let long = "p".repeat(65);
        let phone = "userPhoneNum=15200008881";
        for (query, fault) in [
            ("chargePrice=1&prodId=p".to_owned(), Missing(UserPhoneNum)),
            ("userPhoneNum=&chargePrice=1&prodId=p".to_owned(), Blank(UserPhoneNum)),
            ("userPhoneNum=%20+%09&chargePrice=1&prodId=p".to_owned(), Blank(UserPhoneNum)),
            ("userPhoneNum=25200008881&chargePrice=1&prodId=p".to_owned(), Malformed(UserPhoneNum)),
            (
                "userPhoneNum=+15200008881&chargePrice=1&prodId=p".to_owned(),
                Malformed(UserPhoneNum),
            ),
            (format!("userPhoneNum={long}&chargePrice=1&prodId=p"), TooLong(UserPhoneNum)),
            (format!("{phone}&prodId=p"), Missing(ChargePrice)),
            (format!("{phone}&chargePrice=abc&prodId=p"), Malformed(ChargePrice)),
            (format!("{phone}&chargePrice=1.0000&prodId=p"), Malformed(ChargePrice)),
            (format!("{phone}&chargePrice=1e3000000&prodId=p"), Malformed(ChargePrice)),
            (format!("{phone}&chargePrice=-0.5&prodId=p"), Malformed(ChargePrice)),
            (format!("{phone}&chargePrice=１２&prodId=p"), Malformed(ChargePrice)),
            (format!("{phone}&chargePrice=1"), Missing(ProdId)),
            (format!("{phone}&chargePrice=1&prodId=%E3%80%80"), Blank(ProdId)),
            (format!("{phone}&chargePrice=1&prodId={long}"), TooLong(ProdId)),
        ] {
            assert_eq!(charge(&query).await, Err(fault), "{query}");
        }
        let chinese = "品".repeat(64);
        assert!(charge(&format!("{phone}&chargePrice=1&prodId={chinese}")).await.is_ok());
    }

    #[tokio::test]
    async fn a_query_takes_any_phone_that_an_order_may_have() {
        let body = Bytes::new();
        let fields = read_fields(None, "userPhoneNum=%2B86-1&prodId=p", &body).await.unwrap();
        assert_eq!(
            query_request(&fields),
            Ok(QueryRequest { phone: "+86-1".into(), prod_id: "p".into() })
        );
        let fields = read_fields(None, "prodId=p", &body).await.unwrap();
        assert_eq!(query_request(&fields), Err(FieldFault::Missing(Field::UserPhoneNum)));
    }

    #[test]
    fn a_pattern_binds_the_whole_text() {
        for pattern in [PhonePattern::DEFAULT, r"1\d{10}", r"(?m)^1\d{10}$"] {
            let phones = PhonePattern::new(pattern).unwrap();
            assert!(phones.matches("15200008881"), "{pattern}");
            for other in [
                "",
                "1520000888",
                "152000088811",
                "15200008881\n",
                "x\n15200008881",
                "１５２００００８８８１",
                "1520000888x",
            ] {
                assert!(!phones.matches(other), "{pattern} {other:?}");
            }
        }
        let either = PhonePattern::new("1|22").unwrap();
        assert!(either.matches("22") && !either.matches("221"));
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for pattern in ["(", "1)|(2", r"\q", "*"] {
            assert!(PhonePattern::new(pattern).is_err(), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn the_hand_written_pattern_is_the_regular_expression(text in r"\PC{0,12}|1?[0-9]{9,12}") {
            let by_hand = PhonePattern::new(PhonePattern::DEFAULT).unwrap();
            let by_regex = PhonePattern::new("(?:1[0-9]{10})").unwrap();
            prop_assert_eq!(by_hand.matches(&text), by_regex.matches(&text));
        }
    }
}
