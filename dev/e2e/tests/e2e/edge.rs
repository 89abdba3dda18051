//! The HTTP edge: what is answered below the business codes, and what an unruly client can't do.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use hyper::Method;
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::http::{raw, raw_whole};
use seckill_e2e::until;
use serde_json::json;

/// How long an answer may take.
const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn health_and_readiness_are_told_on_both_listeners() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    for base in [daemon.gateway_url(), daemon.order_url()] {
        for path in ["/healthz", "/readyz"] {
            assert_eq!(daemon.client().get(&format!("{base}{path}")).await?.status, 200, "{path}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_in_json() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let client = daemon.client();
    for base in [daemon.gateway_url(), daemon.order_url()] {
        for path in ["/", "/api", "/api/charge.dox", "/api/query.do/more", "/%00"] {
            let answer = client.get(&format!("{base}{path}")).await?;
            let told = json!({"code": "40005", "msg": "请求路径不存在", "data": null});
            assert_eq!((answer.status, answer.json()?), (404, told), "{path}");
            assert_eq!(answer.header("seckill-reason"), "path unknown", "{path}");
        }
    }
    let charge = format!("{}/api/charge.do", daemon.gateway_url());
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
        let answer = client.bytes(method.clone(), &charge, "", Bytes::new()).await?;
        assert_eq!((answer.status, answer.header("allow")), (405, "POST"), "{method}");
        assert_eq!(answer.header("seckill-reason"), "method not_allowed", "{method}");
        let told = json!({"code": "40005", "msg": "请求方法不支持", "data": null});
        assert_eq!(answer.json()?, told, "{method}");
    }
    let query = format!("{}/api/query.do", daemon.gateway_url());
    let answer = client.bytes(Method::DELETE, &query, "", Bytes::new()).await?;
    let allow = answer.header("allow");
    assert!(answer.status == 405 && allow.contains("GET") && allow.contains("POST"), "{allow:?}");
    Ok(())
}

/// A request whose connection is to end with its answer.
fn request(line: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "{line} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}\
         content-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

/// A request on a connection of its own, and all that comes back.
async fn answered(address: SocketAddr, line: &str, headers: &str, body: &str) -> Result<String> {
    raw(address, &request(line, headers, body), LONG).await
}

fn order_address(daemon: &Daemon) -> Result<SocketAddr> {
    Ok(daemon.order_url().trim_start_matches("http://").parse()?)
}

const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";

#[tokio::test]
async fn a_path_of_the_contract_is_taken_as_the_java_services_take_it() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let gateway = daemon.gateway_address()?;
    let order = order_address(&daemon)?;
    let charge = "userPhoneNum=15200000001&chargePrice=5999.000&prodId=pid_0001";
    let query = "userPhoneNum=15200000001&prodId=pid_0001";
    for path in [
        "/api/charge.do/",
        "//api/charge.do",
        "/api//charge.do",
        "/api/charge.do;jsessionid=AB12",
        "/api/charge%2Edo",
        "/%61pi/charge.do",
        "http://shop.test/api/charge.do",
    ] {
        let answer = answered(gateway, &format!("POST {path}"), FORM, charge).await?;
        ensure!(answer.contains("\"code\":\"10000\""), "{path}: {answer}");
        let path = path.replace("charge", "query");
        for address in [gateway, order] {
            let answer = answered(address, &format!("POST {path}"), FORM, query).await?;
            ensure!(answer.contains("\"code\":\"10000\""), "{path}: {answer}");
        }
    }
    for path in [
        "/api%2Fquery.do",
        "/api/query%252Edo",
        "/api/./query.do",
        "/api/../api/query.do",
        "/api/%2e%2e/api/query.do",
        "/internal/..;/api/query.do",
        "/API/query.do",
        "/api/query.do%3Bjsessionid=AB12",
        "//internal/v1/decisions",
        "/internal/v1/decisions/",
        "/internal;x/v1/decisions",
        "/%69nternal/v1/decisions",
        "/api/../internal/v1/decisions",
        "/api/..;/internal/v1/decisions",
        "//healthz",
        "/healthz/",
        "/readyz;x",
        "/v1/status",
    ] {
        for address in [gateway, order] {
            let answer = answered(address, &format!("GET {path}"), "", "").await?;
            ensure!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_body_that_nothing_can_read_is_415() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let url = format!("{}/api/charge.do", daemon.gateway_url());
    let xml = Bytes::from_static(b"<charge/>");
    let answer = daemon.client().bytes(Method::POST, &url, "application/xml", xml).await?;
    assert_eq!(answer.status, 415, "{}", answer.text());
    assert_eq!(answer.header("seckill-reason"), "body unsupported_type");
    let coded = format!("{FORM}content-encoding: gzip\r\n");
    for address in [daemon.gateway_address()?, order_address(&daemon)?] {
        let answer = answered(address, "POST /api/query.do", &coded, "\x1f").await?;
        ensure!(answer.starts_with("HTTP/1.1 415 "), "{answer}");
        ensure!(answer.contains("\r\naccept-encoding: identity\r\n"), "{answer}");
        ensure!(answer.contains("\r\nseckill-reason: body unsupported_type\r\n"), "{answer}");
    }
    Ok(())
}

/// Every listener, met by a client that sends all of a large body before it looks for an answer.
#[tokio::test]
async fn an_early_answer_arrives_on_every_listener() -> Result<()> {
    let options = Options::embedded().set("metrics.listen", "127.0.0.1:0");
    let daemon = Daemon::start(options).await?;
    // A body larger than the kernel's buffers is still being sent when the answer comes.
    let bodies = [20_000_000, 2_000_000].map(|bytes| format!("userPhoneNum={}", "1".repeat(bytes)));
    let (gateway, order) = (daemon.gateway_address()?, order_address(&daemon)?);
    let asked = [
        (gateway, "POST /api/charge.do", "413"),
        (gateway, "POST /nowhere", "404"),
        (order, "POST /api/query.do", "413"),
        (order, "PUT /api/query.do", "405"),
        (daemon.metrics_address()?, "POST /metrics", "405"),
    ];
    for (body, times) in bodies.iter().zip([3, 20]) {
        for (address, line, status) in asked {
            for _ in 0..times {
                let answer = raw_whole(address, &request(line, FORM, body), LONG).await;
                let answer = answer.with_context(|| format!("{line}, {} bytes", body.len()))?;
                ensure!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {answer:?}");
            }
        }
    }
    let expecting = "expect: 100-continue\r\ncontent-length: 9\r\n\r\n";
    let asked = format!("POST /nowhere HTTP/1.1\r\nhost: a\r\n{expecting}");
    let answer = raw(gateway, asked.as_bytes(), LONG).await?;
    ensure!(answer.starts_with("HTTP/1.1 404 "), "{answer:?}");
    Ok(())
}

#[tokio::test]
async fn broken_bodies_are_invalid_input_not_our_fault() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let url = format!("{}/api/charge.do", daemon.gateway_url());
    for (kind, body) in [
        ("application/json", "{\"userPhoneNum\":"),
        ("application/json", "[]"),
        ("application/json", "{\"userPhoneNum\":{},\"prodId\":1,\"chargePrice\":null}"),
        ("application/x-www-form-urlencoded", "%%%&=&userPhoneNum"),
        ("multipart/form-data; boundary=x", "--x\r\nno headers"),
        ("multipart/form-data", "no boundary"),
    ] {
        let body = Bytes::from_static(body.as_bytes());
        let answer = daemon.client().bytes(Method::POST, &url, kind, body).await?;
        let is_refused = answer.status == 200 && answer.code() == "40005";
        assert!(is_refused || (400..500).contains(&answer.status), "{kind}: {answer:?}");
    }
    assert_eq!(daemon.charge("15200000000", "pid_0001", "5999.000").await?.code(), "10000");
    Ok(())
}

#[tokio::test]
async fn the_limits_of_head_and_body_hold_for_raw_requests() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let address = daemon.gateway_address()?;
    let head = format!("GET /healthz HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "x".repeat(20_000));
    let told = raw(address, head.as_bytes(), LONG).await?;
    assert!(told.is_empty() || told.starts_with("HTTP/1.1 431"), "{told:?}");
    assert!(told.is_empty() || told.contains("\r\nseckill-reason: head too_long\r\n"), "{told:?}");
    let chunk = format!("5000\r\n{}\r\n", "x".repeat(0x5000));
    let body = format!(
        "POST /api/charge.do HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\
         content-type: application/x-www-form-urlencoded\r\n\r\n{chunk}0\r\n\r\n"
    );
    let told = raw(address, body.as_bytes(), LONG).await?;
    assert!(told.starts_with("HTTP/1.1 413"), "{told:?}");
    assert!(told.contains("\r\nseckill-reason: body too_long\r\n"), "{told:?}");
    let told = raw(address, b"\x16\x03\x01 no HTTP\r\n\r\n", LONG).await?;
    assert!(told.is_empty() || told.starts_with("HTTP/1.1 400"), "{told:?}");
    let reason = "\r\nseckill-reason: request malformed\r\n";
    assert!(told.is_empty() || told.contains(reason), "{told:?}");
    Ok(())
}

#[tokio::test]
async fn a_head_or_body_that_never_ends_is_cut_off() -> Result<()> {
    let options =
        Options::embedded().set("http.header_timeout_ms", "300").set("http.body_timeout_ms", "300");
    let daemon = Daemon::start(options).await?;
    let address = daemon.gateway_address()?;
    // Both return when the daemon closes; the time given is only what a hung daemon would take.
    let within = Duration::from_secs(20);
    let start = std::time::Instant::now();
    raw(address, b"GET /healthz HTTP/1.1\r\nhost", within).await?;
    assert!(start.elapsed() < within, "an unfinished head was held open");
    let start = std::time::Instant::now();
    let body = "POST /api/charge.do HTTP/1.1\r\nhost: a\r\ncontent-length: 99\r\n\
                content-type: application/x-www-form-urlencoded\r\n\r\nuserPhoneNum=";
    let told = raw(address, body.as_bytes(), within).await?;
    assert!(start.elapsed() < within, "an unfinished body was held open");
    assert!(told.starts_with("HTTP/1.1 408"), "{told:?}");
    assert!(told.contains("\r\nseckill-reason: request too_slow\r\n"), "{told:?}");
    Ok(())
}

#[tokio::test]
async fn more_connections_than_the_limit_wait_and_are_served() -> Result<()> {
    let options =
        Options::embedded().set("http.connections_max", "4").set("http.header_timeout_ms", "500");
    let daemon = Daemon::start(options).await?;
    let address = daemon.gateway_address()?;
    let mut idle = Vec::new();
    for _ in 0..8 {
        idle.push(tokio::net::TcpStream::connect(address).await?);
    }
    // Idle connections time out, so the request behind them gets its turn.
    let answer = until("an answer", Duration::from_secs(20), || async {
        let answer = daemon.charge("15200000000", "pid_0001", "5999.000").await;
        Ok(answer.ok().filter(|answer| answer.status == 200))
    });
    assert_eq!(answer.await?.code(), "10000");
    drop(idle);
    Ok(())
}

#[tokio::test]
async fn no_log_line_holds_a_whole_phone_number() -> Result<()> {
    let daemon = Daemon::start(Options::embedded().set("log.level", "debug")).await?;
    let phone = "15200008881";
    daemon.charge(phone, "pid_0001", "5999.000").await?;
    daemon.charge(phone, "pid_0001", "1").await?;
    daemon.query(phone, "pid_0001").await?;
    daemon.query_order_node(phone, "pid_9999").await?;
    let mut daemon = daemon;
    daemon.terminate().await?;
    assert!(!daemon.logs()?.contains(phone));
    Ok(())
}
