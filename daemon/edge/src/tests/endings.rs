//! What ends early: a handler that panics, a client that hangs up, the drain, a server that is cut
//! off.

use super::*;

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
async fn a_drain_answers_the_first_request_of_a_new_connection() {
    let server = start(LIMITS);
    let mut new = server.connect().await;
    server.until(|readings| readings.connections_open == 1).await;
    server.cancel.cancel();
    // Its listener is closed, so the drain has begun.
    within(async {
        while TcpStream::connect(server.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    new.write_all(b"GET /read HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let answer = read_to_close(&mut new).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
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
