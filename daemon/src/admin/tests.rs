//! The admin endpoints over a real socket, and the guard.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};
use protocol::{Phase, QueueView, Snapshot};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;

use super::{AdminSocket, ENDPOINTS, Permission, Refused, StatusSource, admit, recover, serve};
use crate::http::EdgeCounters;
use crate::queue::BoxFuture;

const DEADLINE: Duration = Duration::from_secs(20);

struct Fixed(Mutex<Snapshot>);

impl StatusSource for Fixed {
    fn snapshot(&self) -> BoxFuture<'_, Snapshot> {
        Box::pin(async { self.0.lock().unwrap().clone() })
    }
}

fn snapshot() -> Snapshot {
    Snapshot {
        name: "seckilld".to_owned(),
        version: "0.1.0".to_owned(),
        env_type: "embedded".to_owned(),
        roles: vec!["gateway".to_owned()],
        phase: Phase::Serving,
        uptime_s: 7,
        degraded: Vec::new(),
        warnings: Vec::new(),
        products: Vec::new(),
        queue: QueueView {
            kind: "embedded".to_owned(),
            lag_messages: None,
            lag_age_ms: None,
            queues: Vec::new(),
            dead_letters: None,
            unreadable: Some("as the test has it".to_owned()),
            ..QueueView::default()
        },
        unconfirmed: None,
        ..Snapshot::default()
    }
}

/// Status line and JSON body of one request.
async fn ask(socket: &Path, line: &str, headers: &str) -> (u16, Value) {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    let request =
        format!("{line} HTTP/1.1\r\nhost: seckilld\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(DEADLINE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}

#[tokio::test]
async fn the_state_is_shown_and_the_file_removed_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let source = Arc::new(Fixed(Mutex::new(snapshot())));
    let cancel = CancellationToken::new();
    let socket = AdminSocket::bind(&path).unwrap();
    let counters = Arc::new(EdgeCounters::default());
    let serving = tokio::spawn(serve(socket, source.clone(), counters, cancel.clone()));

    let (status, body) = ask(&path, "GET /v1/status", "").await;
    assert_eq!(status, 200);
    assert_eq!(serde_json::from_value::<Snapshot>(body).unwrap(), snapshot());

    let (status, body) = ask(&path, "GET /v1/", "").await;
    assert_eq!(status, 200);
    assert_eq!(body["endpoints"].as_array().unwrap().len(), ENDPOINTS.len());
    for endpoint in ENDPOINTS {
        let (status, _) = ask(&path, &format!("{} {}", endpoint.method, endpoint.path), "").await;
        assert_eq!(status, 200, "{}", endpoint.path);
    }

    source.0.lock().unwrap().degraded.push("the broker is away".to_owned());
    let (status, body) = ask(&path, "GET /v1/health", "").await;
    assert_eq!((status, &body["degraded"][0]), (503, &Value::from("the broker is away")));
    source.0.lock().unwrap().degraded.clear();
    source.0.lock().unwrap().phase = Phase::Stopping;
    assert_eq!(ask(&path, "GET /v1/health", "").await.0, 503);

    assert_eq!(ask(&path, "GET /v2/", "").await.0, 404);
    assert_eq!(ask(&path, "POST /v1/status", "content-length: 0\r\n").await.0, 405);
    for header in ["origin: http://x\r\n", "Referer: \r\n"] {
        let (status, body) = ask(&path, "GET /v1/status", header).await;
        assert_eq!((status, &body["code"]), (403, &Value::from("not_permitted")));
    }

    cancel.cancel();
    tokio::time::timeout(DEADLINE, serving).await.unwrap().unwrap().unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn the_guard_goes_by_method_and_permission() {
    use Permission::{None, Operate, View};
    let plain = HeaderMap::new();
    let admitted = |method: Method, held| admit(&method, &plain, held).is_ok();
    assert!(admitted(Method::GET, View) && admitted(Method::HEAD, View));
    assert!(admitted(Method::POST, Operate) && admitted(Method::GET, Operate));
    for (method, held) in [(Method::GET, None), (Method::POST, View), (Method::DELETE, View)] {
        assert!(!admitted(method.clone(), held), "{method} {held:?}");
    }
    let browser = HeaderMap::from_iter([(super::ORIGIN, HeaderValue::from_static("null"))]);
    let rejection = admit(&Method::GET, &browser, Operate).unwrap_err();
    assert_eq!(rejection.find(), Some(&Refused::FromBrowser));
    assert_eq!(recover(rejection).await.unwrap().status(), StatusCode::FORBIDDEN);
}
