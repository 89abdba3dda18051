//! The order role as a broker's consumer sees it: deliveries in, their outcomes durable in the
//! store.

use std::sync::Arc;

use domain::ports::{Cause, Decider, Delivery, Sale};
use tokio::runtime::Handle;

/// Places deliveries in the sale's store.
#[derive(Clone)]
pub struct StoreDecider {
    sale: Arc<dyn Sale>,
    /// What drives the store while a consumer's thread waits for it.
    runtime: Handle,
}

impl StoreDecider {
    /// A decider on `sale`, for threads that may block.
    #[must_use]
    pub fn new(sale: Arc<dyn Sale>, runtime: Handle) -> Self {
        Self { sale, runtime }
    }
}

impl Decider for StoreDecider {
    fn decide(&self, deliveries: Vec<Delivery>) -> Result<(), Cause> {
        let outcomes = self.runtime.block_on(self.sale.decide(deliveries));
        let outcomes = outcomes.map_err(|error| Cause(error.to_string()))?;
        if 0 < outcomes.dead_lettered {
            let count = outcomes.dead_lettered;
            tracing::warn!(count, "messages that can't be decided are among the dead letters now");
        }
        tracing::debug!(?outcomes, "placed a batch");
        Ok(())
    }
}
