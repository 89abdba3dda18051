//! Logs the requests answered 40005 that came when no line of the log was due.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::gateway::tally::Tally;
use crate::order;
use crate::request::{InvalidRequests, TOLD_EVERY};

/// Logs them until `cancel`, and then the last ones.
pub(super) async fn tell(
    gateway: Option<Arc<Tally>>,
    order: Arc<order::Tally>,
    cancel: CancellationToken,
) {
    let each = |tell: fn(&InvalidRequests)| {
        if let Some(tally) = &gateway {
            tally.all().for_each(|answered| tell(&answered.invalid));
        }
        tell(&order.invalid_queries);
    };
    let telling = async {
        loop {
            tokio::time::sleep(TOLD_EVERY).await;
            each(InvalidRequests::tell_others);
        }
    };
    cancel.run_until_cancelled(telling).await;
    each(InvalidRequests::tell_last);
}
