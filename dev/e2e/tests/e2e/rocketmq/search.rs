//! Orders that wait in a broker are found, and a list that can't be whole says so: the operator's
//! proof at the end of a sale.

use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result};
use protocol::{OrderState, OrdersPage, UnlistedPlace};
use seckill_e2e::buyers::phone;
use seckill_e2e::daemon::Daemon;
use seckill_e2e::process::built;
use seckill_e2e::until;
use serde_json::{Value, json};

use super::{on, plain_broker};

const WITHIN: Duration = Duration::from_secs(90);

fn seckillctl(daemon: &Daemon, verb: &[&str]) -> Result<Output> {
    let mut command = std::process::Command::new(built("seckillctl")?);
    Ok(command.arg("--socket").arg(daemon.socket()).args(verb).output()?)
}

/// What a verb printed, and how it ended.
pub(crate) fn printed(daemon: &Daemon, verb: &[&str]) -> Result<(i32, String)> {
    let output = seckillctl(daemon, verb)?;
    let text = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat();
    Ok((output.status.code().context("killed")?, text))
}

/// Every way to look for one order finds it, and none shows the whole number.
async fn is_found_in_every_way(daemon: &Daemon, number: &str, id: &str) -> Result<()> {
    let spaced = format!("+86 {} {}-{}", &number[..3], &number[3..7], &number[7..]);
    for verb in [
        vec!["orders", "--phone", number],
        vec!["orders", "--phone", &spaced],
        vec!["orders", "--state", "queued", "--product", "pid_0001"],
        vec!["orders", "--id", &id[..8]],
        vec!["order", &id[..13]],
        vec!["order", &id.to_uppercase().replace('-', "")],
    ] {
        // A busy broker doesn't answer within a second how many wait, and the list says so.
        let (code, text) = until("a whole list", WITHIN, || async {
            let printed = printed(daemon, &verb)?;
            Ok((!printed.1.contains("NOT LISTED")).then_some(printed))
        })
        .await?;
        assert!(code == 0 && text.contains(id), "{verb:?}: {code}\n{text}");
        assert!(!text.contains(number), "{verb:?}: {text}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_waits_in_the_broker_is_found_and_after_a_restart_it_is_said_to_be_lacking()
-> Result<()> {
    let (_folder, broker) = plain_broker().await?;
    let mut daemon = Daemon::start(on(&broker)).await?;
    until("the consumer at work", WITHIN, || async {
        let way = daemon.admin().status().await?.rocketmq;
        Ok(way.is_some_and(|way| way.consumer_running).then_some(()))
    })
    .await?;
    daemon.admin().command("/v1/consumption/pause", json!({})).await?;
    let number = phone(7);
    let charged = daemon.charge(&number, "pid_0001", "5999.000").await?;
    assert_eq!(charged.code(), "10000", "{}", charged.text());
    let id = charged.json()?["data"]["orderId"].as_str().context("no id")?.to_owned();

    is_found_in_every_way(&daemon, &number, &id).await?;
    let (code, text) = printed(&daemon, &["orders", "--phone", "1520000"])?;
    assert!(code == 64 && text.contains("it has 7 digits"), "{code}\n{text}");

    // The next process doesn't know whose orders wait, and says how many there are.
    daemon.kill9()?;
    let daemon = daemon.restart().await?;
    let admin = daemon.admin();
    until("the lag read again", WITHIN, || async {
        Ok((admin.status().await?.queue.lag_messages == Some(1)).then_some(()))
    })
    .await?;
    for verb in [vec!["orders", "--phone", &number], vec!["orders", "--state", "queued"]] {
        let (code, text) = printed(&daemon, &verb)?;
        let is_shown = text.contains("NOT LISTED: 1 order waits");
        assert!(code == 1 && is_shown, "{verb:?}: {code}\n{text}");
        let (_, text) = printed(&daemon, &[&verb[..], &["--json"]].concat())?;
        let page: OrdersPage = serde_json::from_str(&text)?;
        let lacks: Vec<_> = page.unlisted.iter().map(|lack| (lack.place, lack.count)).collect();
        assert_eq!(lacks, [(UnlistedPlace::Broker, Some(1))]);
    }
    let (code, text) = printed(&daemon, &["order", &id, "--json"])?;
    let error: Value = serde_json::from_str(&text)?;
    assert_eq!((code, &error["data"]["unlisted"][0]["count"]), (66, &json!(1)), "{text}");

    // The drain takes the pause back and ends when the order is decided.
    let drain = ["drain", "--yes", "--wait", "--timeout", "90", "--json"];
    let output = seckillctl(&daemon, &drain)?;
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}{:?}", output.stderr);
    assert_eq!(serde_json::from_str::<Value>(&text)?["left"]["waiting"], 0);
    until("a list that lacks nothing", WITHIN, || async {
        let page: OrdersPage = serde_json::from_value(
            admin.get(&format!("/v1/orders?phone={number}")).await?.json()?,
        )?;
        Ok(page.unlisted.is_empty().then_some(page))
    })
    .await
    .map(|page| assert_eq!(page.orders[0].state, OrderState::Placed))?;
    let (code, text) = printed(&daemon, &["orders", "--state", "queued"])?;
    assert_eq!((code, text.lines().count()), (0, 1), "{text}");
    Ok(())
}
