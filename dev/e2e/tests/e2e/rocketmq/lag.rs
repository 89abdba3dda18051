//! The admin socket over a real broker: its figures beside those of RocketMQ's own tool, what it
//! shows while the broker is away, and dead letters that come back without the broker.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use protocol::{Snapshot, Trend};
use seckill_e2e::admin::Admin;
use seckill_e2e::buyers::phone;
use seckill_e2e::daemon::Daemon;
use seckill_e2e::process::built;
use seckill_e2e::terminal::Terminal;
use seckill_e2e::topic::{Topic, java_bytes};
use seckill_e2e::until;
use serde_json::json;
use tokio::task::JoinSet;

use super::{on, plain_broker, topic_drained};

const WITHIN: Duration = Duration::from_secs(90);
const CHARGES: u32 = 10_000;
const CONNECTIONS: u32 = 64;
const GROUP: &str = "GID_SNOWALKE_TEST";
const MANY: &str = r#"[{prod_id="many",prod_name="many",price="1.000",stock=20000}]"#;

/// Waits for a state that is as wanted.
async fn state(admin: &Admin, what: &str, wanted: impl Fn(&Snapshot) -> bool) -> Result<Snapshot> {
    until(what, WITHIN, || async {
        let state = admin.status().await?;
        Ok(wanted(&state).then_some(state))
    })
    .await
}

/// So many buyers, each charging once.
async fn charge_all(daemon: &Daemon, prod_id: &'static str) -> Result<()> {
    let mut clients = JoinSet::new();
    for connection in 0..CONNECTIONS {
        let (client, gateway) = (daemon.client().clone(), daemon.gateway_url());
        clients.spawn(async move {
            for number in (connection..CHARGES).step_by(CONNECTIONS as usize) {
                let fields = [
                    ("userPhoneNum", phone(number)),
                    ("chargePrice", "1.000".to_owned()),
                    ("prodId", prod_id.to_owned()),
                ];
                let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
                let url = format!("{gateway}/api/charge.do");
                let answer = client.post_form(&url, &fields).await?;
                ensure!(answer.code() == "10000", "{}", answer.text());
            }
            Ok(())
        });
    }
    clients.join_all().await.into_iter().collect()
}

/// What `seckillctl` prints.
fn seckillctl(daemon: &Daemon, verb: &[&str]) -> Result<String> {
    let output = std::process::Command::new(built("seckillctl")?)
        .arg("--socket")
        .arg(daemon.socket())
        .args(verb)
        .output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lag_agrees_with_mqadmin_and_is_unknown_without_a_broker() -> Result<()> {
    let (_folder, mut broker) = plain_broker().await?;
    let daemon = Daemon::start(on(&broker).set("products", MANY)).await?;
    let admin = daemon.admin();
    state(&admin, "the consumer at work", |state| {
        state.rocketmq.as_ref().is_some_and(|way| way.consumer_running)
    })
    .await?;
    // mqadmin looks only where the group has committed an offset before.
    daemon.charge(&phone(CHARGES), "many", "1.000").await?;
    topic_drained(&broker).await?;
    // And what this gateway holds is known once the daemon itself has seen the queue empty.
    state(&admin, "known holds", |state| state.products[0].held == Some(0)).await?;
    admin.command("/v1/consumption/pause", json!({ "reason": "a backlog is wanted" })).await?;
    charge_all(&daemon, "many").await?;

    let socket = daemon.socket();
    let arguments = ["--socket", &socket.to_string_lossy()];
    let folder = daemon.folder();
    let console = Terminal::run(folder.path(), (120, 40), &built("seckillctl")?, &arguments)?;
    console.press("4")?;

    let full = u64::from(CHARGES);
    let stuck = state(&admin, "the whole backlog", |state| {
        state.queue.lag_messages == Some(full) && 2 <= state.queue.queues.len()
    })
    .await?;
    let theirs = broker.diff_total(GROUP).await?;
    println!("lag: ours {:?}, mqadmin consumerProgress {theirs}", stuck.queue.lag_messages);
    assert_eq!(theirs, full);
    let parts: u64 = stuck.queue.queues.iter().map(|part| part.lag_messages).sum();
    assert_eq!((parts, stuck.products[0].held), (full, Some(full)));
    let topic = stuck.rocketmq.as_ref().map(|way| way.topic.clone()).context("no RocketMQ")?;
    for part in stuck.queue.queues.iter().filter(|part| part.name.contains(&topic)) {
        let consumed = part.consumed_offset.unwrap_or(0);
        assert_eq!(part.end_offset.map(|end| end - consumed), Some(part.lag_messages));
        assert!(part.owner.as_ref().is_some_and(|owner| owner.contains("seckilld")), "{part:?}");
    }
    assert!(seckillctl(&daemon, &["status"])?.contains("lag 10000"), "the verb's figure");
    console.shows("the console's figure", |screen| screen.contains("10,000 waiting")).await?;

    admin.command("/v1/consumption/resume", json!({})).await?;
    state(&admin, "a lag that falls", |state| state.queue.trend == Some(Trend::Draining)).await?;
    let empty = state(&admin, "no lag", |state| state.queue.lag_messages == Some(0)).await?;
    assert_eq!(empty.orders.as_ref().map(|orders| orders.placed), Some(full + 1));
    assert_eq!(broker.diff_total(GROUP).await?, 0);
    assert!(empty.is_balanced() && empty.products[0].held == Some(0));
    let way = empty.rocketmq.context("no RocketMQ")?;
    assert_eq!(way.connection, "connected");
    assert!(way.brokers[0].version.as_ref().is_some_and(|version| version.starts_with('V')));
    assert_eq!(empty.queue.broker_dead_letters, Some(0));
    console.shows("nothing waiting", |screen| screen.contains(" 0 waiting")).await?;

    broker.kill().await?;
    let away = state(&admin, "an unknown lag", |state| state.queue.lag_messages.is_none()).await?;
    assert!(away.queue.unreadable.is_some() && away.queue.lag_slope_per_s.is_none());
    assert!(seckillctl(&daemon, &["status"])?.contains("lag –"), "unknown is no 0");
    let screen = console.shows("an unknown lag", |screen| screen.contains("– waiting")).await?;
    println!("{screen}");
    state(&admin, "dead letters unknown as well", |state| {
        state.queue.broker_dead_letters.is_none()
    })
    .await?;
    Ok(())
}

/// A dead letter of ours goes back to our consumer only: through the database, with the broker
/// gone, and without a message to others on the topic.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_is_resent_without_the_broker() -> Result<()> {
    let (_folder, mut broker) = plain_broker().await?;
    let daemon = Daemon::start(on(&broker).set("products", MANY)).await?;
    let admin = daemon.admin();
    let database = rusqlite::Connection::open(daemon.database())?;
    database.busy_timeout(WITHIN)?;
    database.execute_batch(
        "CREATE TRIGGER fault BEFORE INSERT ON t_seckill_order WHEN NEW.order_id = 'java-1'
         BEGIN SELECT RAISE(ABORT, 'as the test has it'); END",
    )?;
    daemon.charge(&phone(1), "many", "1.000").await?;
    let mut topic = Topic::connect(&broker.name_server()).await?;
    topic.put(0, &java_bytes("java-1", &phone(2), "many", "1.000")).await?;
    topic.put(1, b"not JSON").await?;
    let letters = until("two dead letters", WITHIN, || async {
        let page = admin.get("/v1/dead-letters").await?.json()?;
        Ok((page["total"] == 2).then_some(page))
    })
    .await?;
    topic_drained(&broker).await?;
    let letters = letters["dead_letters"].as_array().context("no list")?;
    let readable = letters.iter().find(|letter| letter["resendable"] == true).context("none")?;
    let garbage = letters.iter().find(|letter| letter["resendable"] == false).context("none")?;
    let refused = format!("/v1/dead-letters/{}/resend", garbage["id"]);
    assert_eq!(admin.post(&refused, json!({})).await?.code(), "not_resendable");

    broker.kill().await?;
    database.execute_batch("DROP TRIGGER fault")?;
    admin.command("/v1/dead-letters/resend", json!({})).await?;
    state(&admin, "the resent order placed", |state| {
        state.orders.as_ref().is_some_and(|orders| orders.placed == 2)
    })
    .await?;
    let path = format!("/v1/orders/{}", readable["order_id"].as_str().unwrap_or_default());
    let history = admin.get(&path).await?.json()?;
    assert_eq!(history["order"]["state"], "placed", "{history}");
    Ok(())
}
