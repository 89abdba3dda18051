//! Masking of phone numbers, for everything that is logged, counted or listed.

/// The number with its middle hidden: `152****8881`. Short or unusual texts lose more, never less:
/// at most three leading and four trailing characters show, and under eight characters nothing
/// does.
pub(crate) fn mask_phone(phone: &str) -> String {
    const HEAD: usize = 3;
    const TAIL: usize = 4;
    let chars: Vec<char> = phone.chars().collect();
    if chars.len() <= HEAD + TAIL {
        return "****".to_owned();
    }
    let head: String = chars[..HEAD].iter().collect();
    let tail: String = chars[chars.len() - TAIL..].iter().collect();
    format!("{head}****{tail}")
}

/// Whether a text goes on after what is there of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It is whole.
    Whole,
    /// It is cut off: digits at its end may be the beginning of more.
    CutOff,
}

/// A text of any kind with the phone numbers in it masked, those written with blanks or dashes
/// included. Ids stay as they are: UUIDs with or without dashes, other long hexadecimal texts, runs
/// of 16 to 20 digits, times in milliseconds or seconds, and the value of a field whose name ends
/// with `id`, unless it looks like a mobile number. What may be a number is masked rather than not.
#[must_use]
pub fn mask_phones(text: &str, ending: Ending) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        if let Some(end) = id_at(&chars, at) {
            shown.extend(&chars[at..end]);
            at = end;
        } else if !chars[at].is_numeric() {
            shown.push(chars[at]);
            at += 1;
        } else if let Some(end) = spaced_mobile_at(&chars, at) {
            let digits: String = chars[at..end].iter().filter(|c| c.is_numeric()).collect();
            shown.push_str(&mask_phone(&digits));
            at = end;
        } else {
            let end = run_end(&chars, at, char::is_numeric);
            let digits: String = chars[at..end].iter().collect();
            if end == chars.len() && ending == Ending::CutOff {
                shown.push_str("****");
            } else if may_be_phone(&digits, || is_value_of_id(&chars[..at])) {
                shown.push_str(&mask_phone(&digits));
            } else {
                shown.push_str(&digits);
            }
            at = end;
        }
    }
    shown
}

fn run_end(chars: &[char], at: usize, is_in: impl Fn(char) -> bool) -> usize {
    at + chars[at..].iter().take_while(|c| is_in(**c)).count()
}

/// Where the id ends that begins here, if one does.
fn id_at(chars: &[char], at: usize) -> Option<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let begins = at == 0 || !(is_word(chars[at - 1]) || chars[at - 1] == '-');
    if !begins || !chars[at].is_ascii_hexdigit() {
        return None;
    }
    let end = run_end(chars, at, |c| c.is_ascii_hexdigit() || c == '-');
    if chars.get(end).is_some_and(|c| is_word(*c)) {
        return None;
    }
    let id = &chars[at..end];
    let is_uuid = id.len() == 36
        && id.iter().enumerate().all(|(i, c)| (*c == '-') == matches!(i, 8 | 13 | 18 | 23));
    let is_hex = matches!(id.len(), 16 | 24 | 32 | 40 | 64)
        && id.iter().all(char::is_ascii_hexdigit)
        && id.iter().any(char::is_ascii_alphabetic);
    (is_uuid || is_hex).then_some(end)
}

/// Where a mobile number ends that begins here and has something between its digits.
fn spaced_mobile_at(chars: &[char], at: usize) -> Option<usize> {
    const COUNTRY: [&str; 3] = ["", "86", "0086"];
    let value = |c: &char| c.to_digit(10).or_else(|| full_width(*c));
    COUNTRY.into_iter().find_map(|country| {
        let mut wanted = country.chars().map(|c| c.to_digit(10)).chain([Some(1)]);
        let (mut place, mut digits, mut gaps) = (at, 0, 0);
        while digits < country.len() + 11 {
            let digit = value(chars.get(place)?)?;
            if wanted.next().is_some_and(|wanted| wanted != Some(digit)) {
                return None;
            }
            (place, digits) = (place + 1, digits + 1);
            let is_gap = |c: &char| matches!(c, ' ' | '-' | '.');
            if chars.get(place).is_some_and(is_gap) && digits < country.len() + 11 {
                (place, gaps) = (place + 1, gaps + 1);
            }
        }
        let goes_on = chars.get(place).is_some_and(|c| c.is_numeric());
        (0 < gaps && !goes_on).then_some(place)
    })
}

fn full_width(c: char) -> Option<u32> {
    u32::from(c).checked_sub(0xff10).filter(|digit| *digit < 10)
}

/// Whether a run of digits that is no part of an id may be a phone number, or hold one.
fn may_be_phone(digits: &str, is_value_of_id: impl Fn() -> bool) -> bool {
    let count = digits.chars().count();
    let is_mobile = {
        let national = ["0086", "86"].into_iter().find_map(|code| digits.strip_prefix(code));
        [Some(digits), national].into_iter().flatten().any(|national| {
            national.chars().count() == 11 && matches!(national.chars().next(), Some('1' | '１'))
        })
    };
    let is_time = digits.starts_with('1') && matches!(count, 10 | 13);
    match count {
        0..7 | 16..=20 => false,
        _ => is_mobile || !(is_time || is_value_of_id()),
    }
}

/// Whether what stands before is `"…id": "` or `…id=`, whatever the case.
fn is_value_of_id(before: &[char]) -> bool {
    let mut rest = before;
    let mut skip = |what: &[char]| {
        while let Some((last, others)) = rest.split_last()
            && what.contains(last)
        {
            rest = others;
        }
    };
    skip(&['"', '\'', ' ']);
    let has_sign = matches!(before, [.., ':' | '='])
        || before
            .iter()
            .rev()
            .find(|c| !matches!(c, '"' | '\'' | ' '))
            .is_some_and(|c| matches!(c, ':' | '='));
    skip(&[':', '=']);
    skip(&['"', '\'', ' ']);
    let name: String = rest.iter().rev().take(2).map(char::to_ascii_lowercase).collect();
    has_sign && name == "di"
}

#[cfg(test)]
mod tests {
    use super::{Ending, mask_phone, mask_phones};

    #[test]
    fn hides_the_middle() {
        assert_eq!(mask_phone("15200008881"), "152****8881");
        assert_eq!(mask_phone("1520000"), "****");
        assert_eq!(mask_phone(""), "****");
        assert_eq!(mask_phone("一二三四五六七八九"), "一二三****六七八九");
    }

    fn masked(text: &str) -> String {
        mask_phones(text, Ending::Whole)
    }

    #[test]
    fn numbers_are_masked_however_they_are_written() {
        for (text, shown) in [
            ("15200008881", "152****8881"),
            ("tel15200008881x", "tel152****8881x"),
            ("+8615200008881", "+861****8881"),
            ("+86 152 0000 8881,", "+861****8881,"),
            ("152-0000-8881", "152****8881"),
            ("a 152 0000 8881 b", "a 152****8881 b"),
            ("86-152-0000-8881", "861****8881"),
            ("１５２００００８８８１", "１５２****８８８１"),
            ("１５２ ００００ ８８８１", "１５２****８８８１"),
            ("01082200000", "010****0000"),
            ("7654321", "****"),
            (r#"{"orderId":"15200008881"}"#, r#"{"orderId":"152****8881"}"#),
            ("a-15200008881", "a-152****8881"),
            ("1520000888115200008882777", "152****2777"),
        ] {
            assert_eq!(masked(text), shown, "{text}");
        }
    }

    #[test]
    fn ids_and_times_stay_as_they_are() {
        for text in [
            "7d4483a4-1234-8567-8901-123456789012",
            "12345678-1234-1234-1234-123456789012",
            "7D4483A4123485678901123456789012",
            "7F00000100002A9F0000000000000001",
            r#"{"orderId":"12345678-1234-8234-8234-152000088810","n":123456}"#,
            r#"{"orderId":"20261130001"}"#,
            r#"{"orderId" : 20261130001}"#,
            "prodId=77000001",
            r#"{"order_id":"1795444100572152000"}"#,
            "1795444100572",
            "1795444100",
            "2026-11-30 12:00:00",
            "deadbeef00000001",
        ] {
            assert_eq!(masked(text), text);
        }
    }

    #[test]
    fn no_number_shows_at_a_cut() {
        assert_eq!(mask_phones("x 152000", Ending::CutOff), "x ****");
        assert_eq!(mask_phones("x 152000,", Ending::CutOff), "x 152000,");
    }
}
