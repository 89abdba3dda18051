//! Clients with bad manners: too slow, half gone, lying about lengths, writing what is no text.
//! Each gets its answer or its end, and the others are served meanwhile.

use tokio::net::TcpStream;
use tokio::time::interval;

use super::*;

/// Between two bytes of a client that trickles: well below `SHORT`.
const TRICKLE: Duration = Duration::from_millis(20);

/// Sends byte after byte until the server has had enough; what it says then.
async fn trickle(mut stream: TcpStream, head: &str, filler: &str) -> String {
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = stream.split();
    let mut turns = interval(TRICKLE);
    let writing = async {
        loop {
            turns.tick().await;
            if writing.write_all(filler.as_bytes()).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let mut seen = Vec::new();
    tokio::select! {
        () = writing => {}
        // A reset after the answer is the client's own doing: it wrote on.
        _ = reading.read_to_end(&mut seen) => {}
    }
    String::from_utf8(seen).unwrap()
}

#[tokio::test]
async fn whoever_trickles_is_late_all_the_same_and_keeps_nobody_waiting() {
    let limits = Limits { header_timeout: SHORT, body_timeout: SHORT, ..LIMITS };
    let server = start(limits);
    let mut slow = Vec::new();
    for number in 0..20 {
        let stream = server.connect().await;
        slow.push(tokio::spawn(async move {
            if number % 2 == 0 {
                within(trickle(stream, "POST /echo HTTP/1.1\r\nhost: x\r\nx: ", "x")).await
            } else {
                let head = "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
                within(trickle(stream, head, "1\r\nx\r\n")).await
            }
        }));
    }
    for _ in 0..20 {
        let answer = server.exchange(request("POST /echo", "", "quick")).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    for late in slow {
        assert_fault(&late.await.unwrap(), "408");
    }
    assert_eq!(server.counters.read().timeouts, 20);
    server.stop().await;
}

#[tokio::test]
async fn who_only_stops_sending_still_hears_the_answer() {
    let mut server = start(LIMITS);
    let mut stream = server.connect().await;
    let asked = "POST /hold HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nhalf";
    stream.write_all(asked.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    within(server.held.recv()).await.unwrap();
    server.release.notify_one();
    let answer = read_to_close(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("half"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn who_stops_in_the_middle_is_let_go() {
    let server = start(LIMITS);
    for half in [
        "",
        "POST /echo HT",
        "POST /echo HTTP/1.1\r\nhost: x\r\n",
        "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf",
        "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n9\r\nhalf",
    ] {
        let mut stream = server.connect().await;
        stream.write_all(half.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let answer = read_to_close(&mut stream).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{half:?}: {answer}");
    }
    server.until(|edge| edge.connections_open == 0).await;
    server.stop().await;
}

#[tokio::test]
async fn lengths_that_cannot_be_are_400_and_end_the_connection() {
    let server = start(LIMITS);
    for headers in [
        "content-length: 3\r\ncontent-length: 4\r\n",
        "content-length: -1\r\n",
        "content-length: +3\r\n",
        "content-length: 0x3\r\n",
        "content-length: 3, 4\r\n",
        "content-length: 99999999999999999999999\r\n",
        "content-length: \r\n",
        "transfer-encoding: gzip\r\n",
        "transfer-encoding: chunked, gzip\r\n",
    ] {
        let text = format!("POST /echo HTTP/1.1\r\nhost: x\r\n{headers}\r\nabc");
        let answer = server.exchange(text).await;
        assert_fault(&answer, "400");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_body_longer_than_it_says_is_no_second_request() {
    let server = start(LIMITS);
    let smuggled = "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabcPOTATO\r\n\r\n";
    let answer = server.exchange(smuggled).await;
    let (first, second) = answer.split_at(answer.rfind("HTTP/1.1").unwrap());
    assert!(first.starts_with("HTTP/1.1 200 ") && first.contains("abc"), "{answer}");
    assert_fault(second, "400");
    server.stop().await;
}

/// A length together with chunks smuggles requests past a proxy. Whether the length or the chunks
/// count, the connection must not go on.
#[tokio::test]
async fn a_length_beside_chunks_hides_no_request() {
    let server = start(LIMITS);
    let hidden = "POST /burst HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
    let text = format!(
        "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\ntransfer-encoding: chunked\r\n\
         \r\n0\r\n\r\n{hidden}",
        5 + hidden.len()
    );
    server.exchange(text).await;
    assert_eq!(server.counters.read().panics, 0, "the hidden request was carried out");
    server.stop().await;
}

#[tokio::test]
async fn broken_chunks_are_400() {
    let server = start(LIMITS);
    for chunks in ["zz\r\nabc\r\n0\r\n\r\n", "-1\r\n", "fffffffffffffffff\r\n", "3\r\nabcdef\r\n"] {
        let head = "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
        assert_fault(&server.exchange(format!("{head}{chunks}")).await, "400");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_text_in_a_head_is_refused_or_handed_on_whole() {
    let server = start(LIMITS);
    let ask = |line: &[u8], header: &[u8]| {
        let parts: [&[u8]; 5] = [
            line,
            b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx: ",
            header,
            b"\r\ncontent-length: 0",
            b"\r\n\r\n",
        ];
        parts.concat()
    };
    for (line, header) in
        [(&b"GET /re\0ad"[..], &b"a"[..]), (b"GET /read", b"\0"), (b"G\xffT /read", b"a")]
    {
        assert_fault(&server.exchange(ask(line, header)).await, "400");
    }
    for line in [&b"GET /%ff%zz"[..], b"GET /../read", b"GET http://[::1/read", b"GET /re\xffad"] {
        let answer = server.exchange(ask(line, b"a")).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    for header in [&b"\xff\xfe"[..], "品".as_bytes()] {
        let answer = server.exchange(ask(b"GET /read?%ff=%zz", header)).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("%ff=%zz"), "{answer}");
    }
    server.stop().await;
}

/// The head's limit is a limit on memory: what lies beyond it is never held.
#[tokio::test]
async fn a_megabyte_of_head_is_431() {
    let server = start(LIMITS);
    let one = format!("GET /read HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(1 << 20));
    let many = format!("GET /read HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: x\r\n".repeat(170_000));
    let line = format!("GET /read?{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(1 << 20));
    for text in [one, many, line] {
        let mut stream = server.connect().await;
        within(stream.write_all(text.as_bytes())).await.unwrap();
        assert_fault(&read_to_close(&mut stream).await, "431");
    }
    server.until(|edge| edge.connections_open == 0).await;
    assert_eq!(server.counters.read().too_large + server.counters.read().malformed, 3);
    server.stop().await;
}
