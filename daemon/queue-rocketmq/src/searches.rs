//! Looks for queues beyond those that a topic has, once per topic and broker, each on a task of its
//! own: a look asks more than a hundred times, and the start doesn't wait for that. Until the look
//! has ended it isn't known what waits there, which makes the lag an error, never 0.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::Shared;
use super::queues::{Beyond, Spot};
use super::requests::{Broker, RequestError};

/// How long one look may take; the next reading continues it.
const LOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// A broker's name and a topic.
type Place = (String, String);

/// How long a reading waits for a look that is under way.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// What is known, and what is looked for at the moment.
#[derive(Clone, Default)]
pub(super) struct Searches {
    places: Arc<Mutex<BTreeMap<Place, Search>>>,
    /// Counts the looks that ended.
    ended: Arc<watch::Sender<u64>>,
}

#[derive(Default)]
struct Search {
    beyond: Beyond,
    task: Option<JoinHandle<()>>,
    /// Why the last look was broken off.
    failed: Option<String>,
}

impl Searches {
    /// What is known of the queues beyond the topics' own, part by part. A look that isn't done yet
    /// is waited for, for a short time.
    pub(super) async fn all_known(
        &self,
        shared: &Arc<Shared>,
        parts: &[(Broker, &str)],
    ) -> Result<Vec<Beyond>, RequestError> {
        let mut ended = self.ended.subscribe();
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            // All parts are asked before any is judged, because each starts a look where one is
            // missing.
            let known: Vec<_> =
                parts.iter().map(|(broker, topic)| self.known(shared, broker, topic)).collect();
            let known: Result<Vec<_>, _> = known.into_iter().collect();
            if known.is_ok() || timeout_at(deadline, ended.changed()).await.is_err() {
                return known;
            }
        }
    }

    /// What is known of the queues beyond a topic's own. While they aren't all looked at, a look
    /// runs; where none runs, it starts now.
    fn known(
        &self,
        shared: &Arc<Shared>,
        broker: &Broker,
        topic: &str,
    ) -> Result<Beyond, RequestError> {
        let place = (broker.name.clone(), topic.to_owned());
        let mut searches = self.lock();
        let search = searches.entry(place.clone()).or_default();
        search.beyond.begin(broker.access.queues());
        if search.beyond.is_whole() {
            return Ok(search.beyond.clone());
        }
        if search.task.as_ref().is_none_or(JoinHandle::is_finished) {
            let (searches, shared) = (self.clone(), Arc::clone(shared));
            let (broker, begun) = (broker.clone(), search.beyond.clone());
            search.task = Some(tokio::spawn(async move {
                let stop = shared.stop.clone();
                let look = searches.look(&shared, &broker, place, begun);
                stop.run_until_cancelled(Box::pin(look)).await;
            }));
        }
        let why = search.failed.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        Err(RequestError::Uncounted(format!(
            "queues that topic {topic} had before at {} are being looked for{why}",
            broker.name
        )))
    }

    /// Keeps what a reading knows after it: queues that were emptied aren't read again. No look
    /// runs meanwhile, because only a reading that knows all queues gets here.
    pub(super) fn keep(&self, broker: &Broker, topic: &str, beyond: Beyond) {
        self.lock().entry((broker.name.clone(), topic.to_owned())).or_default().beyond = beyond;
    }

    async fn look(&self, shared: &Shared, broker: &Broker, place: Place, mut beyond: Beyond) {
        let Some(requests) = shared.requests.load_full() else { return };
        let spot = Spot {
            requests: &requests,
            broker,
            group: &shared.clients.names.group,
            topic: &place.1,
        };
        let looked = tokio::time::timeout(LOOK_TIMEOUT, spot.look_beyond(&mut beyond)).await;
        let failed = match looked {
            Ok(Ok(())) => None,
            Ok(Err(error)) => {
                if error.doubts_the_way() {
                    shared.suspect();
                }
                Some(error.to_string())
            }
            Err(_) => Some(format!("not done within {} s", LOOK_TIMEOUT.as_secs())),
        };
        let mut searches = self.lock();
        let search = searches.entry(place).or_default();
        search.beyond.take(beyond);
        search.failed = failed;
        drop(searches);
        self.ended.send_modify(|ended| *ended += 1);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Place, Search>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
