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
//! component.rs      the whole behind the queue's and the brokers' traits
//! view.rs           what the admin views show beside the lag
//! refusal.rs        signs, and keeps what a broker says of a refused send
//! queues.rs         each queue of a topic, whether it may be read or not
//! searches.rs       queues that a topic had before, looked for meanwhile
//! known_brokers.rs  which brokers ever had orders, over restarts
//! offsets.rs        pure: whether somebody else moved what is consumed
//! made_anew.rs      whether a topic was deleted and made again
//! moves.rs          what is logged and shown of such a move
//! offset_notes.rs   what one process leaves to the next of its offsets
//! note.rs           where the notes on brokers and offsets are kept
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
mod component;
mod consumer;
mod delivery;
mod examine;
mod health;
mod keeper;
mod known_brokers;
mod lag;
mod made_anew;
mod moves;
mod note;
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
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use delivery::{BODY_BYTES_MAX, inflated};
use domain::ports::notebook::Notes;
use domain::ports::{
    Blame, BoxFuture, Cause, Consuming, Credentials, Decider, Delivery, Lag, LagReader, Outgoing,
    Producer, Published, QueueLag,
};
pub use examine::{Examination, examine};
pub use settings::Settings;

use client::Clients;
use consumer::RunningConsumer;
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
    decider: Option<Arc<dyn Decider>>,
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
                decider: None,
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

    /// Keeps there, from the first reading of the lag on, which brokers have orders and how far the
    /// orders are consumed.
    pub fn keep_notes_in(&self, notes: &Arc<dyn Notes>) {
        self.lag.keep_notes_in(notes);
    }

    /// Waits for a consumer that is just being started or replaced, too.
    async fn end_consumer(&self) {
        self.shared.wants().decider = None;
        let consumer = self.shared.consumer.lock().await.take();
        self.shared.health.consumer(Running::No);
        if let Some(consumer) = consumer {
            // Boxed here and wherever the client's futures begin: they nest too deep for ours.
            Box::pin(consumer.stop()).await;
            self.lag.leave().await;
        }
    }

    /// Ends everything in the order that keeps offsets and results: consumer, producer, the
    /// clients' runtime, the runtime's owner.
    async fn end(&self) {
        self.shared.stop.cancel();
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(keeper) = keeper {
            let _ = keeper.await;
        }
        self.end_consumer().await;
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
        queues::queue_name(broker, &self.clients.names.topic, number)
    }

    fn tell_consuming(&self) {
        let running = match self.wants().consuming {
            Consuming::Running => Running::Yes,
            Consuming::Paused => Running::No,
        };
        self.health.consumer(running);
    }
}
