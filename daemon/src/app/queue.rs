//! The queue of this process, by its configured kind: one set of parts for the roles to use.

use std::sync::Arc;
use std::time::Instant;

use domain::ports::Account;
use domain::ports::Pending;
use domain::ports::{BoxFuture, Cause, Consuming, Lag, LagReader, Producer, QueueLag};
use instruments::vitals::Pulse;
use protocol::RocketmqView;
#[cfg(feature = "rocketmq")]
use queue_rocketmq::{Health, RocketmqQueue, Tried};
use store_sqlite::Store;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::StartError;
#[cfg(feature = "rocketmq")]
use super::broker_notes::StoredNotes;
use crate::config::{Config, Loaded, QueueKind, Role, Tunables};
#[cfg(feature = "rocketmq")]
use crate::observe::status::Condition;
use crate::observe::status::{Part, Record, Refuses, Status, Subject};
use crate::queue::embedded::EmbeddedQueue;
use crate::queue::embedded::consumer;
#[cfg(feature = "rocketmq")]
use crate::queue::recorded::RecordedPlacer;
use crate::queue::recorded::RecordedProducer;
use crate::tunable::Tunable;

/// How much of what is undecided this process can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Knowledge {
    /// All of it: the queue is in this process.
    Whole,
    /// What came through this process since its start: an earlier run or another gateway may have
    /// left more in the broker.
    #[cfg_attr(
        not(feature = "rocketmq"),
        expect(dead_code, reason = "the embedded queue is whole")
    )]
    Partial,
}

/// The queue and its consumer.
pub(super) struct QueueParts {
    kind: Kind,
    records: Records,
    paused: watch::Sender<bool>,
    consumer: Mutex<Option<(JoinHandle<()>, CancellationToken)>>,
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

enum Kind {
    Embedded(EmbeddedQueue),
    #[cfg(feature = "rocketmq")]
    Rocketmq(Arc<RocketmqQueue>),
}

impl QueueParts {
    pub(super) fn open(
        loaded: &Loaded,
        store: &Store,
        status: &Arc<Status>,
    ) -> Result<Self, StartError> {
        let records = Records::begin(loaded, status);
        let kind = match loaded.config.queue.kind {
            QueueKind::Embedded => Kind::Embedded(EmbeddedQueue::new(store.clone())),
            QueueKind::Rocketmq => open_rocketmq(loaded, store, status)?,
        };
        Ok(Self { kind, records, paused: watch::Sender::new(false), consumer: Mutex::default() })
    }

    pub(super) fn producer(&self) -> Arc<dyn Producer> {
        let producer: Arc<dyn Producer> = match &self.kind {
            Kind::Embedded(queue) => Arc::new(queue.clone()),
            #[cfg(feature = "rocketmq")]
            Kind::Rocketmq(queue) => queue.producer(),
        };
        Arc::new(RecordedProducer::new(producer, Arc::clone(&self.records.sends)))
    }

    /// Where outcomes are noted.
    pub(super) const fn records(&self) -> &Records {
        &self.records
    }

    /// Looks whether a cause is known for which sends must fail. `looks` does the same for the
    /// database.
    pub(super) fn look(&self) {
        match &self.kind {
            Kind::Embedded(_) => {}
            #[cfg(feature = "rocketmq")]
            Kind::Rocketmq(queue) => {
                let health = queue.health();
                let health = health.borrow();
                match health.degraded.is_empty() && health.producer_ready {
                    true => self.records.sends.gone(),
                    false => self.records.sends.still(),
                }
            }
        }
    }

    pub(super) fn lag_reader(&self) -> Arc<dyn LagReader> {
        match &self.kind {
            Kind::Embedded(queue) => Arc::new(queue.clone()),
            #[cfg(feature = "rocketmq")]
            Kind::Rocketmq(queue) => queue.lag_reader(),
        }
    }

    /// Orders that an earlier run of this very gateway left in the queue or among the dead letters,
    /// where that can be known.
    pub(super) async fn undecided(&self, store: &Store) -> Result<Vec<Pending>, StartError> {
        match &self.kind {
            Kind::Embedded(_) => Ok(store.undecided().await?),
            #[cfg(feature = "rocketmq")]
            Kind::Rocketmq(_) => Ok(Vec::new()),
        }
    }

    /// How much of what is undecided this process can know.
    pub(super) const fn knowledge(&self) -> Knowledge {
        match self.kind {
            Kind::Embedded(_) => Knowledge::Whole,
            #[cfg(feature = "rocketmq")]
            Kind::Rocketmq(_) => Knowledge::Partial,
        }
    }

    /// Begins to consume; what is paused by then stays where it is.
    ///
    /// Behind a broker, too, the database's own queue is consumed: dead letters that an operator
    /// resends come by it. They were delivered once, and must not go to other consumers of the
    /// topic.
    pub(super) async fn start_consumer(&self, tunables: &Tunables, store: &Store, status: &Status) {
        let settings = consumer::Settings {
            batch_max: tunables.order.batch_max.clone(),
            deliveries_max: tunables.order.deliveries_max.clone(),
            redelivery_after_ms: tunables.order.redelivery_after_ms.clone(),
            redelivery_after_ms_max: tunables.order.redelivery_after_ms_max.clone(),
        };
        let paused = self.paused.subscribe();
        #[cfg(feature = "rocketmq")]
        if let Kind::Rocketmq(queue) = &self.kind {
            let placer = crate::order::StorePlacer::new(
                Arc::new(store.clone()),
                tokio::runtime::Handle::current(),
            );
            let placer = RecordedPlacer::new(placer, Arc::clone(&self.records.placing));
            let is_paused = *paused.borrow();
            let consuming = if is_paused { Consuming::Paused } else { Consuming::Running };
            queue.start_consumer(Arc::new(placer), consuming);
        }
        let cancel = CancellationToken::new();
        let pulse = Arc::<Pulse>::default();
        status.vitals().watch("consumer", Arc::clone(&pulse));
        let record = Arc::clone(&self.records.placing);
        let consuming =
            consumer::run(store.clone(), settings, paused, cancel.clone(), pulse, record);
        let task = tokio::spawn(consuming);
        let mut consumer = self.consumer.lock().await;
        *consumer = Some((task, cancel));
        self.let_past(&consumer);
    }

    /// Lets orders past the embedded queue while its consumer runs and isn't paused.
    fn let_past(&self, consumer: &Option<(JoinHandle<()>, CancellationToken)>) {
        let consuming = match consumer.is_none() || *self.paused.borrow() {
            true => Consuming::Paused,
            false => Consuming::Running,
        };
        match &self.kind {
            Kind::Embedded(queue) => queue.set_consuming(consuming),
            #[cfg(feature = "rocketmq")]
            Kind::Rocketmq(_) => {}
        }
    }

    /// Whether consumption is paused.
    pub(super) fn paused(&self) -> watch::Receiver<bool> {
        self.paused.subscribe()
    }

    /// Pauses consumption or goes on with it; the batch under way is finished.
    pub(super) async fn set_consuming(&self, consuming: Consuming) {
        self.paused.send_replace(consuming == Consuming::Paused);
        self.let_past(&*self.consumer.lock().await);
        #[cfg(feature = "rocketmq")]
        if let Kind::Rocketmq(queue) = &self.kind {
            queue.set_consuming(consuming).await;
        }
    }

    /// The lag of a queue that is in no database of ours; `None` on the embedded queue.
    pub(super) fn broker(&self, config: &Config) -> Option<Arc<dyn LagReader>> {
        (config.queue.kind != QueueKind::Embedded).then(|| self.lag_reader())
    }

    /// The lag as it is shown: behind a broker, with the dead letters that were resent.
    pub(super) fn whole_lag(&self, config: &Config, store: &Store) -> Arc<dyn LagReader> {
        let queue = self.lag_reader();
        if config.queue.kind == QueueKind::Embedded || !config.roles.contains(&Role::Order) {
            return queue;
        }
        Arc::new(WithResent { queue, store: store.clone() })
    }

    /// The way to RocketMQ; `None` on the embedded queue.
    pub(super) fn rocketmq_view(&self) -> Option<RocketmqView> {
        match &self.kind {
            Kind::Embedded(_) => None,
            #[cfg(feature = "rocketmq")]
            Kind::Rocketmq(queue) => Some(queue.view()),
        }
    }

    /// Messages in the broker's own dead-letter topic; `None` on the embedded queue.
    pub(super) fn broker_dead_letters(&self) -> Option<Result<u64, Cause>> {
        match &self.kind {
            Kind::Embedded(_) => None,
            #[cfg(feature = "rocketmq")]
            Kind::Rocketmq(queue) => Some(queue.broker_dead_letters()),
        }
    }

    /// Who we are to the brokers at the moment; `None` on the embedded queue.
    pub(super) fn account(&self) -> Option<Arc<Account>> {
        match &self.kind {
            Kind::Embedded(_) => None,
            #[cfg(feature = "rocketmq")]
            Kind::Rocketmq(queue) => Some(queue.account()),
        }
    }

    /// Has the brokers judge another account. `Some` is a note that no broker answered; the error
    /// is the sentence of a broker that refuses the account.
    #[cfg_attr(
        not(feature = "rocketmq"),
        expect(clippy::unused_async, unused_variables, reason = "the embedded queue has none")
    )]
    pub(super) async fn try_account(&self, account: &Account) -> Result<Option<String>, String> {
        match &self.kind {
            Kind::Embedded(_) => Ok(None),
            #[cfg(feature = "rocketmq")]
            Kind::Rocketmq(queue) => match queue.try_account(account).await {
                Tried::Taken => Ok(None),
                Tried::Refused(sentence) => Err(sentence),
                Tried::Unanswered => Ok(Some(
                    "no RocketMQ broker answered in time, so whether it takes the new keys is not \
                     known"
                        .to_owned(),
                )),
            },
        }
    }

    /// Uses this account towards the brokers from now on.
    #[cfg_attr(
        not(feature = "rocketmq"),
        expect(
            unused_variables,
            clippy::needless_pass_by_value,
            reason = "the embedded queue has none"
        )
    )]
    pub(super) fn change_account(&self, account: Account) {
        match &self.kind {
            Kind::Embedded(_) => {}
            #[cfg(feature = "rocketmq")]
            Kind::Rocketmq(queue) => queue.change_account(account),
        }
    }

    /// Ends the consumer after the batch it is at.
    pub(super) async fn stop_consuming(&self) {
        let mut consumer = self.consumer.lock().await;
        let running = consumer.take();
        self.let_past(&consumer);
        drop(consumer);
        if let Some((task, cancel)) = running {
            cancel.cancel();
            if task.await.is_err() {
                warn!("the consumer ended in disorder");
            }
        }
        #[cfg(feature = "rocketmq")]
        if let Kind::Rocketmq(queue) = &self.kind {
            queue.stop_consuming().await;
        }
    }

    /// Leaves the broker. Nothing can be published or consumed afterwards.
    pub(super) async fn shutdown(&self) {
        match &self.kind {
            Kind::Embedded(_) => {}
            #[cfg(feature = "rocketmq")]
            Kind::Rocketmq(queue) => {
                // It logs by itself what it couldn't end.
                queue.shutdown().await;
            }
        }
    }
}

/// The lag of a broker's queue together with the dead letters that wait to be placed again.
struct WithResent {
    queue: Arc<dyn LagReader>,
    store: Store,
}

impl LagReader for WithResent {
    fn read_lag(&self) -> BoxFuture<'_, Result<Lag, Cause>> {
        Box::pin(async move {
            let mut lag = self.queue.read_lag().await?;
            let resent = self.store.embedded_lag().await?;
            if 0 < resent.messages {
                lag.messages += resent.messages;
                lag.oldest_age_ms = lag.oldest_age_ms.max(resent.oldest_age_ms);
                let name = "resent dead letters".to_owned();
                lag.queues.extend(
                    resent.queues.into_iter().map(|queue| QueueLag { name: name.clone(), ..queue }),
                );
            }
            Ok(lag)
        })
    }
}

#[cfg(feature = "rocketmq")]
fn open_rocketmq(loaded: &Loaded, store: &Store, status: &Arc<Status>) -> Result<Kind, StartError> {
    let credentials = loaded.credentials()?;
    let settings = &loaded.config.rocketmq;
    let queue = RocketmqQueue::open(&settings.into(), credentials).map_err(StartError::Queue)?;
    queue.keep_brokers_in(Arc::new(StoredNotes::brokers(store, settings)));
    queue.keep_consumed_in(Arc::new(StoredNotes::consumed(store, settings)));
    let (mut health, status) = (queue.health(), Arc::clone(status));
    let roles = loaded.config.roles.clone();
    // Until the first report comes, the empty one stands for it: connecting.
    status.report(Part::Queue, condition(&Health::default(), &roles));
    // Ends by itself when the queue, which owns the sending end, is gone.
    tokio::spawn(async move {
        loop {
            let condition = condition(&health.borrow_and_update(), &roles);
            status.report(Part::Queue, condition);
            if health.changed().await.is_err() {
                return;
            }
        }
    });
    Ok(Kind::Rocketmq(queue))
}

/// What the queue's health means to the roles of this process.
#[cfg(feature = "rocketmq")]
fn condition(health: &Health, roles: &[Role]) -> Condition {
    let mut degraded = health.degraded.clone();
    if degraded.is_empty() && roles.contains(&Role::Gateway) && !health.producer_ready {
        degraded.push("connecting to RocketMQ: nothing can be sent yet".to_owned());
    }
    // Only without the gateway role. With it, the consumer may be waiting for a topic that the
    // first order makes, and "degraded" could keep that very order away.
    if degraded.is_empty() && !roles.contains(&Role::Gateway) && *health == Health::default() {
        degraded.push("connecting to RocketMQ: nothing is consumed yet".to_owned());
    }
    Condition { degraded, warnings: health.warnings.clone(), ..Condition::default() }
}

#[cfg(not(feature = "rocketmq"))]
fn open_rocketmq(_: &Loaded, _: &Store, _: &Arc<Status>) -> Result<Kind, StartError> {
    // `config::validate` has refused this already, with the key and its source.
    let why = "this build lacks the cargo feature `rocketmq`".to_owned();
    Err(StartError::Queue(Cause(why)))
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
