//! The sale over a bad wire between daemon and broker, and with the name server away.

use std::time::Duration;

use anyhow::{Result, ensure};
use seckill_e2e::broker::{Broker, BrokerOptions};
use seckill_e2e::buyers::{BuyerAnswer, Crowd, answer_to_charge, phone};
use seckill_e2e::checker::Books;
use seckill_e2e::daemon::{Daemon, Until};
use seckill_e2e::proxy::{Proxy, Weather};
use seckill_e2e::until;
use tempfile::TempDir;

use super::{on, plain_broker, topic_drained, versions};
use crate::crash::Sale;
use crate::sale::DRAIN_MAX;

/// Longer than `rocketmq.send_timeout_ms`, so that sends end unknown.
const LONGER_THAN_A_SEND: Duration = Duration::from_secs(5);
const WITHIN: Duration = Duration::from_secs(240);
/// For sales whose connections are reset: well below the half minute that a pull of the client
/// waits for an answer which will never come.
const WITHIN_OF_A_RESET: Duration = Duration::from_secs(28);

/// A broker behind a wire of ours: the name server announces the wire's address.
struct Wired {
    daemon: Daemon,
    wire: Proxy,
    broker: Broker,
    _folder: TempDir,
}

impl Wired {
    async fn start() -> Result<Self> {
        let folder = TempDir::new()?;
        let options = BrokerOptions {
            version: versions().into_iter().next().unwrap_or_default(),
            dir: folder.path().to_owned(),
            advertised_ip: Some("127.0.0.2".to_owned()),
            ..BrokerOptions::default()
        };
        let broker = Broker::start(options).await?;
        let wire = Proxy::start(&broker.advertised_address(), &broker.address()).await?;
        let daemon = Daemon::start(on(&broker)).await?;
        Ok(Self { daemon, wire, broker, _folder: folder })
    }

    fn sale(&self) -> Sale {
        let arrive_over = Duration::from_secs(8);
        let gateways = vec![self.daemon.gateway_url()];
        let within = WITHIN_OF_A_RESET;
        Sale::begin(Crowd { arrive_over, within, ..Crowd::of_the_sale(gateways) })
    }

    async fn end(self, sale: Sale) -> Result<()> {
        self.wire.set(Weather::Clear);
        sale.end(&self.daemon.database()).await?;
        topic_drained(&self.broker).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_over_a_slow_wire() -> Result<()> {
    let wired = Wired::start().await?;
    wired.wire.set(Weather::Slow(Duration::from_millis(150)));
    let sale = wired.sale();
    sale.queued(250).await?;
    wired.end(sale).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_reset_again_and_again_in_mid_sale() -> Result<()> {
    let wired = Wired::start().await?;
    let sale = wired.sale();
    for queued in [40, 80, 120, 160, 200] {
        sale.queued(queued).await?;
        wired.wire.reset();
    }
    wired.end(sale).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_for_longer_than_a_send_and_then_reset() -> Result<()> {
    let wired = Wired::start().await?;
    let sale = wired.sale();
    sale.queued(60).await?;
    wired.wire.set(Weather::Silent);
    tokio::time::sleep(LONGER_THAN_A_SEND).await;
    // What was on its way is lost with the connections: none of it arrives later.
    wired.wire.reset();
    wired.end(sale).await
}

/// The worst of unknown results: the order did arrive, and the answer is lost for good. The order
/// is sent again under its id, and is one order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_confirmation_is_lost_is_one_order() -> Result<()> {
    let wired = Wired::start().await?;
    let sale = wired.sale();
    sale.queued(60).await?;
    wired.wire.set(Weather::AnswersHeld);
    let charged = wired.daemon.charge(&phone(5_000), "pid_0003", "2000.000").await;
    let BuyerAnswer::Unconfirmed(id) = answer_to_charge(charged) else {
        anyhow::bail!("the broker's confirmation was held, and the buyer told of one");
    };
    wired.wire.reset();
    wired.wire.set(Weather::Clear);
    until("the order placed under its id", WITHIN, || async {
        let told = wired.daemon.query(&phone(5_000), "pid_0003").await?.json()?;
        ensure!(told["code"] != "41004", "told of an order, then of none: {told}");
        Ok((told["data"]["orderStatus"] == 2 && told["data"]["orderId"] == *id).then_some(()))
    })
    .await?;
    let books = Books::read(&wired.daemon.database())?;
    ensure!(books.sold("pid_0003") == 1, "{} orders", books.sold("pid_0003"));
    wired.end(sale).await
}

/// Without a name server orders are refused, definitely, in mid-sale as at a start; with it back
/// the sale goes on by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_name_server_away_in_mid_sale_and_at_a_start() -> Result<()> {
    let (_folder, mut broker) = plain_broker().await?;
    let mut daemon = Daemon::start(on(&broker)).await?;
    let gateways = vec![daemon.gateway_url()];
    let arrive_over = Duration::from_secs(6);
    let crowd = Crowd { arrive_over, within: WITHIN, ..Crowd::of_the_sale(gateways) };
    let sale = Sale::begin(crowd);
    sale.queued(60).await?;
    broker.kill_name_server().await?;
    daemon.kill9()?;
    let daemon = daemon.restart_with(|options| options.until(Until::Listening)).await?;
    let told = answer_to_charge(daemon.charge(&phone(5_000), "pid_0003", "2000.000").await);
    ensure!(
        matches!(&told, BuyerAnswer::Refused(_)),
        "told {told:?} without a route to any broker"
    );
    let ready = daemon.client().get(&format!("{}/readyz", daemon.gateway_url())).await?;
    ensure!(ready.status == 503, "{}", ready.text());
    broker.start_name_server_again().await?;
    sale.end(&daemon.database()).await?;
    until("the topic to be drained", DRAIN_MAX, || async {
        Ok(topic_drained(&broker).await.is_ok().then_some(()))
    })
    .await
}
