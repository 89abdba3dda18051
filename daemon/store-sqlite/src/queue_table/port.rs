//! The queue's table behind its port.

use std::sync::Arc;
use std::time::Duration;

use domain::ports::embedded::{Consumed, QueueTable};
use domain::ports::{
    BoxFuture, Cause, Lag, Look, Outgoing, Pending, ReadError, TakingLimits, WriteError,
};
use protocol::EpochMs;
use tokio::sync::watch;

use crate::Store;
use crate::engine::writer::ANSWERED_WITHIN;

impl QueueTable for Store {
    fn accept(
        &self,
        orders: Arc<Vec<Outgoing>>,
        consumed: Consumed,
    ) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(Self::accept(self, orders, move || consumed.get()))
    }

    fn decide_queued(&self, limits: TakingLimits) -> BoxFuture<'_, Result<Look, WriteError>> {
        let TakingLimits { batch_max, deliveries_max, backoff } = limits;
        Box::pin(async move {
            Ok(self.decide_from_queue(batch_max, deliveries_max, backoff).await?.into())
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
