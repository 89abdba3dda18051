//! HTTP as the buyers' clients speak it: pooled keep-alive connections, every way to send the
//! fields, and raw bytes for what no well-behaved client would send.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper::{Method, Request};
use hyper_util::client::legacy::{Client as Pool, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Fields of a charge or query, in the order sent; a name may stand twice.
pub type Fields<'a> = &'a [(&'a str, &'a str)];

/// How long an answer may take. Far above what any should; a hung daemon must not hang the tests.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Parts the fields of [`multipart`].
const BOUNDARY: &str = "seckill-e2e-boundary";

/// A pool of connections. Cloning shares it.
#[derive(Clone)]
pub struct Client {
    pool: Pool<HttpConnector, Full<Bytes>>,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// HTTP headers.
    pub headers: HeaderMap,
    /// The body, unread.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Errors
    /// The body is no JSON; the text is in the error.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("HTTP {}, no JSON: {:?}", self.status, self.text()))
    }

    /// The business code, empty where the body has none.
    #[must_use]
    pub fn code(&self) -> String {
        let json = self.json().unwrap_or_default();
        json["code"].as_str().unwrap_or_default().to_owned()
    }

    /// A header's text, empty where it is absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Default for Client {
    fn default() -> Self {
        Self { pool: Pool::builder(TokioExecutor::new()).build(HttpConnector::new()) }
    }
}

impl Client {
    /// Sends a request and reads its answer to the end.
    ///
    /// # Errors
    /// No connection, a broken one, or no answer in time.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer> {
        let whole = async {
            let (head, body) = self.pool.request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            anyhow::Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
        };
        tokio::time::timeout(ANSWER_MAX, whole).await.context("no answer in time")?
    }

    /// GET.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn get(&self, url: &str) -> Result<Answer> {
        self.bytes(Method::GET, url, "", Bytes::new()).await
    }

    /// POST of a form.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn post_form(&self, url: &str, fields: Fields<'_>) -> Result<Answer> {
        let body = Bytes::from(urlencoded(fields));
        self.bytes(Method::POST, url, "application/x-www-form-urlencoded", body).await
    }

    /// Any method with the fields as multipart, which is how the published collection sends them.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn multipart(&self, method: Method, url: &str, fields: Fields<'_>) -> Result<Answer> {
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        self.bytes(method, url, &kind, Bytes::from(multipart(fields))).await
    }

    /// POST of JSON text.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn post_json(&self, url: &str, body: impl Into<Bytes>) -> Result<Answer> {
        self.bytes(Method::POST, url, "application/json", body.into()).await
    }

    /// Any method and content type (empty: none) with these bytes.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn bytes(
        &self,
        method: Method,
        url: &str,
        kind: &str,
        body: Bytes,
    ) -> Result<Answer> {
        let mut request = Request::builder().method(method).uri(url);
        if !kind.is_empty() {
            request = request.header(CONTENT_TYPE, kind);
        }
        self.send(request.body(Full::new(body))?).await
    }
}

/// The fields as a form or query string.
#[must_use]
pub fn urlencoded(fields: Fields<'_>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// The fields as a multipart body.
fn multipart(fields: Fields<'_>) -> String {
    use std::fmt::Write as _;

    let mut body = String::new();
    for (name, value) in fields {
        // Writing to a String can't fail.
        let _ = write!(
            body,
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
    }
    body + "--" + BOUNDARY + "--\r\n"
}

/// Sends bytes as they are over a connection of its own and returns all that comes back until the
/// other side closes or `within` is over.
///
/// # Errors
/// No connection, or a broken one before anything came.
pub async fn raw(address: SocketAddr, bytes: &[u8], within: Duration) -> Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    // A daemon that refuses early closes early: its answer counts, not that we couldn't finish.
    let _ = stream.write_all(bytes).await;
    Ok(heard(stream, within).await)
}

/// The same, by a client that gives up where it can't send everything, as most clients do.
///
/// # Errors
/// No connection, or one that breaks before everything is sent.
pub async fn raw_whole(address: SocketAddr, bytes: &[u8], within: Duration) -> Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(bytes).await.context("the request can't be sent whole")?;
    Ok(heard(stream, within).await)
}

async fn heard(mut stream: TcpStream, within: Duration) -> String {
    let mut told = Vec::new();
    let mut chunk = [0_u8; 4096];
    let reading = async {
        while let Ok(count @ 1..) = stream.read(&mut chunk).await {
            told.extend_from_slice(&chunk[..count]);
        }
    };
    let _ = tokio::time::timeout(within, reading).await;
    String::from_utf8_lossy(&told).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{multipart, urlencoded};

    #[test]
    fn fields_are_sent_as_browsers_send_them() {
        let fields = [("prodId", "pid 1&"), ("prodId", "二")];
        assert_eq!(urlencoded(&fields), "prodId=pid+1%26&prodId=%E4%BA%8C");
        let body = multipart(&fields);
        assert!(body.starts_with("--seckill-e2e-boundary\r\nContent-Disposition: form-data; "));
        assert!(body.ends_with("name=\"prodId\"\r\n\r\n二\r\n--seckill-e2e-boundary--\r\n"));
    }
}
