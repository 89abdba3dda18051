//! The order role as a broker's consumer sees it: deliveries in, their outcomes durable in the
//! store.

use domain::ports::{Cause, Delivery, Placer};
use store_sqlite::Store;

/// Places deliveries in the database of this process.
#[derive(Clone)]
pub struct StorePlacer {
    store: Store,
}

impl StorePlacer {
    /// A placer on `store`.
    #[must_use]
    pub const fn new(store: Store) -> Self {
        Self { store }
    }
}

impl Placer for StorePlacer {
    fn place(&self, deliveries: Vec<Delivery>) -> Result<(), Cause> {
        let outcomes = self.store.place_blocking(deliveries);
        let outcomes = outcomes.map_err(|error| Cause(error.to_string()))?;
        if 0 < outcomes.dead_lettered {
            let count = outcomes.dead_lettered;
            tracing::warn!(count, "messages that can't be decided are among the dead letters now");
        }
        tracing::debug!(?outcomes, "placed a batch");
        Ok(())
    }
}
