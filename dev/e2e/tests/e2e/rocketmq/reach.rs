//! The sale over a rented RocketMQ's ways to a topic: an instance's namespace, and TLS.

use std::sync::Arc;

use anyhow::Result;
use seckill_e2e::broker::{Broker, BrokerOptions};
use seckill_e2e::buyers::{Crowd, phone};
use seckill_e2e::daemon::{Daemon, Options, Until};
use seckill_e2e::topic::{Topic, java_bytes};
use seckill_e2e::until;
use tempfile::TempDir;

use super::{on, plain_broker, versions};
use crate::sale::{DRAIN_MAX, judge};

async fn sale(daemon: &Daemon, what: &str) -> Result<()> {
    let crowd = Crowd::of_the_sale(vec![daemon.gateway_url()]);
    let ledger = crowd.clone().run(Arc::default()).await?;
    println!("{what}: {:?}", ledger.took);
    judge(&daemon.database(), crowd, &ledger).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_in_a_namespace() -> Result<()> {
    let (_folder, broker) = plain_broker().await?;
    // The topic of the same name outside of the namespace is another's.
    let mut outside = Topic::connect(&broker.name_server()).await?;
    let stranger = phone(2000);
    outside.put(0, &java_bytes("java-0", &stranger, "pid_0003", "2000.000")).await?;
    let daemon = Daemon::start(on(&broker).set("rocketmq.namespace", "MQ_INST_1_TEST")).await?;
    sale(&daemon, "in a namespace").await?;
    // Nothing waits in the namespace, so this is said for sure: the stranger's order isn't ours,
    // and nobody of the plain group has taken it.
    until("the stranger told that there is no order", DRAIN_MAX, || async {
        Ok((daemon.query(&stranger, "pid_0003").await?.code() == "41004").then_some(()))
    })
    .await?;
    assert_eq!(outside.lag().await?, 1);
    Ok(())
}

async fn broker_with_tls() -> Result<(TempDir, Broker)> {
    let folder = TempDir::new()?;
    let options = BrokerOptions {
        version: versions().into_iter().next().unwrap_or_default(),
        tls: true,
        dir: folder.path().to_owned(),
        ..BrokerOptions::default()
    };
    Ok((folder, Broker::start(options).await?))
}

fn over_tls(broker: &Broker) -> Options {
    on(broker).set("rocketmq.tls", "true")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_over_tls() -> Result<()> {
    let (_folder, broker) = broker_with_tls().await?;
    let trusted = broker.certificate().to_string_lossy().into_owned();
    let daemon = Daemon::start(over_tls(&broker).set("rocketmq.tls_ca_file", trusted)).await?;
    sale(&daemon, "over TLS").await?;

    // Nobody whom we don't trust gets an order, and nothing is sent in clear instead.
    for options in [over_tls(&broker), on(&broker)] {
        let daemon = Daemon::start(options.until(Until::Listening)).await?;
        let answer = daemon.charge(&phone(0), "pid_0001", "5999.000").await?;
        assert_eq!(answer.code(), "40004", "{}", answer.text());
        let ready = daemon.client().get(&format!("{}/readyz", daemon.gateway_url())).await?;
        assert_eq!(ready.status, 503, "{}", ready.text());
    }
    Ok(())
}
