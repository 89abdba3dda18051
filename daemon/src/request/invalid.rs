//! The answer to a request whose fields can't be used: 40005 as the contract has it, and a header
//! that says which field and why.

use hyper::StatusCode;
use hyper::header::HeaderValue;
use protocol::Reply;
use warp::reply::Response;

use super::FieldFault;

/// Answers 40005; a body of a type that isn't read here, 415 with the same code.
#[must_use]
pub fn invalid(fault: FieldFault, refusal: &Reply<impl serde::Serialize>) -> Response {
    tracing::debug!(%fault, "a request's fields can't be used");
    let mut response = match fault {
        FieldFault::UnreadableType => edge::fault(StatusCode::UNSUPPORTED_MEDIA_TYPE),
        _ => edge::json(refusal),
    };
    // Both words are of letters, digits and underscores, so there is always a value.
    if let Ok(reason) = HeaderValue::try_from(format!("{} {}", fault.field(), fault.reason())) {
        response.headers_mut().insert(edge::REASON, reason);
    }
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use protocol::{Code, Reply};

    use super::super::FieldFault;
    use super::{StatusCode, invalid};

    #[tokio::test]
    async fn each_fault_has_its_header_and_the_body_is_as_without_it() {
        let unreadable = edge::fault(StatusCode::UNSUPPORTED_MEDIA_TYPE).into_body();
        let unreadable = unreadable.collect().await.unwrap().to_bytes();
        for fault in FieldFault::ALL {
            for (reply, body) in [
                (
                    Reply::<()>::refusal(Code::InvalidInput),
                    r#"{"code":"40005","msg":"入参校验失败","data":null}"#,
                ),
                (Reply::<()>::bare(Code::InvalidInput), r#"{"code":"40005","msg":"入参校验失败"}"#),
            ] {
                let response = invalid(fault, &reply);
                let expected = format!("{} {}", fault.field(), fault.reason());
                assert_eq!(response.headers()["seckill-reason"], expected.as_str());
                assert_eq!(response.headers()["content-type"], "application/json;charset=UTF-8");
                let is_unreadable = fault == FieldFault::UnreadableType;
                assert_eq!(response.status(), if is_unreadable { 415 } else { 200 });
                let bytes = response.into_body().collect().await.unwrap().to_bytes();
                let wanted = if is_unreadable { &*unreadable } else { body.as_bytes() };
                assert_eq!(bytes, wanted, "{fault}");
            }
        }
    }
}
