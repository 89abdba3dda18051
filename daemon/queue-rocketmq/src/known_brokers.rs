//! Which brokers ever had a part of the orders' topic, over restarts as well. The name server
//! forgets one that goes away, and with it the orders that wait there; this process doesn't, until
//! the operator says that the broker is gone for good (`rocketmq.brokers_gone`).

use std::collections::BTreeSet;
use std::sync::OnceLock;

use instruments::streak::{InRun, Streak};
use tokio::sync::Mutex;

use super::note::Note;
use super::requests::{RequestError, Route};

/// The brokers that are known.
pub(super) struct KnownBrokers {
    note: OnceLock<Note>,
    /// Out of service for good, says the operator.
    gone: BTreeSet<String>,
    names: Mutex<Names>,
}

#[derive(Default)]
struct Names {
    all: BTreeSet<String>,
    /// What is in the notes; none while they weren't read.
    kept: Option<BTreeSet<String>>,
    /// Failed tries to keep the names.
    streak: Streak,
}

/// The name server's list, compared with the brokers that are known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Missing {
    /// Brokers that are known, and without a master now.
    pub(super) away: Vec<String>,
    /// Brokers that the operator gave up, and that are there all the same.
    pub(super) back: Vec<String>,
}

impl KnownBrokers {
    /// Without notes the brokers are known until the end of the process.
    pub(super) fn new(gone: &[String]) -> Self {
        let gone = gone.iter().cloned().collect();
        Self { note: OnceLock::new(), gone, names: Mutex::default() }
    }

    /// Keeps the names there from now on.
    pub(super) fn keep_in(&self, note: Note) {
        // Set once; a second place would know less than the first.
        let _ = self.note.set(note);
    }

    /// Takes in the brokers of a route, keeps new ones, and returns which of all are missing in it.
    pub(super) async fn note(&self, route: &Route) -> Result<Missing, RequestError> {
        let mut names = self.names.lock().await;
        if names.kept.is_none() {
            let kept = self.read().await?;
            names.all.extend(kept.iter().filter(|name| !self.gone.contains(*name)).cloned());
            names.kept = Some(kept);
        }
        let here = || route.brokers.iter().map(|broker| &broker.name);
        let seen = here().chain(&route.headless).filter(|name| !self.gone.contains(*name));
        names.all.extend(seen.cloned());
        if names.kept.as_ref() != Some(&names.all) {
            self.keep(&mut names).await;
        }
        let is_here = |name: &&String| here().any(|broker| broker == *name);
        Ok(Missing {
            away: names.all.iter().filter(|name| !is_here(name)).cloned().collect(),
            back: self.gone.iter().filter(is_here).cloned().collect(),
        })
    }

    async fn read(&self) -> Result<BTreeSet<String>, RequestError> {
        let Some(note) = self.note.get() else { return Ok(BTreeSet::new()) };
        let read = note.read().await;
        read.map(|names| names.into_iter().collect()).map_err(|cause| {
            RequestError::Uncounted(format!(
                "which brokers had orders before this start can't be read: {cause}"
            ))
        })
    }

    /// A database that can't be written is reported elsewhere; the next reading tries again.
    async fn keep(&self, names: &mut Names) {
        let all: Vec<String> = names.all.iter().cloned().collect();
        let kept = match self.note.get() {
            Some(note) => note.write(all).await,
            None => Ok(()),
        };
        match kept {
            Ok(()) => {
                names.kept = Some(names.all.clone());
                names.streak.succeeded();
            }
            Err(error) if names.streak.failed() == InRun::First => tracing::warn!(
                target: "seckilld::queue",
                cause = %error, "which brokers have orders can't be kept for the next start yet"
            ),
            Err(_) => {}
        }
    }
}

impl Missing {
    /// What is shown of missing brokers, beside what the lag's reading says.
    pub(super) fn sentences(&self, topic: &str, headless: &[String]) -> Vec<String> {
        // The keeper's look reports headless brokers by itself.
        let away = self.away.iter().filter(|name| !headless.contains(name)).map(|name| {
            format!(
                "{name} had a part of topic {topic}, and the name servers don't know it: what \
                 waits there is unknown. Start it; if it is out of service for good, name it in \
                 rocketmq.brokers_gone and restart"
            )
        });
        let back = self.back.iter().map(|name| {
            format!(
                "{name} stands in rocketmq.brokers_gone and has a part of topic {topic} again: \
                 should it go away, what waits there would not be missed. Take it off that list"
            )
        });
        away.chain(back).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use domain::ports::notebook::Notes as Port;
    use domain::ports::{BoxFuture, Cause, WriteError};

    use super::{KnownBrokers, Missing, Note};
    use crate::access::Access;
    use crate::requests::{Broker, RequestError, Route};

    #[derive(Default)]
    struct Notes(Mutex<(Vec<String>, bool)>);

    impl Port for Notes {
        fn read(&self, _: &str) -> BoxFuture<'_, Result<Vec<String>, Cause>> {
            let (names, fails) = self.0.lock().unwrap().clone();
            Box::pin(async move { if fails { Err(Cause("no".to_owned())) } else { Ok(names) } })
        }

        fn write(&self, _: &str, names: Vec<String>) -> BoxFuture<'_, Result<(), WriteError>> {
            let mut kept = self.0.lock().unwrap();
            let fault = WriteError::Rejected(Cause("no".to_owned()));
            let result = if kept.1 { Err(fault) } else { Ok(()) };
            if result.is_ok() {
                kept.0 = names;
            }
            Box::pin(async move { result })
        }
    }

    fn route(names: &[&str]) -> Route {
        let broker = |name: &&str| Broker {
            name: (*name).to_owned(),
            address: String::new(),
            access: Access::open(4),
        };
        Route { brokers: names.iter().map(broker).collect(), headless: Vec::new() }
    }

    fn known(notes: &Arc<Notes>, gone: &[&str]) -> KnownBrokers {
        let gone: Vec<String> = gone.iter().map(|name| (*name).to_owned()).collect();
        let known = KnownBrokers::new(&gone);
        known.keep_in(Note::new(Arc::clone(notes) as _, String::new()));
        known
    }

    #[tokio::test]
    async fn a_broker_that_was_there_is_missed_over_restarts_until_it_is_given_up() {
        let notes = Arc::<Notes>::default();
        assert_eq!(known(&notes, &[]).note(&route(&["a", "b"])).await, Ok(Missing::default()));
        // Another start, while b is away.
        let missing = known(&notes, &[]).note(&route(&["a"])).await.unwrap();
        assert_eq!(missing.away, ["b"]);
        assert!(missing.sentences("T", &[])[0].contains("name it in rocketmq.brokers_gone"));
        assert_eq!(missing.sentences("T", &["b".to_owned()]), [""; 0]);
        // The topic itself is out of sight.
        assert_eq!(known(&notes, &[]).note(&route(&[])).await.unwrap().away, ["a", "b"]);

        assert_eq!(known(&notes, &["b"]).note(&route(&["a"])).await, Ok(Missing::default()));
        assert_eq!(notes.0.lock().unwrap().0, ["a"]);
        let back = known(&notes, &["b"]).note(&route(&["a", "b"])).await.unwrap();
        assert_eq!((back.away.len(), back.back.as_slice()), (0, ["b".to_owned()].as_slice()));
    }

    #[tokio::test]
    async fn what_cant_be_read_is_unknown_and_what_cant_be_kept_is_kept_later() {
        let notes = Arc::<Notes>::default();
        notes.0.lock().unwrap().1 = true;
        let known = known(&notes, &[]);
        assert!(matches!(known.note(&route(&["a"])).await, Err(RequestError::Uncounted(_))));
        notes.0.lock().unwrap().1 = false;
        known.note(&route(&[])).await.unwrap();
        notes.0.lock().unwrap().1 = true;
        assert_eq!(known.note(&route(&["a"])).await, Ok(Missing::default()));
        notes.0.lock().unwrap().1 = false;
        known.note(&route(&["a"])).await.unwrap();
        assert_eq!(notes.0.lock().unwrap().0, ["a"]);
    }
}
