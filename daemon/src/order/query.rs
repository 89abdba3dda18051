//! The order side, served from this process's database: a buyer's order, and what was decided.

use std::sync::Arc;
use std::time::Duration;

use protocol::DecisionsPage;
use tokio::sync::watch;

use crate::order_side::{Known, OrderSide};
use crate::queue::{BoxFuture, Cause, LagReader};
use crate::store::Store;

/// Decisions in one page: large enough that a gateway's start takes few, small enough that a page
/// is read in milliseconds and stays far below a megabyte.
const PAGE_DECISIONS_MAX: usize = 2_000;

/// How long a query waits for the lag, which a silent broker may keep from us for seconds: less
/// than `gateway.order_timeout_ms` by default, so that a gateway hears "not yet" and no silence.
const LAG_WAIT_MAX: Duration = Duration::from_secs(1);

/// The order role's answers.
pub struct OrderBook {
    store: Store,
    lag: Arc<dyn LagReader>,
}

impl OrderBook {
    /// Answers from `store`, with `lag` to tell whether something may still come.
    #[must_use]
    pub fn new(store: Store, lag: Arc<dyn LagReader>) -> Self {
        Self { store, lag }
    }

    async fn look(&self, prod_id: &str, user_phone: &str) -> Result<Option<Known>, Cause> {
        let row = self.store.find_order(prod_id, user_phone).await?;
        Ok(row.map(|order| Known::Found(Box::new(order.into()))))
    }
}

impl OrderSide for OrderBook {
    fn decisions(&self, after: u64) -> BoxFuture<'_, Result<DecisionsPage, Cause>> {
        Box::pin(async move { Ok(self.store.decisions(after, PAGE_DECISIONS_MAX).await?) })
    }

    fn find<'a>(
        &'a self,
        prod_id: &'a str,
        user_phone: &'a str,
    ) -> BoxFuture<'a, Result<Known, Cause>> {
        Box::pin(async move {
            if let Some(found) = self.look(prod_id, user_phone).await? {
                return Ok(found);
            }
            // The reading begins after this query came. Should it be 0, whatever was queued before
            // has been decided, perhaps since the first look: hence the second.
            match tokio::time::timeout(LAG_WAIT_MAX, self.lag.read_lag()).await {
                Ok(Ok(lag)) if lag.messages == 0 => {
                    Ok(self.look(prod_id, user_phone).await?.unwrap_or(Known::Never))
                }
                Ok(Ok(_) | Err(_)) | Err(_) => Ok(Known::NotYet),
            }
        })
    }

    fn changes(&self) -> Option<watch::Receiver<u64>> {
        Some(self.store.changes())
    }
}
