//! Keeps the book in step with the order side: each page of decisions ends the holds it decides and
//! brings the stock of the same moment. It only reads; the order side never waits for it. A panic
//! ends one turn, not the following: until a turn ends well, the book is shown as behind.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::ports::Cause;
use domain::ports::order_side::OrderSide;
use domain::sale_clock::Peer;
use instruments::clock::Now;
use instruments::panics::{Panicked, contain};
use instruments::signs_of_life::Pulse;
use protocol::{DecisionsPage, EpochMs, ProdId, Seq};
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
    place: Option<FollowedDatabase>,
    state: watch::Sender<Sync>,
    heard: Arc<Heard>,
    /// Holds of each product that decisions have ended and that wait for its next stock figure. It
    /// is empty between pages, unless a panic ended one.
    settled: HashMap<ProdId, u32>,
    /// Beats with its own work; rests while the order side is asked, which has its own time limit.
    pulse: Arc<Pulse>,
    /// The sale's clock, beside which another process's is held; `None` where there is no other.
    now: Option<Now>,
}

/// What was read of the order side, beside what went into the book.
#[derive(Debug, Default)]
pub struct Heard {
    decisions: AtomicU64,
    is_paused: AtomicBool,
    clock: Mutex<Peer>,
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

    /// Milliseconds by which the sale's clock there is ahead of the one that shows `now` here;
    /// `None` where that isn't known.
    #[must_use]
    pub fn clock_ahead_ms(&self, now: EpochMs) -> Option<i64> {
        self.clock().ahead_ms(now)
    }

    fn note_clock(&self, asked: EpochMs, page: &DecisionsPage, answered: EpochMs) {
        let Some(told) = page.now else { return };
        let mut clock = self.clock();
        *clock = clock.with(asked, told, answered);
    }

    fn clock(&self) -> MutexGuard<'_, Peer> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The database that is followed, and the number of the newest decision that was applied.
struct FollowedDatabase {
    store_id: String,
    seq: Seq,
}

impl FollowedDatabase {
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
        let (heard, pulse) = (Arc::default(), Arc::default());
        let (place, settled, now) = (None, HashMap::new(), None);
        Self { book, order_side, every, place, state, heard, settled, pulse, now }
    }

    /// One that holds the order side's clock beside this one, where there is one.
    #[must_use]
    pub fn beside(self, now: Option<Now>) -> Self {
        Self { now, ..self }
    }

    /// Its sign of life.
    #[must_use]
    pub fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
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
            let after = self.place.as_ref().map_or(Seq(0), |place| place.seq);
            let asked = self.now.as_ref().map(|now| now());
            let page = self.order_side.decisions(after).await?;
            if let (Some(asked), Some(now)) = (asked, &self.now) {
                self.heard.note_clock(asked, &page, now());
            }
            if self.place.as_ref().is_some_and(|place| !place.goes_on_in(&page)) {
                self.start_over();
                return Err(Cause(format!(
                    "the order side has another database ({}): starting over",
                    page.store_id
                )));
            }
            self.pulse.begin();
            let is_more = self.apply(&page);
            self.pulse.rest();
            if !is_more {
                return Ok(());
            }
        }
    }

    /// Undecided orders are kept: they are in the queue whatever the database says.
    fn start_over(&mut self) {
        for entry in self.book.entries() {
            entry.forget_decided();
        }
        self.place = None;
    }

    /// Follows the order side until cancelled.
    pub async fn run(mut self, cancel: CancellationToken) {
        let mut changes = self.order_side.changes();
        let following = async {
            loop {
                let result = contained(self.catch_up()).await;
                self.pulse.rest();
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
        self.heard.is_paused.store(page.paused, Ordering::Relaxed);
        self.book.renew_cards(&page.products);
        let start = self.place.take().filter(|place| place.store_id == page.store_id);
        let start = start
            .unwrap_or_else(|| FollowedDatabase { store_id: page.store_id.clone(), seq: Seq(0) });
        let place = self.place.insert(start);
        for decision in &page.decisions {
            if let Some(entry) = self.book.entry(&decision.prod_id)
                && entry.decide(decision)
            {
                if let Some(count) = self.settled.get_mut(&decision.prod_id) {
                    *count += 1;
                } else {
                    self.settled.insert(decision.prod_id.clone(), 1);
                }
            }
            // Noted with each, so that none is applied twice where a panic ends the page.
            place.seq = decision.seq;
        }
        for product in &page.products {
            if let Some(entry) = self.book.entry(&product.prod_id) {
                let settled = self.settled.remove(&product.prod_id).unwrap_or(0);
                entry.stock.refresh(product.stock, settled);
            }
        }
        self.heard.decisions.fetch_add(page.decisions.len() as u64, Ordering::Relaxed);
        if page.decisions.is_empty() {
            place.seq = page.head;
        }
        place.seq < page.head
    }
}

/// Does a turn of the following; a panic in it is an error like another.
///
/// # Errors
/// Those of the turn, and its panic.
pub async fn contained(turn: impl Future<Output = Result<(), Cause>>) -> Result<(), Cause> {
    let result = contain(pin!(turn)).await;
    result.unwrap_or_else(|Panicked(why)| Err(Cause(format!("following it panicked: {why}"))))
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
mod tests;
