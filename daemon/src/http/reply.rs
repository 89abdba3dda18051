//! Answers as bytes: the one place where JSON meets HTTP.

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use protocol::{HttpFault, Reply};
use serde::Serialize;
use warp::reply::Response;

/// The content type of every answer, spelled as the Java services spell it.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json;charset=UTF-8");

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

/// An answer of HTTP itself (4xx, 5xx), with the business code of its class and its own message.
#[must_use]
pub fn fault(status: StatusCode) -> Response {
    whole(status, fault_body(status).into_bytes())
}

/// Writes any value with our content type; what can't be serialised is a fault of ours.
pub(crate) fn write<T: Serialize>(status: StatusCode, value: &T) -> Response {
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
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json;charset=UTF-8\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
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

    use super::{fault, fault_body, json, write};

    #[tokio::test]
    async fn every_fault_is_json_with_its_own_message() {
        for known in HttpFault::ALL {
            let status = StatusCode::from_u16(known.status()).unwrap();
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
