//! Looks at the daemon's state at intervals, numbers what changed, and hands every subscriber the
//! same lines. It owns the sequence numbers and the notable events; the state itself comes from its
//! source.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use protocol::{EpochMs, Line, Notable, NotableKind, PeerView, Severity, Snapshot};
use tokio::sync::{Mutex, broadcast};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::StatusSource;
use super::notables::{self, Noticed};

/// Between two looks while somebody watches, and while nobody does: then only notable events and
/// the figures of slow meters are at stake.
const WATCHED_EVERY: Duration = Duration::from_millis(250);
const UNWATCHED_EVERY: Duration = Duration::from_secs(1);

/// Lines that a subscriber may be behind; one that is further behind is dropped and has to
/// subscribe again. At the busiest of times about 50 lines a second come.
const LINES_BEHIND_MAX: usize = 256;

/// After so much silence the stream says that the daemon is there.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(5);

/// How long a look may take. Beyond it the state is as it was.
const LOOK_TIMEOUT: Duration = Duration::from_secs(3);

/// Where changes are found and numbered.
pub(super) struct Observatory {
    source: Arc<dyn StatusSource>,
    current: Mutex<Current>,
    lines: broadcast::Sender<Bytes>,
}

struct Current {
    snapshot: Snapshot,
    /// The number of the newest notable event.
    noticed: u64,
    /// When the last line went out.
    told_at: Instant,
}

/// The state couldn't be put together in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooSlow;

/// A subscription: the first line, and those that follow.
pub(super) struct Subscription {
    pub(super) first: Bytes,
    pub(super) lines: broadcast::Receiver<Bytes>,
}

impl Observatory {
    /// Begins with a first look.
    pub(super) async fn new(source: Arc<dyn StatusSource>) -> Self {
        let snapshot = source.snapshot().await;
        let books = snapshot.products.iter().filter_map(notables::unbalanced);
        books.for_each(|noticed| log(noticed.severity, &noticed.text));
        let current = Mutex::new(Current { snapshot, noticed: 0, told_at: Instant::now() });
        Self { source, current, lines: broadcast::Sender::new(LINES_BEHIND_MAX) }
    }

    /// Looks at intervals until cancelled.
    pub(super) async fn run(&self, cancel: CancellationToken) {
        let looking = async {
            loop {
                // What a slow look means is said by the callers.
                let mut current = self.current.lock().await;
                let _ = self.look(&mut current).await;
                self.beat(&mut current);
                drop(current);
                let watched = 0 < self.lines.receiver_count();
                tokio::time::sleep(if watched { WATCHED_EVERY } else { UNWATCHED_EVERY }).await;
            }
        };
        cancel.run_until_cancelled(looking).await;
    }

    /// The state now.
    pub(super) async fn snapshot(&self) -> Result<Snapshot, TooSlow> {
        let mut current = self.current.lock().await;
        self.look(&mut current).await?;
        Ok(current.snapshot.clone())
    }

    /// Subscribes: what follows begins right after what the first line holds.
    pub(super) async fn subscribe(&self, you: PeerView) -> Result<Subscription, TooSlow> {
        let mut current = self.current.lock().await;
        self.look(&mut current).await?;
        let snapshot = Box::new(current.snapshot.clone());
        let first = line(&Line::Snapshot { snapshot, you });
        Ok(Subscription { first, lines: self.lines.subscribe() })
    }

    /// Tells of something that an operator did, at once.
    pub(super) async fn tell(&self, text: String) {
        let mut current = self.current.lock().await;
        let told = Noticed { kind: NotableKind::Audit, severity: Severity::Info, text };
        let mut newer = current.snapshot.clone();
        newer.move_to(instruments::clock::now());
        current.notice(&mut newer, vec![told]);
        self.go_on_to(&mut current, newer);
        // The change itself shows with it, not a quarter of a second later.
        let _ = self.look(&mut current).await;
    }

    async fn look(&self, current: &mut Current) -> Result<(), TooSlow> {
        let looked = tokio::time::timeout(LOOK_TIMEOUT, self.source.snapshot()).await;
        let mut newer = looked.map_err(|_| TooSlow)?;
        newer.notables.clone_from(&current.snapshot.notables);
        let noticed = notables::between(&current.snapshot, &newer);
        current.notice(&mut newer, noticed);
        self.go_on_to(current, newer);
        Ok(())
    }

    /// After some silence, says that the daemon is there and where the numbers stand. It goes the
    /// way of the changes, so that it can't overtake one.
    fn beat(&self, current: &mut Current) {
        if HEARTBEAT_EVERY <= current.told_at.elapsed() {
            let (seq, at) = (current.snapshot.seq, instruments::clock::now());
            self.send(current, &Line::Heartbeat { seq, at });
        }
    }

    fn send(&self, current: &mut Current, what: &Line) {
        current.told_at = Instant::now();
        if 0 < self.lines.receiver_count() {
            // An error means that the last subscriber has just left.
            let _ = self.lines.send(line(what));
        }
    }

    fn go_on_to(&self, current: &mut Current, mut newer: Snapshot) {
        let mut seq = current.snapshot.seq;
        for change in current.snapshot.changes_to(&newer) {
            seq += 1;
            let change = Box::new(change);
            self.send(current, &Line::Change { seq, at: newer.at, change });
        }
        newer.seq = seq;
        current.snapshot = newer;
    }
}

impl Current {
    fn notice(&mut self, newer: &mut Snapshot, noticed: Vec<Noticed>) {
        let at: EpochMs = newer.at;
        for Noticed { kind, severity, text } in noticed {
            if kind == NotableKind::Product {
                log(severity, &text);
            }
            self.noticed += 1;
            newer.notice(Notable { id: self.noticed, at, kind, severity, text });
        }
    }
}

/// Logs products' turns, which no other part logs. Books that don't balance are an error: an
/// operator who reads only the log must see it as well.
fn log(severity: Severity, text: &str) {
    match severity {
        Severity::Info => info!("{text}"),
        Severity::Warning => warn!("{text}"),
        Severity::Error => error!("{text}"),
    }
}

/// A line's bytes, with its end.
pub(super) fn line(line: &Line) -> Bytes {
    // A value without maps of odd keys can always be written; an empty line would be skipped.
    let mut bytes = serde_json::to_vec(line).unwrap_or_default();
    bytes.push(b'\n');
    bytes.into()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use domain::ports::BoxFuture;
    use protocol::{Line, PeerView, Permission, Phase, Snapshot};

    use super::{LINES_BEHIND_MAX, Observatory};
    use crate::admin::StatusSource;

    struct Shown(Mutex<Snapshot>);

    impl StatusSource for Shown {
        fn snapshot(&self) -> BoxFuture<'_, Snapshot> {
            Box::pin(async { self.0.lock().unwrap().clone() })
        }
    }

    fn you() -> PeerView {
        PeerView { uid: 0, user: None, permission: Permission::Operate, missing: None }
    }

    #[tokio::test]
    async fn a_subscriber_who_applies_the_lines_has_the_state() {
        let shown = Arc::new(Shown(Mutex::new(Snapshot::default())));
        let observatory = Observatory::new(shown.clone()).await;
        let mut subscription = observatory.subscribe(you()).await.unwrap();
        let Line::Snapshot { mut snapshot, .. } =
            serde_json::from_slice(&subscription.first).unwrap()
        else {
            panic!("the first line is no snapshot");
        };
        shown.0.lock().unwrap().phase = Phase::Serving;
        observatory.snapshot().await.unwrap();
        shown.0.lock().unwrap().degraded.push("the broker is away".to_owned());
        observatory.tell("root paused intake".to_owned()).await;
        let state = observatory.snapshot().await.unwrap();
        while let Ok(bytes) = subscription.lines.try_recv() {
            let Line::Change { seq, at, change } = serde_json::from_slice(&bytes).unwrap() else {
                panic!("no change");
            };
            snapshot.apply(seq, at, *change).unwrap();
        }
        snapshot.move_to(state.at);
        assert_eq!(*snapshot, state);
        let texts: Vec<&str> = state.notables.iter().map(|notable| notable.text.as_str()).collect();
        assert_eq!(texts, [" is serving", "root paused intake", "the broker is away"]);
    }

    #[tokio::test]
    async fn one_who_is_too_far_behind_is_told_so() {
        let shown = Arc::new(Shown(Mutex::new(Snapshot::default())));
        let observatory = Observatory::new(shown.clone()).await;
        let mut subscription = observatory.subscribe(you()).await.unwrap();
        for round in 0..=LINES_BEHIND_MAX {
            shown.0.lock().unwrap().log_level = round.to_string();
            observatory.snapshot().await.unwrap();
        }
        let error = subscription.lines.recv().await.unwrap_err();
        assert!(matches!(error, tokio::sync::broadcast::error::RecvError::Lagged(_)));
    }
}
