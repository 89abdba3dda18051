//! The background task that keeps producer and consumer connected: probes until all is well, makes
//! what was asked for, and after an outage puts fresh clients in the place of those whose circuit
//! breaker would refuse for half a minute more.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rocketmq_client_rust::ClientError;
use tokio::sync::watch;
use tokio::time::Instant;

use super::access::Closed;
use super::classify::Facts;
use super::consumer::RunningConsumer;
use super::port_watch::{Port, PortWatch, Ports};
use super::probe::{AtWork, Consumes, Found, Obstacle, Topic, probe, takes_any_secret};
use super::producer::end_producer;
use super::requests::Requests;
use super::{Cause, Running, Shared};

/// Waits between two probes while something is wrong: doubling from the one to the other.
const PROBE_AFTER_MIN: Duration = Duration::from_millis(250);
const PROBE_AFTER_MAX: Duration = Duration::from_secs(5);
/// While nobody is needed (a broker that is starting, a topic that will appear) the wait stops
/// here: an order must not wait 5 s because we do.
const PROBE_AFTER_MAX_UNATTENDED: Duration = Duration::from_millis(500);
/// Waits between two probes while all is well: who else consumes, brokers that came or went.
const PROBE_AFTER_WELL: Duration = Duration::from_secs(30);
/// While a broker closes something to everybody: a person who opens it again waits for the effect.
const PROBE_AFTER_CLOSED: Duration = Duration::from_secs(1);
/// Between two probes while something is under way that takes a moment.
const SETTLING: Duration = Duration::from_millis(100);
/// A producer behind which the ports answer isn't replaced more often than this.
const RENEW_AFTER: Duration = Duration::from_secs(1);
/// After this a replaced connection for single requests is closed, with requests on it or without.
const CLOSE_AFTER: Duration = Duration::from_secs(6);
/// How long it may take to make the consumer known again: one hello that waits for its time-out may
/// be under way already.
const REGISTER_TIMEOUT: Duration = Duration::from_secs(4);
/// Offsets of queues that were made again aren't set back more often than this.
const SET_BACK_AFTER: Duration = Duration::from_secs(10);

/// Which clients have a connection that can't be trusted any more.
#[derive(Debug, Clone, Copy, Default)]
struct Stale {
    requests: bool,
    producer: bool,
    consumer: bool,
    /// A broker was silent: it may know nothing of the consumer any more, or know it twice
    /// (queue_share.rs), and the consumer's last look at its queues may have failed.
    registration: bool,
}

pub(super) struct LinkKeeper {
    shared: Arc<Shared>,
    port_watch: PortWatch,
    ports: watch::Receiver<Ports>,
    stale: Stale,
    /// How often the brokers' and the name servers' ports had come back when it was last dealt
    /// with.
    broker_returns: u64,
    name_server_returns: u64,
    brokers: Vec<String>,
    producer_renewed: Option<Instant>,
    any_secret: AnySecret,
    /// The producer from before the outage was tried without its broker in the name server's list,
    /// and met a dead connection.
    known_way_spent: bool,
    /// That producer is being tried.
    known_way_tried: bool,
    /// The topic was deleted under the consumer.
    topic_gone: bool,
    set_back_at: Option<Instant>,
    /// No broker took orders at the last look.
    closed_to_writers: bool,
    wait: Duration,
}

/// The look at whether the broker takes any secret; once per process.
#[derive(Debug, Clone, PartialEq, Eq)]
enum AnySecret {
    Unasked,
    Answered(Option<String>),
}

impl LinkKeeper {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let port_watch = PortWatch::new();
        let ports = port_watch.subscribe();
        Self {
            shared,
            port_watch,
            ports,
            stale: Stale::default(),
            broker_returns: 0,
            name_server_returns: 0,
            brokers: Vec::new(),
            producer_renewed: None,
            any_secret: AnySecret::Unasked,
            known_way_spent: false,
            known_way_tried: false,
            topic_gone: false,
            set_back_at: None,
            closed_to_writers: false,
            wait: PROBE_AFTER_MIN,
        }
    }

    pub(super) async fn run(mut self) {
        let stop = self.shared.stop.clone();
        self.port_watch.watch_only(&self.shared.clients.settings.name_servers);
        loop {
            let wait = tokio::select! {
                () = stop.cancelled() => return,
                wait = self.round() => wait,
            };
            let shared = self.shared.clone();
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
                () = shared.wake.notified() => {}
                _ = self.ports.changed() => self.notice_ports(),
            }
        }
    }

    /// Looks at everything once and mends what needs it; returns how long the next look may wait.
    async fn round(&mut self) -> Duration {
        self.notice_ports();
        let suspected = self.shared.suspected.swap(false, Ordering::AcqRel);
        if self.shared.account_changed.swap(false, Ordering::AcqRel) {
            // The account before may have been refused for a while, and the consumer forgotten.
            self.stale.registration = true;
            self.any_secret = AnySecret::Unasked;
            self.wait = PROBE_AFTER_MIN;
        }
        match self.look_and_mend(suspected).await {
            Ok(found) => self.settle(found),
            Err(obstacle) => {
                // A producer that wasn't tried can't have failed: the end of a connection is how an
                // outage begins.
                self.known_way_spent |= suspected && self.known_way_tried;
                self.known_way_tried = self.known_way_works(&obstacle).await;
                let sending = match self.known_way_tried {
                    true => Running::Yes,
                    false => Running::No,
                };
                self.postpone(&obstacle, sending)
            }
        }
    }

    /// The way is there. It may still be closed to everybody at a broker.
    fn settle(&mut self, found: Found) -> Duration {
        (self.known_way_spent, self.known_way_tried) = (false, false);
        self.wait = PROBE_AFTER_MIN;
        let Closed { degraded, to_writers, .. } = found.closed;
        let is_closed = !degraded.is_empty();
        if is_closed {
            let sending = match to_writers || !self.shared.wants().producer {
                true => Running::No,
                false => Running::Yes,
            };
            self.shared.health.degrade(degraded, sending);
        } else {
            self.shared.health.clear();
        }
        match found.topic {
            Topic::MadeByFirstOrder => PROBE_AFTER_MIN,
            Topic::Exists if is_closed => PROBE_AFTER_CLOSED,
            Topic::Exists => PROBE_AFTER_WELL,
        }
    }

    /// Whether the broker answers where it was before, though the name server doesn't know it (yet:
    /// a broker may register as late as 10 s after its start). A fresh producer would find no way
    /// there, but the one from before still knows it; its breaker is closed unless many sends met
    /// the outage.
    async fn known_way_works(&self, obstacle: &Obstacle) -> bool {
        let forgotten = matches!(obstacle, Obstacle::NoBroker | Obstacle::Settling(_));
        if !forgotten || self.known_way_spent || self.shared.producer.is_empty() {
            return false;
        }
        let Some(requests) = self.shared.requests.load_full() else { return false };
        let down = self.port_watch.down_among(&self.brokers).await;
        let Some(broker) = self.brokers.iter().find(|broker| !down.contains_key(*broker)) else {
            return false;
        };
        let names = &self.shared.clients.names;
        let glance = Box::pin(requests.glance(broker, &names.group, &names.topic, 0, 0)).await;
        matches!(glance, Ok(Some(_)))
    }

    fn postpone(&mut self, obstacle: &Obstacle, sending: Running) -> Duration {
        if sending == Running::Yes {
            self.shared.producer.set_ready();
        }
        if let Obstacle::Settling(what) = obstacle {
            tracing::debug!(target: "seckilld::queue", "{what}");
            return SETTLING;
        }
        let sentence = obstacle.sentence(&self.shared.clients);
        if sending == Running::No {
            self.shared.producer.set_unready(Cause(sentence.clone()));
        }
        self.shared.health.degrade(vec![sentence], sending);
        let max =
            if obstacle.needs_a_person() { PROBE_AFTER_MAX } else { PROBE_AFTER_MAX_UNATTENDED };
        let wait = self.wait.min(max);
        self.wait = (wait * 2).min(PROBE_AFTER_MAX);
        wait
    }

    /// A port that went down: sends are refused from now on, definitely and at once. A port that
    /// came back: clients that used it are replaced.
    fn notice_ports(&mut self) {
        let name_servers = &self.shared.clients.settings.name_servers;
        let returns = self.port_watch.returns_of(name_servers);
        self.stale.requests |= returns != self.name_server_returns;
        self.name_server_returns = returns;

        let returns = self.port_watch.returns_of(&self.brokers);
        if returns != self.broker_returns {
            self.stale =
                Stale { requests: true, producer: true, consumer: true, registration: false };
            self.wait = PROBE_AFTER_MIN;
        }
        self.broker_returns = returns;

        let ports = self.ports.borrow_and_update();
        let down = |address: &String| matches!(ports.get(address), Some(Port::Down { .. }));
        if !self.brokers.is_empty() && self.brokers.iter().all(down) {
            self.shared.producer.set_unready(Cause("the RocketMQ broker is away".to_owned()));
        }
    }

    async fn look_and_mend(&mut self, suspected: bool) -> Result<Found, Obstacle> {
        let name_servers = self.shared.clients.settings.name_servers.clone();
        let down = self.port_watch.down_among(&name_servers).await;
        if down.len() == name_servers.len() {
            return Err(Obstacle::NameServers(down));
        }
        let found = match self.look().await {
            Err(Obstacle::TopicGone) => {
                self.leave_topic().await;
                self.look().await
            }
            found => found,
        };
        let mut found = found?;
        let addresses: Vec<String> =
            found.brokers.iter().map(|broker| broker.address.clone()).collect();
        if self.brokers != addresses {
            self.brokers = addresses;
            self.broker_returns = self.port_watch.returns_of(&self.brokers);
        }
        super::view::note_route(&self.shared, &found.brokers);
        // The ports answer and so do the brokers, yet a send met a dead connection: the breaker.
        let renewable = self.producer_renewed.is_none_or(|at| RENEW_AFTER < at.elapsed());
        self.stale.producer |= suspected && renewable;
        self.stale.registration |= suspected;
        match found.closed.to_writers {
            true => self.close_to_writers(&found.closed),
            false => self.mend_producer(found.topic).await?,
        }
        self.mend_consumer(&found).await?;
        self.mend_registration().await;
        self.warn(&mut found).await;
        Ok(found)
    }

    /// Refuses orders that no broker would take. When brokers take orders again a fresh producer
    /// knows it at once; the old one asks for the route each 10 s.
    fn close_to_writers(&mut self, closed: &Closed) {
        self.closed_to_writers = true;
        let why = closed.degraded.first().cloned().unwrap_or_default();
        self.shared.producer.set_unready(Cause(why));
    }

    async fn look(&mut self) -> Result<Found, Obstacle> {
        let requests = self.requests().await?;
        let consumes = match self.shared.wants().decider {
            Some(_) => Consumes::Yes,
            None => Consumes::No,
        };
        // A consumer that is being started or replaced may be at work in a moment.
        let at_work = match self.shared.consumer.try_lock() {
            Ok(consumer) if consumer.is_none() => AtWork::No,
            _ => AtWork::Yes,
        };
        let (clients, shut) = (&self.shared.clients, self.shared.shut.shown());
        let ours = (consumes, at_work);
        let found = Box::pin(probe(clients, &requests, &self.port_watch, ours, &shut)).await;
        if matches!(found, Err(Obstacle::Silent { .. } | Obstacle::Other(_))) {
            // The next look uses a fresh connection: the client's breaker mustn't decide what it
            // finds.
            self.stale.requests = true;
        }
        self.stale.registration |= matches!(found, Err(Obstacle::Silent { .. }));
        found
    }

    async fn requests(&mut self) -> Result<Arc<Requests>, Obstacle> {
        let current = self.shared.requests.load_full();
        if let Some(current) = current.filter(|_| !self.stale.requests) {
            return Ok(current);
        }
        let handle = Box::pin(self.shared.clients.handle()).await.map_err(|error| other(&error))?;
        let fresh = Arc::new(Requests::new(handle));
        self.stale.requests = false;
        if let Some(old) = self.shared.requests.swap(Some(fresh.clone())) {
            tokio::spawn(close_when_unused(old));
        }
        Ok(fresh)
    }

    async fn mend_producer(&mut self, topic: Topic) -> Result<(), Obstacle> {
        if !self.shared.wants().producer {
            return Ok(());
        }
        self.stale.producer |= std::mem::take(&mut self.closed_to_writers);
        if self.shared.producer.is_empty() || self.stale.producer {
            let mut fresh =
                Box::pin(self.shared.clients.producer()).await.map_err(|error| other(&error))?;
            // Only a producer that knows the route may replace one that may still know it.
            if topic == Topic::Exists {
                let topic = &self.shared.clients.settings.topic;
                let queues = Box::pin(fresh.fetch_publish_message_queues(topic)).await;
                if let Err(error) = queues {
                    tokio::spawn(end_producer(Some(Arc::new(fresh))));
                    return Err(other(&error));
                }
            }
            let old = self.shared.producer.swap(Some(fresh));
            tokio::spawn(end_producer(old));
            self.stale.producer = false;
            self.producer_renewed = Some(Instant::now());
        }
        self.shared.producer.set_ready();
        self.shared.health.producer_ready();
        Ok(())
    }

    /// Ends the consumer of a topic that was deleted before anybody makes it again: it would go on
    /// from where it was, and pass over what the new one holds.
    async fn leave_topic(&mut self) {
        let Some(old) = self.shared.consumer.lock().await.take() else { return };
        tracing::warn!(
            target: "seckilld::queue", topic = self.shared.clients.names.topic,
            "the topic was deleted; what waited in it is gone with it"
        );
        self.topic_gone = true;
        self.shared.health.consumer(Running::No);
        Box::pin(old.stop()).await;
    }

    /// Consumes once the topic is there: a consumer that starts before it looks again only after 10
    /// s, and takes up to 20 s more.
    async fn mend_consumer(&mut self, found: &Found) -> Result<(), Obstacle> {
        let mut consumer = self.shared.consumer.lock().await;
        let (decider, consuming) = {
            let wants = self.shared.wants();
            (wants.decider.clone(), wants.consuming)
        };
        let Some(decider) = decider else { return Ok(()) };
        let mut anew = self.shared.take_anew();
        // Where the offset can't be set back, or another consumer sets it forward, no consumer is
        // made each second for it.
        if self.set_back_at.is_some_and(|at| at.elapsed() < SET_BACK_AFTER) {
            anew.clear();
        }
        let is_well = consumer.is_some() && !self.stale.consumer && anew.is_empty();
        if found.topic != Topic::Exists || is_well {
            return Ok(());
        }
        if let Some(old) = consumer.take() {
            // First the old one's end: its offsets must not come after the new one's.
            self.shared.health.consumer(Running::No);
            Box::pin(old.stop()).await;
        }
        if std::mem::take(&mut self.topic_gone) {
            let queues = found.brokers.iter().flat_map(|broker| {
                (0..broker.access.queues()).map(|number| (broker.address.clone(), number))
            });
            anew.extend(queues);
        }
        if !anew.is_empty() {
            self.set_back_at = Some(Instant::now());
            self.set_back(&anew).await;
        }
        let fresh =
            Box::pin(RunningConsumer::start(&self.shared.clients, decider, consuming)).await;
        *consumer = Some(fresh.map_err(|error| other(&error))?);
        self.stale.consumer = false;
        drop(consumer);
        self.shared.tell_consuming();
        Ok(())
    }

    /// Sets what the group has consumed of queues that were made again to their beginning. What is
    /// delivered twice is known by its id; what would be passed over is lost.
    async fn set_back(&self, queues: &BTreeSet<(String, u32)>) {
        let Some(requests) = self.shared.requests.load_full() else { return };
        let names = &self.shared.clients.names;
        let (group, topic) = (names.group.as_str(), names.topic.as_str());
        for (address, number) in queues {
            let set = async {
                let start = requests.start_of(address, topic, *number).await?;
                let at = requests.committed(address, group, topic, *number).await?;
                if at.is_none_or(|at| at <= start) {
                    return Ok(None);
                }
                requests.commit(address, group, topic, (*number, start)).await.map(|()| at)
            };
            let queue = self.shared.queue_named(address, *number);
            self.shared.clients.handled.forget(&queue);
            match Box::pin(set).await {
                Ok(None) => {}
                Ok(Some(from)) => tracing::warn!(
                    target: "seckilld::queue",
                    queue, from, "made anew: the group's offset is set back to its beginning"
                ),
                Err(error) => tracing::error!(
                    target: "seckilld::queue",
                    queue, %error, "made anew, and the group's offset can't be set back: orders \
                     may be passed over"
                ),
            }
        }
    }

    /// Has the brokers that answer know the consumer again, now. Where one doesn't hear it in time,
    /// the client's own next hello must do.
    async fn mend_registration(&mut self) {
        if !std::mem::take(&mut self.stale.registration) {
            return;
        }
        let down = self.port_watch.down_among(&self.brokers).await;
        let answering: Vec<String> =
            self.brokers.iter().filter(|broker| !down.contains_key(*broker)).cloned().collect();
        let consumer = self.shared.consumer.lock().await;
        let Some(consumer) = consumer.as_ref() else { return };
        let heard = async {
            while !Box::pin(consumer.register_again(&answering)).await {
                tokio::time::sleep(SETTLING).await;
            }
        };
        if tokio::time::timeout(REGISTER_TIMEOUT, heard).await.is_err() {
            tracing::warn!(target: "seckilld::queue", "the consumer couldn't be registered again");
        }
    }

    async fn warn(&mut self, found: &mut Found) {
        if self.any_secret == AnySecret::Unasked
            && let Some(broker) = found.brokers.first()
        {
            let warning = Box::pin(takes_any_secret(&self.shared.clients, broker)).await;
            self.any_secret = AnySecret::Answered(warning);
        }
        let mut warnings = std::mem::take(&mut found.closed.warnings);
        if let AnySecret::Answered(Some(warning)) = &self.any_secret {
            warnings.push(warning.clone());
        }
        warnings.extend(self.shared.noted());
        self.shared.health.warn(warnings);
    }
}

/// Closes a connection that no request begins on any more, after those that are under way.
async fn close_when_unused(old: Arc<Requests>) {
    let deadline = Instant::now() + CLOSE_AFTER;
    while 1 < Arc::strong_count(&old) && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Box::pin(old.close()).await;
}

fn other(error: &ClientError) -> Obstacle {
    Obstacle::Other(Facts::of(error).sentence())
}
