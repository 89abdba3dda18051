//! Answers as bytes: the one place where JSON meets HTTP.

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use protocol::{HttpFault, Reply};
use serde::Serialize;
use warp::reply::Response;

/// The content type of every answer, spelled as the Java services spell it.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json;charset=UTF-8");

/// What is wrong with a request, in two words: where, and how. Where a field is at fault, the words
/// are those of the metrics' labels and of the log.
pub const REASON: HeaderName = HeaderName::from_static("seckill-reason");

/// Most answers fit without the buffer growing.
const REPLY_BYTES: usize = 384;

/// A business answer: status 200, with `Retry-After` where asking again may end otherwise.
#[must_use]
pub fn json<T: Serialize>(reply: &Reply<T>) -> Response {
    let mut response = write(StatusCode::OK, reply);
    if let Some(seconds) = reply.code.retry_after_s() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// An answer of HTTP itself (4xx, 5xx), with the business code of its class, its own message, and
/// what is wrong with the request.
#[must_use]
pub fn fault(status: StatusCode) -> Response {
    let mut response = whole(status, fault_body(status).into_bytes());
    if let Some(reason) = HttpFault::of(status.as_u16()).reason() {
        response.headers_mut().insert(REASON, HeaderValue::from_static(reason));
    }
    response
}

/// Writes any value with our content type; a value that can't be serialised becomes a 500.
pub fn write<T: Serialize>(status: StatusCode, value: &T) -> Response {
    let mut bytes = Vec::with_capacity(REPLY_BYTES);
    let status = match serde_json::to_writer(&mut bytes, value) {
        Ok(()) => status,
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written as JSON");
            bytes = fault_body(StatusCode::INTERNAL_SERVER_ERROR).into_bytes();
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    whole(status, bytes)
}

fn whole(status: StatusCode, bytes: Vec<u8>) -> Response {
    // The body's length is known, so hyper writes Content-Length itself.
    let mut response = Response::new(bytes.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// A whole answer that ends its connection, for where no request was read that hyper could answer.
pub(super) fn raw_fault(status: StatusCode) -> String {
    let body = fault_body(status);
    let reason = HttpFault::of(status.as_u16()).reason();
    let reason = reason.map_or_else(String::new, |reason| format!("{REASON}: {reason}\r\n"));
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json;charset=UTF-8\r\n\
         content-length: {}\r\n{reason}connection: close\r\n\r\n{body}",
        body.len()
    )
}

fn fault_body(status: StatusCode) -> String {
    let fault = HttpFault::of(status.as_u16());
    // Codes and messages are constants without a character that JSON escapes.
    format!(r#"{{"code":"{}","msg":"{}","data":null}}"#, fault.code().as_str(), fault.message())
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use hyper::StatusCode;
    use protocol::{Code, HttpFault, Reply};
    use serde::{Serialize, Serializer, ser};

    use super::{fault, fault_body, json, raw_fault, write};

    #[tokio::test]
    async fn every_fault_is_json_with_its_own_message() {
        for known in HttpFault::ALL {
            let status = StatusCode::from_u16(known.status()).unwrap();
            let reason = known.reason().map(|reason| format!("seckill-reason: {reason}\r\n"));
            let raw = raw_fault(status);
            assert_eq!(raw.contains("seckill-reason"), reason.is_some(), "{raw}");
            assert!(reason.is_none_or(|reason| raw.contains(&reason)), "{raw}");
            let told = fault(status).headers().get("seckill-reason").cloned();
            assert_eq!(told.as_ref().map(|told| told.to_str().unwrap()), known.reason());
            let bytes = fault(status).into_body().collect().await.unwrap().to_bytes();
            assert_eq!(bytes, fault_body(status));
            let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            assert_eq!((&json["msg"], &json["data"]), (&known.message().into(), &().into()));
        }
        assert_eq!(
            fault_body(StatusCode::INTERNAL_SERVER_ERROR),
            r#"{"code":"20000","msg":"SERVER_ERROR","data":null}"#
        );
    }

    #[test]
    fn retry_after_stands_where_asking_again_helps() {
        let header = |code| json(&Reply::<()>::refusal(code)).headers().get("retry-after").cloned();
        assert_eq!(header(Code::IntakePaused).unwrap(), "5");
        assert_eq!(header(Code::SoldOut), None);
    }

    #[test]
    fn what_cannot_be_serialised_is_our_fault() {
        struct Unwritable;
        impl Serialize for Unwritable {
            fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(ser::Error::custom("no"))
            }
        }
        assert_eq!(write(StatusCode::OK, &Unwritable).status(), 500);
    }
}
