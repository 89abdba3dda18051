//! Whether the order node, which answers, decides no order although some wait. A gateway without
//! the order role judges that by its own orders, because it doesn't see the node's troubles. Three
//! cases are shown elsewhere: the node can't be asked; an operator has paused it; an order has left
//! the queue and has no outcome (then it is overdue).

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::ports::Cause;
use tokio_util::sync::CancellationToken;

use super::gateway::{Following, GatewayParts, Side};
use crate::gateway::book::Book;
use crate::gateway::claim::Passage;
use crate::gateway::confirmer::UnconfirmedOrders;
use crate::gateway::refresh::Sync;
use crate::observe::status::{Part, Record, Refuses, Status, Subject};

/// Orders that wait for so long with none decided are a trouble. A consumer that starts again takes
/// less.
const AFTER: Duration = Duration::from_secs(10);

const EVERY: Duration = Duration::from_secs(1);

/// Looks at a gateway without the order role.
pub(super) struct Standstill {
    record: Arc<Record>,
    following: Following,
    book: Arc<Book>,
    unconfirmed: Arc<UnconfirmedOrders>,
    passage: Arc<Passage>,
    wait: Wait,
}

/// Since when orders have waited without a break, with none decided.
#[derive(Debug, Default)]
struct Wait {
    since: Option<Instant>,
    decisions: u64,
}

impl Wait {
    /// One more look; true where they have waited for too long.
    fn is_too_long(&mut self, now: Instant, some_wait: bool, decisions: u64) -> bool {
        if !some_wait || decisions != self.decisions {
            self.since = None;
        }
        self.decisions = decisions;
        let since = some_wait.then(|| *self.since.get_or_insert(now));
        since.is_some_and(|since| AFTER <= now.saturating_duration_since(since))
    }
}

impl Standstill {
    /// `None` where orders are decided in this process, which knows how that goes.
    pub(super) fn of(gateway: &GatewayParts, status: &Status) -> Option<Self> {
        if gateway.following.side == Side::Here {
            return None;
        }
        let what = "orders aren't decided";
        let subject = Subject { part: Part::OrderSide, what, refuses: Refuses::Nobody };
        Some(Self {
            record: status.record(subject),
            following: gateway.following.clone(),
            book: Arc::clone(&gateway.book),
            unconfirmed: Arc::clone(&gateway.unconfirmed),
            passage: gateway.endpoints.charge.passage(),
            wait: Wait::default(),
        })
    }

    /// Looks each second until cancelled.
    pub(super) async fn watch(mut self, status: Arc<Status>, cancel: CancellationToken) {
        let looking = async {
            loop {
                self.look(&status);
                tokio::time::sleep(EVERY).await;
            }
        };
        cancel.run_until_cancelled(looking).await;
    }

    fn look(&mut self, status: &Status) {
        let is_known = *self.following.sync.borrow() == Sync::Following;
        let is_wanted = self.following.heard.is_paused();
        let is_queue_empty = status.lag().lag.is_ok_and(|lag| lag.messages == 0);
        let some_wait = is_known && !is_wanted && !is_queue_empty && 0 < self.waiting();
        let decisions = self.following.heard.decisions();
        if self.wait.is_too_long(Instant::now(), some_wait, decisions) {
            let seconds = AFTER.as_secs();
            self.record.seen(Cause(format!(
                "the order node answers and has decided none for over {seconds} s, while some wait"
            )));
        } else {
            self.record.gone();
        }
    }

    /// Orders of this gateway that are in the queue, and undecided as far as it has heard.
    fn waiting(&self) -> usize {
        let held = |units: u32| usize::try_from(units).unwrap_or(usize::MAX);
        let entries = self.book.entries();
        let held: usize = entries.iter().map(|entry| held(entry.stock.figures().held)).sum();
        held.saturating_sub(self.unconfirmed.count() + self.passage.under_way())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{AFTER, Wait};

    #[test]
    fn only_looks_without_a_break_and_without_a_decision_are_a_trouble() {
        let begin = Instant::now();
        let mut wait = Wait::default();
        let mut look = |seconds, some_wait, decisions| {
            wait.is_too_long(begin + Duration::from_secs(seconds), some_wait, decisions)
        };
        let after = AFTER.as_secs();
        assert!(!look(0, true, 5) && !look(after - 1, true, 5));
        assert!(look(after, true, 5) && look(after + 9, true, 5));
        // One decision ends it, on an order of whichever gateway; so does a moment in which no
        // order waits.
        assert!(!look(after + 10, true, 6) && !look(2 * after + 9, true, 6));
        assert!(!look(2 * after + 10, false, 6) && !look(2 * after + 11, true, 6));
        assert!(!look(3 * after + 10, true, 6) && look(3 * after + 11, true, 6));
    }
}
