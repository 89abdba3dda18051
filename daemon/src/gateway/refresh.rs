//! Keeps the book in step with the order side: each page of decisions ends the holds it decides and
//! brings the stock of the same moment. It only reads; the order side never waits for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use domain::ports::Cause;
use domain::ports::order_side::OrderSide;
use protocol::DecisionsPage;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::gateway::book::Book;
use crate::tunable::Tunable;

/// The rest after a reading, in which no change is looked for; a change that comes later is read at
/// once. In a sale each commit is a change, and a page with the decisions of some milliseconds
/// costs little more than a page with those of one commit.
const REST: Duration = Duration::from_millis(10);

/// Follows the order side's decisions.
pub struct Refresh {
    book: Arc<Book>,
    order_side: Arc<dyn OrderSide>,
    every: Tunable,
    place: Option<Place>,
    state: watch::Sender<Sync>,
    heard: Arc<Heard>,
}

/// What was read of the order side, beside what went into the book.
#[derive(Debug, Default)]
pub struct Heard {
    decisions: AtomicU64,
    is_paused: AtomicBool,
}

impl Heard {
    /// Decisions, on orders of any gateway.
    #[must_use]
    pub fn decisions(&self) -> u64 {
        self.decisions.load(Ordering::Relaxed)
    }

    /// Whether an operator has paused consumption there.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.is_paused.load(Ordering::Relaxed)
    }
}

/// The database that is followed, and the number of the newest decision that was applied.
struct Place {
    store_id: String,
    seq: u64,
}

impl Place {
    /// Whether the page is of the same sequence. A page of another database, or of an older copy of
    /// this one, isn't.
    fn goes_on_in(&self, page: &DecisionsPage) -> bool {
        self.store_id == page.store_id && self.seq <= page.head
    }
}

/// How the gateway's book compares with the order side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sync {
    /// It was never read whole: nothing can be admitted yet.
    Never(Option<Cause>),
    /// It was read whole and is being followed.
    Following,
    /// It was read whole once; since then the order side can't be asked. Charges go on with what is
    /// known: the cached stock is a filter, the order role decides.
    Behind(Cause),
}

impl Refresh {
    /// A follower that has read nothing yet.
    #[must_use]
    pub fn new(book: Arc<Book>, order_side: Arc<dyn OrderSide>, every: impl Into<Tunable>) -> Self {
        let (every, state) = (every.into(), watch::Sender::new(Sync::Never(None)));
        Self { book, order_side, every, place: None, state, heard: Arc::default() }
    }

    /// What is read beside the book, as it comes.
    #[must_use]
    pub fn heard(&self) -> Arc<Heard> {
        Arc::clone(&self.heard)
    }

    /// How the book compares with the order side, now and at each change.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<Sync> {
        self.state.subscribe()
    }

    /// Reads on until the newest decision is applied.
    ///
    /// # Errors
    /// The order side can't be asked. What was read until then is applied.
    pub async fn catch_up(&mut self) -> Result<(), Cause> {
        loop {
            let after = self.place.as_ref().map_or(0, |place| place.seq);
            let page = self.order_side.decisions(after).await?;
            if self.place.as_ref().is_some_and(|place| !place.goes_on_in(&page)) {
                self.start_over();
                return Err(Cause(format!(
                    "the order side has another database ({}): starting over",
                    page.store_id
                )));
            }
            if !self.apply(&page) {
                return Ok(());
            }
        }
    }

    /// Undecided orders are kept: they are in the queue whatever the database says.
    fn start_over(&mut self) {
        for shelf in self.book.shelves() {
            shelf.forget_decided();
        }
        self.place = None;
    }

    /// Follows the order side until cancelled.
    pub async fn run(mut self, cancel: CancellationToken) {
        let mut changes = self.order_side.changes();
        let following = async {
            loop {
                let result = self.catch_up().await;
                self.tell(result);
                let change = async {
                    tokio::time::sleep(REST).await;
                    changed(&mut changes).await;
                };
                tokio::select! {
                    () = change => {}
                    () = tokio::time::sleep(self.every.milliseconds()) => {}
                }
            }
        };
        cancel.run_until_cancelled(following).await;
    }

    /// Publishes how the last reading went, and logs it when that is news.
    pub fn tell(&self, result: Result<(), Cause>) {
        let was_never = matches!(*self.state.borrow(), Sync::Never(_));
        let now = match result {
            Ok(()) => Sync::Following,
            Err(cause) if was_never => Sync::Never(Some(cause)),
            Err(cause) => Sync::Behind(cause),
        };
        let news = self.state.send_if_modified(|state| {
            let news = *state != now;
            state.clone_from(&now);
            news
        });
        if news {
            match now {
                Sync::Following => info!("following the order side's decisions"),
                Sync::Never(cause) => warn!(cause = ?cause, "the order side was never read"),
                Sync::Behind(cause) => warn!(%cause, "the order side can't be asked"),
            }
        }
    }

    /// Applies one page; true when there is more to read.
    fn apply(&mut self, page: &DecisionsPage) -> bool {
        self.heard.decisions.fetch_add(page.decisions.len() as u64, Ordering::Relaxed);
        self.heard.is_paused.store(page.paused, Ordering::Relaxed);
        self.book.renew_cards(&page.products);
        let mut settled: HashMap<&str, u32> = HashMap::new();
        for decision in &page.decisions {
            let Some(shelf) = self.book.shelf(&decision.prod_id) else { continue };
            if shelf.decide(decision) {
                *settled.entry(&decision.prod_id).or_default() += 1;
            }
        }
        for product in &page.products {
            if let Some(shelf) = self.book.shelf(&product.prod_id) {
                let settled = settled.get(product.prod_id.as_str()).copied().unwrap_or(0);
                shelf.stock.refresh(product.stock, settled);
            }
        }
        let seq = page.decisions.last().map_or(page.head, |decision| decision.seq);
        self.place = Some(Place { store_id: page.store_id.clone(), seq });
        seq < page.head
    }
}

async fn changed(changes: &mut Option<watch::Receiver<u64>>) {
    if let Some(receiver) = changes
        && receiver.changed().await.is_ok()
    {
        return;
    }
    // Without a notifier, or with its sender gone, the timer alone wakes the loop.
    *changes = None;
    std::future::pending::<()>().await;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use domain::order_id::OrderIdKey;
    use domain::ports::order_side::{Known, OrderSide};
    use domain::ports::{BoxFuture, Cause};
    use protocol::DecisionsPage;
    use tokio::sync::watch;
    use tokio_util::sync::CancellationToken;

    use super::{REST, Refresh};
    use crate::gateway::book::Book;
    use crate::gateway::testing::FakeOrders;

    /// An order side on which something is decided whenever it is asked, as in a sale.
    struct Busy {
        orders: Arc<FakeOrders>,
        /// Counts the readings as well.
        changes: watch::Sender<u64>,
    }

    impl OrderSide for Busy {
        fn decisions(&self, after: u64) -> BoxFuture<'_, Result<DecisionsPage, Cause>> {
            self.changes.send_modify(|count| *count += 1);
            self.orders.decisions(after)
        }

        fn find<'a>(
            &'a self,
            prod_id: &'a str,
            user_phone: &'a str,
        ) -> BoxFuture<'a, Result<Known, Cause>> {
            self.orders.find(prod_id, user_phone)
        }

        fn changes(&self) -> Option<watch::Receiver<u64>> {
            Some(self.changes.subscribe())
        }
    }

    #[tokio::test]
    async fn in_a_sale_a_rest_lies_between_two_readings_and_each_change_is_read() {
        const READINGS: u32 = 6;
        let busy =
            Arc::new(Busy { orders: FakeOrders::with_stock(1), changes: watch::Sender::new(0) });
        let book = Arc::new(Book::new(OrderIdKey::new(vec![7; 32])));
        let (mut changes, cancel) = (busy.changes.subscribe(), CancellationToken::new());
        // So long an interval that only changes wake it.
        let every = Duration::from_secs(3_600);
        let refresh = Refresh::new(book, Arc::clone(&busy) as _, every);
        let start = Instant::now();
        let running = tokio::spawn(refresh.run(cancel.clone()));
        let enough = changes.wait_for(|count| u64::from(READINGS) <= *count);
        tokio::time::timeout(Duration::from_secs(30), enough).await.unwrap().unwrap();
        assert!(REST * (READINGS - 1) <= start.elapsed());
        cancel.cancel();
        running.await.unwrap();
    }
}
