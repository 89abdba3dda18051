//! Keys that are rotated while the sale goes on, at a broker that checks them.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;
use seckill_e2e::broker::{ACCESS_KEY, NEXT_ACCESS_KEY, NEXT_SECRET_KEY, SECRET_KEY};
use seckill_e2e::buyers::{Crowd, phone};
use seckill_e2e::daemon::Daemon;
use seckill_e2e::until;
use serde_json::json;

use super::{Acl, broker, on, versions, with_keys};
use crate::crash::Sale;

/// An account of the broker's is taken away this long at most after it is asked for.
const WITHIN: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_rotated_in_the_midst_of_a_sale() -> Result<()> {
    // The tool that takes accounts away is of 5.3 and newer.
    let Some(version) = versions().into_iter().find(|version| version.starts_with("5.4")) else {
        println!("no broker of 5.4 among the versions: nothing was tested");
        return Ok(());
    };
    let (folder, broker) = broker(&version, Acl::On).await?;
    let daemon = Daemon::start(with_keys(on(&broker), &folder, ACCESS_KEY, SECRET_KEY)?).await?;
    let admin = daemon.admin();
    let sale = Sale::begin(Crowd::of_the_sale(vec![daemon.gateway_url()]));
    sale.queued(40).await?;

    // A wrong secret is found before it does harm.
    fs::write(folder.path().join("secret"), "seckillSKwrong1")?;
    let answer = admin.post("/v1/reload", json!({})).await?;
    assert_eq!(
        (answer.status, answer.code()),
        (409, "config_faulty".to_owned()),
        "{}",
        answer.text()
    );
    let told = answer.text();
    assert!(
        told.contains("rocketmq.secret_key_file") && told.contains("refuses the secret"),
        "{told}"
    );
    assert!(!told.contains("wrong1"), "a secret is never told: {told}");
    let status = admin.status().await?;
    assert_eq!((status.config.generation, status.degraded), (1, vec![]));

    fs::write(folder.path().join("access"), NEXT_ACCESS_KEY)?;
    fs::write(folder.path().join("secret"), NEXT_SECRET_KEY)?;
    daemon.signal(Signal::HUP)?;
    until("the next generation", WITHIN, || async {
        Ok((admin.status().await?.config.generation == 2).then_some(()))
    })
    .await?;
    let rocketmq = admin.status().await?.rocketmq.context("no RocketMQ")?;
    assert_eq!(rocketmq.connection, "connected");
    sale.end(&daemon.database()).await?;
    for line in daemon.logs()?.lines() {
        assert!(!line.contains("orders could not be published"), "an order was refused: {line}");
    }

    // Nothing hangs on the old account any more.
    broker.mqadmin(&["deleteUser", "-c", "DefaultCluster", "-u", ACCESS_KEY]).await?;
    for number in 900..910 {
        let answer = daemon.charge(&phone(number), "pid_0001", "5999.000").await?;
        assert_eq!(answer.code(), "10000", "{}", answer.text());
    }
    until("the orders to be placed", WITHIN, || async {
        let told = daemon.query(&phone(909), "pid_0001").await?.json()?;
        Ok((told["data"]["orderStatus"] == 2).then_some(()))
    })
    .await?;
    let log = daemon.logs()?;
    for secret in [SECRET_KEY, NEXT_SECRET_KEY, "wrong1"] {
        assert!(!log.contains(secret), "a secret is in the log");
    }
    Ok(())
}
