//! A real Apache RocketMQ behind the queue's traits: producer, lag reader, consumer, and the keeper
//! in the background that connects them, finds faults before buyers do, and brings everything back
//! after an outage. Owns the clients' runtime. Knows nothing of orders beyond their messages.
//!
//! ```text
//! client.rs         builds clients (signing, TLS, namespace, the runtime with its widened lane)
//! requests.rs       single requests: routes, offsets, who consumes, making the topic
//! port_watch.rs     watches the ports of name servers and brokers
//! probe.rs          says what is wrong, in sentences
//! keeper.rs         the background task: probes, makes, replaces
//! producer.rs, consumer.rs, lag.rs   behind the traits
//! classify.rs       pure: definite or unknown
//! delivery.rs       pure: message to delivery
//! answers.rs        pure: what brokers' answers mean
//! access.rs         pure: what brokers close
//! view.rs           what the admin views show beside the lag
//! refusal.rs        signs, and keeps what a broker says of a refused send
//! queues.rs         each queue of a topic, whether it may be read or not
//! searches.rs       queues that a topic had before, looked for meanwhile
//! known_brokers.rs  which brokers ever had orders, over restarts
//! offsets.rs        pure: whether somebody else moved what is consumed
//! moves.rs          what is logged and shown of such a move
//! offset_notes.rs   what one process leaves to the next of its offsets
//! queue_share.rs    pure: which queues are this consumer's
//! signer.rs         the account, whose keys may change
//! account_trial.rs  whether brokers take another account
//! examine.rs        doctor's look at all of it, line by line
//!                   (permissions.rs, round_trip.rs, broker_clock.rs)
//! ```

mod access;
mod account_trial;
mod answers;
mod broker_clock;
mod classify;
mod client;
mod consumer;
mod delivery;
mod examine;
mod health;
mod keeper;
mod known_brokers;
mod lag;
mod moves;
mod offset_notes;
mod offsets;
mod permissions;
mod port_watch;
mod probe;
mod producer;
mod queue_share;
mod queues;
mod refusal;
mod requests;
mod round_trip;
mod searches;
mod settings;
mod signer;
mod view;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use account_trial::Tried;
pub use delivery::{BODY_BYTES_MAX, inflated};
use domain::ports::{
    Blame, BoxFuture, Cause, Consuming, Credentials, Delivery, Lag, LagReader, Outgoing, Placer,
    Producer, Published, QueueLag,
};
pub use examine::{Examination, examine};
pub use health::Health;
pub use known_brokers::BrokerNotes;
pub use settings::Settings;

use client::Clients;
use consumer::RunningConsumer;
use domain::ports::Account;
use health::{HealthBoard, Running};
use keeper::LinkKeeper;
use lag::RocketmqLag;
use producer::{ProducerSlot, RocketmqProducer};
use requests::Requests;

/// How long the connection for single requests may take to close.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// How long the whole stop may take. Its parts have limits of their own that add up to less, so
/// that the last parts still come to their end when the broker is silent.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// The queue: one per process.
pub struct RocketmqQueue {
    shared: Arc<Shared>,
    producer: Arc<RocketmqProducer>,
    lag: Arc<RocketmqLag>,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

/// What the parts share.
struct Shared {
    clients: Clients,
    health: HealthBoard,
    producer: ProducerSlot,
    requests: ArcSwapOption<Requests>,
    consumer: tokio::sync::Mutex<Option<RunningConsumer>>,
    wants: Mutex<Wants>,
    /// Orders that lie where nobody may read.
    shut: access::ShutBoard,
    /// Orders that somebody passed over, in sentences.
    skipped: Mutex<Vec<String>>,
    /// Brokers with orders that are out of sight, in sentences.
    missing: Mutex<Vec<String>>,
    /// Queues that were made again, by the broker's address and their number: what was committed
    /// for them says nothing of what they hold.
    anew: Mutex<BTreeSet<(String, u32)>>,
    /// Someone met a connection that doesn't work.
    suspected: AtomicBool,
    /// The account is another one.
    account_changed: AtomicBool,
    /// What the views show, as it was seen last.
    seen: view::SeenBoard,
    /// Wakes the keeper.
    wake: Notify,
    stop: CancellationToken,
}

/// What was asked for.
struct Wants {
    producer: bool,
    placer: Option<Arc<dyn Placer>>,
    consuming: Consuming,
}

impl RocketmqQueue {
    /// Prepares the queue and starts to connect in the background: a broker that is away is no
    /// error. Call it on a tokio runtime.
    ///
    /// # Errors
    /// The client's own runtime can't be started.
    pub fn open(settings: &Settings, credentials: Option<Credentials>) -> Result<Arc<Self>, Cause> {
        let shared = Arc::new(Shared {
            clients: Clients::new(settings.clone(), credentials)?,
            health: HealthBoard::new(),
            producer: ProducerSlot::new(),
            requests: ArcSwapOption::empty(),
            consumer: tokio::sync::Mutex::new(None),
            wants: Mutex::new(Wants {
                producer: false,
                placer: None,
                consuming: Consuming::Running,
            }),
            shut: access::ShutBoard::default(),
            skipped: Mutex::default(),
            missing: Mutex::default(),
            anew: Mutex::default(),
            suspected: AtomicBool::new(false),
            account_changed: AtomicBool::new(false),
            seen: view::SeenBoard::default(),
            wake: Notify::new(),
            stop: CancellationToken::new(),
        });
        let keeper = tokio::spawn(LinkKeeper::new(shared.clone()).run());
        // Ends with `stop`; nobody waits for it, as it only reads.
        tokio::spawn(view::watch(shared.clone()));
        Ok(Arc::new(Self {
            producer: Arc::new(RocketmqProducer::new(shared.clone())),
            lag: Arc::new(RocketmqLag::new(shared.clone())),
            keeper: Mutex::new(Some(keeper)),
            shared,
        }))
    }

    /// The producer; it connects in the background from the first call on.
    #[must_use]
    pub fn producer(&self) -> Arc<dyn Producer> {
        self.shared.wants().producer = true;
        self.shared.wake.notify_one();
        self.producer.clone()
    }

    /// Keeps there, from the first reading of the lag on, which brokers have orders.
    pub fn keep_brokers_in(&self, notes: Arc<dyn BrokerNotes>) {
        self.lag.keep_brokers_in(notes);
    }

    /// Keeps there, from the first reading of the lag on, how far the orders are consumed.
    pub fn keep_consumed_in(&self, notes: Arc<dyn BrokerNotes>) {
        self.lag.keep_consumed_in(notes);
    }

    /// The reader of the lag.
    #[must_use]
    pub fn lag_reader(&self) -> Arc<dyn LagReader> {
        self.lag.clone()
    }

    /// Consumes in the background from now on: as soon as broker and topic are there, and again
    /// after each outage. `consuming` says whether deliveries come at once (pauses survive a
    /// restart).
    pub fn start_consumer(&self, placer: Arc<dyn Placer>, consuming: Consuming) {
        let mut wants = self.shared.wants();
        wants.placer = Some(placer);
        wants.consuming = consuming;
        self.shared.wake.notify_one();
    }

    /// Pauses consumption or goes on with it. A pause takes hold at once; deliveries that the
    /// client had fetched wait in memory (at most about a thousand per queue) and are never given
    /// back.
    pub async fn set_consuming(&self, consuming: Consuming) {
        self.shared.wants().consuming = consuming;
        if let Some(consumer) = self.shared.consumer.lock().await.as_ref() {
            consumer.set(consuming);
            self.shared.tell_consuming();
        }
    }

    /// Follows the state of the queue.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.shared.health.subscribe()
    }

    /// Who we are to the brokers at the moment.
    #[must_use]
    pub fn account(&self) -> Arc<Account> {
        self.shared.clients.account()
    }

    /// Asks the brokers whether they take another account; nothing is changed.
    pub async fn try_account(&self, account: &Account) -> Tried {
        let consumes = match self.shared.wants().placer {
            Some(_) => probe::Consumes::Yes,
            None => probe::Consumes::No,
        };
        Box::pin(account_trial::try_account(&self.shared.clients, account, consumes)).await
    }

    /// Changes the account: every request from now on is signed with its keys, on the connections
    /// that are there. What the brokers make of it is looked at now.
    pub fn change_account(&self, account: Account) {
        self.shared.clients.change_account(account);
        self.shared.account_changed.store(true, Ordering::Release);
        self.shared.wake.notify_one();
    }

    /// Ends consuming: finishes the batches that are being placed and keeps their offsets. Bounded.
    pub async fn stop_consuming(&self) {
        self.shared.wants().placer = None;
        // Waits for a consumer that is just being started or replaced, too.
        let consumer = self.shared.consumer.lock().await.take();
        self.shared.health.consumer(Running::No);
        if let Some(consumer) = consumer {
            // Boxed here and wherever the client's futures begin: they nest too deep for ours.
            Box::pin(consumer.stop()).await;
            self.lag.leave().await;
        }
    }

    /// Ends everything in the order that keeps offsets and results: consumer, producer, the
    /// clients' runtime, the runtime's owner. Takes 10 s at most; returns whether it ended in that
    /// time.
    pub async fn shutdown(&self) -> bool {
        let ended = tokio::time::timeout(SHUTDOWN_TIMEOUT, Box::pin(self.end())).await.is_ok();
        if !ended {
            tracing::warn!(target: "seckilld::queue", "RocketMQ's clients didn't end in time");
        }
        ended
    }

    async fn end(&self) {
        self.shared.stop.cancel();
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(keeper) = keeper {
            let _ = keeper.await;
        }
        self.stop_consuming().await;
        self.shared.producer.set_unready(Cause("stopping".to_owned()));
        Box::pin(producer::end_producer(self.shared.producer.swap(None))).await;
        if let Some(requests) = self.shared.requests.swap(None) {
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, Box::pin(requests.close())).await;
        }
        Box::pin(self.shared.clients.shutdown()).await;
    }
}

impl Drop for RocketmqQueue {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

impl Shared {
    fn wants(&self) -> MutexGuard<'_, Wants> {
        self.wants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the keeper look at the way to the broker now.
    fn suspect(&self) {
        self.suspected.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Has the keeper look soon: something may have changed, and no connection is in doubt.
    fn look(&self) {
        self.wake.notify_one();
    }

    /// Notes which orders somebody passed over.
    fn note_skipped(&self, now: Vec<String>) {
        self.note_in(&self.skipped, now);
    }

    /// Notes which brokers are missing.
    fn note_missing(&self, now: Vec<String>) {
        self.note_in(&self.missing, now);
    }

    fn note_in(&self, board: &Mutex<Vec<String>>, now: Vec<String>) {
        let mut before = board.lock().unwrap_or_else(PoisonError::into_inner);
        if *before != now {
            *before = now;
            self.look();
        }
    }

    /// Has the keeper set back what was committed for these queues.
    fn note_anew(&self, queues: Vec<(String, u32)>) {
        self.anew.lock().unwrap_or_else(PoisonError::into_inner).extend(queues);
        self.look();
    }

    fn take_anew(&self) -> BTreeSet<(String, u32)> {
        std::mem::take(&mut *self.anew.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What readings of the lag show beside it.
    fn noted(&self) -> Vec<String> {
        let noted = |board: &Mutex<Vec<String>>| {
            board.lock().unwrap_or_else(PoisonError::into_inner).clone()
        };
        [noted(&self.missing), noted(&self.skipped)].concat()
    }

    /// A broker for words: its name where the address is known, and the address.
    fn named(&self, address: &str) -> String {
        view::named(self, address)
    }

    /// A queue of the orders' topic, named as the lag names it.
    fn queue_named(&self, address: &str, number: u32) -> String {
        let broker = view::name_of(self, address).unwrap_or_else(|| address.to_owned());
        format!("{broker}/{}/{number}", self.clients.names.topic)
    }

    fn tell_consuming(&self) {
        let running = match self.wants().consuming {
            Consuming::Running => Running::Yes,
            Consuming::Paused => Running::No,
        };
        self.health.consumer(running);
    }
}
