//! Every way that a field can come, every way that it can come wrongly, and noise.

use bytes::Bytes;
use proptest::prelude::*;

use super::{BodyKind, FIELDS_MAX, Field, FieldFault, Fields, TextPosition, decode, read_fields};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const MULTIPART: &str = "multipart/form-data; boundary=XX";

/// Phone, price and product as read, `-` for what isn't there.
async fn read(content_type: &str, query: &str, body: &[u8]) -> Result<String, FieldFault> {
    let content_type = Some(content_type).filter(|text| !text.is_empty());
    let body = Bytes::copy_from_slice(body);
    let fields = read_fields(content_type, query, &body).await?;
    let show = |field| fields.values[field as usize].as_deref().unwrap_or("-").to_owned();
    Ok([Field::UserPhoneNum, Field::ChargePrice, Field::ProdId].map(show).join("|"))
}

/// A multipart body with these parts' headers and contents.
fn parts(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut body = String::new();
    for (disposition, content) in parts {
        body +=
            &format!("--XX\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{content}\r\n");
    }
    (body + "--XX--\r\n").into_bytes()
}

#[tokio::test]
async fn each_way_gives_the_same_fields() {
    let form = "userPhoneNum=15200008881&chargePrice=5999.000&prodId=pid_0001";
    let json = br#"{"userPhoneNum":15200008881,"chargePrice":5999.000,"prodId":"pid_0001"}"#;
    let multipart = parts(&[
        ("name=\"userPhoneNum\"", "15200008881"),
        ("name=\"chargePrice\"", "5999.000"),
        ("name=\"prodId\"", "pid_0001"),
    ]);
    let expected = Ok("15200008881|5999.000|pid_0001".to_owned());
    for (content_type, query, body) in [
        (FORM, "", form.as_bytes()),
        ("Application/X-WWW-Form-Urlencoded; charset=GBK", "", form.as_bytes()),
        ("", "", form.as_bytes()),
        ("", form, b""),
        (JSON, form, b""),
        ("text/plain", form, b""),
        (JSON, "", json),
        ("application/json;charset=UTF-8", "", json),
        (MULTIPART, "", &multipart),
        ("multipart/form-data; charset=utf-8; boundary=\"XX\"", "", &multipart),
    ] {
        assert_eq!(read(content_type, query, body).await, expected, "{content_type} {query}");
    }
}

#[tokio::test]
async fn query_and_body_complete_each_other() {
    let read = read(FORM, "prodId=p&_=1", b"userPhoneNum=1").await;
    assert_eq!(read, Ok("1|-|p".to_owned()));
}

#[tokio::test]
async fn a_field_given_twice_is_refused_wherever_it_stands() {
    let twice = Err(FieldFault::Twice(Field::ProdId));
    let part = ("name=\"prodId\"", "a");
    for (content_type, query, body) in [
        (FORM, "prodId=a&prodId=a", &b""[..]),
        (FORM, "", b"prodId=a&prodId=b"),
        (FORM, "", b"prodId=a&prod%49d=b"),
        (FORM, "prodId=a", b"prodId=a"),
        (JSON, "", br#"{"prodId":"a","prodId":"a"}"#),
        (JSON, "", br#"{"prodId":"a","prod\u0049d":"a"}"#),
        (JSON, "", br#"{"prodId":null,"prodId":"a"}"#),
        (JSON, "prodId=", br#"{"prodId":"a"}"#),
        (MULTIPART, "", &parts(&[part, part])),
        (MULTIPART, "prodId=a", &parts(&[part])),
    ] {
        assert_eq!(read(content_type, query, body).await, twice, "{content_type} {query}");
    }
    // Nobody reads these, so nobody has to choose.
    assert_eq!(read(FORM, "x=1&x=2", b"x=3").await, Ok("-|-|-".to_owned()));
}

#[tokio::test]
async fn encoded_text_is_decoded_and_bad_encoding_refused() {
    for (form, value) in [
        ("prodId=%E5%8D%8E+%2b%3D=&", "华 +=="),
        ("prodId=华", "华"),
        ("&&prodId=a%26b&&", "a&b"),
        ("%70rodId=a", "a"),
        ("prodId", ""),
        ("prodId=", ""),
    ] {
        let read = read(FORM, "", form.as_bytes()).await;
        assert_eq!(read, Ok(format!("-|-|{value}")), "{form}");
    }
    let product = TextPosition::Field(Field::ProdId);
    for (form, fault) in [
        (&b"prodId=%"[..], FieldFault::BadEscape(product)),
        (b"prodId=%4", FieldFault::BadEscape(product)),
        (b"prodId=%zz", FieldFault::BadEscape(product)),
        (b"prodId=%FF", FieldFault::NotUtf8(product)),
        (b"prodId=\xff", FieldFault::NotUtf8(product)),
        (b"%=1", FieldFault::BadEscape(TextPosition::Body)),
        (b"x=%", FieldFault::BadEscape(TextPosition::Body)),
        (b"\xff=1", FieldFault::NotUtf8(TextPosition::Body)),
    ] {
        assert_eq!(read(FORM, "", form).await, Err(fault), "{form:?}");
    }
    let in_query = Err(FieldFault::NotUtf8(TextPosition::Query));
    assert_eq!(read("", "x=%FF", b"").await, in_query);
    let latin = b"--XX\r\nContent-Disposition: form-data; name=\"prodId\"\r\n\r\n\xff\r\n--XX--";
    assert_eq!(read(MULTIPART, "", latin).await, Err(FieldFault::NotUtf8(product)));
}

#[tokio::test]
async fn json_takes_strings_and_numbers_only() {
    for (value, text) in
        [("\"a\\u534e\"", "a华"), ("1", "1"), ("-0.50", "-0.50"), ("1E+3", "1E+3"), ("null", "")]
    {
        let body = format!(r#"{{"prodId" : {value} , "other":[{{"deep":1}}]}}"#);
        assert_eq!(read(JSON, "", body.as_bytes()).await, Ok(format!("-|-|{text}")), "{body}");
    }
    for value in ["true", "[]", "{}", "\"\\ud800\""] {
        let body = format!(r#"{{"prodId":{value}}}"#);
        let malformed = Err(FieldFault::Malformed(Field::ProdId));
        assert_eq!(read(JSON, "", body.as_bytes()).await, malformed, "{body}");
    }
    let deep = format!("{{\"x\":{}", "[".repeat(10_000));
    for body in ["", " ", "[]", "1", "{", "{}x", r#"{"prodId":01}"#, "{'a':1}", "\u{feff}{}", &deep]
    {
        let bad =
            if body.is_empty() { Ok("-|-|-".to_owned()) } else { Err(FieldFault::NotAnObject) };
        assert_eq!(read(JSON, "", body.as_bytes()).await, bad, "{body:.20}");
    }
    assert_eq!(read(JSON, "", b"{\"prodId\":\"\xff\"}").await, Err(FieldFault::NotAnObject));
}

#[tokio::test]
async fn multipart_ignores_files_and_refuses_what_is_broken() {
    let file =
        parts(&[("name=\"prodId\"; filename=\"a.txt\"", "x"), ("name=\"chargePrice\"", "1")]);
    assert_eq!(read(MULTIPART, "", &file).await, Ok("-|1|-".to_owned()));
    let bad = Err(FieldFault::NotMultipart);
    let whole = parts(&[("name=\"prodId\"", "x")]);
    assert_eq!(read(MULTIPART, "", &whole[..whole.len() - 12]).await, bad);
    assert_eq!(read(MULTIPART, "", b"prodId=x").await, bad);
    assert_eq!(read("multipart/form-data", "", &whole).await, bad, "no boundary");
}

#[tokio::test]
async fn only_a_body_that_nobody_reads_and_nothing_else_is_unreadable() {
    let unreadable = Err(FieldFault::UnreadableType);
    assert_eq!(read("text/plain", "", b"prodId=x").await, unreadable);
    assert_eq!(read("application/xml; charset=utf-8", "", b"<a/>").await, unreadable);
    assert_eq!(read("text/plain", "prodId=y", b"prodId=x").await, Ok("-|-|y".to_owned()));
    assert_eq!(read("text/plain", "", b"").await, Ok("-|-|-".to_owned()));
}

#[tokio::test]
async fn there_is_a_limit_on_fields() {
    let form = |count: usize| vec!["x=1"; count].join("&");
    assert!(read(FORM, &form(FIELDS_MAX), b"").await.is_ok());
    let too_many = Err(FieldFault::TooMany);
    assert_eq!(read(FORM, &form(FIELDS_MAX + 1), b"").await, too_many);
    assert_eq!(read(FORM, &form(FIELDS_MAX), b"x=1").await, too_many);
    let json = format!("{{{}}}", vec![r#""x":1"#; FIELDS_MAX + 1].join(","));
    assert_eq!(read(JSON, "", json.as_bytes()).await, too_many);
    let multipart = parts(&vec![("name=\"x\"", ""); FIELDS_MAX + 1]);
    assert_eq!(read(MULTIPART, "", &multipart).await, too_many);
}

#[test]
fn a_plain_form_is_borrowed() {
    let mut fields = Fields::default();
    fields.read_form(b"userPhoneNum=15200008881&prodId=pid_0001", TextPosition::Query).unwrap();
    for value in fields.values.iter().flatten() {
        assert!(matches!(value, std::borrow::Cow::Borrowed(_)), "{value}");
    }
}

#[test]
fn faults_are_sentences_without_values() {
    assert_eq!(FieldFault::Twice(Field::ProdId).to_string(), "prodId is given twice");
    assert_eq!(FieldFault::TooMany.to_string(), "more than 16 fields");
    assert_eq!(BodyKind::of(Some("application/jsonx")), BodyKind::Unreadable);
}

proptest! {
    #[test]
    fn what_a_client_encodes_is_what_is_read(value in r"\PC{0,40}") {
        let encoded: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
        let decoded = decode(encoded.as_bytes());
        prop_assert_eq!(decoded.as_deref(), Ok(value.as_str()));
    }

    #[test]
    fn no_input_makes_it_panic(
        content_type in prop_oneof![
            Just(FORM.to_owned()), Just(JSON.to_owned()), Just(MULTIPART.to_owned()), r"\PC{0,30}"
        ],
        query in r"(prodId|[=&%+0-9a-f]|\PC){0,30}",
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            r#"(prodId|\{|\}|"|:|,|1|null|--XX|\r\n|Content-Disposition: form-data; name=|=|&|%){0,30}"#
                .prop_map(String::into_bytes),
        ],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let _ = runtime.block_on(read(&content_type, &query, &body));
    }
}
