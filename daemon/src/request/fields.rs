//! The fields of a request, by whatever way they came: query string, form, multipart or JSON. What
//! the values mean is `request`'s business.
//!
//! A field is given at most once, over all ways together: of two values neither is more right than
//! the other, and the Java services' way of joining them by a comma is a defect. Fields that nobody
//! here knows are ignored, but the text that they stand in must be sound, and there is a limit on
//! how many.
//!
//! The plain form without escapes, which is what clients send, is read without an allocation.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use edge::Call;
use http_body_util::{BodyDataStream, Full};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::fault::{FieldFault, TextPosition};

#[cfg(test)]
mod tests;

/// Fields in one request, known or not; one more is a fault. Ours need three.
pub const FIELDS_MAX: usize = 16;

/// A field of the REST contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `userPhoneNum`
    UserPhoneNum,
    /// `chargePrice`
    ChargePrice,
    /// `prodId`
    ProdId,
}

impl Field {
    const COUNT: usize = 3;

    /// The field's name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserPhoneNum => "userPhoneNum",
            Self::ChargePrice => "chargePrice",
            Self::ProdId => "prodId",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::UserPhoneNum, Self::ChargePrice, Self::ProdId]
            .into_iter()
            .find(|field| field.name() == name)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The fields that were given.
#[derive(Debug, Default)]
pub struct Fields<'a> {
    values: [Option<Cow<'a, str>>; Field::COUNT],
    seen: usize,
}

impl Fields<'_> {
    /// The field's value, which is not blank.
    ///
    /// # Errors
    /// `Missing` or `Blank`.
    pub fn get(&self, field: Field) -> Result<&str, FieldFault> {
        let value = self.values[field as usize].as_deref().ok_or(FieldFault::Missing(field))?;
        if value.chars().all(char::is_whitespace) {
            return Err(FieldFault::Blank(field));
        }
        Ok(value)
    }

    /// The field's value as it was given, to be shown where it is wrong.
    #[must_use]
    pub fn given(&self, field: Field) -> Option<&str> {
        self.values[field as usize].as_deref()
    }
}

/// How a body is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BodyKind {
    Form,
    Multipart,
    Json,
    Unreadable,
}

impl BodyKind {
    /// By the media type alone: parameters such as `charset` change nothing, as values are UTF-8 or
    /// refused. A body without a content type is taken for a form.
    fn of(content_type: Option<&str>) -> Self {
        let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
        let media_type = media_type.trim();
        let is = |name: &str| media_type.eq_ignore_ascii_case(name);
        if media_type.is_empty() || is("application/x-www-form-urlencoded") {
            Self::Form
        } else if is("multipart/form-data") {
            Self::Multipart
        } else if is("application/json") {
            Self::Json
        } else {
            Self::Unreadable
        }
    }
}

/// Whether a body of this type says anything here: with a query string, one that can't be read is
/// passed over.
#[must_use]
pub fn has_readable_body(content_type: Option<&str>, query: &str) -> bool {
    !query.is_empty() || BodyKind::of(content_type) != BodyKind::Unreadable
}

/// Reads the fields of a request, unless its body was left out because nothing here reads it.
///
/// # Errors
/// Says what is wrong; every fault is the request's.
pub async fn read_call(call: &Call) -> Result<Fields<'_>, FieldFault> {
    if call.body_left_out {
        return Err(FieldFault::UnreadableType);
    }
    read_fields(call.content_type.as_deref(), &call.query, &call.body).await
}

/// Reads the fields of a query string and of a body, whatever the method.
///
/// # Errors
/// Says what is wrong; every fault is the request's.
pub async fn read_fields<'a>(
    content_type: Option<&str>,
    query: &'a str,
    body: &'a Bytes,
) -> Result<Fields<'a>, FieldFault> {
    let mut fields = Fields::default();
    fields.read_form(query.as_bytes(), TextPosition::Query)?;
    if body.is_empty() {
        return Ok(fields);
    }
    match BodyKind::of(content_type) {
        BodyKind::Form => fields.read_form(body, TextPosition::Body)?,
        BodyKind::Json => fields.read_json(body)?,
        // Boxed, because it is large and rare: a charge shouldn't carry its state about.
        BodyKind::Multipart => {
            Box::pin(fields.read_multipart(content_type.unwrap_or_default(), body)).await?;
        }
        BodyKind::Unreadable if query.is_empty() => return Err(FieldFault::UnreadableType),
        BodyKind::Unreadable => {}
    }
    Ok(fields)
}

impl<'a> Fields<'a> {
    fn count_one(&mut self) -> Result<(), FieldFault> {
        self.seen += 1;
        if FIELDS_MAX < self.seen { Err(FieldFault::TooMany) } else { Ok(()) }
    }

    fn put(&mut self, field: Field, value: Cow<'a, str>) -> Result<(), FieldFault> {
        match self.values[field as usize].replace(value) {
            None => Ok(()),
            Some(_) => Err(FieldFault::Twice(field)),
        }
    }

    fn read_form(&mut self, form: &'a [u8], place: TextPosition) -> Result<(), FieldFault> {
        for pair in form.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            self.count_one()?;
            let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &[][..]),
            };
            let field = Field::named(&decode(name).map_err(|fault| fault.at(place))?);
            let value = decode(value);
            let value =
                value.map_err(|fault| fault.at(field.map_or(place, TextPosition::Field)))?;
            if let Some(field) = field {
                self.put(field, value)?;
            }
        }
        Ok(())
    }

    fn read_json(&mut self, body: &'a [u8]) -> Result<(), FieldFault> {
        let mut fault = None;
        let mut json = serde_json::Deserializer::from_slice(body);
        json.deserialize_map(JsonObject { fields: self, fault: &mut fault })
            .and_then(|()| json.end())
            .map_err(|_| fault.unwrap_or(FieldFault::NotAnObject))
    }

    async fn read_multipart(&mut self, content_type: &str, body: &Bytes) -> Result<(), FieldFault> {
        const BAD: FieldFault = FieldFault::NotMultipart;
        let boundary = multer::parse_boundary(content_type).map_err(|_| BAD)?;
        let stream = BodyDataStream::new(Full::new(body.clone()));
        let mut parts = multer::Multipart::new(stream, boundary);
        while let Some(part) = parts.next_field().await.map_err(|_| BAD)? {
            self.count_one()?;
            // A part with a file name is an upload, and no field for the Java services either.
            let field = part.name().filter(|_| part.file_name().is_none()).and_then(Field::named);
            let bytes = part.bytes().await.map_err(|_| BAD)?;
            if let Some(field) = field {
                let not_utf8 = |_| FieldFault::NotUtf8(TextPosition::Field(field));
                let text = String::from_utf8(bytes.into()).map_err(not_utf8)?;
                self.put(field, Cow::Owned(text))?;
            }
        }
        Ok(())
    }
}

/// Why a text can't be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DecodeError {
    Escape,
    Utf8,
}

impl DecodeError {
    const fn at(self, place: TextPosition) -> FieldFault {
        match self {
            Self::Escape => FieldFault::BadEscape(place),
            Self::Utf8 => FieldFault::NotUtf8(place),
        }
    }
}

/// Undoes the form's encoding, strictly: a lone `%` or bytes that aren't UTF-8 are faults, where
/// the lenient reading of browsers would guess. (That is also why this isn't `form_urlencoded`.)
fn decode(encoded: &[u8]) -> Result<Cow<'_, str>, DecodeError> {
    if !encoded.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return std::str::from_utf8(encoded).map(Cow::Borrowed).map_err(|_| DecodeError::Utf8);
    }
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'+' => decoded.push(b' '),
            b'%' => {
                let (high, low) = match rest {
                    [high, low, after @ ..] => {
                        rest = after;
                        (hex_digit(*high)?, hex_digit(*low)?)
                    }
                    _ => return Err(DecodeError::Escape),
                };
                decoded.push(high << 4 | low);
            }
            other => decoded.push(*other),
        }
    }
    String::from_utf8(decoded).map(Cow::Owned).map_err(|_| DecodeError::Utf8)
}

const fn hex_digit(byte: u8) -> Result<u8, DecodeError> {
    match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        b'A'..=b'F' => Ok(byte - b'A' + 10),
        _ => Err(DecodeError::Escape),
    }
}

/// Reads a JSON object into the fields, key by key, so that a key given twice is seen. A fault of
/// ours can't travel in serde_json's error, so it is left in `fault`.
struct JsonObject<'f, 'a> {
    fields: &'f mut Fields<'a>,
    fault: &'f mut Option<FieldFault>,
}

impl<'a> JsonObject<'_, 'a> {
    fn take(&mut self, name: &str, value: &'a RawValue) -> Result<(), FieldFault> {
        self.fields.count_one()?;
        let Some(field) = Field::named(name) else { return Ok(()) };
        let text = json_text(value.get()).ok_or(FieldFault::Malformed(field))?;
        self.fields.put(field, text)
    }
}

impl<'a> Visitor<'a> for JsonObject<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings and numbers")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((name, value)) = map.next_entry::<JsonText<'a>, &'a RawValue>()? {
            if let Err(fault) = self.take(&name.0, value) {
                *self.fault = Some(fault);
                return Err(A::Error::custom(fault));
            }
        }
        Ok(())
    }
}

/// A JSON string, borrowed where it has no escapes.
#[derive(Deserialize)]
struct JsonText<'a>(#[serde(borrow)] Cow<'a, str>);

/// The text of a JSON string, of a number as it is spelled (`5999.000` stays that), or of `null`,
/// which is blank. `None` for anything else.
fn json_text(raw: &str) -> Option<Cow<'_, str>> {
    match raw.as_bytes().first()? {
        b'"' => serde_json::from_str::<JsonText<'_>>(raw).ok().map(|text| text.0),
        b'-' | b'0'..=b'9' => Some(Cow::Borrowed(raw)),
        b'n' => Some(Cow::Borrowed("")),
        _ => None,
    }
}
