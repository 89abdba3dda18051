//! The order side over HTTP: a gateway's client of its order node. Connections are pooled; a
//! request that finds its pooled connection stale is sent once more, as both requests only read.

use std::time::Duration;

use bytes::Bytes;
use domain::ports::order_side::{OrderLookup, OrderSide};
use domain::ports::{BoxFuture, Cause};
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use instruments::meter::Endpoint;
use protocol::{Code, DecisionsPage, Phone, ProdId, QueryData, ReadReply, Seq};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use crate::tunable::Tunable;

/// Bytes of an answer that are read; a longer one is an error. A page of decisions stays far below.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Connections kept open and idle.
const IDLE_CONNECTIONS_MAX: usize = 64;
/// Idle connections are dropped before the order node's own edge closes them.
const IDLE_MAX: Duration = Duration::from_secs(3);

/// Said where the paths of an order node are unknown. The Java order service has `query.do` only.
const NO_ORDER_NODE: &str = "HTTP 404: this is no order node of seckilld. Where it is the Java \
                             order service, replace that first, and its gateways after it \
                             (docs/from-java.md)";

/// An order node.
pub struct OrderNode {
    client: Client<HttpConnector, Full<Bytes>>,
    base_url: String,
    timeout: Tunable,
}

impl OrderNode {
    /// The node at `base_url` (`http://HOST:PORT`), each request to which is given up after
    /// `timeout`.
    #[must_use]
    pub fn new(base_url: &str, timeout: impl Into<Tunable>) -> Self {
        let timeout = timeout.into();
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        // Bounds the attempt to connect that goes on after its request was given up. A reload can't
        // change it.
        connector.set_connect_timeout(Some(timeout.milliseconds()));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .build(connector);
        Self { client, base_url: base_url.trim_end_matches('/').to_owned(), timeout }
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        form: String,
    ) -> Result<T, Cause> {
        let asked = async {
            match self.ask_once(&method, path, &form).await {
                Err(Failure::Stale(_)) => self.ask_once(&method, path, &form).await,
                result => result,
            }
        };
        let timeout = self.timeout.milliseconds();
        match tokio::time::timeout(timeout, asked).await {
            Ok(Ok(body)) => serde_json::from_slice(&body).map_err(|error| {
                Cause(format!("{}{path}: unreadable answer: {error}", self.base_url))
            }),
            Ok(Err(Failure::Stale(text) | Failure::Other(text))) => {
                Err(Cause(format!("{}{path}: {text}", self.base_url)))
            }
            Err(_elapsed) => {
                let ms = timeout.as_millis();
                Err(Cause(format!("{}{path}: no answer within {ms} ms", self.base_url)))
            }
        }
    }

    async fn ask_once(&self, method: &Method, path: &str, form: &str) -> Result<Bytes, Failure> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base_url))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(form.to_owned())))
            .map_err(|error| Failure::Other(error.to_string()))?;
        let response = self.client.request(request).await.map_err(|error| {
            let text = chain(&error);
            if error.is_connect() { Failure::Other(text) } else { Failure::Stale(text) }
        })?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(|error| Failure::Stale(error.to_string()))?
            .to_bytes();
        match status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Err(Failure::Other(NO_ORDER_NODE.to_owned())),
            _ => return Err(Failure::Other(format!("HTTP {status}"))),
        }
        Ok(body)
    }
}

/// Why one try failed.
enum Failure {
    /// The connection broke: a fresh one may do.
    Stale(String),
    /// Trying again wouldn't help.
    Other(String),
}

/// An error with its sources, for the log: hyper's outermost text says little.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

impl OrderSide for OrderNode {
    fn decisions(&self, after: Seq) -> BoxFuture<'_, Result<DecisionsPage, Cause>> {
        let path = format!("/internal/v1/decisions?after={after}");
        Box::pin(async move { self.ask(Method::GET, &path, String::new()).await })
    }

    fn find<'a>(
        &'a self,
        prod_id: &'a ProdId,
        phone: &'a Phone,
    ) -> BoxFuture<'a, Result<OrderLookup, Cause>> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("userPhoneNum", phone.whole())
            .append_pair("prodId", prod_id.as_str())
            .finish();
        Box::pin(async move {
            let reply: ReadReply<QueryData> =
                self.ask(Method::POST, Endpoint::OrderQuery.path(), form).await?;
            match (reply.code.as_str(), reply.data) {
                (code, Some(data)) if code == Code::Found.as_str() => {
                    Ok(OrderLookup::Found(Box::new(data)))
                }
                (code, _) if code == Code::BizError.as_str() => Ok(OrderLookup::Never),
                (code, _) if code == Code::NotKnownYet.as_str() => Ok(OrderLookup::NotYet),
                (code, _) => Err(Cause(format!("{}: query answered {code}", self.base_url))),
            }
        })
    }

    fn changes(&self) -> Option<watch::Receiver<u64>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A node that answers each connection by one script: a body to send, a whole answer, or `None`
    /// to hang up after the request was read. Connections are counted.
    async fn node(script: Vec<Option<&'static str>>) -> (OrderNode, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let count = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&count);
        tokio::spawn(async move {
            for answer in script {
                let (mut stream, _) = listener.accept().await.unwrap();
                seen.fetch_add(1, Ordering::SeqCst);
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let Some(body) = answer else { continue };
                let head = "HTTP/1.1 200 OK\r\ncontent-length:";
                let text = match body.starts_with("HTTP/1.1") {
                    true => body.to_owned(),
                    false => format!("{head} {}\r\nconnection: close\r\n\r\n{body}", body.len()),
                };
                stream.write_all(text.as_bytes()).await.unwrap();
            }
            std::future::pending::<()>().await;
        });
        (OrderNode::new(&url, Duration::from_millis(500)), count)
    }

    #[tokio::test]
    async fn a_java_order_service_is_told_from_a_node_that_is_away() {
        let (node, _) = node(vec![Some(
            "HTTP/1.1 404 \r\ncontent-type: application/json\r\ncontent-length: 2\r\n\
             connection: close\r\n\r\n{}",
        )])
        .await;
        let cause = node.decisions(Seq(0)).await.unwrap_err().0;
        assert!(cause.contains("/internal/v1/decisions?after=0: HTTP 404: this is no"), "{cause}");
        assert!(cause.contains("replace that first"), "{cause}");
    }

    #[tokio::test]
    async fn codes_become_knowledge() {
        let (node, _) = node(vec![
            Some(r#"{"code":"40004","msg":"BIZ_ERROR","data":null}"#),
            Some(r#"{"code":"42004","msg":"","data":null}"#),
            Some(r#"{"code":"20000","msg":"SERVER_ERROR","data":null}"#),
        ])
        .await;
        assert_eq!(
            node.find(&"pid_0001".into(), &"15200008881".into()).await,
            Ok(OrderLookup::Never)
        );
        assert_eq!(
            node.find(&"pid_0001".into(), &"15200008881".into()).await,
            Ok(OrderLookup::NotYet)
        );
        assert!(node.find(&"pid_0001".into(), &"15200008881".into()).await.is_err());
    }

    #[tokio::test]
    async fn a_broken_connection_is_tried_once_more_and_only_once() {
        let never = r#"{"code":"40004"}"#;
        let (broken_once, count) = node(vec![None, Some(never)]).await;
        assert_eq!(broken_once.find(&"p".into(), &"1".into()).await, Ok(OrderLookup::Never));
        assert_eq!(count.load(Ordering::SeqCst), 2);
        let (broken_twice, count) = node(vec![None, None, Some(never)]).await;
        assert!(broken_twice.find(&"p".into(), &"1".into()).await.is_err());
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn silence_ends_at_the_time_out() {
        let (silent, _) = node(vec![]).await;
        let cause = silent.decisions(Seq(0)).await.unwrap_err();
        assert!(cause.0.contains("no answer within 500 ms"), "{cause}");
    }
}
