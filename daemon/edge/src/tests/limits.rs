//! Each limit of the edge: the size of a head and of a body, the time for either, connections; and
//! other limits while it serves.

use super::*;

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
    let read = server.counters.read();
    assert_eq!((read.connections_open, read.connections_max), (1, 1), "full, and it shows");
    drop(first);
    assert!(read_to_close(&mut second).await.contains("GET n=2 "));
    assert_eq!(server.counters.read().connections, 2);
    server.stop().await;
}

/// Sends a request on a connection that stays open, and reads the answer's first line.
async fn asked(stream: &mut TcpStream, body: &str) -> String {
    let length = body.len();
    let request =
        format!("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 64 * 1024];
    let length = within(stream.read(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer[..length]).lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn another_limit_on_bodies_holds_for_open_connections_too() {
    let limits = LiveLimits::from(LIMITS);
    let server = start(limits.clone());
    let mut stream = server.connect().await;
    let (small, large) = ("a".repeat(100), "a".repeat(20 * 1024));
    assert_eq!(asked(&mut stream, &small).await, "HTTP/1.1 200 OK");
    limits.change(Limits { body_bytes_max: 32 * 1024, ..LIMITS });
    assert_eq!(asked(&mut stream, &large).await, "HTTP/1.1 200 OK");
    limits.change(Limits { body_bytes_max: 64, ..LIMITS });
    assert_eq!(asked(&mut stream, &small).await, "HTTP/1.1 413 Payload Too Large");
    server.stop().await;
}

#[tokio::test]
async fn more_connections_are_let_in_at_once_and_fewer_as_they_end() {
    let limits = LiveLimits::from(Limits { connections_max: 1, ..LIMITS });
    let server = start(limits.clone());
    let mut first = server.connect().await;
    assert_eq!(asked(&mut first, "a").await, "HTTP/1.1 200 OK");
    // It waits in the kernel's queue, its request written, until the limit is raised.
    let second = server.exchange("POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let raise = async {
        server.until(|readings| readings.requests == 1).await;
        limits.change(Limits { connections_max: 2, ..LIMITS });
    };
    let (second, ()) = within(async { tokio::join!(second, raise) }).await;
    assert!(second.starts_with("HTTP/1.1 200 "), "{second}");
    // Lowered below what is open, nobody is cut off.
    limits.change(Limits { connections_max: 1, ..LIMITS });
    assert_eq!(asked(&mut first, "a").await, "HTTP/1.1 200 OK");
    let waiting = server.exchange("POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let leave = async {
        assert_eq!(asked(&mut first, "a").await, "HTTP/1.1 200 OK");
        drop(first);
    };
    let (waiting, ()) = within(async { tokio::join!(waiting, leave) }).await;
    assert!(waiting.starts_with("HTTP/1.1 200 "), "{waiting}");
    server.stop().await;
}
