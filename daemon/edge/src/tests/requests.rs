//! Requests as HTTP has them, each with its answer: bodies, paths, methods, many on one connection,
//! and what is no HTTP.

use super::super::path::tests::{REFUSED, TAKEN};
use super::*;

#[tokio::test]
async fn a_request_reaches_its_handler_whole() {
    let server = start(LIMITS);
    let form = "content-type: application/x-www-form-urlencoded\r\naccept: text/plain\r\n";
    let answer = server.exchange(request("POST /echo?q=1", form, "a=b")).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\r\ncontent-type: application/json;charset=UTF-8\r\n"), "{answer}");
    let body = concat!(
        r#"{"code":"10000","msg":"SUCCESS","data":{"orderId":"POST q=1 a=b","#,
        r#""userPhoneNo":"application/x-www-form-urlencoded","prodId":"false","chargeMoney":"0.000"}}"#
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

/// `CONNECT host:port`, and what a scanner sends: an authority, and no path at all.
#[tokio::test]
async fn a_target_without_a_path_is_none_of_ours_and_no_fault() {
    let server = start(LIMITS);
    for line in ["CONNECT shop.test:443", "GET shop.test", "POST echo", "OPTIONS *", "GET *"] {
        assert_fault(&server.exchange(request(line, "", "")).await, "404");
        assert_fault(&server.exchange(request(line, "", "a=b")).await, "404");
    }
    assert_eq!(server.counters.read().panics, 0);
    server.stop().await;
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_are_told_in_json_and_in_words_of_their_own() {
    let server = start(LIMITS);
    let told = server.exchange(request("GET /nowhere", "", "")).await;
    assert!(told.ends_with(r#"{"code":"40005","msg":"请求路径不存在","data":null}"#), "{told}");
    let told = server.exchange(request("GET /echo", "", "")).await;
    assert!(told.ends_with(r#"{"code":"40005","msg":"请求方法不支持","data":null}"#), "{told}");
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

/// The path of the contract in every spelling that the Java services take; the other paths, and
/// what could lead past a proxy's rule, as they are.
#[tokio::test]
async fn a_path_of_the_contract_is_taken_as_the_java_services_take_it() {
    let server = start(LIMITS);
    for path in TAKEN {
        let answer = server.exchange(request(&format!("POST {path}?q=1"), "", "a=b")).await;
        assert!(answer.contains(r#""orderId":"POST q=1 a=b""#), "{path}: {answer}");
        let absolute = format!("GET http://shop.test{path}");
        let answer = server.exchange(request(&absolute, "", "")).await;
        assert!(answer.contains(r#""orderId":"GET  ""#), "{absolute}: {answer}");
    }
    for path in REFUSED.into_iter().filter(|path| path.starts_with('/') && !path.contains('\\')) {
        assert_fault(&server.exchange(request(&format!("GET {path}"), "", "")).await, "404");
    }
    let refused = server.exchange(request("PUT //api/query.do;a=b/", "", "")).await;
    assert_fault(&refused, "405");
    assert!(refused.contains("\r\nallow: GET, POST, HEAD\r\n"), "{refused}");
    for path in ["//read", "/read/", "/read;a=b", "/r%65ad", "/api/../read", "/api/..;/read"] {
        assert_fault(&server.exchange(request(&format!("GET {path}"), "", "")).await, "404");
    }
    server.stop().await;
}
