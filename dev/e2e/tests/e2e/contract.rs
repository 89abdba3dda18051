//! The REST contract, pair by pair, over a real socket; bodies are compared as JSON.

mod charge;
mod deviations;
mod query;
mod reasons;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use seckill_e2e::daemon::Daemon;
use seckill_e2e::http::Answer;
use seckill_e2e::until;
use serde_json::{Value, json};

const PHONE: &str = "15200008881";
const CHARGE: [(&str, &str); 3] =
    [("userPhoneNum", PHONE), ("chargePrice", "5999.000"), ("prodId", "pid_0001")];

/// Longer than anything here takes: an answer that isn't there by then never comes.
const LONG: Duration = Duration::from_secs(60);

/// HTTP 200, the contract's media type, and this JSON.
fn expect(answer: &Answer, wanted: &Value) -> Result<()> {
    ensure!(answer.status == 200, "HTTP {}: {}", answer.status, answer.text());
    let kind = answer.header("content-type").to_ascii_lowercase().replace(' ', "");
    ensure!(kind == "application/json;charset=utf-8", "content type {kind:?}");
    let told = answer.json()?;
    ensure!(told == *wanted, "told {told}\nwanted {wanted}");
    Ok(())
}

fn invalid_charge() -> Value {
    json!({"code": "40005", "msg": "入参校验失败", "data": null})
}

/// The order id of an answer, which is a UUID with dashes.
fn order_id(answer: &Answer) -> Result<String> {
    let json = answer.json()?;
    let id = json["data"]["orderId"].as_str().with_context(|| format!("no order id: {json}"))?;
    let dashes: Vec<usize> = id.match_indices('-').map(|(at, _)| at).collect();
    let is_hex = id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    ensure!(id.len() == 36 && dashes == [8, 13, 18, 23] && is_hex, "{id:?} is no UUID");
    Ok(id.to_owned())
}

/// What the gateway's query says once the order is decided.
async fn decided(daemon: &Daemon, phone: &str, prod_id: &str) -> Result<Answer> {
    until("a decision", LONG, || async {
        let answer = daemon.query(phone, prod_id).await?;
        let json = answer.json()?;
        let is_open = json["code"] == "42004" || json["data"]["orderStatus"] == 1;
        Ok((!is_open).then_some(answer))
    })
    .await
}

/// `2026-11-23T14:28:20.572+0000`
fn is_wire_time(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    let digits_as_nines: String =
        text.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    digits_as_nines == "9999-99-99T99:99:99.999+9999" && text.ends_with("+0000")
}
