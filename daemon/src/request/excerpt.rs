//! What the log may show of a value that was refused. Somebody's phone number may stand in any
//! field, so what could be one is never shown, however it is written.

use protocol::Money;

/// Characters that are shown.
const SHOWN_MAX: usize = 24;

/// A text with so many digits might hold a phone number; local ones have as few.
const DIGITS_OF_A_NUMBER: usize = 7;

/// A price from here on might be a phone number, in milli-units.
const MILLI_OF_A_NUMBER: i64 = 1_000_000_000;

/// The form of a phone number: digits and letters are hidden, all else shows what is wrong.
pub(super) fn of_phone(text: &str) -> String {
    shown(text, |letter| if letter.is_numeric() { '#' } else { 'x' })
}

/// The beginning of a text. If it has as many digits as a phone number, all of them are hidden.
pub(super) fn of_text(text: &str) -> String {
    let digits = text.chars().filter(|letter| letter.is_numeric()).take(DIGITS_OF_A_NUMBER);
    if digits.count() < DIGITS_OF_A_NUMBER {
        return shown(text, |letter| letter);
    }
    shown(text, |letter| if letter.is_numeric() { '#' } else { letter })
}

/// A sound price.
pub(super) fn of_price(price: Money) -> String {
    match price.milli() {
        0..MILLI_OF_A_NUMBER => price.to_string(),
        _ => of_text(&price.to_string()),
    }
}

/// The first characters, those that a terminal would obey escaped.
fn shown(text: &str, letter_or_digit: fn(char) -> char) -> String {
    let mut excerpt = String::new();
    let mut letters = text.chars();
    for letter in letters.by_ref().take(SHOWN_MAX) {
        match letter {
            letter if letter.is_alphanumeric() => excerpt.push(letter_or_digit(letter)),
            ' '..='~' => excerpt.push(letter),
            other => excerpt.extend(other.escape_unicode()),
        }
    }
    if letters.next().is_some() {
        excerpt.push('…');
    }
    excerpt
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use protocol::Money;

    use super::{SHOWN_MAX, of_phone, of_price, of_text};

    #[test]
    fn what_is_wrong_is_seen_and_whose_number_it_is_not() {
        for (text, excerpt) in [
            ("+8615200008881", "+#############"),
            ("152 0000 8881", "### #### ####"),
            ("１５２００００８８８１", "###########"),
            ("abc\u{1b}[2J", "xxx\\u{1b}[#x"),
            ("", ""),
        ] {
            assert_eq!(of_phone(text), excerpt);
        }
        for (text, excerpt) in [
            ("5,999.00", "5,999.00"),
            ("1e3", "1e3"),
            ("15200008881", "###########"),
            ("152-0000-8881", "###-####-####"),
            ("小米\u{202e}", "小米\\u{202e}"),
        ] {
            assert_eq!(of_text(text), excerpt);
        }
        assert_eq!(of_price(Money::from_milli(4_999_000)), "4999.000");
        assert_eq!(of_price(Money::from_milli(15_200_008_881_000)), "###########.###");
    }

    proptest! {
        #[test]
        fn no_number_gets_through_whatever_stands_around_it(
            before in r"\PC{0,12}", number in "1[0-9]{10}", between in "[-. ()]?", after in r"\PC{0,12}",
        ) {
            let (head, tail) = number.split_at(3);
            let text = format!("{before}{head}{between}{tail}{after}");
            for excerpt in [of_text(&text), of_phone(&text)] {
                let kept = excerpt.chars().filter(char::is_ascii_digit).count();
                // Those of an escape's own number are none of it.
                prop_assert!(kept == 0 || excerpt.contains("\\u{"), "{excerpt}");
                prop_assert!(!excerpt.contains(tail));
                prop_assert!(excerpt.chars().count() <= SHOWN_MAX * 10 + 1);
            }
        }
    }
}
