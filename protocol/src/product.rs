//! What a product's id and name may be: one rule for the configuration, the operator's command and
//! the forms of the console. The contract bounds the id, which every order message carries; a name
//! is text for people, and its bound is a product's own.

use crate::message::TEXT_CHARS_MAX;
use crate::text::{Flaw, flaw, flaw_of_name};

/// The longest product id, in characters: what an order message can hold.
pub const PROD_ID_CHARS_MAX: usize = TEXT_CHARS_MAX;

/// The longest product name, in characters. The contract has no bound. Profiles may always have had
/// so many, and databases hold names from them, so a smaller one would refuse a start.
pub const PROD_NAME_CHARS_MAX: usize = 256;

/// Why a text is no product's id or name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProductTextFault {
    /// A character in it can't be seen, or stands where it can't be seen.
    Flaw(Flaw),
    /// It is empty, too long, or (an id) has a blank in it.
    Form,
}

/// What is wrong with a product's id: 1 to [`PROD_ID_CHARS_MAX`] characters that can be seen, none
/// of them a blank.
#[must_use]
pub fn prod_id_fault(id: &str) -> Option<ProductTextFault> {
    let of_form = || is_outside(id, PROD_ID_CHARS_MAX) || id.contains(char::is_whitespace);
    flaw(id).map(ProductTextFault::Flaw).or_else(|| of_form().then_some(ProductTextFault::Form))
}

/// What is wrong with a product's name: 1 to [`PROD_NAME_CHARS_MAX`] characters of one line, with
/// no blank at an end.
#[must_use]
pub fn prod_name_fault(name: &str) -> Option<ProductTextFault> {
    let of_form = || is_outside(name, PROD_NAME_CHARS_MAX);
    flaw_of_name(name)
        .map(ProductTextFault::Flaw)
        .or_else(|| of_form().then_some(ProductTextFault::Form))
}

fn is_outside(text: &str, chars_max: usize) -> bool {
    text.is_empty() || chars_max < text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::{ProductTextFault, prod_id_fault, prod_name_fault};

    #[test]
    fn an_id_is_short_and_whole_and_a_name_is_one_line() {
        for id in ["p", "pid_0001", "华为-20", &"x".repeat(64)] {
            assert_eq!(prod_id_fault(id), None, "{id:?}");
        }
        for id in ["", "a b", "a\u{3000}b", &"x".repeat(65)] {
            assert_eq!(prod_id_fault(id), Some(ProductTextFault::Form), "{id:?}");
        }
        for name in ["n", "iphoneX 2019 新款", "\u{1f468}\u{200d}\u{1f469}", &"名".repeat(256)] {
            assert_eq!(prod_name_fault(name), None, "{name:?}");
        }
        for name in ["", &"名".repeat(257)] {
            assert_eq!(prod_name_fault(name), Some(ProductTextFault::Form), "{name:?}");
        }
        let is_flaw = |fault| matches!(fault, Some(ProductTextFault::Flaw(_)));
        for text in [" ", " p", "p ", "p\r", "p\n", "a\u{7}b", "a\u{200b}b"] {
            assert!(is_flaw(prod_id_fault(text)) && is_flaw(prod_name_fault(text)), "{text:?}");
        }
    }
}
