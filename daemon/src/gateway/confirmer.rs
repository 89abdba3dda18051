//! Orders whose publication ended unknown: kept durably, and published again with the same id until
//! the queue confirms them or the order side has decided them. Their units stay held all the while.
//!
//! A definite failure of a later try proves nothing about the first one, so it stays unknown.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::ports::notebook::UnconfirmedSends;
use domain::ports::{Cause, Outgoing, Producer, Published};
use domain::standing::{Found, Undecided};
use instruments::fault_points::{Point, reach};
use instruments::panics::{Panicked, contain};
use instruments::signs_of_life::Pulse;
use instruments::streak::{InRun, Streak};
use protocol::{Code, OrderId, OrderMessage};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info};

use crate::gateway::book::Book;
use crate::gateway::publisher::published;
use crate::gateway::ticket::Ticket;
use crate::tunable::Tunable;

/// An order that the queue may or may not have.
struct UnconfirmedOrder {
    order: Outgoing,
    standing: Adopted,
    /// The cause of the doubt, for as long as the order may be in memory only.
    unkept: Option<Cause>,
    /// Where its buyer waits until the order is kept, or its keeping was tried.
    ticket: Option<Arc<Ticket>>,
}

/// An order that may be in memory only, with the cause of its doubt.
type Unkept = (OrderId, Outgoing, Cause);

fn unkept((id, doubt): (&OrderId, &UnconfirmedOrder)) -> Option<Unkept> {
    Some((id.clone(), doubt.order.clone(), doubt.unkept.clone()?))
}

/// Why orders may be in memory only still.
enum NotKept {
    /// The store says so.
    Refused(Cause),
    /// The store gave no answer within [`KEEP_WAIT_MAX`]; with the reason, as far as it is known.
    Waited(Cause),
}

/// Whether the book knows an order as unconfirmed, so that its settlement shows there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Adopted {
    Yes,
    /// Published again until the queue has it, whatever the book says: one more duplicate is
    /// harmless.
    No,
}

/// How long buyers wait for their unconfirmed orders to be kept. After that they are answered
/// "unconfirmed" all the same: a database that doesn't answer must not hold the answer back.
const KEEP_WAIT_MAX: Duration = Duration::from_secs(2);

/// The unconfirmed orders of this gateway.
pub struct UnconfirmedOrders {
    book: Arc<Book>,
    store: Arc<dyn UnconfirmedSends>,
    orders: Mutex<HashMap<OrderId, UnconfirmedOrder>>,
    count: AtomicUsize,
    arrived: Notify,
    /// Some came that nobody keeps at once but the confirmer itself.
    unkept: Notify,
    /// Of turns of the confirmer that panicked.
    streak: Streak,
    /// Beats with the confirmer's own work; rests while it waits for the queue or the store, which
    /// have their own time limits.
    pulse: Arc<Pulse>,
}

impl UnconfirmedOrders {
    /// None yet.
    #[must_use]
    pub fn new(book: Arc<Book>, store: Arc<dyn UnconfirmedSends>) -> Self {
        Self {
            book,
            store,
            orders: Mutex::default(),
            count: AtomicUsize::new(0),
            arrived: Notify::new(),
            unkept: Notify::new(),
            streak: Streak::default(),
            pulse: Arc::default(),
        }
    }

    /// The confirmer's sign of life.
    #[must_use]
    pub fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Takes up the orders that an earlier run left unconfirmed: their buyers are answered
    /// "unconfirmed" again and their units are held. To be called when the book has its entries and
    /// before charges are taken.
    ///
    /// # Errors
    /// They can't be read.
    pub async fn recover(&self) -> Result<(), Cause> {
        let kept = self.store.load().await?;
        if !kept.is_empty() {
            info!(count = kept.len(), "taking up unconfirmed sends of an earlier run");
        }
        self.add(kept.into_iter().map(|order| {
            let OrderMessage { order_id, phone, prod_id, .. } = &order.message;
            let id = order_id.clone();
            let undecided = Undecided { id: id.clone(), asked_at: order.asked_at };
            let adopted = self.book.adopt(prod_id, phone, &undecided, Found::Unconfirmed);
            let standing = if adopted { Adopted::Yes } else { Adopted::No };
            (id, UnconfirmedOrder { order, standing, unkept: None, ticket: None })
        }));
        Ok(())
    }

    /// Takes over an order that its entry has as unconfirmed. Its requests wait until it is kept.
    pub(super) fn enter(&self, id: OrderId, order: Outgoing, cause: Cause, ticket: Arc<Ticket>) {
        let (unkept, ticket) = (Some(cause), Some(ticket));
        self.add(
            [(id, UnconfirmedOrder { order, standing: Adopted::Yes, unkept, ticket })].into_iter(),
        );
    }

    /// Has the confirmer keep what has entered, without waiting for its next round.
    pub(super) fn keep_soon(&self) {
        self.unkept.notify_one();
    }

    /// Keeps these orders, which have just entered, and answers their buyers.
    pub(super) async fn keep_entered(&self, ids: &[OrderId]) {
        if ids.is_empty() {
            return;
        }
        let unkept: Vec<Unkept> = {
            let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
            ids.iter().filter_map(|id| orders.get_key_value(id).and_then(unkept)).collect()
        };
        reach(Point::DoubtBeforeKeep);
        match self.keep(unkept).await {
            Ok(()) => reach(Point::DoubtAfterKeep),
            Err(NotKept::Refused(cause)) => {
                error!(%cause, "unconfirmed sends are kept in memory only, so far");
            }
            Err(NotKept::Waited(cause)) => {
                let waited_s = KEEP_WAIT_MAX.as_secs();
                error!(waited_s, %cause, "unconfirmed sends may be kept in memory only, so far");
            }
        }
    }

    /// Publishes them again, every `every`, until cancelled. What is in memory only then is kept
    /// before this ends.
    pub async fn run(
        self: Arc<Self>,
        producer: Arc<dyn Producer>,
        batch_max: impl Into<Tunable>,
        every: impl Into<Tunable>,
        cancel: CancellationToken,
    ) {
        let (batch_max, every) = (batch_max.into(), every.into());
        let confirming = async {
            loop {
                let idle = self.count() == 0;
                tokio::select! {
                    () = self.unkept.notified() => self.turn(self.keep_unkept()).await,
                    () = self.arrived.notified(), if idle => {}
                    () = tokio::time::sleep(every.milliseconds()), if !idle => {
                        self.turn(self.round(&*producer, batch_max.count())).await;
                    }
                }
            }
        };
        cancel.run_until_cancelled(confirming).await;
        self.turn(self.keep_unkept()).await;
        let left = self.all_unkept().len();
        if 0 < left {
            error!(count = left, "unconfirmed sends could not be kept before the stop");
        }
    }

    /// Does a piece of the confirmer's work. A panic ends that piece; the next one comes in time.
    async fn turn(&self, work: impl Future<Output = ()>) {
        self.pulse.begin();
        let result = contain(pin!(work)).await;
        self.pulse.rest();
        match result {
            Ok(()) if self.streak.succeeded() == InRun::First => {
                info!("unconfirmed sends are looked after again");
            }
            Ok(()) => {}
            Err(Panicked(why)) if self.streak.failed() == InRun::First => {
                error!(why, "a look after the unconfirmed sends panicked: the next one follows");
            }
            Err(Panicked(why)) => debug!(why, "another look after the unconfirmed sends panicked"),
        }
    }

    /// Waits for the queue or the store.
    async fn resting<T>(&self, waiting: impl Future<Output = T>) -> T {
        self.pulse.rest();
        let result = waiting.await;
        self.pulse.begin();
        result
    }

    /// One try for each of them.
    pub(crate) async fn round(&self, producer: &dyn Producer, batch_max: usize) {
        let (orders, arrived) = self.still_unconfirmed();
        self.drop_confirmed(arrived, "decided").await;
        self.publish_again(orders, producer, batch_max).await;
        self.keep_unkept().await;
    }

    async fn publish_again(
        &self,
        orders: Vec<(OrderId, Outgoing)>,
        producer: &dyn Producer,
        batch_max: usize,
    ) {
        let (ids, orders): (Vec<_>, Vec<_>) = orders.into_iter().unzip();
        let batch_max = batch_max.max(1);
        for (ids, orders) in ids.chunks(batch_max).zip(orders.chunks(batch_max)) {
            if producer.ready().is_err() {
                return;
            }
            let results = self.resting(published(producer, Arc::new(orders.to_vec()))).await;
            let mut stored = Vec::new();
            for ((id, order), result) in ids.iter().zip(orders).zip(results) {
                if result != Published::Stored {
                    continue;
                }
                if let Some(entry) = self.book.entry(&order.message.prod_id) {
                    entry.confirm(&order.message.phone, id);
                }
                stored.push(id.clone());
            }
            self.drop_confirmed(stored, "published again").await;
        }
    }

    /// What isn't kept yet is kept as soon as it can be: what couldn't be when its result became
    /// unknown, as while another program had the database locked, and what was dropped unsettled.
    async fn keep_unkept(&self) {
        let unkept = self.all_unkept();
        if unkept.is_empty() {
            return;
        }
        let count = unkept.len();
        match self.resting(self.keep(unkept)).await {
            Ok(()) => info!(count, "unconfirmed sends that were in memory only are kept"),
            Err(NotKept::Refused(cause)) => {
                debug!(%cause, "unconfirmed sends are in memory only as before");
            }
            Err(NotKept::Waited(cause)) => debug!(%cause, "keeping unconfirmed sends takes long"),
        }
    }

    /// Those that may be in memory only.
    fn all_unkept(&self) -> Vec<Unkept> {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.iter().filter_map(unkept).collect()
    }

    /// Keeps them, and answers the buyers who wait for that, however it ended.
    async fn keep(&self, unkept: Vec<Unkept>) -> Result<(), NotKept> {
        let mut ids = Vec::with_capacity(unkept.len());
        let mut orders = Vec::with_capacity(unkept.len());
        for (id, order, cause) in unkept {
            ids.push(id);
            orders.push((order, cause));
        }
        let result = match tokio::time::timeout(KEEP_WAIT_MAX, self.store.keep(orders)).await {
            Ok(result) => result.map_err(|error| NotKept::Refused(error.into())),
            Err(_) => Err(NotKept::Waited(self.store.delay())),
        };
        let mut tickets = Vec::new();
        {
            let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
            for id in &ids {
                let Some(doubt) = orders.get_mut(id) else { continue };
                if result.is_ok() {
                    doubt.unkept = None;
                }
                tickets.extend(doubt.ticket.take());
            }
        }
        for ticket in tickets {
            ticket.settle(Code::Unconfirmed);
        }
        result
    }

    /// Those to publish, oldest first, and the ids of those that the order side has decided.
    fn still_unconfirmed(&self) -> (Vec<(OrderId, Outgoing)>, Vec<OrderId>) {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut open, mut arrived) = (Vec::new(), Vec::new());
        for (id, UnconfirmedOrder { order, standing, .. }) in &*orders {
            let decided = self
                .book
                .entry(&order.message.prod_id)
                .is_some_and(|entry| !entry.is_unconfirmed(&order.message.phone, id));
            if decided && *standing == Adopted::Yes {
                arrived.push(id.clone());
            } else {
                open.push((id.clone(), order.clone()));
            }
        }
        open.sort_by_key(|(_, order)| order.asked_at);
        (open, arrived)
    }

    fn add(&self, added: impl Iterator<Item = (OrderId, UnconfirmedOrder)>) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.extend(added);
        self.count.store(orders.len(), Ordering::Relaxed);
        drop(orders);
        self.arrived.notify_one();
    }

    /// The queue has these orders. Who still waits for one is answered so.
    async fn drop_confirmed(&self, ids: Vec<OrderId>, how: &str) {
        if ids.is_empty() {
            return;
        }
        let mut settled = Vec::with_capacity(ids.len());
        {
            let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
            settled.extend(ids.iter().filter_map(|id| orders.remove(id)));
            self.count.store(orders.len(), Ordering::Relaxed);
        }
        for ticket in settled.iter().filter_map(|doubt| doubt.ticket.as_ref()) {
            ticket.settle(Code::Queued);
        }
        info!(count = ids.len(), left = self.count(), how, "unconfirmed sends are settled");
        if let Err(cause) = self.resting(self.store.forget(ids)).await {
            error!(%cause, "settled sends are still kept: they will be published once more");
        }
    }
}

#[cfg(test)]
mod tests;
