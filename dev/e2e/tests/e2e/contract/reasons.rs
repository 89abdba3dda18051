//! Why a charge is refused, as clients, operators and scrapers see it: a header beside each 40005,
//! counters by field and reason and by product, lines in the log.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use bytes::Bytes;
use hyper::Method;
use seckill_e2e::buyers::phone;
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::until;
use serde_json::{Value, json};

use super::{LONG, PHONE, expect, invalid_charge};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// Content type, query string, body, and what is wrong with them for a charge and for a query.
const FAULTY: &[(&str, &str, &str, &str)] = &[
    (FORM, "", "prodId=pid_0001", "userPhoneNum missing"),
    (FORM, "", "userPhoneNum=%20&prodId=pid_0001", "userPhoneNum blank"),
    (FORM, "userPhoneNum=1", "userPhoneNum=15200008881", "userPhoneNum repeated"),
    (JSON, "", r#"{"userPhoneNum":[15200008881]}"#, "userPhoneNum malformed"),
    (FORM, "userPhoneNum=%FF", "", "userPhoneNum not_utf8"),
    (FORM, "", "prodId=%z", "prodId bad_escape"),
    (FORM, "", "prodId=a&prodId=a", "prodId repeated"),
    (FORM, "a=%", "prodId=a", "query bad_escape"),
    (JSON, "", "[]", "body not_a_json_object"),
    ("multipart/form-data; boundary=x", "", "prodId=a", "body not_multipart"),
    (FORM, "a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q", "", "request too_many_fields"),
];

/// The series of a family, by their labels as they are written.
async fn family(daemon: &Daemon, name: &str) -> Result<BTreeMap<String, u64>> {
    let text = daemon.admin().get("/metrics").await?.text();
    let lines = text.lines().filter_map(|line| line.strip_prefix(name)?.rsplit_once(' '));
    lines.map(|(labels, value)| Ok((labels.to_owned(), value.parse()?))).collect()
}

#[tokio::test]
async fn each_40005_says_which_field_and_why_on_both_roles() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let (gateway, order) = (daemon.gateway_url(), daemon.order_url());
    let bare = json!({"code": "40005", "msg": "入参校验失败"});
    let before = family(&daemon, "seckill_invalid_requests_total").await?;
    ensure!(before.len() == 29 + 26 + 26 && before.values().all(|count| *count == 0), "{before:?}");
    for (url, wanted) in [
        (format!("{gateway}/api/charge.do"), invalid_charge()),
        (format!("{gateway}/api/query.do"), bare),
        (format!("{order}/api/query.do"), invalid_charge()),
    ] {
        for (kind, query, body, reason) in FAULTY {
            let url = if query.is_empty() { url.clone() } else { format!("{url}?{query}") };
            let body = Bytes::from_static(body.as_bytes());
            let answer = daemon.client().bytes(Method::POST, &url, kind, body).await?;
            expect(&answer, &wanted)?;
            ensure!(answer.header("seckill-reason") == *reason, "{reason}: {:?}", answer.headers);
        }
        let answer = daemon.client().bytes(Method::POST, &url, "text/xml", "<a/>".into()).await?;
        ensure!(answer.status == 415 && answer.code() == "40005", "{}", answer.text());
        ensure!(answer.header("seckill-reason") == "body unsupported_type");
    }
    let counts = family(&daemon, "seckill_invalid_requests_total").await?;
    ensure!(counts.len() == before.len(), "no series came with its first event");
    for (role, endpoint) in
        [("gateway", "charge.do"), ("gateway", "query.do"), ("order", "query.do")]
    {
        for reason in FAULTY.iter().map(|faulty| faulty.3).chain(["body unsupported_type"]) {
            let (field, reason) = reason.split_once(' ').unwrap_or_default();
            let labels = format!(
                "{{role=\"{role}\",endpoint=\"{endpoint}\",field=\"{field}\",reason=\"{reason}\"}}"
            );
            ensure!(counts.get(&labels) == Some(&1), "{labels}: {counts:#?}");
        }
    }
    let answers = family(&daemon, "seckill_requests_total").await?;
    let answered: u64 =
        answers.iter().filter(|(labels, _)| labels.contains("40005")).map(|(_, count)| count).sum();
    let invalid: u64 = counts.values().sum();
    ensure!(answered == invalid, "{answered} answers and {counts:?}");
    Ok(())
}

#[tokio::test]
async fn a_wrong_price_and_a_wrong_number_are_told_apart_and_no_number_stands_in_the_log()
-> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    for (who, price, reason) in [
        (PHONE, "4999.000", "chargePrice not_the_price"),
        (PHONE, "abc", "chargePrice malformed"),
        ("+8615200008881", "5999.000", "userPhoneNum malformed"),
        (&"1".repeat(65), "5999.000", "userPhoneNum too_long"),
    ] {
        let answer = daemon.charge(who, "pid_0001", price).await?;
        expect(&answer, &invalid_charge())?;
        ensure!(answer.header("seckill-reason") == reason, "{:?}", answer.headers);
    }
    let answer = daemon.charge(PHONE, "pid_0001", "5999.000").await?;
    ensure!(answer.code() == "10000" && answer.header("seckill-reason").is_empty());
    let told = |state: &Value, of: &str| state["gateway"]["outcomes"][of]["total"].clone();
    let state = daemon.admin().get("/v1/status").await?.json()?;
    let told =
        ["accepted", "wrong_price", "wrong_phone_number", "invalid"].map(|of| told(&state, of));
    ensure!(told == [json!(1), json!(1), json!(2), json!(1)], "{state}");
    ensure!(state["gateway"]["invalid_charges"]["chargePrice not_the_price"] == 1, "{state}");
    // Lines go through a hand-over that nobody waits for.
    let words = ["not_the_price", "4999.000 for pid_0001", "+#############", "too_long"];
    let logs = until("a line of each in the log", LONG, || async {
        let logs = daemon.logs()?;
        Ok(words.iter().all(|words| logs.contains(words)).then_some(logs))
    })
    .await?;
    ensure!(!logs.contains("5200008881"), "{logs}");
    Ok(())
}

#[tokio::test]
async fn charges_are_counted_by_product_on_the_shelf_and_all_others_together() -> Result<()> {
    let product = r#"[{prod_id="pid_one",prod_name="one",price="1.5",stock=1},
        {prod_id="other",prod_name="of an unlucky name",price="1.5",stock=1}]"#;
    let daemon = Daemon::start(Options::embedded().set("products", product)).await?;
    let name = "seckill_product_charges_total";
    let count = async |product: &str, outcome: &str| -> Result<Option<u64>> {
        let labels = format!("{{product=\"{product}\",outcome=\"{outcome}\"}}");
        Ok(family(&daemon, name).await?.get(&labels).copied())
    };
    ensure!(count("pid_one", "sold_out").await? == Some(0), "from 0, before anybody asks");
    ensure!(count("other", "unknown_product").await? == Some(0));
    for (number, prod_id, price) in [
        (0, "pid_one", "1.5"),
        (1, "pid_one", "1.5"),
        (2, "pid_one", "1.5"),
        (3, "pid_one", "1.6"),
        (4, "pid_\"}\nnobody_has", "1.5"),
        (5, "other", "1.5"),
    ] {
        daemon.charge(&phone(number), prod_id, price).await?;
    }
    for (product, outcome, wanted) in [
        ("pid_one", "accepted", 1),
        ("pid_one", "sold_out", 2),
        ("pid_one", "wrong_price", 1),
        ("other", "unknown_product", 1),
        ("other", "accepted", 1),
    ] {
        let found = count(product, outcome).await?;
        ensure!(found == Some(wanted), "{product} {outcome}: {found:?}");
    }
    let products: Vec<_> = family(&daemon, name).await?.into_keys().collect();
    ensure!(products.len() == 12 + 16, "a stranger's id is no label: {products:#?}");
    // Off the shelf the product has no series any more; back on it, the series goes on where it
    // was.
    let put = async |on: bool, id: &str| {
        let body = json!({"request_id": id, "on_shelf": on});
        daemon.admin().command("/v1/products/pid_one/shelf", body).await
    };
    put(false, "off").await?;
    until("no series of a product off the shelf", LONG, || async {
        Ok(count("pid_one", "sold_out").await?.is_none().then_some(()))
    })
    .await?;
    ensure!(daemon.charge(&phone(6), "pid_one", "1.5").await?.code() == "40007");
    ensure!(count("other", "off_the_shelf").await? == Some(1));
    put(true, "on").await?;
    until("the series where it was", LONG, || async {
        Ok((count("pid_one", "sold_out").await? == Some(2)).then_some(()))
    })
    .await?;
    let shown = daemon.admin().get("/v1/products/pid_one").await?.json()?;
    ensure!(shown["charges"]["sold_out"]["total"] == 2, "{shown}");
    Ok(())
}
