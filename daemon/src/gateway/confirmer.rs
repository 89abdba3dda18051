//! Orders whose publication ended unknown: kept durably, and published again with the same id until
//! the queue confirms them or the order side has decided them. Their units stay held all the while.
//!
//! A definite failure of a later try proves nothing about the first one, so it stays unknown.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::order_id::OrderId;
use domain::ports::{BoxFuture, Cause, Outgoing, Producer, Published};
use domain::standing::{Found, Undecided};
use instruments::fault_points::{Point, reach};
use protocol::{Code, OrderMessage};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info};

use crate::gateway::book::Book;
use crate::gateway::claim::Claim;
use crate::gateway::publisher::published;
use crate::tunable::Tunable;

/// Where unconfirmed orders survive a restart.
pub trait DoubtStore: Send + Sync + 'static {
    /// Keeps them durably, each with the cause of its doubt.
    ///
    /// # Errors
    /// They may not be kept; the text is for the log.
    fn keep(&self, orders: Vec<(Outgoing, Cause)>) -> BoxFuture<'_, Result<(), Cause>>;

    /// Forgets the orders of these ids.
    ///
    /// # Errors
    /// They may still be kept, and will be published once more after a restart: harmless.
    fn forget(&self, order_ids: Vec<String>) -> BoxFuture<'_, Result<(), Cause>>;

    /// Why keeping takes so long, as far as that is known.
    fn delay(&self) -> Cause {
        Cause("no answer".to_owned())
    }

    /// All that are kept.
    ///
    /// # Errors
    /// They can't be read.
    fn load(&self) -> BoxFuture<'_, Result<Vec<Outgoing>, Cause>>;
}

/// An order that the queue may or may not have.
struct Doubt {
    order: Outgoing,
    standing: Adopted,
    /// The cause of the doubt, for as long as the order may be in memory only.
    unkept: Option<Cause>,
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
pub struct Doubts {
    book: Arc<Book>,
    store: Arc<dyn DoubtStore>,
    orders: Mutex<HashMap<String, Doubt>>,
    count: AtomicUsize,
    arrived: Notify,
}

impl Doubts {
    /// None yet.
    #[must_use]
    pub fn new(book: Arc<Book>, store: Arc<dyn DoubtStore>) -> Self {
        Self {
            book,
            store,
            orders: Mutex::default(),
            count: AtomicUsize::new(0),
            arrived: Notify::new(),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Takes up the orders that an earlier run left unconfirmed: their buyers are answered
    /// "unconfirmed" again and their units are held. To be called when the book has its shelves and
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
            let OrderMessage { order_id, user_phone, prod_id, .. } = &order.message;
            let id = OrderId::from(order_id.as_str());
            let undecided = Undecided { id, accepted_at: order.accepted_at };
            let adopted = self.book.adopt(prod_id, user_phone, &undecided, Found::Unconfirmed);
            let standing = if adopted { Adopted::Yes } else { Adopted::No };
            Doubt { order, standing, unkept: None }
        }));
        Ok(())
    }

    /// Takes over orders with an unknown result, and answers their buyers once the orders are kept.
    pub async fn take(&self, claims: Vec<(Claim, Outgoing, Cause)>) {
        let mut kept = Vec::new();
        let mut tickets = Vec::new();
        for (claim, order, cause) in claims {
            if claim.shelf.doubt(&order.message.user_phone, &claim.id) {
                kept.push((order, cause));
                tickets.push(claim.ticket);
            } else {
                // It was decided meanwhile, so the queue had it.
                claim.settle_stored();
            }
        }
        if kept.is_empty() {
            return;
        }
        self.add(kept.iter().map(|(order, cause)| Doubt {
            order: order.clone(),
            standing: Adopted::Yes,
            unkept: Some(cause.clone()),
        }));
        let ids = ids_of(&kept);
        reach(Point::DoubtBeforeKeep);
        match tokio::time::timeout(KEEP_WAIT_MAX, self.store.keep(kept)).await {
            Ok(Ok(())) => {
                self.note_kept(&ids);
                reach(Point::DoubtAfterKeep);
            }
            Ok(Err(cause)) => error!(%cause, "unconfirmed sends are kept in memory only, so far"),
            Err(_) => {
                let (waited_s, cause) = (KEEP_WAIT_MAX.as_secs(), self.store.delay());
                error!(waited_s, %cause, "unconfirmed sends may be kept in memory only, so far");
            }
        }
        for ticket in tickets {
            ticket.settle(Code::Unconfirmed);
        }
    }

    /// Publishes them again, every `every`, until cancelled.
    pub async fn run(
        self: Arc<Self>,
        producer: Arc<dyn Producer>,
        batch_max: impl Into<Tunable>,
        every: impl Into<Tunable>,
        cancel: CancellationToken,
    ) {
        let (batch_max, every) = (batch_max.into(), every.into());
        loop {
            let idle = self.count() == 0;
            tokio::select! {
                () = cancel.cancelled() => return,
                () = self.arrived.notified(), if idle => continue,
                () = tokio::time::sleep(every.milliseconds()), if !idle => {}
            }
            if cancel.run_until_cancelled(self.round(&*producer, batch_max.count())).await.is_none()
            {
                return;
            }
        }
    }

    /// One try for each of them.
    pub(crate) async fn round(&self, producer: &dyn Producer, batch_max: usize) {
        let (orders, arrived) = self.still_unconfirmed();
        self.drop_confirmed(arrived, "decided").await;
        self.publish_again(&orders, producer, batch_max).await;
        self.keep_unkept().await;
    }

    async fn publish_again(&self, orders: &[Outgoing], producer: &dyn Producer, batch_max: usize) {
        for batch in orders.chunks(batch_max.max(1)) {
            if producer.ready().is_err() {
                return;
            }
            let results = published(producer, Arc::new(batch.to_vec())).await;
            let stored: Vec<String> = batch
                .iter()
                .zip(results)
                .filter(|(_, result)| *result == Published::Stored)
                .map(|(order, _)| order.message.order_id.clone())
                .collect();
            for order in batch.iter().filter(|order| stored.contains(&order.message.order_id)) {
                if let Some(shelf) = self.book.shelf(&order.message.prod_id) {
                    let id = OrderId::from(order.message.order_id.as_str());
                    shelf.confirm(&order.message.user_phone, &id);
                }
            }
            self.drop_confirmed(stored, "published again").await;
        }
    }

    /// What couldn't be kept when its result became unknown, as while another program had the
    /// database locked, is kept as soon as it can be.
    async fn keep_unkept(&self) {
        let unkept: Vec<(Outgoing, Cause)> = {
            let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
            let unkept = |doubt: &Doubt| Some((doubt.order.clone(), doubt.unkept.clone()?));
            orders.values().filter_map(unkept).collect()
        };
        if unkept.is_empty() {
            return;
        }
        let ids = ids_of(&unkept);
        match tokio::time::timeout(KEEP_WAIT_MAX, self.store.keep(unkept)).await {
            Ok(Ok(())) => {
                self.note_kept(&ids);
                info!(count = ids.len(), "unconfirmed sends that were in memory only are kept");
            }
            Ok(Err(cause)) => debug!(%cause, "unconfirmed sends are in memory only as before"),
            Err(_) => debug!(cause = %self.store.delay(), "keeping unconfirmed sends takes long"),
        }
    }

    fn note_kept(&self, order_ids: &[String]) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        for id in order_ids {
            if let Some(doubt) = orders.get_mut(id) {
                doubt.unkept = None;
            }
        }
    }

    /// Those to publish, and the ids of those that the order side has decided.
    fn still_unconfirmed(&self) -> (Vec<Outgoing>, Vec<String>) {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut open, mut arrived) = (Vec::new(), Vec::new());
        for (id, Doubt { order, standing, .. }) in &*orders {
            let decided = self.book.shelf(&order.message.prod_id).is_some_and(|shelf| {
                !shelf.is_unconfirmed(&order.message.user_phone, &OrderId::from(id.as_str()))
            });
            if decided && *standing == Adopted::Yes {
                arrived.push(id.clone());
            } else {
                open.push(order.clone());
            }
        }
        open.sort_by_key(|order| order.accepted_at);
        (open, arrived)
    }

    fn add(&self, added: impl Iterator<Item = Doubt>) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.extend(added.map(|doubt| (doubt.order.message.order_id.clone(), doubt)));
        self.count.store(orders.len(), Ordering::Relaxed);
        drop(orders);
        self.arrived.notify_one();
    }

    async fn drop_confirmed(&self, order_ids: Vec<String>, how: &str) {
        if order_ids.is_empty() {
            return;
        }
        {
            let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
            for id in &order_ids {
                orders.remove(id);
            }
            self.count.store(orders.len(), Ordering::Relaxed);
        }
        info!(count = order_ids.len(), left = self.count(), how, "unconfirmed sends are settled");
        if let Err(cause) = self.store.forget(order_ids).await {
            error!(%cause, "settled sends are still kept: they will be published once more");
        }
    }
}

fn ids_of(orders: &[(Outgoing, Cause)]) -> Vec<String> {
    orders.iter().map(|(order, _)| order.message.order_id.clone()).collect()
}
