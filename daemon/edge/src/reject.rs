//! What a filter rejected, in JSON. A table of paths rejects nothing; this is here so that a filter
//! of warp's own can't slip a plain-text answer through.

use std::convert::Infallible;

use hyper::StatusCode;
use warp::Rejection;
use warp::reject::{
    InvalidHeader, InvalidQuery, LengthRequired, MethodNotAllowed, MissingHeader, PayloadTooLarge,
    UnsupportedMediaType,
};
use warp::reply::Response;

use super::reply;

/// Turns a rejection into a JSON answer; for `Filter::recover`, last on each listener's filter.
///
/// # Errors
/// Never: the type is what `recover` wants.
pub async fn recover(rejection: Rejection) -> Result<Response, Infallible> {
    let status = status_of(&rejection);
    if status.is_server_error() {
        tracing::error!(?rejection, "a route rejected a request for no reason of the request's");
    }
    Ok(reply::fault(status))
}

fn status_of(rejection: &Rejection) -> StatusCode {
    if rejection.is_not_found() {
        StatusCode::NOT_FOUND
    } else if rejection.find::<MethodNotAllowed>().is_some() {
        StatusCode::METHOD_NOT_ALLOWED
    } else if rejection.find::<PayloadTooLarge>().is_some() {
        StatusCode::PAYLOAD_TOO_LARGE
    } else if rejection.find::<UnsupportedMediaType>().is_some() {
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    } else if rejection.find::<LengthRequired>().is_some() {
        StatusCode::LENGTH_REQUIRED
    } else if rejection.find::<InvalidQuery>().is_some()
        || rejection.find::<InvalidHeader>().is_some()
        || rejection.find::<MissingHeader>().is_some()
    {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::{BodyExt, Full};
    use hyper::Request;
    use tower_service::Service;
    use warp::Filter;

    use super::recover;

    #[tokio::test]
    async fn rejections_of_warp_itself_are_json_too() {
        let routes = warp::path!("a")
            .and(warp::post())
            .and(warp::header::<u8>("n"))
            .map(|n: u8| n.to_string())
            .recover(recover);
        let status = async |request: Request<Full<Bytes>>| {
            let response = warp::service(routes).call(request).await.unwrap();
            assert_eq!(response.headers()["content-type"], "application/json;charset=UTF-8");
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert!(body.starts_with(b"{\"code\":\"40005\""));
            status
        };
        let body = Full::<Bytes>::default;
        assert_eq!(status(Request::post("/b").body(body()).unwrap()).await, 404);
        assert_eq!(status(Request::get("/a").body(body()).unwrap()).await, 405);
        assert_eq!(status(Request::post("/a").body(body()).unwrap()).await, 400);
        assert_eq!(status(Request::post("/a").header("n", "x").body(body()).unwrap()).await, 400);
    }
}
