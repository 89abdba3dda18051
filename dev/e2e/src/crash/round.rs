//! One round: a sale under way while the daemon lives its planned lives, then its last one, and the
//! verdict. Only what was answered over HTTP and what the database file holds is judged.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use protocol::Endpoint;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::bystanders;
use super::plan::{Death, End, Life, Mortal, Plan, Storm};
use super::tally::Round;
use crate::buyers::{Crowd, Ledger};
use crate::checker::Books;
use crate::daemon::{Daemon, Options, Until};
use crate::judge::{DRAIN_MAX, judge};
use crate::ports::quiet_port;
use crate::proxy::{Proxy, Weather};
use crate::until;

/// What every product costs.
const PRICE: &str = "1.000";

/// Where rounds take place. On a broker each round has a topic of its own.
#[derive(Debug, Clone)]
pub enum Ground {
    /// On the embedded queue.
    Embedded,
    /// On a RocketMQ, both roles in one process.
    Rocketmq(Wired),
    /// On a RocketMQ, gateway and order node apart; the seed's parity decides which of them dies.
    Split(Wired),
}

/// A broker behind a wire of ours.
#[derive(Debug, Clone)]
pub struct Wired {
    /// Its name server.
    pub name_server: String,
    /// The wire.
    pub wire: Arc<Proxy>,
}

impl Ground {
    /// Who dies in the round of a seed.
    #[must_use]
    pub const fn mortal(&self, seed: u64) -> Mortal {
        match self {
            Self::Embedded => Mortal::Embedded,
            Self::Rocketmq(_) => Mortal::Rocketmq,
            Self::Split(_) if seed.is_multiple_of(2) => Mortal::OrderNode,
            Self::Split(_) => Mortal::Gateway,
        }
    }

    fn wired(&self) -> Option<&Wired> {
        match self {
            Self::Embedded => None,
            Self::Rocketmq(wired) | Self::Split(wired) => Some(wired),
        }
    }

    fn options(&self, seed: u64) -> Options {
        let Some(Wired { name_server, .. }) = self.wired() else { return Options::embedded() };
        Options::profile("offline")
            .set("rocketmq.name_servers", format!("[\"{name_server}\"]"))
            .set("rocketmq.topic", format!("CRASH_{seed}"))
            .set("rocketmq.producer_group", format!("GID_CRASH_{seed}"))
            .set("rocketmq.consumer_group", format!("GID_CRASH_{seed}"))
    }

    /// Over how long buyers come during one life, how long a fault point is waited for, and within
    /// what time everybody must have a final answer.
    const fn times(&self) -> (Duration, Duration, Duration) {
        match self {
            Self::Embedded => {
                (Duration::from_millis(600), Duration::from_secs(4), Duration::from_secs(120))
            }
            Self::Rocketmq(_) | Self::Split(_) => {
                (Duration::from_millis(2_500), Duration::from_secs(15), Duration::from_secs(400))
            }
        }
    }
}

/// Runs the round of a seed. Its folder, with database, log and plan, is removed when all is well.
///
/// # Errors
/// What is wrong, and where the folder is.
pub async fn round(seed: u64, ground: &Ground) -> Result<Round> {
    let mut folder = tempfile::Builder::new().prefix("seckill-crash-").tempdir()?;
    folder.disable_cleanup(true);
    let place: PathBuf = folder.path().to_owned();
    let plan = Plan::draw(seed, ground.mortal(seed));
    std::fs::write(place.join("plan"), format!("{plan:#?}\n"))?;
    let stage = Stage::new(plan, ground, folder)?;
    let done = Box::pin(stage.play()).await;
    let done = done.with_context(|| format!("seed {seed}; kept: {}", place.display()))?;
    std::fs::remove_dir_all(&place)?;
    Ok(done)
}

/// A round's daemon and its surroundings.
struct Stage {
    plan: Plan,
    folder: Arc<TempDir>,
    /// The options of the process that dies.
    options: Options,
    /// The options of the process that lives on, if there are two.
    companion: Option<Options>,
    /// The database of the process with the order role.
    orders: PathBuf,
    wire: Option<Arc<Proxy>>,
    gateway: String,
    arrival: Duration,
    patience: Duration,
    within: Duration,
}

/// The crowds under way.
struct Sale {
    crowds: Vec<(Crowd, JoinHandle<Result<Ledger>>)>,
    bystanders: JoinHandle<Result<usize>>,
    over: watch::Sender<bool>,
}

impl Stage {
    fn new(plan: Plan, ground: &Ground, folder: TempDir) -> Result<Self> {
        let [gateway, order] = [quiet_port(&[])?, quiet_port(&[])?];
        let [gateway, order] = [gateway, order].map(|port| format!("127.0.0.1:{port}"));
        let products: Vec<String> = plan
            .goods
            .iter()
            .map(|goods| {
                let (id, stock) = (&goods.prod_id, goods.stock);
                format!(r#"{{prod_id="{id}",prod_name="{id}",price="{PRICE}",stock={stock}}}"#)
            })
            .collect();
        let options = ground
            .options(plan.seed)
            .set("products", format!("[{}]", products.join(",")))
            .set("gateway.listen", gateway.clone())
            .set("order.listen", order.clone());
        let of_role = |role| options.clone().name(role).roles(&[role]);
        let gateway_alone =
            || of_role("gateway").set("gateway.order_url", format!("http://{order}"));
        let mortal = ground.mortal(plan.seed);
        let (options, companion) = match mortal {
            Mortal::Embedded | Mortal::Rocketmq => (options, None),
            Mortal::OrderNode => (of_role("order"), Some(gateway_alone())),
            Mortal::Gateway => (gateway_alone(), Some(of_role("order"))),
        };
        let orders = match (&companion, mortal) {
            (Some(order_node), Mortal::Gateway) => order_node,
            _ => &options,
        };
        let orders = orders.database(folder.path());
        let wire = ground.wired().map(|wired| Arc::clone(&wired.wire));
        let (arrival, patience, within) = ground.times();
        let (folder, gateway) = (Arc::new(folder), format!("http://{gateway}"));
        Ok(Self {
            plan,
            folder,
            options,
            companion,
            orders,
            wire,
            gateway,
            arrival,
            patience,
            within,
        })
    }

    async fn play(self) -> Result<Round> {
        let start = Instant::now();
        let mut companion = self.start_companion().await?;
        let sale = self.open();
        let weather = self.wire.clone().map(|wire| {
            AbortOnDrop(tokio::spawn(storms(Arc::clone(&wire), self.plan.storms.clone())))
        });
        let mut round = Round::default();
        for life in &self.plan.lives {
            let death = self.live(life, &sale).await.with_context(|| format!("{life:?}"))?;
            round.deaths.push(death);
            round.autopsies += usize::from(self.autopsy()?);
        }
        drop(weather);
        if let Some(wire) = &self.wire {
            wire.set(Weather::Clear);
        }
        let mut daemon = self.start(Until::Ready, "").await?;
        let mut told = Vec::new();
        for (crowd, running) in sale.crowds {
            let ledger = running.await.context("the crowd's task")??;
            std::fs::write(self.folder.path().join(&crowd.prod_id), format!("{ledger:#?}\n"))?;
            told.push((crowd, ledger));
        }
        sale.over.send_replace(true);
        round.bystanders = sale.bystanders.await.context("the bystanders' task")??;
        // Every answer must stand after one more death, without a word of warning.
        daemon.kill9()?;
        self.autopsy()?;
        let mut daemon = self.start(Until::Ready, "").await?;
        for (crowd, ledger) in told {
            (round.buyers, round.sold) =
                (round.buyers + ledger.buyers.len(), round.sold + crowd.placeable);
            Books::drained(&daemon.database(), DRAIN_MAX).await?;
            if let Some(companion) = &companion {
                Books::drained(&companion.database(), DRAIN_MAX).await?;
            }
            judge(&self.orders, crowd, &ledger).await?;
        }
        let books = Books::read(&self.orders)?;
        for phone in bystanders::phones() {
            ensure!(books.orders_of(&phone) == 0, "{phone}, a bystander, has an order");
        }
        ensure!(books.dead_letters == 0, "{} dead letters", books.dead_letters);
        let stopped = daemon.terminate().await?;
        ensure!(stopped.status.success(), "the last stop: {stopped:?}");
        if let Some(companion) = &mut companion {
            let stopped = companion.terminate().await?;
            ensure!(stopped.status.success(), "the companion's stop: {stopped:?}");
        }
        round.took = start.elapsed();
        Ok(round)
    }

    /// Lets the crowds in.
    fn open(&self) -> Sale {
        let lives = u32::try_from(self.plan.lives.len()).unwrap_or(1);
        let crowds = self.plan.goods.iter().map(|goods| {
            let crowd = Crowd {
                gateways: vec![self.gateway.clone()],
                prod_id: goods.prod_id.clone(),
                price: PRICE.to_owned(),
                first: 0,
                buyers: goods.buyers,
                arrive_over: self.arrival * lives,
                clicks: self.plan.clicks,
                connections: self.plan.connections,
                placeable: goods.buyers.min(goods.stock) as usize,
                within: self.within,
            };
            let running = tokio::spawn(crowd.clone().run(Arc::default()));
            (crowd, running)
        });
        let (over, is_over) = watch::channel(false);
        let prod_id = self.plan.goods.first().map(|goods| goods.prod_id.clone());
        let asking = bystanders::ask(self.gateway.clone(), prod_id.unwrap_or_default(), is_over);
        Sale { crowds: crowds.collect(), bystanders: tokio::spawn(asking), over }
    }

    async fn start_companion(&self) -> Result<Option<Daemon>> {
        let Some(options) = &self.companion else { return Ok(None) };
        // A gateway isn't ready before its order node is.
        let options = options.clone().until(Until::Listening);
        Ok(Some(Daemon::start_in(Arc::clone(&self.folder), options).await?))
    }

    async fn start(&self, until: Until, fault_points: &str) -> Result<Daemon> {
        let options = self.options.clone().until(until).fault_points(fault_points);
        Daemon::start_in(Arc::clone(&self.folder), options).await
    }

    /// Lives a life to its end; says how it was to end and whether it did.
    async fn live(&self, life: &Life, sale: &Sale) -> Result<(String, bool)> {
        match life {
            Life::Killed { after_ms } => {
                let mut daemon = self.start(Until::Spawned, "").await?;
                tokio::time::sleep(Duration::from_millis(*after_ms)).await;
                daemon.kill9()?;
                Ok(("killed at random".to_owned(), true))
            }
            Life::Dies(death) => {
                let daemon = self.start(Until::Spawned, &death.armed()).await?;
                self.dies(daemon, death, sale).await
            }
            Life::Stopped { after_ms, death } => {
                let daemon = self.start(Until::Ready, &death.armed()).await?;
                tokio::time::sleep(Duration::from_millis(*after_ms)).await;
                daemon.signal(rustix::process::Signal::TERM)?;
                self.dies(daemon, death, sale).await
            }
            Life::Drained { after_ms, killed_after_ms } => {
                self.drained(Duration::from_millis(*after_ms), *killed_after_ms).await
            }
        }
    }

    /// Waits until the daemon has died by itself; kills it when it doesn't.
    async fn dies(&self, mut daemon: Daemon, death: &Death, sale: &Sale) -> Result<(String, bool)> {
        let struck = tokio::select! {
            ended = daemon.ended_within(self.patience) => {
                ended.is_ok_and(|stopped| stopped.status.code().is_none())
            }
            () = sale_over(sale) => false,
        };
        let logs = daemon.logs()?;
        let is_armed = logs.is_empty() || logs.contains("this build has fault points");
        ensure!(is_armed, "this daemon has no fault points: cargo xtask e2e crash builds one");
        if !struck {
            // The daemon may have ended in order.
            let _ = daemon.kill9();
        }
        Ok((death.point.to_owned(), struck))
    }

    /// A drain that was stored must be in force in the next life, whichever process died in
    /// between.
    async fn drained(
        &self,
        after: Duration,
        killed_after_ms: Option<u64>,
    ) -> Result<(String, bool)> {
        let points = if killed_after_ms.is_none() { "switch-stored=return" } else { "" };
        let mut daemon = self.start(Until::Ready, points).await?;
        tokio::time::sleep(after).await;
        let drain = json!({"reason": "a crash round"});
        let drain = daemon.admin().command(Endpoint::Drain.pattern(), drain).await;
        let (how, struck) = match killed_after_ms {
            Some(after_ms) => {
                drain.as_ref().map_err(|error| anyhow::anyhow!("the drain: {error:#}"))?;
                tokio::time::sleep(Duration::from_millis(after_ms)).await;
                daemon.kill9()?;
                ("killed in a drain", true)
            }
            None => {
                let ended = daemon.ended_within(self.patience).await;
                ensure!(ended.is_ok(), "a drain that was to die: {drain:?}");
                ("switch-stored", true)
            }
        };
        self.autopsy()?;
        let mut daemon = self.start(Until::Ready, "").await?;
        let intake = daemon.admin().status().await?.controls.intake;
        ensure!(intake.is_some_and(|intake| intake.paused), "the drain is forgotten");
        let resumed = daemon.admin().post(Endpoint::ResumeIntake.pattern(), json!({})).await?;
        // Over a silent wire the command may take longer than its answer; it goes on.
        ensure!([200, 504].contains(&resumed.status), "the resume: {}", resumed.text());
        daemon.kill9()?;
        Ok((how.to_owned(), struck))
    }

    /// Judges the database of a dead daemon as it was left; false where there is none yet.
    fn autopsy(&self) -> Result<bool> {
        let Some(books) = Books::of_the_dead(&self.options.database(self.folder.path()))? else {
            return Ok(false);
        };
        let faults = books.faults();
        ensure!(faults.is_empty(), "left by a dead daemon:\n{}", faults.join("\n"));
        Ok(true)
    }
}

/// A task that ends with its owner.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Bad weather on the wire, over and over, until it is broken off.
async fn storms(wire: Arc<Proxy>, storms: Vec<Storm>) {
    for storm in storms.iter().cycle() {
        tokio::time::sleep(storm.clear).await;
        wire.set(storm.weather);
        tokio::time::sleep(storm.lasts).await;
        if storm.end == End::Reset {
            wire.reset();
        }
        wire.set(Weather::Clear);
    }
}

/// Ends when nobody buys any more: a fault point that hasn't struck by then will not.
async fn sale_over(sale: &Sale) {
    let over = until("the end of the sale", Duration::from_secs(3_600), || async {
        Ok(sale.crowds.iter().all(|(_, running)| running.is_finished()).then_some(()))
    });
    // Never in an hour: then the wait for the fault point ends first.
    let _ = over.await;
}
