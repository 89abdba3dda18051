//! Orders out and in again: bytes, lag, pauses, stops.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use domain::ports::{Broker as _, Consuming, Published, Queue as _};
use protocol::{EpochMs, OrderMessage};

use crate::rig::{Rig, consume, open, order, orders, put, shut, until, until_health, until_sent};

const JAVA: &str = r#"{"header":{"version":"1.0","topicName":"SECKILL_CHARGE_ORDER_TOPIC"},"body":{"orderId":"d90a05d0-c339-4e89-804d-87cc17135f2a","userPhoneNo":"15200008881","prodId":"pid_0003","chargeMoney":"2000.000"}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn orders_flow_from_a_fresh_topic_on() {
    let rig = Rig::plain().await;
    let start = Instant::now();
    let queue = open(&rig.settings());
    let (producer, lag) = (queue.producer(), queue.lag_reader());
    let recorder = consume(&queue);
    until_sent(&*producer, order(1)).await;
    until("the first order is placed", async || recorder.count() == 1).await;
    let first = start.elapsed();
    println!("first order on a fresh topic placed {first:?} after the start");
    // The client's own timers look every 20 and 30 s.
    assert!(first < Duration::from_secs(15), "{first:?}");

    // What we send is what the Java services read, and the accept time comes back.
    let sent = order(1);
    let delivery = recorder.all().remove(0);
    assert_eq!(delivery.body, sent.message.encode("SECKILL_CHARGE_ORDER_TOPIC"));
    assert_eq!(delivery.asked_at, sent.asked_at);
    assert_eq!(delivery.redeliveries, 0);
    assert!(delivery.origin.starts_with("msgid:"), "{}", delivery.origin);

    // A batch of hundreds is one send with one result for each order.
    let batch = orders(2..602);
    assert!(
        producer
            .publish(Arc::new(batch.clone()))
            .await
            .iter()
            .all(|result| *result == Published::Stored)
    );
    until("all are placed", async || recorder.ids().len() == 601).await;

    // Java's bytes come unchanged, with the time of birth; malformed ones come too, and block
    // nothing.
    put(&rig.broker.address(), JAVA.as_bytes(), 0);
    put(&rig.broker.address(), b"{\"neither\":", 0);
    // A body that says it is compressed and isn't mustn't take its whole pull along.
    put(&rig.broker.address(), b"not zlib", 1);
    put(&rig.broker.address(), JAVA.replace("d90a", "e90a").as_bytes(), 0);
    until("the strangers' messages are placed", async || recorder.count() == 605).await;
    let java = recorder.all().into_iter().find(|delivery| delivery.body == JAVA.as_bytes());
    let java = java.unwrap();
    assert_eq!(java.asked_at, EpochMs(1_795_444_100_572));
    assert!(OrderMessage::decode(&java.body).is_ok());
    assert!(recorder.all().iter().any(|delivery| delivery.body == b"{\"neither\":"));

    let drained =
        until("the lag is 0", async || lag.read_lag().await.is_ok_and(|lag| lag.messages == 0))
            .await;
    println!("lag 0 was readable {drained:?} after the last was placed");
    println!("stop with nothing to do took {:?}", shut(&queue).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn pauses_lag_and_stops_keep_every_order() {
    let rig = Rig::plain().await;
    let queue = open(&rig.settings());
    let (producer, lag) = (queue.producer(), queue.lag_reader());
    until_health(&queue, "connected", |health| health.producer_ready).await;
    until("the lag can be read", async || lag.read_lag().await.is_ok()).await;
    assert_eq!(lag.read_lag().await.unwrap().messages, 0);

    // A group that never consumed: everything there is waits.
    until_sent(&*producer, order(0)).await;
    assert!(
        producer
            .publish(Arc::new(orders(1..40)))
            .await
            .iter()
            .all(|sent| *sent == Published::Stored)
    );
    let waiting = lag.read_lag().await.unwrap();
    assert_eq!(waiting.messages, 40, "{waiting:?}");
    assert!(waiting.oldest_age_ms.is_some_and(|age| age < 60_000), "{waiting:?}");
    assert_eq!(waiting.queues.iter().map(|queue| queue.messages).sum::<u64>(), 40);

    // A store that fails holds the batches; none goes round by the retry topic.
    let recorder = Arc::new(crate::rig::Recorder::default());
    recorder.failures.store(3, Ordering::SeqCst);
    queue.start_consumer(recorder.clone(), Consuming::Running);
    let placed = until("40 are placed", async || recorder.count() == 40).await;
    println!("40 orders past a store that failed three times: {placed:?}");
    assert!(recorder.all().iter().all(|delivery| delivery.redeliveries == 0));
    let known = until("the lag is 0", async || lag.read_lag().await.unwrap().messages == 0).await;
    println!("lag 0 readable {known:?} after the last order");

    // Paused at once, and at once on again.
    queue.set_consuming(Consuming::Paused).await;
    assert!(!queue.health().borrow().consumer_running);
    producer.publish(Arc::new(orders(40..140))).await;
    until("the lag shows it", async || lag.read_lag().await.unwrap().messages == 100).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(recorder.count(), 40, "nothing is placed in a pause");
    queue.set_consuming(Consuming::Running).await;
    let resumed = until("consuming goes on", async || recorder.count() == 140).await;
    println!("resumed after a pause within {resumed:?}");

    // Stopped with a batch under way and others waiting: what was placed stays acknowledged.
    recorder.slow_ms.store(200, Ordering::SeqCst);
    producer.publish(Arc::new(orders(140..440))).await;
    until("some are placed", async || 140 < recorder.count()).await;
    println!("stop under load took {:?}", shut(&queue).await);
    let (before, ids) = (recorder.count(), recorder.ids());
    assert_eq!(before, ids.len(), "nothing was placed twice");

    let queue = open(&rig.settings());
    let again = consume(&queue);
    let rest = 440 - before;
    until("the rest is placed", async || rest <= again.count()).await;
    let mut all = [ids, again.ids()].concat();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 440);
    println!("after the restart {} came again of {before}", again.count() - rest);
    assert_eq!(again.count(), rest, "offsets were kept");
    shut(&queue).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_start_and_a_namespace() {
    let rig = Rig::plain().await;
    let mut settings = rig.settings();
    settings.namespace = "MQ_INST_1_TEST".to_owned();
    let queue = open(&settings);
    let (producer, lag) = (queue.producer(), queue.lag_reader());
    let recorder = Arc::new(crate::rig::Recorder::default());
    queue.start_consumer(recorder.clone(), Consuming::Paused);
    until_sent(&*producer, order(7)).await;
    until("the lag shows it", async || lag.read_lag().await.is_ok_and(|lag| lag.messages == 1))
        .await;
    assert_eq!(recorder.count(), 0);
    // Paused, it has its share of the queues all the same, and places at once when it goes on.
    until("it has its queues", async || {
        let queues = lag.read_lag().await.unwrap().queues;
        !queues.is_empty() && queues.iter().all(|queue| queue.owner.is_some())
    })
    .await;
    queue.set_consuming(Consuming::Running).await;
    until("it is placed", async || recorder.count() == 1).await;
    // The body names the plain topic, as everyone's does.
    assert_eq!(recorder.all()[0].body, order(7).message.encode("SECKILL_CHARGE_ORDER_TOPIC"));
    // And the order went to the namespace's topic: a consumer without one gets nothing.
    let plain = open(&rig.settings());
    let others = plain.lag_reader();
    until_health(&plain, "connected", |health| health.degraded.is_empty()).await;
    until("the lag can be read", async || others.read_lag().await.is_ok()).await;
    assert_eq!(others.read_lag().await.unwrap().messages, 0);
    shut(&plain).await;
    shut(&queue).await;
}
