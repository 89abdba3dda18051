//! Dead letters that were resent, on their way back to the order role: consumed from the sale's own
//! tables, whatever the kind of the queue, and paused and stopped with it. They were delivered
//! once, and must not go to other consumers of a broker's topic.

use std::sync::Arc;

use domain::ports::resent::ResentLetters;
use domain::ports::{BoxFuture, Cause, Consuming, Lag, LagReader, Look, TakingLimits, WriteError};
use protocol::EpochMs;
use tokio::sync::watch;

use super::consumer::{Consumer, Consumption, Table};

/// The way back of resent letters.
pub struct WayBack {
    letters: Arc<dyn ResentLetters>,
    consumer: Consumer<Waiting>,
}

/// The letters as their consumer sees them.
struct Waiting(Arc<dyn ResentLetters>);

impl Table for Waiting {
    const WHAT: &'static str = "resent dead letters";

    fn take(&self, limits: TakingLimits) -> BoxFuture<'_, Result<Look, WriteError>> {
        self.0.decide_due(limits)
    }

    fn added(&self) -> watch::Receiver<u64> {
        self.0.resent()
    }

    fn now(&self) -> EpochMs {
        self.0.now()
    }
}

impl WayBack {
    /// The way back in the sale's store, which nobody consumes yet.
    #[must_use]
    pub fn new(letters: Arc<dyn ResentLetters>, consumption: Consumption) -> Self {
        let consumer = Consumer::new(Waiting(Arc::clone(&letters)), consumption, |_| ());
        Self { letters, consumer }
    }

    /// Consumes in the background from now on; one that runs already goes on. Call it on a tokio
    /// runtime.
    pub fn start(&self, consuming: Consuming) {
        self.consumer.start(consuming);
    }

    /// Pauses or goes on; the batch under way is finished.
    pub fn set_consuming(&self, consuming: Consuming) {
        self.consumer.set_consuming(consuming);
    }

    /// Ends after the batch under way.
    pub async fn stop(&self) {
        self.consumer.stop().await;
    }

    /// The lag of `queue`, and of the letters on their way back.
    #[must_use]
    pub fn with_lag_of(&self, queue: Arc<dyn LagReader>) -> Arc<dyn LagReader> {
        Arc::new(WithResent { queue, letters: Arc::clone(&self.letters) })
    }
}

/// The lag of a queue together with the dead letters that wait to be decided again.
struct WithResent {
    queue: Arc<dyn LagReader>,
    letters: Arc<dyn ResentLetters>,
}

impl LagReader for WithResent {
    fn read_lag(&self) -> BoxFuture<'_, Result<Lag, Cause>> {
        Box::pin(async move {
            let mut lag = self.queue.read_lag().await?;
            let letters = self.letters.on_their_way().await?;
            if 0 < letters.messages {
                lag.messages += letters.messages;
                lag.oldest_age_ms = lag.oldest_age_ms.max(letters.oldest_age_ms);
                lag.queues.push(letters);
            }
            Ok(lag)
        })
    }
}
