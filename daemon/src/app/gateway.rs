//! The gateway role's parts: how they hang together, and how they start and stop.

use std::sync::Arc;
use std::time::Duration;

use protocol::EpochMs;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use super::StartError;
use super::dials::Dials;
use super::in_place::InPlace;
use super::queue::QueueParts;
use crate::config::{Config, PUBLISH_WAITING_MOST, Role, Secret};
use crate::dial::Dial;
use crate::domain::order_id::OrderIdKey;
use crate::gateway::book::Book;
use crate::gateway::charge::ChargeDesk;
use crate::gateway::confirmer::{DoubtStore, Doubts};
use crate::gateway::order_node::OrderNode;
use crate::gateway::query::QueryDesk;
use crate::gateway::refresh::{Refresh, Sync};
use crate::gateway::routes::Desks;
use crate::gateway::tally::Tally;
use crate::gateway::{opening, publisher};
use crate::order_side::OrderSide;
use crate::queue::{BoxFuture, Cause, Outgoing, Producer};
use crate::request::PhonePattern;
use crate::status::{Condition, Part, Status};
use crate::store::{Pending, Store, Unconfirmed};
use crate::vitals::Pulse;

/// The running gateway role.
pub(super) struct GatewayParts {
    /// What the routes hand requests to.
    pub(super) desks: Desks,
    /// Shelves and buyers.
    pub(super) book: Arc<Book>,
    /// Sends with an unknown result.
    pub(super) doubts: Arc<Doubts>,
    publisher: JoinHandle<()>,
    helpers: TaskTracker,
    helpers_end: CancellationToken,
}

impl GatewayParts {
    pub(super) async fn start(
        config: &Config,
        dials: &Dials,
        key: Option<Secret<Vec<u8>>>,
        store: &Store,
        queue: &QueueParts,
        orders: Option<Arc<dyn OrderSide>>,
        status: &Arc<Status>,
    ) -> Result<Self, StartError> {
        let settings = &config.gateway;
        let key = key.map_or_else(|| store.order_id_key().to_vec(), |key| key.expose().clone());
        let book = Book::counting_from(OrderIdKey::new(key), store.meter_base());
        let book = Arc::new(book);
        let order_side = orders.unwrap_or_else(|| {
            Arc::new(OrderNode::new(&settings.order_url, dials.order_timeout.clone()))
        });
        let every = dials.refresh.clone();
        let refresh = Refresh::new(Arc::clone(&book), Arc::clone(&order_side), every.clone());
        let doubt_store = Arc::new(StoredDoubts { store: store.clone() });
        let doubts = Arc::new(Doubts::new(Arc::clone(&book), doubt_store));
        let producer: Arc<dyn Producer> = Arc::new(InPlace::new(queue.producer(), store.clone()));
        // So that a reload can raise the limit. Room that isn't used costs nothing.
        let (claims, waiting) = mpsc::channel(PUBLISH_WAITING_MOST);
        let charge = ChargeDesk::new(
            Arc::clone(&book),
            claims,
            Arc::clone(&producer),
            Arc::clone(&doubts),
            dials.unconfirmed_max.clone(),
            refresh.state(),
        );
        let charge = Arc::new(charge.with_waiting_max(dials.publish_waiting_max.clone()));
        let pulse = Arc::<Pulse>::default();
        status.vitals().watch("publisher", Arc::clone(&pulse));
        let publishing = publisher::run(
            waiting,
            Arc::clone(&producer),
            Arc::clone(&doubts),
            dials.publish_batch_max.clone(),
            pulse,
        );
        let (helpers, helpers_end) = (TaskTracker::new(), CancellationToken::new());
        helpers.spawn(Arc::clone(&doubts).run(
            producer,
            dials.publish_batch_max.clone(),
            dials.republish_after.clone(),
            helpers_end.clone(),
        ));
        let mut state = refresh.state();
        let waiting_orders = queue.undecided(store).await?;
        let opening = Opening { refresh, doubts: Arc::clone(&doubts), waiting_orders, every };
        helpers.spawn(opening.run(Arc::clone(&book), helpers_end.clone()));
        // Either the book is read, or it is known why not: both are worth going on with.
        let _ = state.wait_for(|state| *state != Sync::Never(None)).await;
        // Reported here, not by a task that may come after READY.
        status.report(Part::OrderSide, condition_of(&state.borrow_and_update()));
        helpers.spawn(report(state, Arc::clone(status), helpers_end.clone()));
        let phones = PhonePattern::new(&settings.phone_pattern)
            .map_err(|fault| StartError::Io(std::io::Error::other(fault)))?;
        let clock = store.clone();
        let desks = Desks {
            charge,
            query: Arc::new(QueryDesk::new(Arc::clone(&book), order_side)),
            tally: Arc::new(Tally::new(store.meter_base())),
            phones: Arc::new(phones),
            now: Arc::new(move || clock.now()),
        };
        let publisher = tokio::spawn(publishing);
        Ok(Self { desks, book, doubts, publisher, helpers, helpers_end })
    }

    /// What `query.do` answers with, where another process decides this gateway's orders.
    pub(super) fn query_elsewhere(&self, config: &Config) -> Option<Arc<QueryDesk>> {
        (!config.roles.contains(&Role::Order)).then(|| Arc::clone(&self.desks.query))
    }

    /// Flushes the publisher, then ends the helpers. REST must have been stopped: the publisher
    /// ends when the last desk is gone.
    pub(super) async fn stop(self) {
        drop(self.desks);
        if self.publisher.await.is_err() {
            warn!("the publisher ended in disorder");
        }
        self.helpers_end.cancel();
        self.helpers.close();
        self.helpers.wait().await;
    }
}

/// The gateway's opening: the book is read whole, orders of an earlier run are taken up, and only
/// then is anybody admitted.
struct Opening {
    refresh: Refresh,
    doubts: Arc<Doubts>,
    waiting_orders: Vec<Pending>,
    every: Dial,
}

impl Opening {
    async fn run(mut self, book: Arc<Book>, cancel: CancellationToken) {
        let every = self.every.clone();
        let opened = async {
            while let Err(cause) = self.open(&book).await {
                self.refresh.tell(Err(cause));
                tokio::time::sleep(every.milliseconds()).await;
            }
        };
        if cancel.run_until_cancelled(opened).await.is_none() {
            return;
        }
        self.refresh.tell(Ok(()));
        self.refresh.run(cancel).await;
    }

    async fn open(&mut self, book: &Book) -> Result<(), Cause> {
        opening::open(&mut self.refresh, book, &self.doubts, &mut self.waiting_orders).await
    }
}

/// Reports each change.
async fn report(mut state: watch::Receiver<Sync>, status: Arc<Status>, cancel: CancellationToken) {
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            changed = state.changed() => if changed.is_err() { return },
        }
        status.report(Part::OrderSide, condition_of(&state.borrow_and_update()));
    }
}

fn condition_of(state: &Sync) -> Condition {
    match state {
        Sync::Following => Condition::default(),
        Sync::Never(None) => Condition::degraded("the order side was not read yet"),
        Sync::Never(Some(_)) => Condition::degraded(
            "the order node can't be asked and was never read: charges are answered 42002",
        ),
        Sync::Behind(_) => Condition::degraded(
            "the order node can't be asked: charges go on with the stock last known, queries are \
             answered 20000",
        ),
    }
}

/// Unconfirmed sends in this process's database.
struct StoredDoubts {
    store: Store,
}

impl DoubtStore for StoredDoubts {
    fn keep(&self, orders: Vec<(Outgoing, Cause)>) -> BoxFuture<'_, Result<(), Cause>> {
        let since: EpochMs = self.store.now();
        let sends = orders
            .into_iter()
            .map(|(order, cause)| Unconfirmed { order, since, tries: 1, cause })
            .collect();
        Box::pin(async move { Ok(self.store.keep_unconfirmed(sends).await?) })
    }

    fn forget(&self, order_ids: Vec<String>) -> BoxFuture<'_, Result<(), Cause>> {
        Box::pin(async move { Ok(self.store.forget_unconfirmed(order_ids).await?) })
    }

    fn delay(&self) -> Cause {
        let known = self.store.stall(Duration::ZERO);
        known.unwrap_or_else(|| Cause("the database gives no answer".to_owned()))
    }

    fn load(&self) -> BoxFuture<'_, Result<Vec<Outgoing>, Cause>> {
        Box::pin(async move {
            let sends = self.store.unconfirmed().await?;
            Ok(sends.into_iter().map(|send| send.order).collect())
        })
    }
}
