//! Which of some orders stand in this database, in whatever table: an order that a gateway holds as
//! undecided may have been decided, set aside or put back into the queue meanwhile.

use std::collections::HashSet;
use std::sync::Arc;

use protocol::OrderId;

use crate::Store;
use crate::engine::error::ReadError;
use crate::queue_table::queue::is_queued;
use crate::queue_table::queue_index::Key;

/// Whether an order stands anywhere but in the queue.
const HERE: &str = "
    SELECT EXISTS (SELECT 1 FROM t_seckill_order WHERE order_id = ?1)
        OR EXISTS (SELECT 1 FROM seckill_duplicate WHERE order_id = ?1)
        OR EXISTS (SELECT 1 FROM seckill_unconfirmed WHERE order_id = ?1)
        OR EXISTS (SELECT 1 FROM seckill_dead_letter
                    WHERE order_id = ?1 AND resolved_at IS NULL)";

impl Store {
    /// See [`Lists::standing_among`](domain::ports::lists::Lists::standing_among).
    pub(crate) async fn standing_among(
        &self,
        order_ids: Vec<OrderId>,
    ) -> Result<HashSet<OrderId>, ReadError> {
        let index = Arc::clone(&self.inner.queue_index);
        // Asked before the look at the database, as the index demands.
        let places: Vec<_> = order_ids.iter().map(|id| index.find(Key::Order(id))).collect();
        self.read(move |connection| {
            let mut here = connection.prepare_cached(HERE)?;
            let mut standing = HashSet::new();
            for (id, places) in order_ids.into_iter().zip(&places) {
                let stands = here.query_row([&*id.text()], |row| row.get(0))?;
                if stands || is_queued(connection, &id, places)? {
                    standing.insert(id);
                }
            }
            Ok(standing)
        })
        .await
    }
}
