//! How much of the topic is not consumed yet, the retries included, and queues that nobody may read
//! as well (`queues.rs`). A reading shared by callers is taken after each of them asked; what can't
//! be counted is an error, never 0.
//!
//! One place is out of sight: a message that a *Java* consumer gave back waits in the broker's
//! schedule before it comes to the retry topic. Our own consumer gives nothing back while it runs
//! (`consumer.rs`), unless placing panics; so its messages hardly ever go there.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::ports::notebook::Notes;
use instruments::clock;
use tokio::sync::OnceCell;

use super::access::{Access, Shut};
use super::client::Names;
use super::known_brokers::{KnownBrokers, Missing};
use super::made_anew::MadeAnew;
use super::note::Note;
use super::offset_notes::LeftBehind;
use super::offsets::{Move, Offsets, QueueReading, Skip};
use super::queues::{Beyond, Depth, Spot};
use super::requests::{Broker, RequestError, Requests, Route};
use super::searches::Searches;
use super::view::own_queues;
use super::{BoxFuture, Cause, Lag, LagReader, QueueLag, Shared, moves};

/// A reading that takes longer than this is given up.
const READING_TIMEOUT: Duration = Duration::from_secs(4);

/// How long the broker may take between acknowledging a message and showing it in its queue: it
/// does so within a millisecond, and looks again at once while there is more.
const DISPATCH_DELAY: Duration = Duration::from_millis(50);

/// Reads the lag for everyone who asks.
pub(super) struct RocketmqLag {
    shared: Arc<Shared>,
    brokers: KnownBrokers,
    searches: Searches,
    offsets: Mutex<Offsets>,
    left: LeftBehind,
    made_anew: MadeAnew,
    readings: Readings<Result<Lag, Cause>>,
}

/// What one reading adds up.
#[derive(Default)]
struct Reading {
    lag: Lag,
    shut: Vec<Shut>,
    /// A reading of each queue of the orders' topic, to see whether somebody moved its offset.
    offsets: Vec<(String, Broker, QueueReading)>,
    /// Queues that were made again, by the broker's address and their number.
    anew: Vec<(String, u32)>,
}

impl RocketmqLag {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let brokers = KnownBrokers::new(&shared.clients.settings.brokers_gone);
        let (searches, offsets, left, made_anew, readings) = Default::default();
        Self { shared, brokers, searches, offsets, left, made_anew, readings }
    }

    /// Keeps in `notes` which brokers have orders, and how far one process has consumed, for the
    /// next.
    pub(super) fn keep_notes_in(&self, notes: &Arc<dyn Notes>) {
        let settings = &self.shared.clients.settings;
        self.brokers.keep_in(Note::of_brokers(Arc::clone(notes), settings));
        self.left.keep_in(Note::of_consumed(Arc::clone(notes), settings));
    }

    /// Notes for the next process how far the orders are consumed; after the consumer's end.
    pub(super) async fn leave(&self) {
        let left = self.offsets().left(Some(&self.shared.clients.handled));
        self.left.keep(&left).await;
    }

    /// A reading of 0 is taken twice: the broker acknowledges a message some milliseconds before
    /// its queues show it, and "never ordered" may be said on the strength of this 0.
    async fn read_settled(&self) -> Result<Lag, Cause> {
        match self.read().await {
            Ok(lag) if lag.messages == 0 => {
                tokio::time::sleep(DISPATCH_DELAY).await;
                self.read().await
            }
            reading => reading,
        }
    }

    async fn read(&self) -> Result<Lag, Cause> {
        let Some(requests) = self.shared.requests.load_full() else {
            return Err(Cause("not connected to RocketMQ".to_owned()));
        };
        let reading = self.read_all(&requests);
        match tokio::time::timeout(READING_TIMEOUT, reading).await {
            Ok(Ok(lag)) => Ok(lag),
            Ok(Err(error)) => {
                if error.doubts_the_way() {
                    self.shared.suspect();
                }
                Err(Cause(error.to_string()))
            }
            Err(_) => {
                self.shared.suspect();
                let limit = READING_TIMEOUT.as_millis();
                Err(Cause(format!("the lag wasn't read within {limit} ms")))
            }
        }
    }

    async fn read_all(&self, requests: &Requests) -> Result<Lag, RequestError> {
        let names = &self.shared.clients.names;
        let Some(route) = requests.route_of(&names.topic).await? else {
            return self.without_topic(requests).await;
        };
        let missing = self.brokers.note(&route).await?;
        self.shared.note_missing(missing.sentences(&names.topic, &route.headless));
        none_away(&missing)?;
        let own = own_queues(&self.shared).await;
        // The broker keeps a retry queue per group; there is none before the first consumer.
        let retries = requests.route_of(&names.retry_topic).await?.unwrap_or_default();
        let parts = parts(&route, &retries, names);
        let known = self.searches.all_known(&self.shared, &parts).await?;
        let mut reading = Reading::default();
        let read = async {
            for ((broker, topic), beyond) in parts.iter().zip(known) {
                self.read_topic(requests, broker, topic, beyond, &mut reading).await?;
            }
            Ok(())
        };
        let read = read.await;
        let is_whole = matches!(read, Ok(()) | Err(RequestError::Uncounted(_)));
        if is_whole && self.shared.shut.note(std::mem::take(&mut reading.shut), Instant::now()) {
            self.shared.look();
        }
        read?;
        if !reading.anew.is_empty() {
            self.shared.note_anew(reading.anew);
            return Err(RequestError::Uncounted(format!(
                "the topic {} was made anew, and what its group has consumed is set back first",
                names.topic
            )));
        }
        self.watch_moves(requests, &own, &reading.offsets).await?;
        reading.lag.passed_over = self.passed_over();
        for queue in reading.lag.queues.iter_mut().filter(|queue| own.contains(&queue.name)) {
            queue.owner = Some(self.shared.clients.identity().to_owned());
        }
        Ok(reading.lag)
    }

    /// One topic at one broker.
    async fn read_topic(
        &self,
        requests: &Requests,
        broker: &Broker,
        topic: &str,
        mut beyond: Beyond,
        reading: &mut Reading,
    ) -> Result<(), RequestError> {
        let names = &self.shared.clients.names;
        let spot = Spot { requests, broker, group: &names.group, topic };
        let depths = spot.depths(&mut beyond).await;
        self.searches.keep(broker, topic, beyond);
        let mut shut = Shut {
            broker: broker.name.clone(),
            topic: topic.to_owned(),
            waiting: None,
            queues: vec![],
        };
        let depths = match depths {
            Ok(depths) => depths.unwrap_or_default(),
            Err(error) => {
                if let RequestError::Uncounted(_) = error {
                    let Access { read_queues, .. } = broker.access;
                    let first = broker.access.readable();
                    shut.queues = (first..broker.access.queues().max(read_queues)).collect();
                    reading.shut.push(shut);
                }
                return Err(error);
            }
        };
        if topic == names.topic && self.made_anew.is_anew(&spot, &depths).await {
            let all = depths.iter().map(|depth| (broker.address.clone(), depth.number));
            reading.anew.extend(all);
        }
        for depth in depths {
            let name = spot.name_of(&depth);
            if !depth.is_open && 0 < depth.waiting() {
                shut.waiting = Some(shut.waiting.unwrap_or(0) + depth.waiting());
                shut.queues.push(depth.number);
            }
            if topic == names.topic {
                let of_queue = self.offsets_of(&name, &depth);
                reading.offsets.push((name.clone(), broker.clone(), of_queue));
            }
            count_in(&mut reading.lag, name, broker, &depth);
        }
        if !shut.queues.is_empty() {
            reading.shut.push(shut);
        }
        Ok(())
    }

    fn offsets_of(&self, name: &str, depth: &Depth) -> QueueReading {
        let oldest = depth.glance.min_offset;
        let handled = self.shared.clients.handled.run(name);
        QueueReading { committed: depth.committed.unwrap_or(oldest), oldest, handled }
    }

    /// Logs offsets that somebody else moved. Where others of the group consume, they log it.
    async fn watch_moves(
        &self,
        requests: &Requests,
        own: &HashSet<String>,
        readings: &[(String, Broker, QueueReading)],
    ) -> Result<(), RequestError> {
        if self.shared.wants().decider.is_none() {
            return Ok(());
        }
        if let Some(left) = self.left.read().await? {
            self.offsets().take_over(left);
        }
        for (name, broker, of_queue) in readings {
            let (name, of_queue) = (name.as_str(), *of_queue);
            let moved = {
                let mut offsets = self.offsets();
                let before = offsets.clone();
                let moved = offsets.observe(name, of_queue);
                if moved.is_some() {
                    *offsets = before;
                }
                moved
            };
            let Some(moved) = moved else { continue };
            let group = &self.shared.clients.names.group;
            let consumers = requests.consumers(&broker.address, group).await;
            let others = consumers.is_ok_and(|consumers| {
                consumers.iter().any(|consumer| !self.shared.clients.is_ours(consumer))
            });
            let mut offsets = self.offsets();
            // The consumers that are there now were there while this process was stopped.
            let is_theirs = !own.contains(name) || matches!(moved, Move::Missed { .. });
            if others && is_theirs {
                offsets.trust(name, of_queue);
            } else {
                offsets.observe(name, of_queue);
                moves::log(name, group, &moved);
            }
        }
        let skipped = moves::sentences(&self.shared.clients.names, &self.offsets());
        self.shared.note_skipped(skipped);
        let left = self.offsets().left(None);
        self.left.keep(&left).await;
        Ok(())
    }

    /// Orders that were passed over and can still be set back.
    fn passed_over(&self) -> u64 {
        let orders = |skip: Skip| u64::try_from(skip.to - skip.from).unwrap_or(0);
        self.offsets().skipped().map(|(_, skip)| orders(skip)).sum()
    }

    /// The name server doesn't know the topic. Where every broker it knows says so too, nothing was
    /// ever sent; where it knows none, it has forgotten a broker; and where we have seen the topic,
    /// somebody has deleted it.
    async fn without_topic(&self, requests: &Requests) -> Result<Lag, RequestError> {
        let names = &self.shared.clients.names;
        let seen = self.brokers.note(&Route::default()).await?.away;
        self.shared.note_missing(Vec::new());
        let brokers = requests.all_brokers().await?;
        if let Some(name) = seen.iter().find(|name| brokers.iter().all(|one| one.name != **name)) {
            return Err(RequestError::Away(name.clone()));
        }
        for broker in &brokers {
            let glance = requests.glance(&broker.address, &names.group, &names.topic, 0, 0).await?;
            if glance.is_some() {
                return Err(RequestError::Unreadable("route of the topic"));
            }
        }
        if !seen.is_empty() {
            return Err(RequestError::Uncounted(format!(
                "the topic {} was deleted, and what waited in it is unknown",
                names.topic
            )));
        }
        match brokers.is_empty() {
            true => Err(RequestError::Away("every broker".to_owned())),
            false => Ok(Lag::default()),
        }
    }

    fn offsets(&self) -> MutexGuard<'_, Offsets> {
        self.offsets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A broker without its master keeps what it has, and nobody can count it.
fn none_away(missing: &Missing) -> Result<(), RequestError> {
    missing.away.first().map_or(Ok(()), |name| Err(RequestError::Away(name.clone())))
}

/// The orders' topic and the retry topic at each broker.
fn parts<'a>(route: &Route, retries: &Route, names: &'a Names) -> Vec<(Broker, &'a str)> {
    let of = |broker: &Broker| {
        let known = retries.brokers.iter().find(|part| part.name == broker.name);
        let access = known.map_or(Access::open(1), |part| part.access);
        let retry = Broker { access, ..broker.clone() };
        [(broker.clone(), names.topic.as_str()), (retry, names.retry_topic.as_str())]
    };
    route.brokers.iter().flat_map(of).collect()
}

impl LagReader for RocketmqLag {
    fn read_lag(&self) -> BoxFuture<'_, Result<Lag, Cause>> {
        Box::pin(self.readings.share(|| self.read_settled()))
    }
}

/// Counts a queue in.
fn count_in(lag: &mut Lag, name: String, broker: &Broker, depth: &Depth) {
    let messages = depth.waiting();
    let age = (messages != 0).then_some(depth.glance.born_ms).flatten().map(age_ms);
    lag.messages += messages;
    lag.oldest_age_ms = lag.oldest_age_ms.max(age);
    let offset = |offset: i64| u64::try_from(offset).ok();
    lag.queues.push(QueueLag {
        name,
        messages,
        oldest_age_ms: age,
        broker: Some(broker.name.clone()),
        end_offset: offset(depth.glance.max_offset),
        consumed_offset: depth.committed.and_then(offset),
        owner: None,
    });
}

fn age_ms(born_ms: i64) -> u64 {
    u64::try_from(clock::now().0.saturating_sub(born_ms)).unwrap_or(0)
}

/// Shares readings: a caller that comes while one is under way waits for the next, together with
/// all others.
pub(super) struct Readings<T> {
    next: Mutex<Arc<OnceCell<T>>>,
    turn: tokio::sync::Mutex<()>,
}

impl<T> Default for Readings<T> {
    fn default() -> Self {
        Self { next: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }
}

impl<T: Clone> Readings<T> {
    /// A value that `read` began to make after this call.
    pub(super) async fn share<F: Future<Output = T>>(&self, read: impl FnOnce() -> F) -> T {
        let mine = self.next().clone();
        // When the caller that reads goes away, one of those that wait reads instead.
        let value = mine.get_or_init(|| async {
            let _turn = self.turn.lock().await;
            self.close(&mine);
            read().await
        });
        value.await.clone()
    }

    /// From here on callers get the reading after this one.
    fn close(&self, mine: &Arc<OnceCell<T>>) {
        let mut next = self.next();
        if Arc::ptr_eq(&next, mine) {
            *next = Arc::default();
        }
    }

    fn next(&self) -> MutexGuard<'_, Arc<OnceCell<T>>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio::sync::Semaphore;

    use super::Readings;

    #[tokio::test]
    async fn a_reading_begins_after_each_of_its_callers() {
        let readings = Arc::new(Readings::<u64>::default());
        let begun = Arc::new(AtomicU64::new(0));
        let open = Arc::new(Semaphore::new(0));
        let ask = || {
            let (readings, begun, open) = (readings.clone(), begun.clone(), open.clone());
            tokio::spawn(async move {
                let read = || async {
                    let number = begun.fetch_add(1, Ordering::SeqCst) + 1;
                    open.acquire().await.unwrap().forget();
                    number
                };
                readings.share(read).await
            })
        };
        let first = ask();
        while begun.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        // These came after the first reading began: they share the second.
        let late: Vec<_> = (0..20).map(|_| ask()).collect();
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        assert_eq!(begun.load(Ordering::SeqCst), 1);
        open.add_permits(2);
        assert_eq!(first.await.unwrap(), 1);
        for caller in late {
            assert_eq!(caller.await.unwrap(), 2);
        }
        assert_eq!(begun.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_takes_nobodys_reading_along() {
        let readings = Arc::new(Readings::<u64>::default());
        let gone = {
            let readings = readings.clone();
            tokio::spawn(async move { readings.share(std::future::pending).await })
        };
        while readings.turn.try_lock().is_ok() {
            tokio::task::yield_now().await;
        }
        let waiting = {
            let readings = readings.clone();
            tokio::spawn(async move { readings.share(|| async { 7 }).await })
        };
        gone.abort();
        assert_eq!(waiting.await.unwrap(), 7);
    }
}
