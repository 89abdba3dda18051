//! The gateway role's parts: how they hang together, and how they start and stop.

use std::sync::Arc;
use std::time::Duration;

use domain::order_id::OrderIdKey;
use domain::ports::notebook::Identity;
use domain::ports::order_side::OrderSide;
use domain::ports::{Cause, Pending, Producer};
use domain::secret::Secret;
use instruments::clock::Now;
use instruments::signs_of_life::Pulse;
use store_sqlite::Store;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use super::StartError;
use super::in_place::InPlace;
use super::queue::QueueParts;
use crate::config::{Config, PUBLISH_WAITING_MOST, Role, Tunables};
use crate::gateway::book::Book;
use crate::gateway::charge::ChargeDesk;
use crate::gateway::confirmer::UnconfirmedOrders;
use crate::gateway::order_node::OrderNode;
use crate::gateway::query::QueryDesk;
use crate::gateway::refresh::{Heard, Refresh, Sync, contained};
use crate::gateway::routes::GatewayEndpoints;
use crate::gateway::tally::Tally;
use crate::gateway::{opening, publisher};
use crate::observe::status::{Condition, Part, Refuses, Status};
use crate::request::PhonePattern;
use crate::tunable::Tunable;

/// Shown while an operator has paused consumption at the order node.
const PAUSED: &str = "consumption is paused at the order node: orders are accepted and wait";

/// How often the order side's condition is reported where nothing calls for it.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// How often a stop looks whether the claims of a publisher that failed have ended.
const CLAIMS_END_EVERY: Duration = Duration::from_millis(5);

/// The running gateway role.
pub(super) struct GatewayParts {
    /// What the routes hand requests to.
    pub(super) endpoints: GatewayEndpoints,
    /// Entries and buyers.
    pub(super) book: Arc<Book>,
    /// Sends with an unknown result.
    pub(super) unconfirmed: Arc<UnconfirmedOrders>,
    /// How the order side's decisions come.
    pub(super) following: Following,
    publisher: JoinHandle<()>,
    helpers: TaskTracker,
    helpers_end: CancellationToken,
}

/// How the order side's decisions come.
#[derive(Clone)]
pub(super) struct Following {
    /// Where the orders are decided.
    pub(super) side: Side,
    pub(super) sync: watch::Receiver<Sync>,
    pub(super) heard: Arc<Heard>,
    now: Now,
}

/// Where the orders of a gateway are decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// In this process.
    Here,
    /// At an order node.
    Elsewhere,
}

/// What the role works on.
pub(super) struct Needs<'a> {
    /// This machine's own: identity, clock, sends without an answer.
    pub(super) store: &'a Store,
    pub(super) queue: &'a QueueParts,
    /// The order side, where it is in this process.
    pub(super) orders: Option<Arc<dyn OrderSide>>,
}

impl GatewayParts {
    /// The parts of the gateway's role, where this process has it.
    pub(super) async fn of_role(
        config: &Config,
        tunables: &Tunables,
        key: Option<Secret<Vec<u8>>>,
        needs: Needs<'_>,
        status: &Arc<Status>,
    ) -> Result<Option<Self>, StartError> {
        if !config.roles.contains(&Role::Gateway) {
            return Ok(None);
        }
        Self::start(config, tunables, key, needs, status).await.map(Some)
    }

    async fn start(
        config: &Config,
        tunables: &Tunables,
        key: Option<Secret<Vec<u8>>>,
        needs: Needs<'_>,
        status: &Arc<Status>,
    ) -> Result<Self, StartError> {
        let (settings, Needs { store, queue, orders }) = (&config.gateway, needs);
        let key = key.unwrap_or_else(|| Identity::order_id_key(store));
        let book = Book::counting_from(OrderIdKey::new(key.expose().clone()), store.meter_base());
        let book = Arc::new(book);
        let (side, order_side) = deciding(orders, &settings.order_url, tunables);
        let every = tunables.gateway.refresh_ms.clone();
        let refresh = Refresh::new(Arc::clone(&book), Arc::clone(&order_side), every.clone());
        let now = clock_of(store.clone());
        let refresh = refresh.beside((side == Side::Elsewhere).then(|| Arc::clone(&now)));
        let unconfirmed = UnconfirmedOrders::new(Arc::clone(&book), Arc::new(store.clone()));
        let unconfirmed = Arc::new(unconfirmed);
        let producer: Arc<dyn Producer> = Arc::new(InPlace::new(queue.producer(), store.clone()));
        // So that a reload can raise the limit. Room that isn't used costs nothing.
        let (claims, waiting) = mpsc::channel(PUBLISH_WAITING_MOST);
        let charge = ChargeDesk::new(
            Arc::clone(&book),
            claims,
            Arc::clone(&producer),
            Arc::clone(&unconfirmed),
            tunables.gateway.unconfirmed_max.clone(),
            refresh.state(),
        );
        let charge = charge.with_waiting_max(tunables.gateway.publish_waiting_max.clone());
        let pulse = Arc::<Pulse>::default();
        watch(status, &pulse, &refresh, &unconfirmed);
        let publishing = publisher::run(
            waiting,
            Arc::clone(&producer),
            Arc::clone(&unconfirmed),
            tunables.gateway.publish_batch_max.clone(),
            pulse,
        );
        let (helpers, helpers_end) = (TaskTracker::new(), CancellationToken::new());
        helpers.spawn(Arc::clone(&unconfirmed).run(
            producer,
            tunables.gateway.publish_batch_max.clone(),
            tunables.gateway.republish_after_ms.clone(),
            helpers_end.clone(),
        ));
        let mut state = refresh.state();
        let (sync, heard) = (state.clone(), refresh.heard());
        let following = Following { side, sync, heard, now: Arc::clone(&now) };
        let waiting_orders = queue.undecided().await?;
        let opening =
            Opening { refresh, unconfirmed: Arc::clone(&unconfirmed), waiting_orders, every };
        helpers.spawn(opening.run(Arc::clone(&book), helpers_end.clone()));
        // The start goes on once the book is read, or once it is known why it can't be read.
        let _ = state.wait_for(|state| *state != Sync::Never(None)).await;
        // Reported here, not by a task that may come after READY.
        status.report(Part::OrderSide, following.condition());
        helpers.spawn(report(following.clone(), Arc::clone(status), helpers_end.clone()));
        let phones = PhonePattern::new(&settings.phone_pattern)
            .map_err(|fault| StartError::Io(std::io::Error::other(fault)))?;
        let endpoints = GatewayEndpoints {
            charge: Arc::new(charge),
            query: Arc::new(QueryDesk::new(Arc::clone(&book), order_side)),
            tally: Arc::new(Tally::new(store.meter_base())),
            phones: Arc::new(phones),
            now,
        };
        let publisher = tokio::spawn(publishing);
        Ok(Self { endpoints, book, unconfirmed, following, publisher, helpers, helpers_end })
    }

    /// What `query.do` answers with, where another process decides this gateway's orders.
    pub(super) fn query_elsewhere(&self, config: &Config) -> Option<Arc<QueryDesk>> {
        (!config.roles.contains(&Role::Order)).then(|| Arc::clone(&self.endpoints.query))
    }

    /// Flushes the publisher, then ends the helpers. REST must have been stopped: the publisher
    /// ends when the last desk is gone. The confirmer ends after every claim, because it keeps what
    /// they leave behind.
    pub(super) async fn stop(self) {
        let passage = self.endpoints.charge.passage();
        drop(self.endpoints);
        if self.publisher.await.is_err() {
            warn!("the publisher ended in disorder");
            // Its batches are being aborted, each at its own next step.
            while 0 < passage.under_way() {
                tokio::time::sleep(CLAIMS_END_EVERY).await;
            }
        }
        self.helpers_end.cancel();
        self.helpers.close();
        self.helpers.wait().await;
    }
}

/// Has the service manager's watchdog hear of it when one of the gateway's loops hangs. Waiting for
/// an order node or a broker is no hanging: the loops rest meanwhile.
fn watch(
    status: &Status,
    publisher: &Arc<Pulse>,
    refresh: &Refresh,
    unconfirmed: &UnconfirmedOrders,
) {
    let vitals = status.vitals();
    vitals.watch("publisher", Arc::clone(publisher));
    vitals.watch("follower", refresh.pulse());
    vitals.watch("confirmer", unconfirmed.pulse());
}

/// Where orders are decided, and how to ask there.
fn deciding(
    orders: Option<Arc<dyn OrderSide>>,
    order_url: &str,
    tunables: &Tunables,
) -> (Side, Arc<dyn OrderSide>) {
    let Some(orders) = orders else {
        let node = OrderNode::new(order_url, tunables.gateway.order_timeout_ms.clone());
        return (Side::Elsewhere, Arc::new(node));
    };
    (Side::Here, orders)
}

/// The sale's clock, by which the store goes as well.
fn clock_of(store: Store) -> Now {
    Arc::new(move || store.now())
}

/// Told where two clocks are further apart than one that is corrected may be: a window opens here
/// at another moment than it does there.
fn apart(ahead_ms: i64) -> Option<String> {
    let (s, side) =
        (ahead_ms.unsigned_abs() / 1_000, if ahead_ms < 0 { "behind" } else { "ahead of" });
    (0 < s).then(|| {
        format!(
            "the order node's sale clock is {s} s {side} this gateway's: set both machines' \
             clocks right"
        )
    })
}

/// The gateway's opening: the book is read whole, orders of an earlier run are taken up, and only
/// then is anybody admitted.
struct Opening {
    refresh: Refresh,
    unconfirmed: Arc<UnconfirmedOrders>,
    waiting_orders: Vec<Pending>,
    every: Tunable,
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
        let Self { refresh, unconfirmed, waiting_orders, .. } = self;
        contained(opening::open(refresh, book, unconfirmed, waiting_orders)).await
    }
}

/// Reports each change, and at intervals as well, because a pause at the order node comes without
/// one.
async fn report(mut following: Following, status: Arc<Status>, cancel: CancellationToken) {
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            changed = following.sync.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(REPORT_EVERY) => {}
        }
        status.report(Part::OrderSide, following.condition());
    }
}

impl Following {
    /// Milliseconds by which the order node's sale clock is ahead of this gateway's; `None` where
    /// that isn't known, or there is none.
    pub(super) fn clock_ahead_ms(&self) -> Option<i64> {
        self.heard.clock_ahead_ms((self.now)())
    }

    fn condition(&self) -> Condition {
        let mut condition = self.of_the_sync();
        condition.warnings.extend(self.clock_ahead_ms().and_then(apart));
        condition
    }

    fn of_the_sync(&self) -> Condition {
        let never = |what| {
            Condition::degraded(format!("{what} and was never read: charges are answered 42002"))
        };
        let behind = |what| {
            Condition::degraded(format!(
                "{what}: charges go on with the stock last known, queries are answered 42004 or \
                 20000"
            ))
        };
        match (&*self.sync.borrow(), self.side) {
            (Sync::Following, Side::Elsewhere) if self.heard.is_paused() => {
                Condition { warnings: vec![PAUSED.to_owned()], ..Condition::default() }
            }
            (Sync::Following, _) => Condition::default(),
            (Sync::Never(None), _) => Condition::degraded("the order side was not read yet"),
            (Sync::Never(Some(_)), Side::Here) => never("the database can't be read"),
            (Sync::Never(Some(_)), Side::Elsewhere) => never("the order node can't be asked"),
            (Sync::Behind(_), Side::Here) => behind("the database can't be read"),
            // Orders wait in the queue meanwhile. A load balancer that took the gateways out for
            // this would end the sale, so it refuses nobody.
            (Sync::Behind(_), Side::Elsewhere) => {
                Condition { refuses: Refuses::Nobody, ..behind("the order node can't be asked") }
            }
        }
    }
}
