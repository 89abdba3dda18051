//! The queue's table behind its port.

use std::sync::Arc;
use std::time::Duration;

use domain::ports::embedded::{Consumed, Look, QueueTable, TakeTerms};
use domain::ports::{BoxFuture, Cause, Lag, Outgoing, Pending, ReadError, WriteError};
use protocol::EpochMs;
use tokio::sync::watch;

use crate::Store;
use crate::engine::writer::ANSWERED_WITHIN;
use crate::queue_table::queue::Taken;

impl QueueTable for Store {
    fn accept(
        &self,
        orders: Arc<Vec<Outgoing>>,
        consumed: Consumed,
    ) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(Self::accept(self, orders, move || consumed.get()))
    }

    fn place_due(&self, terms: TakeTerms) -> BoxFuture<'_, Result<Look, WriteError>> {
        let TakeTerms { batch_max, deliveries_max, backoff } = terms;
        Box::pin(async move {
            let looked = self.decide_from_queue(batch_max, deliveries_max, backoff).await?;
            let Taken { taken, outcomes, put_off, next_due } = looked;
            let (decided, dead_lettered) = (outcomes.decided(), outcomes.dead_lettered);
            Ok(Look { taken, decided, dead_lettered, put_off, next_due })
        })
    }

    fn lag(&self) -> BoxFuture<'_, Result<Lag, ReadError>> {
        Box::pin(self.embedded_lag())
    }

    fn undecided(&self) -> BoxFuture<'_, Result<Vec<Pending>, ReadError>> {
        Box::pin(Self::undecided(self))
    }

    fn queued(&self) -> watch::Receiver<u64> {
        Self::queued(self)
    }

    fn is_open(&self) -> Result<(), Cause> {
        if self.is_closed() { Err(WriteError::Closed.into()) } else { Ok(()) }
    }

    fn stalled(&self) -> Option<Cause> {
        self.stall(Duration::ZERO)
    }

    fn answered_within(&self) -> Duration {
        ANSWERED_WITHIN
    }

    fn now(&self) -> EpochMs {
        Self::now(self)
    }
}
