//! The order side, served from the sale's store: a buyer's order, and what was decided.

use std::sync::Arc;
use std::time::Duration;

use domain::ports::order_side::{OrderLookup, OrderSide};
use domain::ports::{BoxFuture, Cause, DecidedAfter, LagReader, OrderRow, Sale};
use instruments::clock::Now;
use protocol::{DecisionsPage, Phone, ProdId, QueryData, Seq};
use tokio::sync::watch;

/// Decisions in one page: large enough that a gateway's start takes few, small enough that a page
/// is read in milliseconds and stays far below a megabyte.
const PAGE_DECISIONS_MAX: usize = 2_000;

/// How long a query waits for the lag, which a silent broker may keep from us for seconds: less
/// than `gateway.order_timeout_ms` by default, so that a gateway gets the answer "not yet" in time.
const LAG_WAIT_MAX: Duration = Duration::from_secs(1);

/// The order role's answers.
pub struct StoreOrderSide {
    sale: Arc<dyn Sale>,
    lag: Arc<dyn LagReader>,
    paused: watch::Receiver<bool>,
    now: Now,
}

impl StoreOrderSide {
    /// Answers from `sale`. `lag` says whether something may still come, `paused` whether an
    /// operator keeps it from coming, `now` what time it is.
    #[must_use]
    pub fn new(
        sale: Arc<dyn Sale>,
        lag: Arc<dyn LagReader>,
        paused: watch::Receiver<bool>,
        now: Now,
    ) -> Self {
        Self { sale, lag, paused, now }
    }
}

/// How an order stands, by up to two `look`s into the store and a lag reading between them.
///
/// # Errors
/// The database can't be read.
pub(crate) async fn known<L>(
    look: impl Fn() -> L,
    lag: &dyn LagReader,
) -> Result<OrderLookup, Cause>
where
    L: Future<Output = Result<Option<OrderRow>, Cause>>,
{
    let found = |order: OrderRow| OrderLookup::Found(Box::new(answer(order)));
    if let Some(order) = look().await? {
        return Ok(found(order));
    }
    // The reading begins after this query came. Should it be 0, whatever was queued before has been
    // decided, perhaps since the first look: hence the second.
    match tokio::time::timeout(LAG_WAIT_MAX, lag.read_lag()).await {
        Ok(Ok(lag)) if lag.messages == 0 && lag.passed_over == 0 => {
            Ok(look().await?.map_or(OrderLookup::Never, found))
        }
        Ok(Ok(_) | Err(_)) | Err(_) => Ok(OrderLookup::NotYet),
    }
}

/// The answer of `query.do`.
fn answer(order: OrderRow) -> QueryData {
    QueryData {
        order_id: order.order_id,
        order_status: order.status,
        phone: order.phone,
        prod_id: order.prod_id,
        prod_name: order.prod_name,
        charge_money: order.charge_money,
        asked_at: order.asked_at,
        finish_time: order.finish_time,
        reason: order.reason,
        duplicates: order.duplicates,
    }
}

impl OrderSide for StoreOrderSide {
    fn decisions(&self, after: Seq) -> BoxFuture<'_, Result<DecisionsPage, Cause>> {
        Box::pin(async move {
            let DecidedAfter { store_id, head, decisions, products } =
                self.sale.decisions(after, PAGE_DECISIONS_MAX).await?;
            let paused = *self.paused.borrow();
            let now = Some((self.now)());
            Ok(DecisionsPage { store_id, head, decisions, products, paused, now })
        })
    }

    fn find<'a>(
        &'a self,
        prod_id: &'a ProdId,
        phone: &'a Phone,
    ) -> BoxFuture<'a, Result<OrderLookup, Cause>> {
        Box::pin(async move {
            let look = || async { Ok(self.sale.find(prod_id, phone).await?) };
            known(look, &*self.lag).await
        })
    }

    fn changes(&self) -> Option<watch::Receiver<u64>> {
        Some(self.sale.changes())
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::OrderRow;
    use protocol::{EpochMs, Money, OrderStatus, Reason};

    use super::answer;

    #[test]
    fn the_answer_says_what_the_row_says() {
        let order = OrderRow {
            order_id: "a".into(),
            prod_id: "pid_0001".into(),
            prod_name: "a phone".to_owned(),
            phone: "15200008881".into(),
            status: OrderStatus::Failed,
            reason: Some(Reason::SoldOut),
            charge_money: Some(Money::from_milli(1_200_000)),
            asked_at: EpochMs(1),
            finish_time: Some(EpochMs(2)),
            placed_at: None,
            duplicates: 3,
        };
        let answer = answer(order);
        assert_eq!((&*answer.order_id.text(), answer.prod_id.as_str()), ("a", "pid_0001"));
        assert_eq!(answer.prod_name, "a phone");
        assert_eq!(answer.phone.whole(), "15200008881");
        assert_eq!(
            (answer.order_status, answer.reason),
            (OrderStatus::Failed, Some(Reason::SoldOut))
        );
        assert_eq!(answer.charge_money, Some(Money::from_milli(1_200_000)));
        assert_eq!((answer.asked_at, answer.finish_time), (EpochMs(1), Some(EpochMs(2))));
        assert_eq!(answer.duplicates, 3);
    }
}
