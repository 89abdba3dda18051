//! What the Java services get wrong: a test for each row of the contract's table that one process
//! on the embedded queue can show. The others are in `sale`, `crash`, `rocketmq` and `split`.

use anyhow::Result;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request};
use seckill_e2e::buyers::phone;
use seckill_e2e::checker::Books;
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::http::urlencoded;
use serde_json::json;

use super::{CHARGE, LONG, PHONE, decided, expect, invalid_charge, order_id};

#[tokio::test]
async fn odd_prices_are_invalid_at_once() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let digits = "9".repeat(10_000);
    for price in [
        "abc",
        "0",
        "0.01",
        "-0.5",
        "１２",
        "99999999999",
        "1e3000000",
        "1E+3",
        "5.999e3",
        "+5999",
        "5999.0000",
        "5999.",
        "5,999",
        "0x176f",
        "NaN",
        "５９９９.000",
        &digits,
    ] {
        expect(&daemon.charge(PHONE, "pid_0001", price).await?, &invalid_charge())?;
    }
    assert_eq!(decided(&daemon, PHONE, "pid_0001").await?.code(), "41004");
    Ok(())
}

#[tokio::test]
async fn odd_phone_numbers_are_invalid() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let long = "1".repeat(10_000);
    for phone in [
        "25200008881",
        "1520000888",
        "152000088811",
        "1520000888a",
        "１５２００００８８８１",
        "15200008881\n",
        "+15200008881",
        &long,
    ] {
        expect(&daemon.charge(phone, "pid_0001", "5999.000").await?, &invalid_charge())?;
    }
    Ok(())
}

#[tokio::test]
async fn a_body_over_16_kib_is_413_and_makes_no_order() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let answer = daemon.charge(&"1".repeat(2_000_000), "pid_0001", "5999.000").await;
    // The daemon may close before it has read everything, which some clients see as a cut.
    if let Ok(answer) = answer {
        assert_eq!(answer.status, 413);
    }
    let answer = daemon.charge(&"1".repeat(20_000), "pid_0001", "5999.000").await?;
    assert_eq!(answer.status, 413);
    assert_eq!(Books::drained(&daemon.database(), LONG).await?.sold("pid_0001"), 0);
    Ok(())
}

#[tokio::test]
async fn a_field_given_twice_is_invalid() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let (url, client) = (format!("{}/api/charge.do", daemon.gateway_url()), daemon.client());
    for (name, value) in CHARGE {
        for other in [value, "pid_0002"] {
            let mut twice = CHARGE.to_vec();
            twice.push((name, other));
            expect(&client.post_form(&url, &twice).await?, &invalid_charge())?;
            expect(&client.multipart(Method::POST, &url, &twice).await?, &invalid_charge())?;
            let in_query = format!("{url}?{}", urlencoded(&twice));
            let answer = client.bytes(Method::POST, &in_query, "", Bytes::new()).await?;
            expect(&answer, &invalid_charge())?;
            let in_both = format!("{url}?{}", urlencoded(&[(name, other)]));
            expect(&client.post_form(&in_both, &CHARGE).await?, &invalid_charge())?;
        }
    }
    let json = r#"{"userPhoneNum":"15200008881","chargePrice":"5999.000","prodId":"pid_0001",
        "prodId":"pid_0001"}"#;
    expect(&client.post_json(&url, json).await?, &invalid_charge())?;
    assert_eq!(decided(&daemon, PHONE, "pid_0001").await?.code(), "41004");
    Ok(())
}

#[tokio::test]
async fn the_accept_header_is_ignored() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    for accept in ["text/plain", "application/xml", "*/*;q=0", "nonsense"] {
        let request = Request::post(format!("{}/api/charge.do", daemon.gateway_url()))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", accept)
            .body(Full::from(urlencoded(&CHARGE)))?;
        let answer = daemon.client().send(request).await?;
        assert_eq!((answer.status, answer.code().as_str()), (200, "10000"), "{accept}");
        assert_eq!(answer.header("content-type"), "application/json;charset=UTF-8");
    }
    Ok(())
}

#[tokio::test]
async fn repeats_of_one_buyer_take_one_unit() -> Result<()> {
    let product = r#"[{prod_id="pid_five",prod_name="five",price="1.5",stock=5}]"#;
    let daemon = Daemon::start(Options::embedded().set("products", product)).await?;
    let first = phone(0);
    let id = order_id(&daemon.charge(&first, "pid_five", "1.5").await?)?;
    for _ in 0..50 {
        assert_eq!(order_id(&daemon.charge(&first, "pid_five", "1.5").await?)?, id);
    }
    for number in 1..5 {
        assert_eq!(daemon.charge(&phone(number), "pid_five", "1.5").await?.code(), "10000");
    }
    assert_eq!(daemon.charge(&phone(5), "pid_five", "1.5").await?.code(), "40006");
    let books = Books::drained(&daemon.database(), LONG).await?;
    assert_eq!((books.sold("pid_five"), books.stock("pid_five")), (5, Some(0)));
    assert_eq!(books.faults(), Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn placed_refused_and_never_ordered_are_told_apart() -> Result<()> {
    let product = r#"[{prod_id="pid_one",prod_name="one",price="1.5",stock=1}]"#;
    let daemon = Daemon::start(Options::embedded().set("products", product)).await?;
    daemon.charge(&phone(0), "pid_one", "1.5").await?;
    let told = decided(&daemon, &phone(0), "pid_one").await?.json()?;
    assert_eq!(told["data"]["orderStatus"], 2, "{told}");
    assert_eq!(daemon.charge(&phone(1), "pid_one", "1.5").await?.code(), "40006");
    for number in [1, 2] {
        assert_eq!(decided(&daemon, &phone(number), "pid_one").await?.code(), "41004");
    }
    Ok(())
}

#[tokio::test]
async fn orders_and_stock_outlive_a_restart() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let id = order_id(&daemon.charge(PHONE, "pid_0001", "5999.000").await?)?;
    let before = decided(&daemon, PHONE, "pid_0001").await?.json()?;
    let mut daemon = daemon;
    assert_eq!(daemon.terminate().await?.status.code(), Some(0));
    let daemon = daemon.restart().await?;
    expect(&daemon.query(PHONE, "pid_0001").await?, &before)?;
    assert_eq!(order_id(&daemon.charge(PHONE, "pid_0001", "5999.000").await?)?, id);
    let books = Books::drained(&daemon.database(), LONG).await?;
    assert_eq!((books.sold("pid_0001"), books.stock("pid_0001")), (1, Some(99)));
    Ok(())
}

#[tokio::test]
async fn there_is_no_session_and_no_console() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let answer = daemon.charge(PHONE, "pid_0001", "5999.000").await?;
    assert_eq!(answer.header("set-cookie"), "");
    for base in [daemon.gateway_url(), daemon.order_url()] {
        for path in ["/h2-console", "/console", "/druid/index.html", "/actuator/env"] {
            let answer = daemon.client().get(&format!("{base}{path}")).await?;
            assert_eq!(answer.status, 404, "{path}");
            assert_ne!(answer.json()?, json!(null), "{path}: the 404 is JSON");
        }
    }
    Ok(())
}
