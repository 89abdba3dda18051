//! The edge over real sockets: each limit, each status, and the drain. Requests are written byte by
//! byte where a client library would be too well-behaved.

mod hostile;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use protocol::{ChargeData, Code, Money, Reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use warp::Filter;
use warp::reply::Response;

use super::{
    Call, EdgeCounters, EdgeReadings, Limits, Listener, Peer, bind_tcp, json, recover, route, serve,
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

const FAULT: &str = r#"{"code":"40005","msg":"入参校验失败","data":null}"#;

/// A running listener with a handful of routes.
struct Server {
    address: SocketAddr,
    counters: Arc<EdgeCounters>,
    cancel: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
    /// Lets one `/hold` go on.
    release: Arc<Notify>,
    /// Tells of each `/hold` that arrived.
    held: mpsc::Receiver<()>,
}

async fn echo(call: Call) -> Response {
    let text = format!("{} {} {}", call.method, call.query, String::from_utf8_lossy(&call.body));
    json(&Reply::with(
        Code::Found,
        ChargeData {
            order_id: text,
            user_phone_no: call.content_type.unwrap_or_default(),
            prod_id: format!("{:?}", call.peer.is_some()),
            charge_money: Money::from_milli(0),
        },
    ))
}

async fn burst(_: Call) -> Response {
    panic!("as the test asked")
}

fn start(limits: Limits) -> Server {
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
    let routes = route("/echo", &[Method::POST], echo)
        .or(route("/read", &[Method::GET, Method::POST], echo))
        .unify()
        .or(route("/burst", &[Method::POST], burst))
        .unify()
        .or(route("/hold", &[Method::POST], hold))
        .unify()
        .recover(recover);
    let counters = Arc::new(EdgeCounters::default());
    let cancel = CancellationToken::new();
    let serving = tokio::spawn(serve(
        Listener::Tcp(listener),
        warp::service(routes),
        limits,
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
    assert!(answer.ends_with(&format!("\r\n\r\n{FAULT}")), "{answer}");
}

#[tokio::test]
async fn a_request_reaches_its_handler_whole() {
    let server = start(LIMITS);
    let form = "content-type: application/x-www-form-urlencoded\r\naccept: text/plain\r\n";
    let answer = server.exchange(request("POST /echo?q=1", form, "a=b")).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\r\ncontent-type: application/json;charset=UTF-8\r\n"), "{answer}");
    let body = concat!(
        r#"{"code":"10000","msg":"SUCCESS","data":{"orderId":"POST q=1 a=b","#,
        r#""userPhoneNo":"application/x-www-form-urlencoded","prodId":"true","chargeMoney":"0.000"}}"#
    );
    assert!(answer.contains(&format!("\r\ncontent-length: {}\r\n", body.len())), "{answer}");
    assert!(answer.ends_with(body), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn a_chunked_body_arrives_whole() {
    let server = start(LIMITS);
    let answer = server
        .exchange(
            "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
             2\r\na=\r\n1\r\nb\r\n0\r\n\r\n",
        )
        .await;
    assert!(answer.contains(r#""orderId":"POST  a=b""#), "{answer}");
    server.stop().await;
}

/// The published Postman collection queries that way.
#[tokio::test]
async fn a_get_may_have_a_body() {
    let server = start(LIMITS);
    let answer = server.exchange(request("GET /read?q=1", "", "a=b")).await;
    assert!(answer.contains(r#""orderId":"GET q=1 a=b""#), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_are_told_in_json() {
    let server = start(LIMITS);
    for path in ["/", "/nowhere", "/echo/", "/ECHO", "/echo/x"] {
        assert_fault(&server.exchange(request(&format!("POST {path}"), "", "")).await, "404");
    }
    let refused = server.exchange(request("GET /echo", "", "")).await;
    assert_fault(&refused, "405");
    assert!(refused.contains("\r\nallow: POST\r\n"), "{refused}");
    for method in ["DELETE", "PUT", "BREW"] {
        let refused = server.exchange(request(&format!("{method} /read"), "", "")).await;
        assert_fault(&refused, "405");
        assert!(refused.contains("\r\nallow: GET, POST, HEAD\r\n"), "{refused}");
    }
    server.stop().await;
}

#[tokio::test]
async fn head_and_options_are_answered_without_a_body() {
    let server = start(LIMITS);
    let head = server.exchange(request("HEAD /read?a=1", "", "")).await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(!head.contains("content-length: 0\r\n"), "{head}");
    let head = server.exchange(request("HEAD /echo", "", "")).await;
    assert!(head.starts_with("HTTP/1.1 405 ") && head.ends_with("\r\n\r\n"), "{head}");
    let options = server.exchange(request("OPTIONS /read", "", "")).await;
    assert!(options.starts_with("HTTP/1.1 204 ") && options.ends_with("\r\n\r\n"), "{options}");
    assert!(options.contains("\r\nallow: GET, POST, HEAD\r\n"), "{options}");
    server.stop().await;
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let server = start(LIMITS);
    let mut stream = server.connect().await;
    for body in ["first", "second", "third"] {
        let request = format!(
            "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read_one(&mut stream).await;
        assert!(answer.contains(&format!(r#""orderId":"POST  {body}""#)), "{answer}");
    }
    assert_eq!(server.counters.read().connections, 1);
    assert_eq!(server.counters.read().requests, 3);
    server.stop().await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let server = start(LIMITS);
    let one = |n: usize| format!("GET /read?n={n} HTTP/1.1\r\nhost: x\r\n\r\n");
    let all: String = (0..20).map(one).collect();
    let answers = server.exchange(all + &request("GET /read?n=20", "", "")).await;
    let positions: Vec<usize> =
        (0..=20).map(|n| answers.find(&format!("GET n={n} ")).expect("each is answered")).collect();
    assert!(positions.is_sorted(), "{answers}");
    server.stop().await;
}

#[tokio::test]
async fn a_broken_request_after_a_good_one_is_told_after_its_answer() {
    let server = start(LIMITS);
    let answers = server.exchange("GET /read HTTP/1.1\r\nhost: x\r\n\r\nnot http\r\n\r\n").await;
    assert!(answers.starts_with("HTTP/1.1 200 OK\r\n"), "{answers}");
    assert!(answers.contains("HTTP/1.1 400 Bad Request\r\n"), "{answers}");
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_http_is_400_in_json() {
    let server = start(LIMITS);
    for bytes in [
        "no http at all\r\n\r\n",
        "GET / HTTP/1.1\r\nbad header\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        assert_fault(&server.exchange(bytes).await, "400");
    }
    let broken = "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
    assert_fault(&server.exchange(broken).await, "400");
    assert_eq!(server.counters.read().malformed, 4);
    server.stop().await;
}

#[tokio::test]
async fn a_head_over_the_limit_is_431_in_json() {
    let server = start(LIMITS);
    // One that fits, one that doesn't, one that is still being sent when the answer comes, and too
    // many.
    let with = |bytes: usize| request("GET /read", &format!("x: {}\r\n", "a".repeat(bytes)), "");
    assert!(server.exchange(with(15 * 1024)).await.starts_with("HTTP/1.1 200 "));
    assert_fault(&server.exchange(with(16 * 1024)).await, "431");
    assert_fault(&server.exchange(with(200 * 1024)).await, "431");
    let many: String = (0..200).map(|n| format!("x-{n}: 1\r\n")).collect();
    assert_fault(&server.exchange(request("GET /read", &many, "")).await, "431");
    assert_eq!(server.counters.read().too_large, 3);
    server.stop().await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_before_it_is_read() {
    let server = start(LIMITS);
    let fits = "a".repeat(16 * 1024);
    assert!(server.exchange(request("POST /echo", "", &fits)).await.starts_with("HTTP/1.1 200 "));
    // Announced only: not one byte of it is sent.
    let announced = "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 16385\r\n\r\n";
    assert_fault(&server.exchange(announced).await, "413");
    let polite =
        "POST /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 99999\r\n\r\n";
    assert_fault(&server.exchange(polite).await, "413");
    // A client that goes on sending still reads the answer.
    let large = request("POST /echo", "", &"a".repeat(200 * 1024));
    assert_fault(&server.exchange(large).await, "413");
    assert_eq!(server.counters.read().too_large, 3);
    server.stop().await;
}

#[tokio::test]
async fn a_chunked_body_over_the_limit_is_413_before_its_end() {
    let server = start(LIMITS);
    let mut stream = server.connect().await;
    let head = "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..17 {
        let chunk = format!("400\r\n{}\r\n", "a".repeat(1024));
        stream.write_all(chunk.as_bytes()).await.unwrap();
    }
    // The body has no end yet, and never gets one.
    assert_fault(&read_to_close(&mut stream).await, "413");
    server.stop().await;
}

#[tokio::test]
async fn a_polite_client_is_told_to_continue() {
    let server = start(LIMITS);
    let mut stream = server.connect().await;
    let head =
        "POST /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    assert!(read_one(&mut stream).await.starts_with("HTTP/1.1 100 Continue"));
    stream.write_all(b"ok").await.unwrap();
    assert!(read_one(&mut stream).await.contains(r#""orderId":"POST  ok""#));
    server.stop().await;
}

#[tokio::test]
async fn a_late_head_is_408_and_silence_just_ends() {
    let server = start(Limits { header_timeout: SHORT, ..LIMITS });
    assert_fault(&server.exchange("POST /echo HTTP/1.1\r\nhos").await, "408");
    assert_eq!(server.exchange("").await, "", "nothing was asked, so nothing is answered");
    // The time-out also bounds the silence after an answer.
    let kept = server.exchange("GET /read HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(kept.starts_with("HTTP/1.1 200 ") && !kept.contains("408"), "{kept}");
    assert_eq!(server.counters.read().timeouts, 1);
    server.stop().await;
}

#[tokio::test]
async fn a_late_body_is_408() {
    let server = start(Limits { body_timeout: SHORT, ..LIMITS });
    let half = "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf";
    assert_fault(&server.exchange(half).await, "408");
    assert_eq!(server.counters.read().timeouts, 1);
    server.stop().await;
}

#[tokio::test]
async fn a_handler_may_take_longer_than_the_time_outs() {
    let mut server = start(Limits { header_timeout: SHORT, body_timeout: SHORT, ..LIMITS });
    let mut stream = server.connect().await;
    stream.write_all(request("POST /hold", "", "slow").as_bytes()).await.unwrap();
    within(server.held.recv()).await.unwrap();
    // Another connection's time-out shows that more than both limits have passed.
    for _ in 0..2 {
        assert_fault(&server.exchange("POST /echo HTTP/1.1\r\nhos").await, "408");
    }
    server.release.notify_one();
    assert!(read_to_close(&mut stream).await.contains(r#""orderId":"POST  slow""#));
    server.stop().await;
}

#[tokio::test]
async fn connections_over_the_cap_wait_for_a_slot() {
    let server = start(Limits { connections_max: 1, ..LIMITS });
    let mut first = server.connect().await;
    first.write_all(b"GET /read?n=1 HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    read_one(&mut first).await;
    // The kernel takes the second; we don't.
    let mut second = server.connect().await;
    second.write_all(request("GET /read?n=2", "", "").as_bytes()).await.unwrap();
    first.write_all(b"GET /read?n=3 HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    read_one(&mut first).await;
    assert_eq!(server.counters.read().connections, 1);
    assert_eq!(server.counters.read().requests, 2);
    drop(first);
    assert!(read_to_close(&mut second).await.contains("GET n=2 "));
    assert_eq!(server.counters.read().connections, 2);
    server.stop().await;
}

#[tokio::test]
async fn a_panic_costs_one_answer_and_is_counted() {
    let server = start(LIMITS);
    let mut stream = server.connect().await;
    stream
        .write_all(b"POST /burst HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
        .await
        .unwrap();
    let answer = read_one(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(answer.ends_with(r#"{"code":"20000","msg":"SERVER_ERROR","data":null}"#), "{answer}");
    assert_eq!(server.counters.read().panics, 1);
    stream.write_all(request("GET /read", "", "").as_bytes()).await.unwrap();
    assert!(read_to_close(&mut stream).await.starts_with("HTTP/1.1 200 "), "the connection lives");
    server.stop().await;
}

#[tokio::test]
async fn a_handler_runs_to_its_end_when_its_client_hangs_up() {
    let mut server = start(LIMITS);
    let mut stream = server.connect().await;
    stream.write_all(request("POST /hold", "", "").as_bytes()).await.unwrap();
    within(server.held.recv()).await.unwrap();
    drop(stream);
    // A half-closed connection is still answered.
    let mut half = server.connect().await;
    half.write_all(request("GET /read", "", "").as_bytes()).await.unwrap();
    half.shutdown().await.unwrap();
    assert!(read_to_close(&mut half).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(server.counters.read().connections_open, 1, "the handler is still at work");
    server.release.notify_one();
    server.until(|readings| readings.connections_open == 0).await;
    server.stop().await;
}

#[tokio::test]
async fn a_drain_answers_what_is_in_flight_and_closes_what_is_idle() {
    let mut server = start(LIMITS);
    let mut idle = server.connect().await;
    idle.write_all(b"GET /read HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    read_one(&mut idle).await;
    let mut unasked = server.connect().await;
    let mut half_asked = server.connect().await;
    half_asked.write_all(b"POST /echo HTT").await.unwrap();
    let mut busy = server.connect().await;
    busy.write_all(b"POST /hold HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nkept")
        .await
        .unwrap();
    within(server.held.recv()).await.unwrap();
    server.until(|readings| readings.connections_open == 4).await;

    server.cancel.cancel();
    assert_eq!(read_to_close(&mut idle).await, "");
    assert_eq!(read_to_close(&mut unasked).await, "");
    assert_eq!(read_to_close(&mut half_asked).await, "");
    within(async {
        while TcpStream::connect(server.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!server.serving.is_finished(), "an answer is owed");
    server.release.notify_one();
    let answer = read_to_close(&mut busy).await;
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert!(answer.contains(r#""orderId":"POST  kept""#), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn dropping_the_server_cuts_what_is_left() {
    let mut server = start(LIMITS);
    let mut busy = server.connect().await;
    busy.write_all(request("POST /hold", "", "").as_bytes()).await.unwrap();
    within(server.held.recv()).await.unwrap();
    server.serving.abort();
    assert!(within(server.serving).await.unwrap_err().is_cancelled());
    let _ = within(busy.read_to_end(&mut Vec::new())).await;
    within(async {
        while server.counters.read().connections_open != 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_unix_peer_is_told_by_the_kernel() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let (told, mut peers) = mpsc::channel(64);
    let routes = route("/", &[Method::GET], move |call: Call| {
        told.try_send(call.peer).unwrap();
        echo(call)
    });
    let cancel = CancellationToken::new();
    let serving = tokio::spawn(serve(
        Listener::Unix(listener),
        warp::service(routes.recover(recover)),
        LIMITS,
        Arc::default(),
        cancel.clone(),
    ));
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(request("GET /", "", "").as_bytes()).await.unwrap();
    read_to_close(&mut stream).await;
    let Some(Some(Peer::Unix(peer))) = peers.recv().await else { panic!("no peer") };
    assert_eq!(peer.uid, rustix::process::geteuid().as_raw());
    assert_eq!(peer.gid, rustix::process::getegid().as_raw());
    assert_eq!(peer.pid, Some(rustix::process::getpid().as_raw_nonzero().get()));
    cancel.cancel();
    within(serving).await.unwrap().unwrap();
}
