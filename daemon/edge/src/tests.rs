//! The edge over real sockets: the server and the helpers that the modules below share, and who a
//! Unix peer is. Requests are written byte by byte where a client library would be too
//! well-behaved.

mod early;
mod endings;
mod hostile;
mod limits;
mod requests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::{Method, StatusCode};
use protocol::{ChargeData, Code, HttpFault, Money, Reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use warp::reply::Response;

use super::{
    Call, EdgeCounters, EdgeReadings, Limits, Listener, LiveLimits, bind_tcp, fault, gate, json,
    route, serve, table,
};

/// How long a test waits for what must happen before it is called a failure.
const DEADLINE: Duration = Duration::from_secs(20);
/// A limit that no test is meant to reach.
const AMPLE: Duration = Duration::from_secs(60);
/// A limit that a test waits for.
const SHORT: Duration = Duration::from_millis(200);

const LIMITS: Limits = Limits {
    connections_max: 64,
    header_timeout: AMPLE,
    body_timeout: AMPLE,
    header_bytes_max: 16 * 1024,
    body_bytes_max: 16 * 1024,
};

/// A running listener with a handful of routes.
struct Server {
    address: SocketAddr,
    counters: Arc<EdgeCounters>,
    cancel: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
    /// Lets one `/hold` go on.
    release: Arc<Notify>,
    /// Receives a message for each `/hold` that arrived.
    held: mpsc::Receiver<()>,
}

async fn echo(call: Call) -> Response {
    let text = format!("{} {} {}", call.method, call.query, String::from_utf8_lossy(&call.body));
    json(&Reply::with(
        Code::Found,
        ChargeData {
            order_id: text.into(),
            phone: call.content_type.unwrap_or_default().into(),
            prod_id: format!("{:?}", call.peer.is_some()).into(),
            charge_money: Money::from_milli(0),
        },
    ))
}

/// Of a path that reads no body but text.
async fn text(call: Call) -> Response {
    if call.body_left_out { fault(StatusCode::UNSUPPORTED_MEDIA_TYPE) } else { echo(call).await }
}

async fn burst(_: Call) -> Response {
    panic!("as the test asked")
}

fn start(limits: impl Into<LiveLimits>) -> Server {
    let listener = bind_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let (arrived, held) = mpsc::channel(64);
    let release = Arc::new(Notify::new());
    let hold = {
        let release = Arc::clone(&release);
        move |call: Call| {
            let (release, arrived) = (Arc::clone(&release), arrived.clone());
            async move {
                let _ = arrived.try_send(());
                release.notified().await;
                echo(call).await
            }
        }
    };
    let routes = move || {
        let is_text = |kind: Option<&str>, _: &str| kind.is_none_or(|kind| kind == "text/plain");
        let methods = &[Method::GET, Method::POST];
        vec![
            route("/echo", &[Method::POST], echo),
            route("/read", methods, echo),
            route("/burst", &[Method::POST], burst),
            route("/hold", &[Method::POST], hold.clone()),
            route("/api/query.do", methods, text).of_the_contract(is_text),
        ]
    };
    let counters = Arc::new(EdgeCounters::default());
    let cancel = CancellationToken::new();
    let serving = tokio::spawn(serve(
        Listener::Tcp(listener),
        {
            let routes = routes.clone();
            move || warp::service(table(routes()))
        },
        gate(routes()),
        limits.into(),
        Arc::clone(&counters),
        cancel.clone(),
    ));
    Server { address, counters, cancel, serving, release, held }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends the bytes on a connection of their own and reads to its end.
    async fn exchange(&self, request: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_ref()).await.unwrap();
        read_to_close(&mut stream).await
    }

    async fn until(&self, reached: impl Fn(EdgeReadings) -> bool) {
        within(async {
            while !reached(self.counters.read()) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
    }

    /// Stops the listener and waits until it has nothing left.
    async fn stop(self) {
        self.cancel.cancel();
        within(self.serving).await.unwrap().unwrap();
        assert_eq!(self.counters.read().connections_open, 0);
    }
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, work).await.expect("it must not take that long")
}

async fn read_to_close(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut seen = String::new();
    within(stream.read_to_string(&mut seen)).await.unwrap();
    seen
}

/// Reads one answer with a Content-Length.
async fn read_one(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut seen = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&seen).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.split_once("content-length: ").map_or(0, |(_, rest)| {
                rest.split("\r\n").next().unwrap().parse::<usize>().unwrap()
            });
            if length <= body.len() {
                assert_eq!(length, body.len(), "{text}");
                return text;
            }
        }
        let count = within(stream.read_buf(&mut seen)).await.unwrap();
        assert_ne!(count, 0, "closed after {text:?}");
    }
}

/// A complete request that closes its connection.
fn request(line: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    )
}

#[track_caller]
fn assert_fault(answer: &str, status: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    assert!(answer.contains("\r\ncontent-type: application/json;charset=UTF-8\r\n"), "{answer}");
    let fault = HttpFault::of(status.parse().unwrap());
    let (code, msg) = (fault.code().as_str(), fault.message());
    let body = format!(r#"{{"code":"{code}","msg":"{msg}","data":null}}"#);
    assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{answer}");
}

#[tokio::test]
async fn a_unix_peer_is_told_by_the_kernel() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let (told, mut peers) = mpsc::channel(64);
    let routes = move || {
        let told = told.clone();
        vec![route("/", &[Method::GET], move |call: Call| {
            told.try_send(call.peer).unwrap();
            echo(call)
        })]
    };
    let cancel = CancellationToken::new();
    let serving = tokio::spawn(serve(
        Listener::Unix(Arc::new(listener.into())),
        {
            let routes = routes.clone();
            move || warp::service(table(routes()))
        },
        gate(routes()),
        LIMITS,
        Arc::default(),
        cancel.clone(),
    ));
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(request("GET /", "", "").as_bytes()).await.unwrap();
    read_to_close(&mut stream).await;
    let Some(Some(peer)) = peers.recv().await else { panic!("no peer") };
    assert_eq!(peer.uid, rustix::process::geteuid().as_raw());
    assert_eq!(peer.gid, rustix::process::getegid().as_raw());
    assert_eq!(peer.pid, Some(rustix::process::getpid().as_raw_nonzero().get()));
    for _ in 0..20 {
        let mut stream = UnixStream::connect(&path).await.unwrap();
        let large = request("POST /nowhere", "", &"a".repeat(2_000_000));
        within(stream.write_all(large.as_bytes())).await.unwrap();
        assert_fault(&read_to_close(&mut stream).await, "404");
    }
    cancel.cancel();
    within(serving).await.unwrap().unwrap();
}
