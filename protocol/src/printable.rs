//! Texts from outside as a terminal may have them: names, reasons and causes come from databases,
//! requests and brokers, and a terminal obeys some characters instead of showing them. One rule for
//! all that show them: the daemon's lists, the verbs and the console.

use crate::text::is_hidden;

/// Whether a character may change what stands elsewhere on a screen, or hide: control characters,
/// those that turn the direction of writing, and those that take no room.
#[must_use]
pub fn is_unprintable(c: char) -> bool {
    is_hidden(c)
}

/// The text with `U+FFFD` in place of each character that isn't fit to be shown; a line's end is
/// one of them, so the result stays in its cell and line.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if is_unprintable(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The same of a text of several lines, whose ends stay.
#[must_use]
pub fn printable_lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

/// A JSON document that is the same document and fit to be shown: what JSON leaves as it is and a
/// terminal obeys is written as `\u202e`. Line ends between values stay.
#[must_use]
pub fn printable_json(document: &str) -> String {
    use std::fmt::Write;

    let mut shown = String::with_capacity(document.len());
    for c in document.chars() {
        if is_unprintable(c) && c != '\n' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string can't fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A count as people read it: `1,234,567`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if 0 < index && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{grouped, printable, printable_json, printable_lines};

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        assert_eq!(printable("a\u{1b}[2Jb\tc\u{202e}d"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d");
        assert_eq!(printable("a\nb\u{9b}c\u{2066}d\u{200b}e\u{61c}"), "a�b�c�d�e�");
        assert_eq!(printable("华为MATE20 – é"), "华为MATE20 – é");
        assert_eq!(printable_lines("a\u{202e}\nb\r\n"), "a�\nb");
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn a_document_stays_what_it_is() {
        let odd = serde_json::json!({ "name": "x\u{202e}y\u{9b}\u{1b}\n\u{e0001}华" });
        let shown = printable_json(&format!("{odd:#}"));
        assert!(shown.contains("x\\u202ey\\u009b\\u001b\\n\\udb40\\udc01华"), "{shown}");
        assert!(shown.starts_with("{\n"), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), odd);
    }
}
