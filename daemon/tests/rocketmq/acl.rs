//! Accounts: the right one works, and for each wrong one the log says what to mend.

use std::sync::Arc;

use domain::ports::{Blame, Broker as _, Published, Queue as _, QueueHealth};
use queue_rocketmq::RocketmqQueue;
use seckill_e2e::broker::{ACCESS_KEY, BrokerOptions, SECRET_KEY};

use crate::rig::{Rig, consume, open, open_as, order, shut, until, until_health, until_sent};

async fn degraded(queue: &RocketmqQueue) -> QueueHealth {
    let health = until_health(queue, "a fault is told", |health| !health.degraded.is_empty()).await;
    println!("{}", health.degraded[0]);
    health
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_an_account_says_what_to_mend() {
    let rig = Rig::with(|options| BrokerOptions { acl: true, ..options }).await;
    let settings = rig.settings();

    // The right account, which may not make the topic: the broker makes it for the first order.
    let queue = open_as(&settings, ACCESS_KEY, SECRET_KEY);
    let (producer, lag) = (queue.producer(), queue.lag_reader());
    let recorder = consume(&queue);
    until_sent(&*producer, order(1)).await;
    let placed = until("it is placed", async || recorder.count() == 1).await;
    println!("with the right account placed {placed:?} after it was sent");
    until("the lag is 0", async || lag.read_lag().await.is_ok_and(|lag| lag.messages == 0)).await;
    let health = queue.health().borrow().clone();
    assert_eq!(health.degraded, Vec::<String>::new());
    assert!(!health.warnings.iter().any(|text| text.contains("invented")), "{health:?}");
    shut(&queue).await;

    for (key, secret, wanted) in [
        (ACCESS_KEY, "not-the-secret", "secret_key_file"),
        ("nobodyAK", SECRET_KEY, "access_key_file"),
    ] {
        let queue = open_as(&settings, key, secret);
        let producer = queue.producer();
        let health = degraded(&queue).await;
        assert!(health.degraded[0].contains(wanted), "{health:?}");
        assert!(!health.degraded[0].contains(secret), "a secret is never told");
        assert!(producer.ready().is_err());
        assert!(matches!(
            producer.publish(Arc::new([order(2)].into())).await[0],
            Published::Rejected(Blame::Queue, _)
        ));
        assert!(queue.lag_reader().read_lag().await.is_err(), "a lag that can't be read is no 0");
        shut(&queue).await;
    }

    let nobody = open(&settings);
    let _producer = nobody.producer();
    assert!(degraded(&nobody).await.degraded[0].contains("none is configured"));
    shut(&nobody).await;

    let mut other = settings.clone();
    other.topic = "NOT_ALLOWED".to_owned();
    let queue = open_as(&other, ACCESS_KEY, SECRET_KEY);
    let _recorder = consume(&queue);
    let health = degraded(&queue).await;
    assert!(health.degraded[0].contains("NOT_ALLOWED"), "{health:?}");
    assert!(health.degraded[0].contains("lacks a right"), "{health:?}");
    shut(&queue).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_checks_nothing_and_a_second_consumer_are_warned_of() {
    let rig = Rig::plain().await;
    let queue = open_as(&rig.settings(), ACCESS_KEY, SECRET_KEY);
    let _recorder = consume(&queue);
    let told = until_health(&queue, "a warning", |health| !health.warnings.is_empty()).await;
    assert!(told.warnings.iter().any(|text| text.contains("invented secret")), "{told:?}");
    until_health(&queue, "consuming", |health| health.consumer_running).await;

    // Another order service in the same group, as a Java one would be.
    let second = open(&rig.settings());
    let _other = consume(&second);
    let told = until_health(&second, "a warning", |health| {
        health.warnings.iter().any(|text| text.contains("other consumers"))
    })
    .await;
    println!("{}", told.warnings.join("\n"));
    shut(&second).await;
    shut(&queue).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls() {
    let rig = Rig::with(|options| BrokerOptions { tls: true, ..options }).await;
    let mut settings = rig.settings();
    settings.tls = true;
    settings.tls_ca_file = rig.broker.certificate();
    let queue = open(&settings);
    let producer = queue.producer();
    let recorder = consume(&queue);
    until_sent(&*producer, order(1)).await;
    until("it is placed", async || recorder.count() == 1).await;
    shut(&queue).await;

    // Not trusted: nothing is sent over such a connection.
    settings.tls_ca_file = std::path::PathBuf::new();
    let queue = open(&settings);
    let producer = queue.producer();
    let health = degraded(&queue).await;
    assert!(!health.producer_ready);
    assert!(producer.ready().is_err());
    shut(&queue).await;
}
