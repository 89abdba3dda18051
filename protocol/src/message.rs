//! The order message on the queue: its JSON, shared both ways with running Java services.
//!
//! Reading is lenient where the Java services are (unknown fields, a number for a string) and
//! strict elsewhere; writing produces exactly the six fields they know, all of them strings.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{OrderId, Phone, ProdId};

/// The topic that Java gateways and order services use, and the default of ours.
pub const ORDER_TOPIC: &str = "SECKILL_CHARGE_ORDER_TOPIC";

/// The longest order id, buyer or product id that the order role takes, in characters.
pub const TEXT_CHARS_MAX: usize = 64;

const VERSION: &str = "1.0";

/// One order, as it travels. `charge_money` stays text: judging it is the order role's business,
/// and a bad price is a failed order, not a malformed message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderMessage {
    /// The order's id, a UUID with dashes when it comes from a gateway.
    pub order_id: OrderId,
    /// The buyer. The order role takes any non-empty text of at most [`TEXT_CHARS_MAX`] characters.
    pub phone: Phone,
    /// The product's id.
    pub prod_id: ProdId,
    /// The amount as the sender wrote it.
    pub charge_money: String,
}

/// Why a body is no order message. The text never carries the body, which may hold a phone number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Malformed {
    /// The bytes are not UTF-8 JSON of an object.
    NotJson(String),
    /// The field (a dotted path) is absent.
    Missing(&'static str),
    /// The field is there but neither a string nor a number.
    NotText(&'static str),
    /// The field must hold at least one character.
    Empty(&'static str),
    /// The field holds more than [`TEXT_CHARS_MAX`] characters.
    TooLong(&'static str),
}

#[derive(Deserialize)]
struct Incoming<'a> {
    #[serde(borrow)]
    header: Option<&'a RawValue>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct IncomingHeader<'a> {
    #[serde(borrow)]
    version: Option<&'a RawValue>,
    #[serde(borrow, rename = "topicName")]
    topic_name: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IncomingBody<'a> {
    #[serde(borrow)]
    order_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "userPhoneNo")]
    phone: Option<&'a RawValue>,
    #[serde(borrow)]
    prod_id: Option<&'a RawValue>,
    #[serde(borrow)]
    charge_money: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Outgoing<'a> {
    header: OutgoingHeader<'a>,
    body: OutgoingBody<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OutgoingHeader<'a> {
    version: &'static str,
    topic_name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OutgoingBody<'a> {
    order_id: &'a OrderId,
    #[serde(rename = "userPhoneNo")]
    phone: &'a Phone,
    prod_id: &'a ProdId,
    charge_money: &'a str,
}

impl OrderMessage {
    /// Writes the body for `topic`.
    #[must_use]
    pub fn encode(&self, topic: &str) -> Vec<u8> {
        let outgoing = Outgoing {
            header: OutgoingHeader { version: VERSION, topic_name: topic },
            body: OutgoingBody {
                order_id: &self.order_id,
                phone: &self.phone,
                prod_id: &self.prod_id,
                charge_money: &self.charge_money,
            },
        };
        // Strings into a Vec can't fail; an empty body would be dead-lettered with its reason.
        serde_json::to_vec(&outgoing).unwrap_or_default()
    }

    /// Reads a body, be it ours or the Java services'.
    ///
    /// # Errors
    /// Names the first field that is missing or unreadable.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let json = std::str::from_utf8(bytes)
            .map_err(|error| Malformed::NotJson(format!("no UTF-8 at {}", error.valid_up_to())))?;
        let incoming: Incoming<'_> = object(Some(json), "the message")?;
        let header: IncomingHeader<'_> = object(incoming.header.map(RawValue::get), "header")?;
        let body: IncomingBody<'_> = object(incoming.body.map(RawValue::get), "body")?;
        text(header.version, "header.version")?;
        text(header.topic_name, "header.topicName")?;
        Ok(Self {
            order_id: bounded(body.order_id, "body.orderId")?,
            phone: bounded(body.phone, "body.userPhoneNo")?,
            prod_id: bounded(body.prod_id, "body.prodId")?,
            charge_money: text(body.charge_money, "body.chargeMoney")?.into_owned(),
        })
    }

    /// The order id of a body that [`OrderMessage::decode`] refuses, where at least that can be
    /// read: for the log.
    #[must_use]
    pub fn id_in(bytes: &[u8]) -> Option<OrderId> {
        let incoming: Incoming<'_> = object(std::str::from_utf8(bytes).ok(), "the message").ok()?;
        let body: IncomingBody<'_> = object(incoming.body.map(RawValue::get), "body").ok()?;
        bounded(body.order_id, "body.orderId").ok()
    }
}

/// Reads an object, and nothing else: serde would take an array for a struct as well.
fn object<'a, T: Deserialize<'a>>(
    json: Option<&'a str>,
    name: &'static str,
) -> Result<T, Malformed> {
    let json = json.ok_or(Malformed::Missing(name))?.trim_ascii_start();
    if json.starts_with('[') {
        return Err(Malformed::NotJson(format!("{name} is an array")));
    }
    serde_json::from_str(json).map_err(|error| Malformed::NotJson(position(&error)))
}

/// serde_json's own text can quote the input; category and position can't.
fn position(error: &serde_json::Error) -> String {
    format!("{:?} error at line {} column {}", error.classify(), error.line(), error.column())
}

fn text<'a>(raw: Option<&'a RawValue>, field: &'static str) -> Result<Cow<'a, str>, Malformed> {
    let json = raw.ok_or(Malformed::Missing(field))?.get();
    match json.as_bytes().first() {
        // Between the quotes of a string without escapes stands the text itself.
        Some(b'"') if !json.contains('\\') => {
            Ok(Cow::Borrowed(json.get(1..json.len() - 1).unwrap_or_default()))
        }
        Some(b'"') => serde_json::from_str(json)
            .map(Cow::Owned)
            .map_err(|error| Malformed::NotJson(position(&error))),
        Some(b'-' | b'0'..=b'9') => Ok(Cow::Borrowed(json)),
        _ => Err(Malformed::NotText(field)),
    }
}

fn bounded<T>(raw: Option<&RawValue>, field: &'static str) -> Result<T, Malformed>
where
    T: for<'a> From<&'a str>,
{
    let text = text(raw, field)?;
    if text.trim().is_empty() {
        return Err(Malformed::Empty(field));
    }
    if TEXT_CHARS_MAX < text.chars().count() {
        return Err(Malformed::TooLong(field));
    }
    Ok(T::from(&text))
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(detail) => write!(f, "the body is not the JSON of an order: {detail}"),
            Self::Missing(field) => write!(f, "{field} is missing"),
            Self::NotText(field) => write!(f, "{field} is neither a string nor a number"),
            Self::Empty(field) => write!(f, "{field} is blank"),
            Self::TooLong(field) => write!(f, "{field} is longer than {TEXT_CHARS_MAX} characters"),
        }
    }
}

impl std::error::Error for Malformed {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Malformed, ORDER_TOPIC, OrderMessage};

    const JAVA: &str = r#"{"header":{"version":"1.0","topicName":"SECKILL_CHARGE_ORDER_TOPIC"},"body":{"orderId":"d90a05d0-c339-4e89-804d-87cc17135f2a","userPhoneNo":"15200008881","prodId":"pid_0003","chargeMoney":"2000.000"}}"#;

    fn order() -> OrderMessage {
        OrderMessage {
            order_id: "d90a05d0-c339-4e89-804d-87cc17135f2a".into(),
            phone: "15200008881".into(),
            prod_id: "pid_0003".into(),
            charge_money: "2000.000".to_owned(),
        }
    }

    #[test]
    fn the_id_is_read_where_the_rest_cannot_be() {
        let id = Some("d90a05d0-c339-4e89-804d-87cc17135f2a".into());
        for unsound in [
            JAVA.replace("chargeMoney", "money"),
            JAVA.replace(r#""version":"1.0","#, ""),
            JAVA.replace(r#""userPhoneNo":"15200008881""#, r#""userPhoneNo":[]"#),
        ] {
            assert!(OrderMessage::decode(unsound.as_bytes()).is_err(), "{unsound}");
            assert_eq!(OrderMessage::id_in(unsound.as_bytes()), id, "{unsound}");
        }
        for none in [&b"{"[..], b"[]", b"\xff", br#"{"body":[]}"#, br#"{"body":{"orderId":{}}}"#] {
            assert_eq!(OrderMessage::id_in(none), None);
        }
    }

    #[test]
    fn reads_and_writes_the_java_services_bytes() {
        assert_eq!(OrderMessage::decode(JAVA.as_bytes()), Ok(order()));
        assert_eq!(String::from_utf8(order().encode(ORDER_TOPIC)).as_deref(), Ok(JAVA));
    }

    #[test]
    fn a_number_may_stand_for_a_string_and_keeps_its_spelling() {
        let body = JAVA
            .replace(r#""15200008881""#, "15200008881")
            .replace(r#""2000.000""#, "1E+3")
            .replace("{\"version\"", "{\"traceId\":null,\"version\"");
        let read = OrderMessage::decode(body.as_bytes());
        let wanted = OrderMessage { charge_money: "1E+3".to_owned(), ..order() };
        assert_eq!(read, Ok(wanted));
    }

    #[test]
    fn each_of_the_six_fields_must_be_there() {
        for (name, path) in [
            ("version", "header.version"),
            ("topicName", "header.topicName"),
            ("orderId", "body.orderId"),
            ("userPhoneNo", "body.userPhoneNo"),
            ("prodId", "body.prodId"),
            ("chargeMoney", "body.chargeMoney"),
        ] {
            let body = JAVA.replace(&format!("\"{name}\""), "\"other\"");
            assert_eq!(OrderMessage::decode(body.as_bytes()), Err(Malformed::Missing(path)));
        }
        assert_eq!(OrderMessage::decode(b"{}"), Err(Malformed::Missing("header")));
    }

    #[test]
    fn arrays_are_no_objects() {
        let body = r#"["id-1","15200008881","pid_0001","5999.000"]"#;
        let header = r#"["1.0","SECKILL_CHARGE_ORDER_TOPIC"]"#;
        for json in [
            format!("[{header},{body}]"),
            format!(r#"{{"header":{header},"body":{body}}}"#),
            format!(r#" [{header},{body}]"#),
        ] {
            let read = OrderMessage::decode(json.as_bytes());
            assert!(matches!(read, Err(Malformed::NotJson(_))), "{read:?}");
        }
    }

    #[test]
    fn what_is_no_text_is_named_and_the_body_is_not_quoted() {
        for value in ["null", "true", "[]", "{}"] {
            let body = JAVA.replace(r#""15200008881""#, value);
            let missing = value == "null";
            let wanted = if missing {
                Malformed::Missing("body.userPhoneNo")
            } else {
                Malformed::NotText("body.userPhoneNo")
            };
            assert_eq!(OrderMessage::decode(body.as_bytes()), Err(wanted));
        }
        let long = JAVA.replace("15200008881", &"1".repeat(65));
        assert_eq!(
            OrderMessage::decode(long.as_bytes()),
            Err(Malformed::TooLong("body.userPhoneNo"))
        );
        let blank = JAVA.replace("d90a05d0-c339-4e89-804d-87cc17135f2a", " ");
        assert_eq!(OrderMessage::decode(blank.as_bytes()), Err(Malformed::Empty("body.orderId")));
        assert_eq!(OrderMessage::id_in(blank.as_bytes()), None);
        let cut = &JAVA.as_bytes()[..JAVA.len() - 30];
        let told = OrderMessage::decode(cut).map_err(|error| error.to_string());
        assert!(told.is_err_and(|text| !text.contains("1520000")));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            order_id in "[^\\s]{1,64}", phone in "[^\\s]{1,64}",
            prod_id in "[^\\s]{1,64}", charge_money in "\\PC{0,40}",
        ) {
            let (order_id, phone, prod_id) = (order_id.into(), phone.into(), prod_id.into());
            let message = OrderMessage { order_id, phone, prod_id, charge_money };
            prop_assert_eq!(OrderMessage::decode(&message.encode(ORDER_TOPIC)), Ok(message));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = OrderMessage::decode(&bytes);
        }

        #[test]
        fn no_cut_or_changed_message_makes_it_panic(at in 0..JAVA.len(), byte in any::<u8>()) {
            let mut bytes = JAVA.as_bytes().to_vec();
            bytes[at] = byte;
            let _ = OrderMessage::decode(&bytes);
            let _ = OrderMessage::decode(&bytes[..at]);
        }
    }
}
