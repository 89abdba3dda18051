//! Answers that come before the end of their request: they follow from the head alone, and a client
//! that sends everything first and reads later doesn't lose them.

use super::*;

/// How often each is tried: a reset that overtakes an answer does so now and then.
const TRIES: usize = 20;

/// Far beyond the limit on bodies.
const LARGE: usize = 2_000_000;

fn chunked(path: &str, bytes: usize) -> String {
    let body = format!("1000\r\n{}\r\n", "a".repeat(0x1000)).repeat(bytes / 0x1000);
    format!("POST {path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{body}0\r\n\r\n")
}

/// Requests that are answered early, each with its status.
fn early() -> Vec<(String, &'static str)> {
    let large = "a".repeat(LARGE);
    let coded = "content-encoding: gzip\r\n";
    let xml = "content-type: application/xml\r\n";
    let old = format!("POST /echo HTTP/1.0\r\ncontent-length: {LARGE}\r\n\r\n{large}");
    vec![
        (request("POST /echo", "", &large), "413"),
        (request("POST /nowhere", "", &large), "404"),
        (request("PUT /echo", "", &large), "405"),
        (request("POST /api/query.do", coded, &large), "415"),
        (request("POST /api/query.do", xml, &large), "415"),
        (chunked("/echo", LARGE), "413"),
        (chunked("/nowhere", LARGE), "404"),
        (format!("no http at all\r\n\r\n{large}"), "400"),
        (format!("GET /read?{large} HTTP/1.1\r\nhost: x\r\n\r\n"), "431"),
        (old, "413"),
    ]
}

#[tokio::test]
async fn an_early_answer_arrives_although_the_request_is_sent_whole() {
    let server = start(LIMITS);
    for (request, status) in early() {
        for _ in 0..TRIES {
            let mut stream = server.connect().await;
            within(stream.write_all(request.as_bytes())).await.unwrap();
            let answer = read_to_close(&mut stream).await;
            let version = if answer.starts_with("HTTP/1.0") { "HTTP/1.0" } else { "HTTP/1.1" };
            assert_fault(&answer.replacen(version, "HTTP/1.1", 1), status);
            assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn who_waits_for_100_continue_is_told_at_once_and_not_to_go_on() {
    let server = start(LIMITS);
    for (line, headers, status) in [
        ("POST /nowhere", "", "404"),
        ("PUT /echo", "", "405"),
        ("POST /echo", "content-length: 16385\r\n", "413"),
        ("POST /api/query.do", "content-encoding: gzip\r\n", "415"),
        ("POST /api/query.do", "content-encoding: identity, br\r\n", "415"),
        ("POST /api/query.do", "content-type: application/xml\r\n", "415"),
    ] {
        let length = if headers.contains("length") { "" } else { "content-length: 9\r\n" };
        for expect in ["expect: 100-continue\r\n", "Expect: 100-Continue\r\n", ""] {
            let head = format!("{line} HTTP/1.1\r\nhost: x\r\n{headers}{length}{expect}\r\n");
            // Not one byte of the body is sent, and the limits are ample.
            let answer = server.exchange(head).await;
            assert_fault(&answer, status);
            assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
            let coded = headers.contains("encoding");
            assert_eq!(answer.contains("\r\naccept-encoding: identity\r\n"), coded, "{answer}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_coded_is_read() {
    let server = start(LIMITS);
    for coding in ["identity", "Identity", "identity, identity", ""] {
        let headers = format!("content-encoding: {coding}\r\n");
        let answer = server.exchange(request("POST /api/query.do", &headers, "a=b")).await;
        assert!(answer.contains(r#""orderId":"POST  a=b""#), "{answer}");
    }
    // Without a body there is nothing to undo.
    let answer = server.exchange(request("GET /read", "content-encoding: gzip\r\n", "")).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_was_coded_for_the_way_is_415_as_well() {
    let server = start(LIMITS);
    for coding in
        ["gzip, chunked", "GZIP,chunked", "x, chunked", "gzip\r\ntransfer-encoding: chunked"]
    {
        let head = format!(
            "POST /api/query.do HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             transfer-encoding: {coding}\r\n\r\n"
        );
        let answer = server.exchange(head + "3\r\na=b\r\n0\r\n\r\n").await;
        assert_fault(&answer, "415");
    }
    let plain = "POST /api/query.do HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                 transfer-encoding: Chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n";
    let answer = server.exchange(plain).await;
    assert!(answer.contains(r#""orderId":"POST  a=b""#), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn a_connection_outlives_an_early_answer_to_a_body_that_was_there() {
    let server = start(LIMITS);
    let mut stream = server.connect().await;
    for line in ["POST /nowhere", "PUT /echo", "POST /nowhere"] {
        let asked = format!("{line} HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc");
        stream.write_all(asked.as_bytes()).await.unwrap();
        let answer = read_one(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 40") && !answer.contains("close"), "{answer}");
    }
    assert_eq!(server.counters.read().connections, 1);
    server.stop().await;
}

#[tokio::test]
async fn what_follows_an_early_answer_is_no_request() {
    let server = start(LIMITS);
    let hidden = "POST /burst HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
    for _ in 0..TRIES {
        let first = "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 99999\r\n\r\n";
        let answer = server.exchange(format!("{first}{}", hidden.repeat(2_000))).await;
        assert_fault(&answer, "413");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        // The same behind a request that says itself that it is the last.
        let answer = server.exchange(request("GET /read", "", "") + &hidden.repeat(2_000)).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
    assert_eq!(server.counters.read().panics, 0, "a request was carried out that was none");
    server.stop().await;
}

/// Sends on until the server hangs up.
async fn send_on(mut stream: TcpStream) {
    while stream.write_all(b"a").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn who_goes_on_trickling_after_the_answer_is_cut_off() {
    let server = start(Limits { body_timeout: SHORT, ..LIMITS });
    let head = "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 99999\r\n\r\n";
    for _ in 0..3 {
        let mut stream = server.connect().await;
        stream.write_all(head.as_bytes()).await.unwrap();
        assert_fault(&read_to_close(&mut stream).await, "413");
        within(send_on(stream)).await;
    }
    server.until(|edge| edge.connections_open == 0).await;
    server.stop().await;
}

#[tokio::test]
async fn a_drain_does_not_wait_for_who_goes_on_after_the_answer() {
    let server = start(LIMITS);
    let head = "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 99999\r\n\r\n";
    let mut trickling = Vec::new();
    for _ in 0..3 {
        let mut stream = server.connect().await;
        stream.write_all(head.as_bytes()).await.unwrap();
        assert_fault(&read_to_close(&mut stream).await, "413");
        trickling.push(tokio::spawn(send_on(stream)));
    }
    server.stop().await;
    for sending in trickling {
        within(sending).await.unwrap();
    }
}
