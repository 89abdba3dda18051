//! A whole sale on the embedded queue, judged from outside.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use seckill_e2e::buyers::{Crowd, Told, phone};
use seckill_e2e::checker::{Books, faults};
use seckill_e2e::daemon::{Daemon, Options};

/// How long the queue may take to be empty after the last buyer has a final answer.
pub(crate) const DRAIN_MAX: Duration = Duration::from_secs(60);

/// The sale has ended as it must: see the checker; afterwards everyone asks once more, and is told
/// the same.
pub(crate) async fn judge(
    database: &std::path::Path,
    crowd: Crowd,
    ledger: &seckill_e2e::buyers::Ledger,
) -> Result<()> {
    let (prod_id, sold) = (crowd.prod_id.clone(), crowd.placeable);
    let books = Books::drained(database, DRAIN_MAX).await?;
    let found = faults(&books, ledger, sold);
    ensure!(found.is_empty(), "{} faults:\n{}", found.len(), found.join("\n"));
    let again = crowd.ask_again().await?;
    let books = Books::drained(database, DRAIN_MAX).await?;
    for (before, after) in ledger.buyers.iter().zip(&again.buyers) {
        let fits = match (before.told.last(), &after.told[..]) {
            (Some(Told::Placed(id)), [Told::Queued(again), Told::Placed(queried)]) => {
                id == again && id == queried
            }
            (Some(Told::Refused(_)), [Told::Refused(code), Told::NoOrder(query)]) => {
                code == "40006" && query == "41004"
            }
            // Where several gateways over-admit, the surplus is a failed order that query tells.
            (Some(Told::Refused(_)), [Told::Refused(code), Told::Failed { reason, .. }]) => {
                code == "40006" && reason == "sold_out"
            }
            _ => false,
        };
        ensure!(fits, "{}: {:?}, asked again {:?}", before.phone, before.told, after.told);
    }
    ensure!(books.sold(&prod_id) == sold && books.faults().is_empty(), "asking changed the books");
    Ok(())
}

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
    let crowd = Crowd {
        prod_id: "pid_0001".to_owned(),
        price: "5999.000".to_owned(),
        buyers: 103,
        placeable: 100,
        ..Crowd::of_the_sale(vec![daemon.gateway_url()])
    };
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
    let crowd = Crowd {
        prod_id: "pid_0001".to_owned(),
        price: "5999.000".to_owned(),
        buyers: 100,
        placeable: 100,
        ..Crowd::of_the_sale(vec![daemon.gateway_url()])
    };
    let ledger = crowd.clone().run(Arc::default()).await?;
    let refusals =
        ledger.buyers.iter().flat_map(|buyer| &buyer.told).filter_map(|told| match told {
            Told::Refused(code) => Some(code.as_str()),
            _ => None,
        });
    // Whoever is refused holds nothing, though somebody else's unit may be on its way back: 40006
    // before the end is then true, 40004 would not be.
    let others: Vec<_> = refusals.filter(|code| !["42002", "40006"].contains(code)).collect();
    ensure!(others.is_empty(), "refused for something else: {others:?}");
    judge(&daemon.database(), crowd, &ledger).await
}
