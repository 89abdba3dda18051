//! Both `query.do`s: the gateway's (GET or POST, no `data` key in errors) and the order node's.

use anyhow::Result;
use hyper::Method;
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::http::urlencoded;
use serde_json::{Value, json};

use super::{PHONE, decided, expect, is_wire_time, order_id};

const QUERY: [(&str, &str); 2] = [("userPhoneNum", PHONE), ("prodId", "pid_0001")];

/// A placed order as the contract shows it; the time is judged by its form and then taken over.
fn placed(id: &str, told: &Value) -> Value {
    let time = &told["data"]["chargeTime"];
    assert!(is_wire_time(time), "{time}");
    json!({"code": "10000", "msg": "SUCCESS", "data": {
        "orderId": id, "orderStatus": 2, "userPhoneNo": PHONE, "prodId": "pid_0001",
        "prodName": "iphoneX2019新款", "chargeMoney": "5999.000", "chargeTime": time,
        "finishTime": null,
    }})
}

#[tokio::test]
async fn a_placed_order_is_told_by_every_way() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let id = order_id(&daemon.charge(PHONE, "pid_0001", "5999.000").await?)?;
    let first = decided(&daemon, PHONE, "pid_0001").await?;
    let wanted = placed(&id, &first.json()?);
    expect(&first, &wanted)?;
    let (url, client) = (format!("{}/api/query.do", daemon.gateway_url()), daemon.client());
    expect(&client.multipart(Method::GET, &url, &QUERY).await?, &wanted)?;
    expect(&client.multipart(Method::POST, &url, &QUERY).await?, &wanted)?;
    expect(&client.post_form(&url, &QUERY).await?, &wanted)?;
    let body = json!({"userPhoneNum": PHONE, "prodId": "pid_0001"}).to_string();
    expect(&client.post_json(&url, body).await?, &wanted)?;
    expect(&daemon.query_order_node(PHONE, "pid_0001").await?, &wanted)?;
    Ok(())
}

#[tokio::test]
async fn never_ordered_is_told_by_each_node_in_its_own_words() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let gateways = decided(&daemon, PHONE, "pid_0001").await?;
    expect(&gateways, &json!({"code": "41004", "msg": "秒杀订单不存在"}))?;
    let order_nodes = daemon.query_order_node(PHONE, "pid_0001").await?;
    expect(&order_nodes, &json!({"code": "40004", "msg": "BIZ_ERROR", "data": null}))?;
    Ok(())
}

#[tokio::test]
async fn a_missing_or_blank_field_is_invalid() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let wanted = json!({"code": "40005", "msg": "入参校验失败"});
    let url = format!("{}/api/query.do", daemon.gateway_url());
    for fields in [
        &QUERY[..1],
        &QUERY[1..],
        &[],
        &[("userPhoneNum", ""), ("prodId", "pid_0001")],
        &[("userPhoneNum", PHONE), ("prodId", " ")],
    ] {
        let in_query = format!("{url}?{}", urlencoded(fields));
        expect(&daemon.client().get(&in_query).await?, &wanted)?;
        expect(&daemon.client().multipart(Method::GET, &url, fields).await?, &wanted)?;
    }
    Ok(())
}
