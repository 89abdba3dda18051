//! The consumer of a table in which messages wait until they are due: the embedded queue's, or that
//! of resent dead letters. It takes batch after batch while some are due, then sleeps until
//! something is added, a message is due, or it is cancelled. It never polls.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::backoff::Backoff;
use domain::ports::{BoxFuture, Consuming, Look, TakingLimits, WriteError};
use instruments::signs_of_life::Pulse;
use protocol::EpochMs;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::observe::status::Record;
use crate::tunable::Tunable;

/// Waits between tries while the store fails.
const STORE_BACKOFF: Backoff = Backoff { first_ms: 100, max_ms: 5_000 };

/// The longest sleep before a retry is due. It bounds the delay when the wall clock is set back.
const SLEEP_MAX_MS: u64 = 60_000;

/// How the queue is consumed.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Orders placed in one transaction.
    pub batch_max: Tunable,
    /// Deliveries of one message after which it becomes a dead letter.
    pub deliveries_max: Tunable,
    /// Milliseconds before the first redelivery.
    pub redelivery_after_ms: Tunable,
    /// The longest wait between redeliveries, in milliseconds.
    pub redelivery_after_ms_max: Tunable,
}

impl Settings {
    fn limits(&self) -> TakingLimits {
        TakingLimits {
            batch_max: self.batch_max.count(),
            deliveries_max: u32::try_from(self.deliveries_max.get()).unwrap_or(u32::MAX),
            backoff: Backoff {
                first_ms: self.redelivery_after_ms.get(),
                max_ms: self.redelivery_after_ms_max.get(),
            },
        }
    }
}

/// What a consumer needs besides the table.
#[derive(Clone)]
pub struct Consumption {
    /// How much is taken at once, and how often it is tried.
    pub settings: Settings,
    /// Beats with the batches.
    pub pulse: Arc<Pulse>,
    /// Where it is noted how they end.
    pub record: Arc<Record>,
}

/// A table whose messages wait until they are due.
pub(super) trait Table: Send + Sync + 'static {
    /// What waits in it, for the log.
    const WHAT: &'static str;

    /// Takes due messages.
    fn take(&self, limits: TakingLimits) -> BoxFuture<'_, Result<Look, WriteError>>;

    /// Goes up with each commit that added one.
    fn added(&self) -> watch::Receiver<u64>;

    /// The moment, by the clock that says when a message is due.
    fn now(&self) -> EpochMs;
}

/// The consumer of one table: at rest until it is started, and after it is stopped.
pub(super) struct Consumer<T> {
    table: Arc<T>,
    consumption: Consumption,
    consuming: watch::Sender<Consuming>,
    running: Mutex<Option<Running>>,
    /// Is called with each change, one call at a time: whether messages are taken now.
    taking: Box<dyn Fn(Consuming) + Send + Sync>,
}

/// The loop at work.
struct Running {
    task: JoinHandle<()>,
    cancel: CancellationToken,
}

impl<T: Table> Consumer<T> {
    /// A consumer at rest. `taking` is called whenever it begins or ceases to take messages.
    pub(super) fn new(
        table: T,
        consumption: Consumption,
        taking: impl Fn(Consuming) + Send + Sync + 'static,
    ) -> Self {
        let (consuming, _) = watch::channel(Consuming::Running);
        let (table, running, taking) = (Arc::new(table), Mutex::default(), Box::new(taking));
        Self { table, consumption, consuming, running, taking }
    }

    /// Begins to consume. Where it runs already, it goes on.
    pub(super) fn start(&self, consuming: Consuming) {
        let mut running = self.running();
        self.consuming.send_replace(consuming);
        if running.is_none() {
            let (cancel, consuming) = (CancellationToken::new(), self.consuming.subscribe());
            let (table, consumption) = (Arc::clone(&self.table), self.consumption.clone());
            let task = tokio::spawn(run(table, consumption, consuming, cancel.clone()));
            *running = Some(Running { task, cancel });
        }
        self.note(&running);
    }

    /// Pauses or goes on; at rest it only says how the next start begins.
    pub(super) fn set_consuming(&self, consuming: Consuming) {
        let running = self.running();
        self.consuming.send_replace(consuming);
        self.note(&running);
    }

    /// Ends after the batch that it is at.
    pub(super) async fn stop(&self) {
        let ended = {
            let mut running = self.running();
            let ended = running.take();
            self.note(&running);
            ended
        };
        if let Some(Running { task, cancel }) = ended {
            cancel.cancel();
            if task.await.is_err() {
                tracing::warn!("the consumer of {} ended in disorder", T::WHAT);
            }
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, running: &Option<Running>) {
        (self.taking)(match running {
            Some(_) => *self.consuming.borrow(),
            None => Consuming::Paused,
        });
    }
}

/// Consumes until `cancel`, or until the store is closed. The batch under way is finished. While
/// `consuming` says [`Consuming::Paused`] nothing is taken; when its sender is gone, its last value
/// stands.
async fn run<T: Table>(
    table: Arc<T>,
    consumption: Consumption,
    mut consuming: watch::Receiver<Consuming>,
    cancel: CancellationToken,
) {
    let Consumption { settings, pulse, record } = consumption;
    let mut added = table.added();
    let mut failures = 0_u32;
    while !cancel.is_cancelled() {
        if *consuming.borrow_and_update() == Consuming::Paused {
            until_first(&cancel, changed(&mut consuming)).await;
            continue;
        }
        // Marked before the look, so that what is added during it wakes the next one.
        added.mark_unchanged();
        pulse.begin();
        let limits = settings.limits();
        let looked = table.take(limits).await;
        pulse.rest();
        match looked {
            Err(WriteError::Closed) => return,
            Err(error) => {
                failures = failures.saturating_add(1);
                note_failure::<T>(failures, &error);
                record.failed(1, &error.into());
                let wait = Duration::from_millis(STORE_BACKOFF.after_ms(failures));
                until_first(&cancel, tokio::time::sleep(wait)).await;
            }
            Ok(look) => {
                note_success::<T>(std::mem::take(&mut failures), &look);
                if look.put_off < look.taken {
                    record.through();
                }
                if look.taken < limits.batch_max {
                    let something = async {
                        tokio::select! {
                            () = changed(&mut consuming) => {}
                            () = changed(&mut added) => {}
                            () = until_due(&*table, look.next_due) => {}
                        }
                    };
                    until_first(&cancel, something).await;
                }
            }
        }
    }
}

/// Waits for `event`, but not longer than until `cancel`.
async fn until_first(cancel: &CancellationToken, event: impl Future<Output = ()>) {
    tokio::select! {
        () = cancel.cancelled() => {}
        () = event => {}
    }
}

/// The next change; never, when its sender is gone.
async fn changed<T>(watched: &mut watch::Receiver<T>) {
    if watched.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Sleeps until the next message is due; for ever when none waits.
async fn until_due<T: Table>(table: &T, next_due: Option<EpochMs>) {
    let Some(due) = next_due else { return std::future::pending().await };
    let wait_ms = u64::try_from(due.0.saturating_sub(table.now().0)).unwrap_or(0);
    tokio::time::sleep(Duration::from_millis(wait_ms.clamp(1, SLEEP_MAX_MS))).await;
}

fn note_failure<T: Table>(failures: u32, error: &WriteError) {
    let what = T::WHAT;
    if failures == 1 {
        tracing::error!(%error, "no {what} can be placed; trying again until the store recovers");
    } else {
        tracing::debug!(%error, failures, "still no {what} can be placed");
    }
}

fn note_success<T: Table>(failures_before: u32, look: &Look) {
    let what = T::WHAT;
    if 0 < failures_before {
        tracing::info!(failures = failures_before, "{what} can be placed again");
    }
    if 0 < look.put_off {
        tracing::warn!(count = look.put_off, "{what} failed unexpectedly and will be tried again");
    }
    if 0 < look.dead_lettered {
        let count = look.dead_lettered;
        tracing::warn!(count, "messages that can't be decided are among the dead letters now");
    }
    if 0 < look.taken {
        tracing::debug!(?look, "placed a batch");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use domain::ports::Sale;
    use domain::ports::notebook::Notes;
    use store_sqlite::Store;
    use store_sqlite::testing::{Fixture, outgoing};
    use tokio::sync::watch;
    use tokio::task::JoinHandle;
    use tokio_util::sync::CancellationToken;

    use super::{Consuming, Consumption, Record, Settings, run};
    use crate::observe::status::{Part, Refuses, Status, Subject};
    use crate::queue::embedded::Waiting;

    struct Consumer {
        consuming: watch::Sender<Consuming>,
        cancel: CancellationToken,
        task: JoinHandle<()>,
    }

    fn record() -> Arc<Record> {
        let what = "orders can't be placed";
        Status::default().record(Subject { part: Part::Store, what, refuses: Refuses::Nobody })
    }

    fn consume(store: &Store, consuming: Consuming) -> Consumer {
        let (consuming, watched) = watch::channel(consuming);
        let cancel = CancellationToken::new();
        let settings = Settings {
            batch_max: 4_u32.into(),
            deliveries_max: 3_u32.into(),
            redelivery_after_ms: 1_u32.into(),
            redelivery_after_ms_max: 1_u32.into(),
        };
        let consumption = Consumption { settings, pulse: Arc::default(), record: record() };
        let table = Arc::new(Waiting(Arc::new(store.clone())));
        let task = tokio::spawn(run(table, consumption, watched, cancel.clone()));
        Consumer { consuming, cancel, task }
    }

    async fn until_placed(store: &Store, count: u64) {
        let mut changes = store.changes();
        let placed = async {
            while store.outcomes().await.unwrap().placed < count {
                changes.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(30), placed).await.unwrap();
    }

    #[tokio::test]
    async fn what_was_queued_before_and_what_comes_later_is_placed() {
        let fixture = Fixture::with_stock(100);
        let store = &fixture.store;
        let batch = |from: u32| (from..from + 10).map(|user| outgoing(&user.to_string(), user));
        store.enqueue(batch(0).collect()).await.unwrap();
        let consumer = consume(store, Consuming::Running);
        until_placed(store, 10).await;
        store.enqueue(batch(10).collect()).await.unwrap();
        until_placed(store, 20).await;
        consumer.cancel.cancel();
        consumer.task.await.unwrap();
        assert_eq!(store.pending().await.unwrap(), []);
    }

    #[tokio::test]
    async fn while_paused_nothing_is_taken() {
        let fixture = Fixture::with_stock(100);
        let store = &fixture.store;
        let consumer = consume(store, Consuming::Paused);
        store.enqueue(vec![outgoing("a", 1)]).await.unwrap();
        // A write after the enqueue, so that a consumer that ignored the pause would have had its
        // turn.
        tokio::task::yield_now().await;
        Notes::write(store, "turn", vec![]).await.unwrap();
        assert_eq!(store.pending().await.unwrap().len(), 1);
        consumer.consuming.send(Consuming::Running).unwrap();
        until_placed(store, 1).await;
        // Its sender gone, the last value stands.
        let Consumer { consuming, cancel, task } = consumer;
        drop(consuming);
        store.enqueue(vec![outgoing("b", 2)]).await.unwrap();
        until_placed(store, 2).await;
        cancel.cancel();
        task.await.unwrap();
    }

    #[tokio::test]
    async fn a_failing_store_is_tried_again_and_a_closed_one_ends_it() {
        let fixture = Fixture::with_stock(100);
        let store = &fixture.store;
        store.enqueue(vec![outgoing("a", 1)]).await.unwrap();
        fixture.sql("ALTER TABLE t_seckill_order RENAME TO elsewhere").await;
        let consumer = consume(store, Consuming::Running);
        // It fails as a whole, so nothing is given up as a dead letter, however often it is tried.
        for _ in 0..3 {
            Notes::write(store, "turn", vec![]).await.unwrap();
            tokio::task::yield_now().await;
        }
        assert_eq!(store.dead_letter_count().await.unwrap(), 0);
        fixture.sql("ALTER TABLE elsewhere RENAME TO t_seckill_order").await;
        until_placed(store, 1).await;
        store.close().await.unwrap();
        consumer.consuming.send(Consuming::Paused).unwrap();
        consumer.consuming.send(Consuming::Running).unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(30), consumer.task).await;
        ended.unwrap().unwrap();
    }
}
