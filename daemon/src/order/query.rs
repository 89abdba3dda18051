//! The order side, served from this process's database: a buyer's order, and what was decided.

use std::sync::Arc;
use std::time::Duration;

use domain::ports::order_side::{Known, OrderSide};
use domain::ports::{BoxFuture, Cause, LagReader};
use protocol::DecisionsPage;
use tokio::sync::watch;

use store_sqlite::{OrderRow, Store};

/// Decisions in one page: large enough that a gateway's start takes few, small enough that a page
/// is read in milliseconds and stays far below a megabyte.
const PAGE_DECISIONS_MAX: usize = 2_000;

/// How long a query waits for the lag, which a silent broker may keep from us for seconds: less
/// than `gateway.order_timeout_ms` by default, so that a gateway gets the answer "not yet" in time.
const LAG_WAIT_MAX: Duration = Duration::from_secs(1);

/// The order role's answers.
pub struct OrderBook {
    store: Store,
    lag: Arc<dyn LagReader>,
    paused: watch::Receiver<bool>,
}

impl OrderBook {
    /// Answers from `store`. `lag` says whether something may still come, `paused` whether an
    /// operator keeps it from coming.
    #[must_use]
    pub fn new(store: Store, lag: Arc<dyn LagReader>, paused: watch::Receiver<bool>) -> Self {
        Self { store, lag, paused }
    }
}

/// How an order stands, by up to two `look`s into the database and a lag reading between them.
///
/// # Errors
/// The database can't be read.
pub(crate) async fn known<L>(look: impl Fn() -> L, lag: &dyn LagReader) -> Result<Known, Cause>
where
    L: Future<Output = Result<Option<OrderRow>, Cause>>,
{
    let found = |order: OrderRow| Known::Found(Box::new(order.into()));
    if let Some(order) = look().await? {
        return Ok(found(order));
    }
    // The reading begins after this query came. Should it be 0, whatever was queued before has been
    // decided, perhaps since the first look: hence the second.
    match tokio::time::timeout(LAG_WAIT_MAX, lag.read_lag()).await {
        Ok(Ok(lag)) if lag.messages == 0 && lag.passed_over == 0 => {
            Ok(look().await?.map_or(Known::Never, found))
        }
        Ok(Ok(_) | Err(_)) | Err(_) => Ok(Known::NotYet),
    }
}

impl OrderSide for OrderBook {
    fn decisions(&self, after: u64) -> BoxFuture<'_, Result<DecisionsPage, Cause>> {
        Box::pin(async move {
            let page = self.store.decisions(after, PAGE_DECISIONS_MAX).await?;
            Ok(DecisionsPage { paused: *self.paused.borrow(), ..page })
        })
    }

    fn find<'a>(
        &'a self,
        prod_id: &'a str,
        user_phone: &'a str,
    ) -> BoxFuture<'a, Result<Known, Cause>> {
        Box::pin(async move {
            let look = || async { Ok(self.store.find_order(prod_id, user_phone).await?) };
            known(look, &*self.lag).await
        })
    }

    fn changes(&self) -> Option<watch::Receiver<u64>> {
        Some(self.store.changes())
    }
}
