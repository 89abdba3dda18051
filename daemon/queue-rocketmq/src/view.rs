//! What the admin views show of RocketMQ beyond the lag: the connection, the brokers with their
//! versions, which queues are this process's, and the broker's own dead-letter topic. It only
//! reads, at its own pace, and no request waits for it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::ports::{BrokerWay, Connection, QueueHealth, SeenBroker};

use super::access::readable_queues;
use super::client::Names;
use super::requests::{Broker, RequestError, Requests};
use super::{Cause, Shared};

/// Between two looks at what changes seldom.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How long a look may take; a broker that is away costs it several requests' time-outs.
const LOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// What was seen last.
pub(super) struct Seen {
    brokers: Vec<SeenBroker>,
    /// Versions by address. A broker that comes back with another version is asked again, because
    /// the look that fails meanwhile forgets the version.
    versions: HashMap<String, String>,
    dead_letters: Result<u64, Cause>,
    /// The topic's brokers as the name server listed them last.
    route: Vec<Broker>,
}

impl Default for Seen {
    fn default() -> Self {
        let dead_letters = Err(Cause("not read yet".to_owned()));
        let (brokers, versions) = Default::default();
        Self { brokers, versions, dead_letters, route: Vec::new() }
    }
}

/// The way to RocketMQ, as it was seen last.
pub(super) fn way(shared: &Shared) -> BrokerWay {
    let (clients, health) = (&shared.clients, shared.health.subscribe().borrow().clone());
    BrokerWay {
        connection: connection(&health),
        producer_ready: health.producer_ready,
        consumer_running: health.consumer_running,
        name_servers: clients.settings.name_servers.clone(),
        topic: clients.names.topic.clone(),
        group: clients.names.group.clone(),
        brokers: shared.seen().brokers.clone(),
    }
}

/// Messages in the broker's own dead-letter topic of our group, as it was seen last.
pub(super) fn broker_dead_letters(shared: &Shared) -> Result<u64, Cause> {
    shared.seen().dead_letters.clone()
}

const fn connection(health: &QueueHealth) -> Connection {
    if !health.degraded.is_empty() {
        Connection::Degraded
    } else if health.producer_ready || health.consumer_running {
        Connection::Connected
    } else {
        Connection::Connecting
    }
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at intervals until the queue ends.
pub(super) async fn watch(shared: Arc<Shared>) {
    let looking = async {
        loop {
            match tokio::time::timeout(LOOK_TIMEOUT, look(&shared)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => forget(&shared, error.to_string()),
                Err(_) => forget(&shared, "the broker doesn't answer".to_owned()),
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    shared.stop.run_until_cancelled(looking).await;
}

/// Takes over what the keeper saw, so that brokers have their names from the first order on. The
/// producer learns where orders may be read. Returns whether anything has changed.
pub(super) fn note_route(shared: &Shared, brokers: &[Broker]) -> bool {
    shared.producer.send_among(readable_queues(brokers));
    let before = std::mem::replace(&mut shared.seen().route, brokers.to_vec());
    before != brokers
}

/// `broker-a (127.0.0.1:10911)`, or the address alone.
pub(super) fn named(shared: &Shared, address: &str) -> String {
    name_of(shared, address)
        .map_or_else(|| address.to_owned(), |name| format!("{name} ({address})"))
}

/// The name of the broker at an address, where it is known.
pub(super) fn name_of(shared: &Shared, address: &str) -> Option<String> {
    let seen = shared.seen();
    let known = seen.route.iter().find(|broker| broker.address == address);
    known.map(|broker| broker.name.clone())
}

fn forget(shared: &Shared, why: String) {
    let mut seen = shared.seen();
    seen.versions.clear();
    for broker in &mut seen.brokers {
        broker.version = None;
    }
    seen.dead_letters = Err(Cause(why));
}

async fn look(shared: &Shared) -> Result<(), RequestError> {
    let Some(requests) = shared.requests.load_full() else {
        forget(shared, "not connected to RocketMQ".to_owned());
        return Ok(());
    };
    let names = &shared.clients.names;
    let brokers = requests.brokers_of(&names.topic).await?.unwrap_or_default();
    if note_route(shared, &brokers) {
        // Permissions or numbers of queues have changed: the keeper judges them.
        shared.look();
    }
    let mut views = Vec::with_capacity(brokers.len());
    for Broker { name, address, .. } in &brokers {
        let known = shared.seen().versions.get(address).cloned();
        let version = match known {
            Some(version) => Some(version),
            // An account may lack the right to know: that is no fault of the connection.
            None => requests.version(address).await.ok(),
        };
        if let Some(version) = &version {
            shared.seen().versions.insert(address.clone(), version.clone());
        }
        views.push(SeenBroker { name: name.clone(), address: address.clone(), version });
    }
    shared.seen().brokers = views;
    let count = dead_letters(&requests, &brokers, names).await;
    shared.seen().dead_letters = count.map_err(|error| Cause(error.to_string()));
    Ok(())
}

/// What lies in the dead-letter topic at the brokers of the orders' topic. A broker that has no
/// such topic has no dead letters: it makes the topic with the first one. The name server isn't
/// asked: it forgets the topics of a broker that is away, and what lies there is then unknown, not
/// 0.
async fn dead_letters(
    requests: &Requests,
    brokers: &[Broker],
    names: &Names,
) -> Result<u64, RequestError> {
    if brokers.is_empty() {
        return Err(RequestError::Away("every broker of the topic".to_owned()));
    }
    let mut count = 0;
    for broker in brokers {
        // The broker makes the topic with one queue.
        let (group, topic) = (&names.group, &names.dead_letter_topic);
        let glance = requests.glance(&broker.address, group, topic, 0, 0).await?;
        let glance = glance.unwrap_or_default();
        count += u64::try_from(glance.max_offset.saturating_sub(glance.min_offset)).unwrap_or(0);
    }
    Ok(count)
}

/// The queues that this process's consumer has, named as the lag names them.
pub(super) async fn own_queues(shared: &Shared) -> HashSet<String> {
    // A consumer that is just being started or replaced has no queues yet.
    let Ok(consumer) = shared.consumer.try_lock() else { return HashSet::new() };
    match consumer.as_ref() {
        Some(consumer) => consumer.queues().await,
        None => HashSet::new(),
    }
}

/// Kept apart from the rest of what is shared: nothing else needs it.
pub(super) type SeenBoard = Mutex<Seen>;

#[cfg(test)]
mod tests {
    use super::{Connection, QueueHealth, connection};

    #[test]
    fn a_connection_is_told_in_a_word() {
        let mut health = QueueHealth::default();
        assert_eq!(connection(&health), Connection::Connecting);
        health.producer_ready = true;
        assert_eq!(connection(&health), Connection::Connected);
        health.degraded.push("the broker is away".to_owned());
        assert_eq!(connection(&health), Connection::Degraded);
    }
}
