//! What may stand in a text that a person sets: a path, a name, an id, a reason. A carriage return
//! at its end, a no-break space or a byte order mark can't be seen, comes with a file from another
//! system or a page that was copied, and makes another text of it.

use std::fmt;

/// The first character that mustn't be where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flaw {
    place: Place,
    letter: char,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Begin,
    End,
    Within,
}

/// What is wrong with a path, an id, an address and so on: control characters and invisible ones
/// anywhere, blanks at its ends. Blanks are those of Unicode.
#[must_use]
pub fn flaw(text: &str) -> Option<Flaw> {
    first(text, |letter| is_hidden(letter) || is_selector(letter), is_blank)
}

/// What is wrong with a name that people read: as [`flaw`], but joiners may stand within, which
/// some scripts and symbols need.
#[must_use]
pub fn flaw_of_name(text: &str) -> Option<Flaw> {
    let is_joiner = |letter| matches!(letter, '\u{200c}' | '\u{200d}');
    let is_outside = |letter: char| is_blank(letter) || is_joiner(letter);
    first(text, |letter| is_hidden(letter) && !is_joiner(letter), is_outside)
}

/// What is wrong with a sentence: as [`flaw_of_name`], but blanks may be anywhere.
#[must_use]
pub fn flaw_of_sentence(text: &str) -> Option<Flaw> {
    first(text, |letter| is_hidden(letter) && !matches!(letter, '\u{200c}' | '\u{200d}'), |_| false)
}

/// The text with each character that can't be seen written as Rust writes it: `\r`, `\u{feff}`.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match is_hidden(letter) {
            true => shown.extend(letter.escape_debug()),
            false => shown.push(letter),
        }
    }
    shown
}

fn first(
    text: &str,
    is_refused: impl Fn(char) -> bool,
    is_refused_outside: impl Fn(char) -> bool,
) -> Option<Flaw> {
    let outside = |letter: &char| is_refused(*letter) || is_refused_outside(*letter);
    let last = || text.chars().next_back().filter(outside).map(|letter| (Place::End, letter));
    let begin = text.chars().next().filter(outside).map(|letter| (Place::Begin, letter));
    let within = || text.chars().find(|letter| is_refused(*letter)).map(|at| (Place::Within, at));
    let (place, letter) = begin.or_else(last).or_else(within)?;
    Some(Flaw { place, letter })
}

/// Control characters, ends of lines, and what takes no room or turns what follows.
pub(crate) fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}')
}

/// What chooses the look of the letter before it, and stands alone for nothing: names and sentences
/// have it with symbols, and what is shown keeps it.
const fn is_selector(letter: char) -> bool {
    matches!(letter,
        '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Blanks of Unicode, and a pattern of no dots, which looks like one.
const fn is_blank(letter: char) -> bool {
    letter.is_whitespace() || letter == '\u{2800}'
}

/// What a character is called, where it has a name that operators know.
fn name(letter: char) -> &'static str {
    match letter {
        '\0' => "a NUL",
        '\t' => "a tab",
        '\n' => "a line feed",
        '\r' => "a carriage return",
        '\u{1b}' => "an escape",
        ' ' => "a blank",
        '\u{a0}' => "a no-break space",
        '\u{3000}' => "an ideographic space",
        '\u{200b}' => "a zero-width space",
        '\u{2028}' | '\u{2029}' => "a separator of lines",
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => "a mark that turns the text",
        '\u{feff}' => "a byte order mark",
        letter if letter.is_control() => "a control character",
        letter if is_blank(letter) => "a blank",
        _ => "an invisible character",
    }
}

impl fmt::Display for Flaw {
    /// `ends with a carriage return (U+000D)`, to follow the text's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.place {
            Place::Begin => "begins with",
            Place::End => "ends with",
            Place::Within => "holds",
        };
        write!(f, "{verb} {} (U+{:04X})", name(self.letter), u32::from(self.letter))
    }
}

#[cfg(test)]
mod tests {
    use super::{escaped, flaw, flaw_of_name, flaw_of_sentence};

    fn told(text: &str) -> String {
        flaw(text).map_or_else(String::new, |flaw| flaw.to_string())
    }

    #[test]
    fn what_cannot_be_seen_is_named_with_its_place() {
        for (text, wanted) in [
            ("s.db\r", "ends with a carriage return (U+000D)"),
            ("s.db\n", "ends with a line feed (U+000A)"),
            (" s.db", "begins with a blank (U+0020)"),
            ("s.db ", "ends with a blank (U+0020)"),
            ("\u{a0}s.db", "begins with a no-break space (U+00A0)"),
            ("s.db\u{3000}", "ends with an ideographic space (U+3000)"),
            ("s.db\u{2003}", "ends with a blank (U+2003)"),
            ("\u{feff}s.db", "begins with a byte order mark (U+FEFF)"),
            ("s\u{200b}.db", "holds a zero-width space (U+200B)"),
            ("s\t.db", "holds a tab (U+0009)"),
            ("s\0.db", "holds a NUL (U+0000)"),
            ("s\u{1b}[2J", "holds an escape (U+001B)"),
            ("s\u{85}x", "holds a control character (U+0085)"),
            ("s\u{202e}x", "holds a mark that turns the text (U+202E)"),
            ("s\u{2028}x", "holds a separator of lines (U+2028)"),
            ("s\u{ad}x", "holds an invisible character (U+00AD)"),
            ("\r", "begins with a carriage return (U+000D)"),
            ("s.db\u{2800}", "ends with a blank (U+2800)"),
            ("s.db\u{fe0f}", "ends with an invisible character (U+FE0F)"),
            ("s\u{e0100}x", "holds an invisible character (U+E0100)"),
            ("s\u{1d173}x", "holds an invisible character (U+1D173)"),
        ] {
            assert_eq!(told(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn what_can_be_seen_may_stand_there() {
        for text in ["", "s.db", "/srv/my data/s.db", "华为MATE20", "a\u{a0}b", "^1[3-9]\\d{9}$"]
        {
            assert_eq!(told(text), "", "{text:?}");
        }
    }

    #[test]
    fn names_have_joiners_and_sentences_outer_blanks() {
        let family = "\u{1f468}\u{200d}\u{1f469}";
        assert_eq!((flaw_of_name(family), flaw_of_sentence(family)), (None, None));
        assert!(flaw(family).is_some());
        assert_eq!((flaw_of_name("\u{2764}\u{fe0f}"), flaw("\u{2764}")), (None, None));
        assert!(flaw_of_name("\u{2800}").is_some());
        assert!(flaw_of_name("a\u{200d}").is_some() && flaw_of_name(" a").is_some());
        assert_eq!(flaw_of_sentence(" for the night "), None);
        assert!(flaw_of_sentence("two\nlines").is_some());
        assert!(flaw_of_name("a\u{202e}b").is_some());
    }

    #[test]
    fn what_is_shown_can_be_seen() {
        assert_eq!(escaped("a\r\u{feff}华\u{1b}"), "a\\r\\u{feff}华\\u{1b}");
    }
}
