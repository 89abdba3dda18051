//! HTTP/1.1 by hand: requests into a buffer, and as much of an answer as the measurement needs.

use std::io::{self, Write as _};

use crate::{Ask, Plan, phone};

/// The longest answer, head and body. Ours are below 600 bytes.
const ANSWER_MAX: usize = 16 * 1024;

/// An answer that is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole {
    /// The HTTP status.
    pub(super) status: u16,
    /// The business code; zeros where the body begins otherwise.
    pub(super) code: [u8; 5],
    /// Its bytes.
    pub(super) length: usize,
}

/// Writes request number `number` over whatever the buffer held.
pub(super) fn request(plan: &Plan, number: u64, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.clear();
    let phone = phone(plan.first_buyer.saturating_add(number % plan.buyers.max(1)));
    let product = number % plan.products.max(1) + 1;
    match plan.ask {
        Ask::Charge => {
            // "userPhoneNum=" + 11 + "&chargePrice=5999.000" + "&prodId=" + the id, always as long.
            write!(
                buffer,
                "POST /api/charge.do HTTP/1.1\r\nhost: 127.0.0.1\r\n\
                 content-type: application/x-www-form-urlencoded\r\ncontent-length: 61\r\n\r\n\
                 userPhoneNum={phone:011}&chargePrice=5999.000&prodId=pid_{product:04}"
            )
        }
        Ask::Query => write!(
            buffer,
            "GET /api/query.do?userPhoneNum={phone:011}&prodId=pid_{product:04} HTTP/1.1\r\n\
             host: 127.0.0.1\r\n\r\n"
        ),
    }
}

/// Reads the answer at the beginning of `bytes`; `None` while a part is missing.
pub(super) fn answer(bytes: &[u8]) -> io::Result<Option<Whole>> {
    let bad = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidData, what.to_owned()));
    let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return if ANSWER_MAX < bytes.len() { bad("a head without end") } else { Ok(None) };
    };
    let (text, body) = (&bytes[..head], &bytes[head + 4..]);
    let Some(status) = text.get(9..12).and_then(number) else { return bad("no status") };
    let Some(length) = content_length(text) else { return bad("no content-length") };
    if body.len() < length {
        return Ok(None);
    }
    let mut code = [0; 5];
    if let Some(digits) = body.strip_prefix(br#"{"code":""#).and_then(|rest| rest.get(..5)) {
        code.copy_from_slice(digits);
    }
    let status = u16::try_from(status).unwrap_or(0);
    Ok(Some(Whole { status, code, length: head + 4 + length }))
}

fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"\r\ncontent-length: ";
    let at = head.windows(NAME.len()).position(|window| window.eq_ignore_ascii_case(NAME))?;
    let value = &head[at + NAME.len()..];
    let end = value.iter().position(|byte| *byte == b'\r').unwrap_or(value.len());
    number(&value[..end])
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{answer, request};
    use crate::{Ask, Plan};

    fn plan(ask: Ask) -> Plan {
        Plan {
            target: ([127, 0, 0, 1], 1).into(),
            ask,
            connections: 1,
            seconds: 1.0,
            requests_max: 1,
            rate: None,
            first_buyer: 7,
            buyers: 2,
            products: 3,
        }
    }

    #[test]
    fn buyers_and_products_go_in_turn_and_the_length_is_the_bodys() {
        let mut buffer = Vec::new();
        for (at, phone, product) in [(0, 7, 1), (1, 8, 2), (2, 7, 3), (3, 8, 1)] {
            request(&plan(Ask::Charge), at, &mut buffer).unwrap();
            let text = String::from_utf8(buffer.clone()).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.ends_with(&format!("content-length: {}", body.len())), "{text}");
            assert!(body.contains(&format!("=1000000000{phone}&")), "{body}");
            assert!(body.ends_with(&format!("pid_000{product}")), "{body}");
        }
    }

    #[test]
    fn an_answer_is_whole_with_its_last_byte() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\nx: y\r\n\r\n{\"code\":\"40006\"}rest";
        let end = text.len() - 4;
        for short in 0..end {
            assert_eq!(answer(&text[..short]).unwrap(), None, "{short}");
        }
        let whole = answer(text).unwrap().unwrap();
        assert_eq!((whole.status, &whole.code, whole.length), (200, b"40006", end));
        assert!(answer(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
