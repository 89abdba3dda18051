//! What the daemon's REST interface is compared with: one warp route that parses the same form and
//! answers a constant, over the same HTTP library, with nothing behind it.

use std::convert::Infallible;

use anyhow::Result;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde::Deserialize;
use tokio::net::TcpListener;
use warp::Filter;
use warp::http::header::{CONTENT_TYPE, HeaderValue};
use warp::reply::Response;

/// As long as the daemon's own answer to a sold-out product, and of the same type.
const ANSWER: &str = r#"{"code":"40006","msg":"秒杀商品库存不足","data":null}"#;
const JSON: HeaderValue = HeaderValue::from_static("application/json;charset=UTF-8");

/// The form of `charge.do`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Form {
    #[serde(rename = "userPhoneNum")]
    phone: String,
    charge_price: String,
    prod_id: String,
}

/// Serves the route until the process is ended.
///
/// # Errors
/// Accepting fails.
pub async fn serve(listener: TcpListener) -> Result<Infallible> {
    let route = warp::path!("api" / "charge.do")
        .and(warp::post())
        .and(warp::body::form())
        .map(|form: Form| answer(&form));
    let service = TowerToHyperService::new(warp::service(route));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new());
            // The load generator reports a connection that ends in disorder.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn answer(form: &Form) -> Response {
    // Looked at, so that the compiler can't leave the parsing out.
    std::hint::black_box((&form.phone, &form.charge_price, &form.prod_id));
    let mut response = Response::new(ANSWER.into());
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}
