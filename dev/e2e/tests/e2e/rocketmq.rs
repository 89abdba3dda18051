//! The sale on a real RocketMQ with both roles in one process: plain and with ACL, with strangers
//! on the topic, and with broker or daemon killed, frozen or stopped in its midst.

mod away;
mod closed;
mod doctor;
mod four_x;
mod gone;
mod lag;
mod moved;
mod network;
mod outage;
mod reach;
mod rotation;
pub(crate) mod search;
mod window;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use seckill_e2e::broker::{ACCESS_KEY, Broker, BrokerOptions, SECRET_KEY};
use seckill_e2e::buyers::{Crowd, phone};
use seckill_e2e::checker::Books;
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::topic::{Topic, java_bytes};
use seckill_e2e::until;
use tempfile::TempDir;

use crate::sale::{DRAIN_MAX, judge};

/// The versions to run on: `cargo xtask e2e` names them.
fn versions() -> Vec<String> {
    #[expect(clippy::disallowed_methods, reason = "the tests' own switch, not the daemon's")]
    let named = std::env::var("E2E_VERSIONS").unwrap_or_else(|_| "5.4.0".to_owned());
    named.split(',').map(str::to_owned).collect()
}

/// How often the long loops go round: more under `cargo xtask e2e --full`.
pub(crate) fn rounds() -> usize {
    #[expect(clippy::disallowed_methods, reason = "the tests' own switch, not the daemon's")]
    let is_long = std::env::var_os("E2E_LONG").is_some();
    if is_long { 10 } else { 1 }
}

/// A broker of the first version, without ACL, and the folder that it lives in.
pub(crate) async fn plain_broker() -> Result<(TempDir, Broker)> {
    let version = versions().into_iter().next().unwrap_or_default();
    broker(&version, Acl::Off).await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Acl {
    On,
    Off,
}

async fn broker(version: &str, acl: Acl) -> Result<(TempDir, Broker)> {
    let folder = TempDir::new()?;
    let options = BrokerOptions {
        version: version.to_owned(),
        acl: acl == Acl::On,
        dir: folder.path().to_owned(),
        ..BrokerOptions::default()
    };
    let broker = Broker::start(options).await?;
    Ok((folder, broker))
}

/// A daemon's options for a broker.
pub(crate) fn on(broker: &Broker) -> Options {
    let name_servers = format!("[\"{}\"]", broker.name_server());
    Options::profile("offline").set("rocketmq.name_servers", name_servers)
}

/// Waits until the group has acknowledged everything on the topic.
pub(crate) async fn topic_drained(broker: &Broker) -> Result<()> {
    let mut topic = Topic::connect(&broker.name_server()).await?;
    let start = std::time::Instant::now();
    while 0 < topic.lag().await? {
        anyhow::ensure!(start.elapsed() < DRAIN_MAX, "the topic isn't drained");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_with_strangers_on_the_topic() -> Result<()> {
    for version in versions() {
        let (_folder, broker) = broker(&version, Acl::Off).await?;
        let daemon = Daemon::start(on(&broker)).await?;
        let crowd = Crowd::of_the_sale(vec![daemon.gateway_url()]);
        let (ledger, strangers) =
            tokio::join!(crowd.clone().run(Arc::default()), strangers(&broker));
        strangers?;
        let ledger = ledger?;
        println!("RocketMQ {version}: 400 buyers, 300 units: {:?}", ledger.took);
        topic_drained(&broker).await?;
        judge(&daemon.database(), crowd, &ledger).await?;
        strangers_were_heard(&daemon).await?;
        a_second_order_is_set_aside(&broker, &daemon).await?;
    }
    Ok(())
}

const MALFORMED: [&[u8]; 5] =
    [b" ", b"not JSON", b"\xff\xfe", b"{\"header\":{},\"body\":{}}", b"[1]"];

/// What Java services, and things gone wrong, put on the topic in the midst of a sale.
async fn strangers(broker: &Broker) -> Result<()> {
    let mut topic = Topic::connect(&broker.name_server()).await?;
    for (queue, body) in (0..).zip(MALFORMED) {
        topic.put(queue % 4, body).await?;
    }
    for number in 0..5_u8 {
        let id = format!("java-{number}");
        let buyer = phone(2000 + u32::from(number));
        let bytes = java_bytes(&id, &buyer, "pid_0003", "2000.000");
        // Twice the same, as a redelivery would be.
        topic.put(number % 4, &bytes).await?;
        topic.put(number % 4, &bytes).await?;
    }
    topic.put(0, &java_bytes("java-bad-price", &phone(2100), "pid_0003", "1E+3")).await?;
    topic.put(1, &java_bytes("java-bad-product", &phone(2101), "pid_9999", "1.000")).await?;
    Ok(())
}

async fn strangers_were_heard(daemon: &Daemon) -> Result<()> {
    let books = Books::read(&daemon.database())?;
    assert_eq!((books.sold("pid_0003"), books.stock("pid_0003")), (5, Some(395)));
    assert_eq!(usize::try_from(books.dead_letters)?, MALFORMED.len());
    let told = daemon.query(&phone(2000), "pid_0003").await?.json()?;
    assert_eq!(
        (&told["data"]["orderId"], &told["data"]["orderStatus"]),
        (&"java-0".into(), &2.into())
    );
    for (number, prod_id, reason) in
        [(2100, "pid_0003", "price_unparsable"), (2101, "pid_9999", "unknown_product")]
    {
        let told = daemon.query_order_node(&phone(number), prod_id).await?.json()?;
        assert_eq!(told["data"]["orderStatus"], 3, "{told}");
        assert_eq!(told["data"]["reason"], reason, "{told}");
    }
    Ok(())
}

/// A Java gateway's second order of a buyer who has one is counted, not placed; and ours answers a
/// repeat with the order that there is.
async fn a_second_order_is_set_aside(broker: &Broker, daemon: &Daemon) -> Result<()> {
    let buyer = phone(2000);
    let mut topic = Topic::connect(&broker.name_server()).await?;
    topic.put(0, &java_bytes("java-again", &buyer, "pid_0003", "2000.000")).await?;
    until("the duplicate to be told", DRAIN_MAX, || async {
        let told = daemon.query_order_node(&buyer, "pid_0003").await?.json()?;
        assert_eq!(told["data"]["orderId"], "java-0", "{told}");
        Ok((told["data"]["duplicates"] == 1).then_some(()))
    })
    .await?;
    let repeat = daemon.charge(&buyer, "pid_0003", "2000.000").await?;
    assert_eq!(
        (repeat.code(), &repeat.json()?["data"]["orderId"]),
        ("10000".to_owned(), &"java-0".into())
    );
    Ok(())
}

/// Options with an account's keys, in files of the folder.
fn with_keys(options: Options, folder: &TempDir, access: &str, secret: &str) -> Result<Options> {
    let (access_file, secret_file) = (folder.path().join("access"), folder.path().join("secret"));
    std::fs::write(&access_file, access)?;
    std::fs::write(&secret_file, secret)?;
    Ok(options
        .set("rocketmq.access_key_file", access_file.to_string_lossy())
        .set("rocketmq.secret_key_file", secret_file.to_string_lossy()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_with_acl() -> Result<()> {
    for version in versions() {
        let (folder, broker) = broker(&version, Acl::On).await?;
        let options = with_keys(on(&broker), &folder, ACCESS_KEY, SECRET_KEY)?;
        let daemon = Daemon::start(options).await?;
        let crowd = Crowd::of_the_sale(vec![daemon.gateway_url()]);
        let ledger = crowd.clone().run(Arc::default()).await?;
        println!("RocketMQ {version} with ACL: {:?}", ledger.took);
        judge(&daemon.database(), crowd, &ledger).await?;
        assert!(!daemon.logs()?.contains(SECRET_KEY), "the secret is in the log");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_credentials_are_told_and_charges_refused() -> Result<()> {
    use seckill_e2e::daemon::Until;

    for version in versions() {
        let (folder, broker) = broker(&version, Acl::On).await?;
        for (access, secret, topic, words) in [
            (ACCESS_KEY, "seckillSKwrong1", "", &["secret_key_file"][..]),
            ("nobodyAK", SECRET_KEY, "", &["access_key_file"]),
            (ACCESS_KEY, SECRET_KEY, "FORBIDDEN_TOPIC", &["FORBIDDEN_TOPIC"]),
        ] {
            let mut options = with_keys(on(&broker), &folder, access, secret)?;
            if !topic.is_empty() {
                options = options.set("rocketmq.topic", topic);
            }
            let daemon = Daemon::start(options.until(Until::Listening)).await?;
            until("a message that names what to fix", Duration::from_secs(30), || async {
                let logs = daemon.logs()?;
                Ok(words.iter().all(|word| logs.contains(word)).then_some(()))
            })
            .await?;
            let answer = daemon.charge(&phone(0), "pid_0001", "5999.000").await?;
            assert_eq!(answer.code(), "40004", "{version}: {}", answer.text());
            let ready = daemon.client().get(&format!("{}/readyz", daemon.gateway_url())).await?;
            assert_eq!(ready.status, 503, "{version}: {}", ready.text());
        }
    }
    Ok(())
}

/// Only sending shows that the account may not publish: a gateway has nothing to consume, so
/// nothing is asked of the broker before. The refusal is definite, whatever the version calls it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_may_not_publish_refuses_definitely() -> Result<()> {
    for version in versions() {
        let (folder, broker) = broker(&version, Acl::On).await?;
        let keys = |options| with_keys(options, &folder, ACCESS_KEY, SECRET_KEY);
        let order = Daemon::start(keys(on(&broker).name("order").roles(&["order"]))?).await?;
        let options = on(&broker)
            .name("gateway")
            .roles(&["gateway"])
            .set("gateway.order_url", order.order_url())
            .set("rocketmq.topic", "FORBIDDEN_TOPIC");
        let gateway = Daemon::start_in(order.folder(), keys(options)?).await?;
        for number in 0..3 {
            let answer = gateway.charge(&phone(number), "pid_0001", "5999.000").await?;
            assert_eq!(answer.code(), "40004", "{version}: {}", answer.text());
        }
        until("a message that names what to allow", Duration::from_secs(60), || async {
            Ok(gateway.logs()?.contains("publish to topic FORBIDDEN_TOPIC").then_some(()))
        })
        .await?;
    }
    Ok(())
}
