//! A whole sale on the embedded queue, judged from outside.

use std::sync::Arc;

use anyhow::{Result, ensure};
use seckill_e2e::buyers::{BuyerAnswer, Crowd, phone};
use seckill_e2e::checker::Books;
use seckill_e2e::daemon::{Daemon, Options};
pub(crate) use seckill_e2e::judge::{DRAIN_MAX, judge};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_hundred_buyers_for_three_hundred_units() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let crowd = Crowd::of_the_sale(vec![daemon.gateway_url()]);
    let bystanders = bystanders(&daemon);
    let (ledger, bystanders) = tokio::join!(crowd.clone().run(Arc::default()), bystanders);
    bystanders?;
    let ledger = ledger?;
    println!("400 buyers, 4 clicks each, 300 units: {:?}", ledger.took);
    judge(&daemon.database(), crowd, &ledger).await?;
    let books = Books::read(&daemon.database())?;
    assert_eq!((books.sold("pid_0001"), books.sold("pid_0003"), books.dead_letters), (0, 0, 0));
    Ok(())
}

/// Unknown products and bad prices in the midst of the sale.
async fn bystanders(daemon: &Daemon) -> Result<()> {
    for number in 1000..1050 {
        let answer = daemon.charge(&phone(number), "pid_9999", "1200.000").await?;
        assert_eq!(answer.code(), "40007");
        let answer = daemon.charge(&phone(number), "pid_0002", "1199.999").await?;
        assert_eq!(answer.code(), "40005");
        let answer = daemon.charge(&phone(number), "pid_0003", "1E+3").await?;
        assert_eq!(answer.code(), "40005");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_and_three_buyers_for_a_hundred_units() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let crowd = Crowd::for_a_hundred_units(vec![daemon.gateway_url()], 103);
    let ledger = crowd.clone().run(Arc::default()).await?;
    judge(&daemon.database(), crowd, &ledger).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fewer_buyers_than_units_all_get_one() -> Result<()> {
    let daemon = Daemon::start(Options::embedded()).await?;
    let crowd =
        Crowd { buyers: 150, placeable: 150, ..Crowd::of_the_sale(vec![daemon.gateway_url()]) };
    let ledger = crowd.clone().run(Arc::default()).await?;
    judge(&daemon.database(), crowd, &ledger).await?;
    assert_eq!(Books::read(&daemon.database())?.stock("pid_0002"), Some(150));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_for_overload_leak_no_stock() -> Result<()> {
    let options = Options::embedded()
        .set("gateway.publish_waiting_max", "1")
        .set("gateway.publish_batch_max", "1");
    let daemon = Daemon::start(options).await?;
    let crowd = Crowd::for_a_hundred_units(vec![daemon.gateway_url()], 100);
    let ledger = crowd.clone().run(Arc::default()).await?;
    let refusals =
        ledger.buyers.iter().flat_map(|buyer| &buyer.answers).filter_map(|told| match told {
            BuyerAnswer::Refused(code) => Some(code.as_str()),
            _ => None,
        });
    // A buyer who is refused holds nothing, though another buyer's unit may be on its way back:
    // 40006 before the end is then true, 40004 would not be.
    let others: Vec<_> = refusals.filter(|code| !["42002", "40006"].contains(code)).collect();
    ensure!(others.is_empty(), "refused for something else: {others:?}");
    judge(&daemon.database(), crowd, &ledger).await
}
