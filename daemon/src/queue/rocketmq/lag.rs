//! How much of the topic is not consumed yet, the retries included. A reading shared by callers is
//! taken after each of them asked; what can't be read is an error, never 0.
//!
//! One place is out of sight: a message that a *Java* consumer gave back waits in the broker's
//! schedule before it comes to the retry topic. Our own consumer gives nothing back while it runs
//! (`consumer.rs`), unless placing panics; so its messages hardly ever go there.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;

use super::requests::{Broker, Glance, RequestError, Requests};
use super::view::own_queues;
use super::{BoxFuture, Cause, Lag, LagReader, QueueLag, Shared};
use crate::clock;

/// A reading that takes longer than this is given up.
const READING_TIMEOUT: Duration = Duration::from_secs(4);

/// How long the broker may take between acknowledging a message and showing it in its queue: it
/// does so within a millisecond, and looks again at once while there is more.
const DISPATCH_DELAY: Duration = Duration::from_millis(50);

/// Reads the lag for everyone who asks.
pub(super) struct RocketmqLag {
    shared: Arc<Shared>,
    /// Every broker that ever had a part of the topic, by name. The name server forgets one that
    /// goes away, and with it the orders that wait there; we don't. One that is taken out of
    /// service for good is forgotten by a restart.
    seen: Mutex<BTreeSet<String>>,
    readings: Readings<Result<Lag, Cause>>,
}

impl RocketmqLag {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, seen: Mutex::default(), readings: Readings::default() }
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
        let Some(brokers) = requests.brokers_of(&names.topic).await? else {
            return self.without_topic(requests).await;
        };
        self.all_seen_are_among(&brokers)?;
        let (mut lag, own) = (Lag::default(), own_queues(&self.shared).await);
        for broker in &brokers {
            read_topic(requests, broker, &names.group, &names.topic, &mut lag).await?;
            // The broker keeps one retry queue per group; there is none before the first consumer.
            let retries = broker.with_one_queue();
            read_topic(requests, &retries, &names.group, &names.retry_topic, &mut lag).await?;
        }
        for queue in lag.queues.iter_mut().filter(|queue| own.contains(&queue.name)) {
            queue.owner = Some(self.shared.clients.identity().to_owned());
        }
        Ok(lag)
    }

    /// The name server doesn't know the topic. Where every broker it knows says so too, nothing was
    /// ever sent; where it knows none, or we have seen the topic, it has forgotten a broker.
    async fn without_topic(&self, requests: &Requests) -> Result<Lag, RequestError> {
        let names = &self.shared.clients.names;
        self.all_seen_are_among(&[])?;
        let brokers = requests.all_brokers().await?;
        for broker in &brokers {
            let glance = requests.glance(&broker.address, &names.group, &names.topic, 0, 0).await?;
            if glance.is_some() {
                return Err(RequestError::Unreadable("route of the topic"));
            }
        }
        match brokers.is_empty() {
            true => Err(RequestError::Away("every broker".to_owned())),
            false => Ok(Lag::default()),
        }
    }

    fn all_seen_are_among(&self, brokers: &[Broker]) -> Result<(), RequestError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.extend(brokers.iter().map(|broker| broker.name.clone()));
        let away = seen.iter().find(|name| !brokers.iter().any(|broker| broker.name == **name));
        away.map_or(Ok(()), |name| Err(RequestError::Away(name.clone())))
    }
}

impl LagReader for RocketmqLag {
    fn read_lag(&self) -> BoxFuture<'_, Result<Lag, Cause>> {
        Box::pin(self.readings.share(|| self.read_settled()))
    }
}

async fn read_topic(
    requests: &Requests,
    broker: &Broker,
    group: &str,
    topic: &str,
    lag: &mut Lag,
) -> Result<(), RequestError> {
    for queue in 0..broker.queues {
        // The committed offset before the end of the queue: what is consumed in between counts as
        // waiting, and what isn't never counts as consumed.
        let committed = requests.committed(&broker.address, group, topic, queue).await?;
        let from = committed.unwrap_or(0);
        let glance = requests.glance(&broker.address, group, topic, queue, from).await?;
        let Some(glance) = glance else { return Ok(()) };
        let glance = at_the_oldest(requests, broker, group, topic, queue, from, glance).await?;
        let messages = waiting(committed, glance);
        let age = (messages != 0).then_some(glance.born_ms).flatten().map(age_ms);
        lag.messages += messages;
        lag.oldest_age_ms = lag.oldest_age_ms.max(age);
        let name = format!("{}/{topic}/{queue}", broker.name);
        let offset = |offset: i64| u64::try_from(offset).ok();
        lag.queues.push(QueueLag {
            name,
            messages,
            oldest_age_ms: age,
            broker: Some(broker.name.clone()),
            end_offset: offset(glance.max_offset),
            consumed_offset: committed.and_then(offset),
            owner: None,
        });
    }
    Ok(())
}

/// Where the broker has dropped what stood at the committed offset, the oldest stands at its first.
async fn at_the_oldest(
    requests: &Requests,
    broker: &Broker,
    group: &str,
    topic: &str,
    queue: u32,
    from: i64,
    glance: Glance,
) -> Result<Glance, RequestError> {
    if glance.min_offset <= from || glance.min_offset == glance.max_offset {
        return Ok(glance);
    }
    let again = requests.glance(&broker.address, group, topic, queue, glance.min_offset).await?;
    Ok(again.unwrap_or(glance))
}

/// Messages between what the group has consumed and the end. A group that never committed starts at
/// the first message that is left.
fn waiting(committed: Option<i64>, glance: Glance) -> u64 {
    let from = committed.unwrap_or(0).max(glance.min_offset);
    u64::try_from(glance.max_offset.saturating_sub(from)).unwrap_or(0)
}

fn age_ms(born_ms: i64) -> u64 {
    u64::try_from(clock::now().0.saturating_sub(born_ms)).unwrap_or(0)
}

impl Broker {
    fn with_one_queue(&self) -> Self {
        Self { queues: 1, ..self.clone() }
    }
}

/// Shares readings: who comes while one is under way waits for the next, together with all others.
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

    fn next(&self) -> std::sync::MutexGuard<'_, Arc<OnceCell<T>>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio::sync::Semaphore;

    use super::{Glance, Readings, waiting};

    #[test]
    fn what_waits_is_counted_from_the_committed_or_the_first_offset() {
        let glance = Glance { min_offset: 10, max_offset: 25, ..Glance::default() };
        assert_eq!(waiting(Some(20), glance), 5);
        assert_eq!(waiting(Some(25), glance), 0);
        assert_eq!(waiting(None, glance), 15);
        // The broker dropped what was committed last, and a topic that was made anew.
        assert_eq!(waiting(Some(3), glance), 15);
        assert_eq!(waiting(Some(90), glance), 0);
        assert_eq!(waiting(None, Glance::default()), 0);
    }

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
