//! The broker away at the start and coming later: refusals that leak nothing, then service by
//! itself.

use std::time::{Duration, Instant};

use anyhow::Result;
use seckill_e2e::buyers::phone;
use seckill_e2e::checker::Books;
use seckill_e2e::daemon::{Daemon, Until};
use seckill_e2e::until;

use super::{on, plain_broker, topic_drained};

const ONE: &str = r#"[{prod_id="pid_one",prod_name="one",price="1.000",stock=1}]"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_leak_no_stock_and_service_comes_by_itself() -> Result<()> {
    let (_folder, mut broker) = plain_broker().await?;
    broker.kill().await?;
    let options = on(&broker).set("products", ONE).until(Until::Listening);
    let daemon = Daemon::start(options).await?;
    for number in 0..20 {
        let answer = daemon.charge(&phone(number), "pid_one", "1.000").await?;
        // A refused connect is definite: the unit is back, or the second buyer would be answered
        // 40006.
        assert_eq!(answer.code(), "40004", "{}", answer.text());
        assert_eq!(answer.header("retry-after"), "1");
    }
    let ready = daemon.client().get(&format!("{}/readyz", daemon.gateway_url())).await?;
    assert_eq!(ready.status, 503, "{}", ready.text());
    broker.start_again().await?;
    let back = Instant::now();
    until("charges again", Duration::from_secs(90), || async {
        let answer = daemon.charge(&phone(0), "pid_one", "1.000").await?;
        Ok((answer.code() == "10000").then_some(()))
    })
    .await?;
    println!("charges again {:?} after the broker's return", back.elapsed());
    until("the order placed", Duration::from_secs(90), || async {
        let told = daemon.query(&phone(0), "pid_one").await?.json()?;
        Ok((told["data"]["orderStatus"] == 2).then_some(()))
    })
    .await?;
    println!("the first order placed {:?} after the broker's return", back.elapsed());
    topic_drained(&broker).await?;
    assert_eq!(Books::read(&daemon.database())?.faults(), Vec::<String>::new());
    Ok(())
}

/// Left to itself, a client divides the queues again only every 20 s.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_message_after_the_start_waits_for_no_timer_of_the_client() -> Result<()> {
    let (_folder, broker) = plain_broker().await?;
    let start = Instant::now();
    let daemon = Daemon::start(on(&broker)).await?;
    daemon.charge(&phone(0), "pid_0001", "5999.000").await?;
    until("the order placed", Duration::from_secs(60), || async {
        let told = daemon.query(&phone(0), "pid_0001").await?.json()?;
        Ok((told["data"]["orderStatus"] == 2).then_some(()))
    })
    .await?;
    println!("first message placed {:?} after the start", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    Ok(())
}
