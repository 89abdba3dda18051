//! `POST /api/charge.do`: the four ways to send the fields, and each answer.

use anyhow::Result;
use bytes::Bytes;
use hyper::Method;
use seckill_e2e::buyers::phone;
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::http::{Answer, Fields, urlencoded};
use serde_json::json;

use super::{CHARGE, PHONE, expect, invalid_charge, order_id};

/// A charge by each way that the contract knows.
async fn by_every_way(daemon: &Daemon, fields: Fields<'_>) -> Result<Vec<(&'static str, Answer)>> {
    let url = format!("{}/api/charge.do", daemon.gateway_url());
    let client = daemon.client();
    let object: serde_json::Map<_, _> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let in_query = format!("{url}?{}", urlencoded(fields));
    Ok(vec![
        ("form", client.post_form(&url, fields).await?),
        ("multipart", client.multipart(Method::POST, &url, fields).await?),
        ("query string", client.bytes(Method::POST, &in_query, "", Bytes::new()).await?),
        ("JSON", client.post_json(&url, serde_json::to_vec(&object)?).await?),
    ])
}

#[tokio::test]
async fn accepted_by_every_way_with_one_id() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let mut ids = Vec::new();
    for (way, answer) in by_every_way(&daemon, &CHARGE).await? {
        let id = order_id(&answer)?;
        let data = json!({
            "orderId": id, "userPhoneNo": PHONE, "prodId": "pid_0001", "chargeMoney": "5999.000",
        });
        let wanted = json!({"code": "10000", "msg": "秒杀订单排队中", "data": data});
        expect(&answer, &wanted).map_err(|error| error.context(way))?;
        ids.push(id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "a repeat has the same order id: {ids:?}");
    Ok(())
}

#[tokio::test]
async fn a_missing_or_blank_field_is_invalid_by_every_way() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    for left_out in 0..CHARGE.len() {
        let mut missing = CHARGE.to_vec();
        missing.remove(left_out);
        for blank in ["", "   "] {
            let mut blanked = CHARGE;
            blanked[left_out].1 = blank;
            for (way, answer) in by_every_way(&daemon, &blanked).await? {
                expect(&answer, &invalid_charge()).map_err(|error| error.context(way))?;
            }
        }
        for (way, answer) in by_every_way(&daemon, &missing).await? {
            expect(&answer, &invalid_charge()).map_err(|error| error.context(way))?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_unknown_product_is_told_before_its_price() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let wanted = json!({"code": "40007", "msg": "秒杀商品不存在", "data": null});
    for price in ["5999.000", "1.000"] {
        let fields = [("userPhoneNum", PHONE), ("chargePrice", price), ("prodId", "pid_9999")];
        for (way, answer) in by_every_way(&daemon, &fields).await? {
            expect(&answer, &wanted).map_err(|error| error.context(way))?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn another_price_than_the_products_is_invalid() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    for price in ["5998.999", "5999.001", "1200.000", "59990"] {
        expect(&daemon.charge(PHONE, "pid_0001", price).await?, &invalid_charge())?;
    }
    // Fewer decimals are the same amount, and the answer writes three.
    for price in ["5999", "5999.0", "5999.00"] {
        let told = daemon.charge(PHONE, "pid_0001", price).await?.json()?;
        assert_eq!(told["code"], "10000", "{price}: {told}");
        assert_eq!(told["data"]["chargeMoney"], "5999.000");
    }
    Ok(())
}

#[tokio::test]
async fn sold_out_is_told_and_a_repeat_still_gets_its_id() -> Result<()> {
    let product = r#"[{prod_id="pid_few",prod_name="few",price="1.5",stock=2}]"#;
    let daemon = Daemon::start(Options::embedded().set("products", product)).await?;
    let mut ids = Vec::new();
    for number in 0..2 {
        ids.push(order_id(&daemon.charge(&phone(number), "pid_few", "1.500").await?)?);
    }
    let sold_out = json!({"code": "40006", "msg": "秒杀商品库存不足", "data": null});
    expect(&daemon.charge(&phone(2), "pid_few", "1.500").await?, &sold_out)?;
    for (number, id) in (0..).zip(ids) {
        let repeat = daemon.charge(&phone(number), "pid_few", "1.500").await?;
        assert_eq!(order_id(&repeat)?, id);
        assert_eq!(repeat.code(), "10000");
    }
    Ok(())
}
