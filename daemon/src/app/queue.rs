//! The queue of this process, whatever its kind: what stands around the one component. It has the
//! records of what becomes of orders, the report of the brokers' state, the lag's timer, and the
//! way back of dead letters that are resent.

use std::sync::Arc;
use std::time::Instant;

use domain::ports::notebook::Notes;
use domain::ports::{
    Account, Broker, BrokerWay, Cause, Consuming, Knowledge, LagReader, Pending, Producer, Queue,
    QueueHealth, Tried,
};
use instruments::signs_of_life::Pulse;
use store_sqlite::Store;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::sale_store::SaleStore;
use super::{StartError, rocketmq};
use crate::config::{Loaded, QueueKind, Role, Tunables};
use crate::observe::status::{Condition, Part, Record, Refuses, Status, Subject};
use crate::order::StoreDecider;
use crate::queue::consumer::{Consumption, Settings};
use crate::queue::embedded::EmbeddedQueue;
use crate::queue::recorded::{RecordedDecider, RecordedProducer};
use crate::queue::resent::WayBack;
use crate::tunable::Tunable;

/// The queue, with what is the same for every kind.
pub(super) struct QueueParts {
    queue: Arc<dyn Queue>,
    /// Dead letters that an operator resends come back by it; `None` without the order role.
    resent: Option<WayBack>,
    pulses: Pulses,
    records: Records,
    paused: watch::Sender<bool>,
}

/// The signs of life of what takes messages from the database.
#[derive(Default)]
struct Pulses {
    /// The embedded queue's consumer; `None` behind a broker.
    consumer: Option<Arc<Pulse>>,
    /// That of resent letters.
    resent: Arc<Pulse>,
}

/// The records of what becomes of orders on their way through the queue, and of what looks find.
#[derive(Clone)]
pub(super) struct Records {
    /// Writing to the database; on the embedded queue that is sending as well.
    pub(super) store: Arc<Record>,
    /// Sending.
    pub(super) sends: Arc<Record>,
    /// Placing.
    pub(super) placing: Arc<Record>,
}

impl Records {
    fn begin(loaded: &Loaded, status: &Status) -> Self {
        let begin = |part, what, refuses| status.record(Subject { part, what, refuses });
        let is_embedded = loaded.config.queue.kind == QueueKind::Embedded;
        let refuses = if is_embedded { Refuses::Everybody } else { Refuses::Nobody };
        let store = begin(Part::Store, "nothing can be stored", refuses);
        let sends = match is_embedded {
            true => Arc::clone(&store),
            false => begin(Part::Queue, "orders can't be sent", Refuses::Everybody),
        };
        let placing = begin(Part::Store, "orders can't be placed", Refuses::Nobody);
        Self { store, sends, placing }
    }

    /// Why nothing can be stored; `None` while it can.
    pub(super) fn nothing_stored(&self) -> Option<Cause> {
        self.store.failing().or_else(|| self.placing.failing())
    }
}

impl QueueParts {
    /// Opens the queue of the configured kind. One with brokers connects by itself.
    pub(super) fn open(
        loaded: &Loaded,
        tunables: &Tunables,
        (store, sale): (&Store, &SaleStore),
        status: &Arc<Status>,
    ) -> Result<Self, StartError> {
        let records = Records::begin(loaded, status);
        let consumption = |pulse: &Arc<Pulse>| Consumption {
            settings: settings(tunables),
            pulse: Arc::clone(pulse),
            record: Arc::clone(&records.placing),
        };
        let mut pulses = Pulses::default();
        let queue: Arc<dyn Queue> = match loaded.config.queue.kind {
            QueueKind::Embedded => {
                let pulse = pulses.consumer.insert(Arc::default());
                Arc::new(EmbeddedQueue::new(Arc::new(store.clone()), consumption(pulse)))
            }
            QueueKind::Rocketmq => {
                let notes: Arc<dyn Notes> = Arc::new(store.clone());
                rocketmq::open(loaded, &notes)?
            }
        };
        let decides = loaded.config.roles.contains(&Role::Order);
        let resent =
            decides.then(|| WayBack::new(Arc::clone(&sale.resent), consumption(&pulses.resent)));
        follow(&*queue, &loaded.config.roles, status);
        Ok(Self { queue, resent, pulses, records, paused: watch::Sender::new(false) })
    }

    /// The way into the queue, with a record of what becomes of what is sent.
    pub(super) fn producer(&self) -> Arc<dyn Producer> {
        let sends = Arc::clone(&self.records.sends);
        Arc::new(RecordedProducer::new(self.queue.producer(), sends))
    }

    /// Where outcomes are noted.
    pub(super) const fn records(&self) -> &Records {
        &self.records
    }

    /// Looks whether a cause is known for which sends must fail. `looks` does the same for the
    /// database.
    pub(super) fn look(&self) {
        let Some(broker) = self.queue.broker() else { return };
        let health = broker.health();
        let health = health.borrow();
        match health.degraded.is_empty() && health.producer_ready {
            true => self.records.sends.gone(),
            false => self.records.sends.still(),
        }
    }

    pub(super) fn lag_reader(&self) -> Arc<dyn LagReader> {
        self.queue.lag_reader()
    }

    /// Orders that an earlier run of this very gateway left in the queue or among the dead letters,
    /// where that can be known.
    pub(super) async fn undecided(&self) -> Result<Vec<Pending>, StartError> {
        Ok(self.queue.undecided().await?)
    }

    /// How much of what is undecided this process can know.
    pub(super) fn knowledge(&self) -> Knowledge {
        self.queue.knowledge()
    }

    /// Begins to consume; what is paused by then stays where it is.
    pub(super) fn start_consumer(&self, sale: &SaleStore, status: &Status) {
        let vitals = status.vitals();
        if let Some(pulse) = &self.pulses.consumer {
            vitals.watch("consumer", Arc::clone(pulse));
        }
        vitals.watch("consumer of resent dead letters", Arc::clone(&self.pulses.resent));
        let placing = Arc::clone(&self.records.placing);
        let decider = StoreDecider::new(Arc::clone(&sale.sale), Handle::current());
        let decider = Arc::new(RecordedDecider::new(decider, placing));
        let consuming = if *self.paused.borrow() { Consuming::Paused } else { Consuming::Running };
        // The way back comes first, here and below: it never waits for anybody.
        if let Some(resent) = &self.resent {
            resent.start(consuming);
        }
        self.queue.start_consumer(decider, consuming);
    }

    /// Whether consumption is paused.
    pub(super) fn paused(&self) -> watch::Receiver<bool> {
        self.paused.subscribe()
    }

    /// Pauses consumption or goes on with it; the batch under way is finished.
    pub(super) async fn set_consuming(&self, consuming: Consuming) {
        self.paused.send_replace(consuming == Consuming::Paused);
        if let Some(resent) = &self.resent {
            resent.set_consuming(consuming);
        }
        self.queue.set_consuming(consuming).await;
    }

    /// The lag of a queue that is in no database of ours; `None` on the embedded queue.
    pub(super) fn lag_elsewhere(&self) -> Option<Arc<dyn LagReader>> {
        self.queue.broker().map(|_| self.lag_reader())
    }

    /// The lag as it is shown, with the dead letters that were resent.
    pub(super) fn whole_lag(&self) -> Arc<dyn LagReader> {
        let queue = self.lag_reader();
        match &self.resent {
            Some(resent) => resent.with_lag_of(queue),
            None => queue,
        }
    }

    /// The way to the brokers; `None` on the embedded queue.
    pub(super) fn way(&self) -> Option<BrokerWay> {
        self.queue.broker().map(Broker::way)
    }

    /// Messages in the broker's own dead-letter topic; `None` on the embedded queue.
    pub(super) fn broker_dead_letters(&self) -> Option<Result<u64, Cause>> {
        self.queue.broker().map(Broker::dead_letters)
    }

    /// Who we are to the brokers at the moment; `None` on the embedded queue.
    pub(super) fn account(&self) -> Option<Arc<Account>> {
        self.queue.broker().map(Broker::account)
    }

    /// Has the brokers judge another account. `Some` is a note that no broker answered; the error
    /// is the sentence of a broker that refuses the account.
    pub(super) async fn try_account(&self, account: &Account) -> Result<Option<String>, String> {
        let Some(broker) = self.queue.broker() else { return Ok(None) };
        match broker.try_account(account).await {
            Tried::Taken => Ok(None),
            Tried::Refused(sentence) => Err(sentence),
            Tried::Unanswered => {
                let name = broker.name();
                Ok(Some(format!(
                    "no {name} broker answered in time, so whether it takes the new keys is not \
                     known"
                )))
            }
        }
    }

    /// Uses this account towards the brokers from now on.
    pub(super) fn change_account(&self, account: Account) {
        if let Some(broker) = self.queue.broker() {
            broker.change_account(account);
        }
    }

    /// Ends each consumer after the batch it is at.
    pub(super) async fn stop_consuming(&self) {
        if let Some(resent) = &self.resent {
            resent.stop().await;
        }
        self.queue.stop_consuming().await;
    }

    /// Leaves the queue. Nothing can be published or consumed afterwards.
    pub(super) async fn shutdown(&self) {
        // A queue logs by itself what it couldn't end.
        self.queue.shutdown().await;
    }
}

fn settings(tunables: &Tunables) -> Settings {
    Settings {
        batch_max: tunables.order.batch_max.clone(),
        deliveries_max: tunables.order.deliveries_max.clone(),
        redelivery_after_ms: tunables.order.redelivery_after_ms.clone(),
        redelivery_after_ms_max: tunables.order.redelivery_after_ms_max.clone(),
    }
}

/// Reports the state of the way to the brokers, now and with each change. The task ends by itself
/// when the queue, which owns the sending end, is gone.
fn follow(queue: &dyn Queue, roles: &[Role], status: &Arc<Status>) {
    let Some(broker) = queue.broker() else { return };
    let (name, mut health) = (broker.name(), broker.health());
    let (roles, status) = (roles.to_vec(), Arc::clone(status));
    status.report(Part::Queue, condition(name, &health.borrow_and_update(), &roles));
    tokio::spawn(async move {
        while health.changed().await.is_ok() {
            let condition = condition(name, &health.borrow_and_update(), &roles);
            status.report(Part::Queue, condition);
        }
    });
}

/// What the state of the way means to the roles of this process.
fn condition(name: &str, health: &QueueHealth, roles: &[Role]) -> Condition {
    let mut degraded = health.degraded.clone();
    if degraded.is_empty() && roles.contains(&Role::Gateway) && !health.producer_ready {
        degraded.push(format!("connecting to {name}: nothing can be sent yet"));
    }
    // Only without the gateway role. With it, the consumer may be waiting for a topic that the
    // first order makes, and "degraded" could keep that very order away.
    if degraded.is_empty() && !roles.contains(&Role::Gateway) && *health == QueueHealth::default() {
        degraded.push(format!("connecting to {name}: nothing is consumed yet"));
    }
    Condition { degraded, warnings: health.warnings.clone(), ..Condition::default() }
}

/// Reads the lag for the first time, so that the first line for the service manager has it. Only on
/// the embedded queue, where the database answers at once: READY waits for no broker.
pub(super) async fn first_lag(lag: &dyn LagReader, knowledge: Knowledge, status: &Status) {
    if knowledge == Knowledge::Whole {
        let begun = Instant::now();
        status.note_lag(begun, lag.read_lag().await);
    }
}

/// Reads the lag on a timer and notes it, until cancelled.
pub(super) async fn watch_lag(
    lag: Arc<dyn LagReader>,
    every: Tunable,
    status: Arc<Status>,
    cancel: CancellationToken,
) {
    let reading = async {
        loop {
            let begun = Instant::now();
            status.note_lag(begun, lag.read_lag().await);
            tokio::time::sleep(every.milliseconds()).await;
        }
    };
    cancel.run_until_cancelled(reading).await;
}
