//! Phone numbers as operators type them. What buyers send is judged by the profile's own pattern;
//! what somebody reads from a ticket has blanks, dashes and a country code, and is meant all the
//! same.

use crate::Phone;

/// The pattern of a mainland mobile number, which is what the shipped profiles take. [`is_mobile`]
/// is the same rule by hand.
pub const MOBILE_PATTERN: &str = "1[0-9]{10}";

/// Digits of a mainland mobile number.
const MOBILE_DIGITS: usize = 11;

/// The fewest digits that are taken for the attempt at a phone number.
const ATTEMPT_DIGITS_MIN: usize = 7;

/// What is allowed, in words for a user who typed something else.
const ALLOWED: &str = "a whole mobile number of 11 digits that begins with 1, such as 15200000077; \
                       +86, 0086 or 86 before it, blanks and dashes in it make no difference";

/// Whether the whole text fits [`MOBILE_PATTERN`]. Every charge is asked so, and a regular
/// expression would take many times as long.
#[inline]
#[must_use]
pub fn is_mobile(text: &str) -> bool {
    text.len() == MOBILE_DIGITS
        && text.starts_with('1')
        && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The number that is meant: its digits alone, without the country code, full-width digits as ASCII
/// ones. `is_known` tells whether the profile takes a number of another form.
///
/// # Errors
/// It is none; the sentence says why, and what is allowed.
pub fn normal_phone(typed: &str, is_known: impl Fn(&str) -> bool) -> Result<Phone, String> {
    let refused =
        |why: &str| Err(format!("{typed:?} is no phone number: {why}; allowed is {ALLOWED}"));
    let given = typed.trim();
    if is_known(given) {
        return Ok(given.into());
    }
    let (mut digits, mut has_plus) = (String::with_capacity(given.len()), false);
    for c in given.chars() {
        match ascii(c) {
            Some('+') if digits.is_empty() && !has_plus => has_plus = true,
            Some(c) if c.is_ascii_digit() => digits.push(c),
            _ if is_separator(c) => {}
            _ => return refused(&format!("it has {c:?} in it")),
        }
    }
    if is_known(&digits) && !has_plus {
        return Ok(digits.into());
    }
    let abroad = |digits: &str| format!("+{digits} is no number of +86");
    let national = match (digits.strip_prefix("0086"), digits.strip_prefix("86")) {
        (Some(rest), _) if !has_plus => rest,
        (_, Some(rest)) if has_plus || MOBILE_DIGITS == rest.len() => rest,
        _ if has_plus => return refused(&abroad(&digits)),
        _ => digits.as_str(),
    };
    if is_known(national) || is_mobile(national) {
        return Ok(national.into());
    }
    match national.len() {
        MOBILE_DIGITS => refused("it doesn't begin with 1"),
        count => refused(&format!("it has {count} digits")),
    }
}

/// Whether a text looks as if a phone number was meant by it: digits, perhaps with what people put
/// between and before them, and enough of them.
#[must_use]
pub fn looks_like_phone(text: &str) -> bool {
    let fits = |c: char| is_separator(c) || ascii(c).is_some();
    text.chars().all(fits)
        && ATTEMPT_DIGITS_MIN
            <= text.chars().filter(|c| ascii(*c) != Some('+')).filter(|c| !is_separator(*c)).count()
}

/// An ASCII digit or plus sign for itself or its full-width form.
fn ascii(c: char) -> Option<char> {
    match c {
        '0'..='9' | '+' => Some(c),
        '\u{ff10}'..='\u{ff19}' => char::from_digit(u32::from(c) - 0xff10, 10),
        '\u{ff0b}' => Some('+'),
        _ => None,
    }
}

/// What people put between a number's digits: blanks and dashes of any width, dots, parentheses.
const fn is_separator(c: char) -> bool {
    matches!(
        c,
        ' ' | '\t' | '\u{a0}' | '\u{2009}' | '\u{202f}' | '\u{3000}' | '-' | '\u{2010}'
            ..='\u{2015}' | '\u{2212}' | '\u{ff0d}' | '.' | '(' | ')' | '\u{ff08}' | '\u{ff09}'
    )
}

#[cfg(test)]
mod tests {
    use super::{looks_like_phone, normal_phone};

    fn whole(typed: &str, is_known: impl Fn(&str) -> bool) -> Result<String, String> {
        normal_phone(typed, is_known).map(|phone| phone.whole().to_owned())
    }

    fn read(typed: &str) -> Result<String, String> {
        whole(typed, |_| false)
    }

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        for typed in [
            "15200000077",
            " 152-0000-0077 ",
            "152 0000 0077",
            "+8615200000077",
            "+86 152 0000 0077",
            "+86-152-0000-0077",
            "(+86) 152.0000.0077",
            "008615200000077",
            "0086 15200000077",
            "8615200000077",
            "86 152 0000 0077",
            "１５２００００００７７",
            "＋８６１５２００００００７７",
            "152\u{a0}0000\u{2011}0077",
        ] {
            assert_eq!(read(typed).as_deref(), Ok("15200000077"), "{typed}");
            assert!(looks_like_phone(typed.trim()), "{typed}");
        }
    }

    #[test]
    fn what_is_none_is_refused_by_name() {
        for (typed, why) in [
            ("", "it has 0 digits"),
            ("1520000", "it has 7 digits"),
            ("152000000771", "it has 12 digits"),
            ("25200000077", "it doesn't begin with 1"),
            ("1520000007x", "it has 'x' in it"),
            ("152+00000077", "it has '+' in it"),
            ("++8615200000077", "it has '+' in it"),
            ("+1 202 555 0100", "+12025550100 is no number of +86"),
            ("+15200000077", "is no number of +86"),
            ("00861520000", "it has 7 digits"),
            ("152****0077", "it has '*' in it"),
            ("15200000077 15200000078", "it has 22 digits"),
        ] {
            let told = read(typed).unwrap_err();
            assert!(told.starts_with(&format!("{typed:?} is no phone number: ")), "{told}");
            assert!(told.contains(why) && told.contains("such as 15200000077"), "{told}");
        }
    }

    #[test]
    fn the_profiles_own_form_counts() {
        let known = |text: &str| text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit());
        for typed in ["12345678", "1234 5678", "+86 12345678"] {
            assert_eq!(whole(typed, known).as_deref(), Ok("12345678"), "{typed}");
        }
        assert_eq!(whole("+86-1", |text| text == "+86-1").as_deref(), Ok("+86-1"));
    }

    #[test]
    fn few_digits_and_words_are_no_attempt() {
        for text in ["", "77", "123456", "pid_0001", "7d4483a4", "-", "+"] {
            assert!(!looks_like_phone(text), "{text}");
        }
        assert!(looks_like_phone("1520000") && looks_like_phone("+86 15200"));
    }
}
