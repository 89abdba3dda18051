//! What can be wrong with a request's fields, and how clients, operators and metrics see it: the
//! same two words everywhere, where the fault is and what it is.

use std::fmt;

use protocol::ChargeOutcome;

use super::fields::{FIELDS_MAX, Field};

/// What is wrong with the fields. The texts never hold a value, so they may be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FieldFault {
    /// Not given.
    #[error("{0} is missing")]
    Missing(Field),
    /// Given, but empty or only blanks.
    #[error("{0} is blank")]
    Blank(Field),
    /// Given more than once.
    #[error("{0} is given twice")]
    Twice(Field),
    /// Not of the form that the field has.
    #[error("{0} is malformed")]
    Malformed(Field),
    /// Longer than any order's.
    #[error("{0} is too long")]
    TooLong(Field),
    /// Charge: a sound price, but not the product's.
    #[error("chargePrice is not the product's price")]
    NotThePrice,
    /// More than `FIELDS_MAX` fields.
    #[error("more than {FIELDS_MAX} fields")]
    TooMany,
    /// A percent sign without two hexadecimal digits after it.
    #[error("{0} has a bad percent escape")]
    BadEscape(TextPosition),
    /// Text that is not UTF-8.
    #[error("{0} is not UTF-8")]
    NotUtf8(TextPosition),
    /// The body is not the JSON object that its content type promises.
    #[error("the body is no JSON object")]
    NotAnObject,
    /// The body is not the `multipart/form-data` that its content type promises.
    #[error("the body is no sound multipart/form-data")]
    NotMultipart,
    /// The body is compressed, or of a type that isn't read here and there is no query string: HTTP
    /// 415. All other faults are HTTP 200.
    #[error("a body of this content type or coding is not read here")]
    UnreadableType,
}

/// Where text stands that can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextPosition {
    /// The value of a field of ours.
    Field(Field),
    /// The query string: a name, or the value of a field that nobody knows here.
    Query,
    /// The body, likewise.
    Body,
}

impl TextPosition {
    const fn name(self) -> &'static str {
        match self {
            Self::Field(field) => field.name(),
            Self::Query => "query",
            Self::Body => "body",
        }
    }
}

impl fmt::Display for TextPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field) => field.fmt(f),
            Self::Query => f.write_str("the query string"),
            Self::Body => f.write_str("the body"),
        }
    }
}

impl FieldFault {
    /// How many different ones there are.
    pub const COUNT: usize = 29;

    /// All of them.
    pub const ALL: [Self; Self::COUNT] = {
        use Field::{ChargePrice, ProdId, UserPhoneNum};
        [
            Self::Missing(UserPhoneNum),
            Self::Blank(UserPhoneNum),
            Self::Twice(UserPhoneNum),
            Self::Malformed(UserPhoneNum),
            Self::TooLong(UserPhoneNum),
            Self::BadEscape(TextPosition::Field(UserPhoneNum)),
            Self::NotUtf8(TextPosition::Field(UserPhoneNum)),
            Self::Missing(ChargePrice),
            Self::Blank(ChargePrice),
            Self::Twice(ChargePrice),
            Self::Malformed(ChargePrice),
            Self::NotThePrice,
            Self::BadEscape(TextPosition::Field(ChargePrice)),
            Self::NotUtf8(TextPosition::Field(ChargePrice)),
            Self::Missing(ProdId),
            Self::Blank(ProdId),
            Self::Twice(ProdId),
            Self::Malformed(ProdId),
            Self::TooLong(ProdId),
            Self::BadEscape(TextPosition::Field(ProdId)),
            Self::NotUtf8(TextPosition::Field(ProdId)),
            Self::BadEscape(TextPosition::Query),
            Self::NotUtf8(TextPosition::Query),
            Self::BadEscape(TextPosition::Body),
            Self::NotUtf8(TextPosition::Body),
            Self::NotAnObject,
            Self::NotMultipart,
            Self::UnreadableType,
            Self::TooMany,
        ]
    };

    /// Where it is: a field's name, or `query`, `body`, `request`. A word of ASCII letters.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Missing(field)
            | Self::Blank(field)
            | Self::Twice(field)
            | Self::Malformed(field)
            | Self::TooLong(field) => field.name(),
            Self::NotThePrice => Field::ChargePrice.name(),
            Self::BadEscape(place) | Self::NotUtf8(place) => place.name(),
            Self::NotAnObject | Self::NotMultipart | Self::UnreadableType => "body",
            Self::TooMany => "request",
        }
    }

    /// What it is. A word of ASCII letters, digits and underscores.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Missing(_) => "missing",
            Self::Blank(_) => "blank",
            Self::Twice(_) => "repeated",
            Self::Malformed(_) => "malformed",
            Self::TooLong(_) => "too_long",
            Self::NotThePrice => "not_the_price",
            Self::TooMany => "too_many_fields",
            Self::BadEscape(_) => "bad_escape",
            Self::NotUtf8(_) => "not_utf8",
            Self::NotAnObject => "not_a_json_object",
            Self::NotMultipart => "not_multipart",
            Self::UnreadableType => "unsupported_type",
        }
    }

    /// The field whose value is wrong, where there is one to be shown.
    #[must_use]
    pub const fn of_value(self) -> Option<Field> {
        match self {
            Self::Malformed(field) | Self::TooLong(field) => Some(field),
            _ => None,
        }
    }

    /// Whether a query can have it: a query asks for no price, which may all the same be given
    /// twice or be unreadable.
    #[must_use]
    pub fn is_of_queries(self) -> bool {
        let of_prices =
            [Self::NotThePrice, Self::Missing(Field::ChargePrice), Self::Blank(Field::ChargePrice)];
        !of_prices.contains(&self)
    }

    /// What it makes of a charge.
    #[must_use]
    pub const fn outcome(self) -> ChargeOutcome {
        match self {
            Self::NotThePrice => ChargeOutcome::WrongPrice,
            Self::Blank(Field::UserPhoneNum)
            | Self::Malformed(Field::UserPhoneNum)
            | Self::TooLong(Field::UserPhoneNum) => ChargeOutcome::WrongPhoneNumber,
            _ => ChargeOutcome::Invalid,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use protocol::{ChargeOutcome, Code};

    use super::{Field, FieldFault};

    #[test]
    fn each_is_told_by_two_words_of_its_own() {
        let words: BTreeSet<(&str, &str)> =
            FieldFault::ALL.iter().map(|fault| (fault.field(), fault.reason())).collect();
        assert_eq!(words.len(), FieldFault::COUNT);
        let is_token = |word: &str| {
            !word.is_empty()
                && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        assert!(words.iter().all(|(field, reason)| is_token(field) && is_token(reason)));
    }

    #[test]
    fn a_charge_that_has_one_is_told_40005() {
        for fault in FieldFault::ALL {
            assert_eq!(fault.outcome().code(), Code::InvalidInput, "{fault}");
        }
        assert_eq!(FieldFault::NotThePrice.outcome(), ChargeOutcome::WrongPrice);
        let wrong_number = FieldFault::Malformed(Field::UserPhoneNum).outcome();
        assert_eq!(wrong_number, ChargeOutcome::WrongPhoneNumber);
        assert_eq!(FieldFault::Missing(Field::UserPhoneNum).outcome(), ChargeOutcome::Invalid);
    }
}
