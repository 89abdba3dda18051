//! The snapshot for the admin socket, put together from what the parts show. It waits for nothing
//! but the database, and counts only as often as counting is cheap.

mod paced;
mod parts;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use domain::outcomes::Outcomes;
use domain::ports::{Balance, BoxFuture, Knowledge, ReadError, Sale};
use edge::EdgeCounters;
use instruments::background;
use instruments::clock;
use instruments::meter::DecidedMeters;
use protocol::{
    EpochMs, OverdueView, ProdId, ProductState, ProductView, QueueView, SaleClockView, Seconds,
    Snapshot, UnconfirmedView,
};
use store_sqlite::Store;
use tracing::warn;

use super::clock_keeper::ClockKeeper;
use super::gateway::{Following, GatewayParts};
use super::queue::QueueParts;
use super::sale_store::SaleStore;
use super::serving::Serving;
use super::switches::Switches;
use crate::admin::StatusSource;
use crate::config::{self, Loaded, ProductSeed, QueueKind, Role, Tunables};
use crate::gateway::book::{Book, BookEntry};
use crate::gateway::charge::ChargeDesk;
use crate::gateway::claim::Passage;
use crate::gateway::confirmer::UnconfirmedOrders;
use crate::gateway::tally::Tally;
use crate::observe::metrics::{Figures, Source};
use crate::observe::status::{Part, Record, Refuses, Status, Subject};
use crate::observe::telemetry::LogHandle;
use crate::order;
use crate::tunable::Tunable;
use paced::Paced;

/// Live orders are counted, and buyers looked through, at most this often.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// So many products that aren't sold as the profile says are named.
const DIFFERING_MAX: usize = 10;

/// Shown because the log itself can't say it. It has no count, so that the sentence stays the same.
const LOSING: &str = "nobody takes the log's lines, or they can't be written: what is beyond their \
                      room is dropped and counted, and the sale goes on";

/// Undecided orders on these entries that were accepted before `bound`, and when the oldest was.
fn waiting_before(entries: &[Arc<BookEntry>], bound: EpochMs) -> (u64, Option<EpochMs>) {
    entries.iter().map(|entry| entry.waiting_since_before(bound)).fold(
        (0, None),
        |(sum, oldest), (count, at)| {
            let oldest = match (oldest, at) {
                (Some(one), Some(other)) => Some(EpochMs::min(one, other)),
                (one, other) => one.or(other),
            };
            (sum + count, oldest)
        },
    )
}

/// Everything the snapshot is made of.
pub(super) struct View {
    env_type: String,
    roles: Vec<Role>,
    kind: QueueKind,
    unconfirmed_max: Tunable,
    overdue_after_ms: Tunable,
    store_path: String,
    status: Arc<Status>,
    sale: Arc<dyn Sale>,
    decided: Arc<DecidedMeters>,
    store: Store,
    clock: Arc<ClockKeeper>,
    queue: Arc<QueueParts>,
    switches: Arc<Switches>,
    log: Arc<LogHandle>,
    gateway: Option<Gateway>,
    edges: Vec<(&'static str, Arc<EdgeCounters>)>,
    order_tally: Arc<order::Tally>,
    balances: Paced<Result<Arc<HashMap<ProdId, Balance>>, ReadError>>,
    overdue: Paced<OverdueView>,
    /// The last durable counts that could be read; `None` before the first time.
    outcomes: Mutex<Option<Outcomes>>,
    /// Whether products can be read.
    reads: Arc<Record>,
    last_products: Mutex<Vec<ProductView>>,
    /// The products as the profile has them.
    profile: Arc<ArcSwap<Vec<ProductSeed>>>,
}

/// What is shown of the gateway role.
struct Gateway {
    book: Arc<Book>,
    unconfirmed: Arc<UnconfirmedOrders>,
    tally: Arc<Tally>,
    /// Not owned: the publisher ends when the last owner of the desk is gone.
    desk: Weak<ChargeDesk>,
    passage: Arc<Passage>,
    following: Following,
}

/// The parts that are shown, and already run.
pub(super) struct Shown<'a> {
    pub(super) status: &'a Arc<Status>,
    pub(super) store: &'a Store,
    pub(super) clock: &'a Arc<ClockKeeper>,
    pub(super) sale: &'a SaleStore,
    pub(super) queue: &'a Arc<QueueParts>,
    pub(super) switches: &'a Arc<Switches>,
    pub(super) log: &'a Arc<LogHandle>,
    pub(super) gateway: Option<&'a GatewayParts>,
    pub(super) rest: &'a Serving,
    pub(super) tunables: &'a Tunables,
}

impl View {
    fn new(loaded: &Loaded, shown: &Shown<'_>) -> Self {
        let config = &loaded.config;
        Self {
            env_type: loaded.env_type.to_string(),
            roles: config.roles.clone(),
            kind: config.queue.kind,
            unconfirmed_max: shown.tunables.gateway.unconfirmed_max.clone(),
            overdue_after_ms: shown.tunables.admin.overdue_after_ms.clone(),
            store_path: config.store.path.display().to_string(),
            status: Arc::clone(shown.status),
            sale: Arc::clone(&shown.sale.sale),
            decided: Arc::clone(&shown.sale.decided),
            store: shown.store.clone(),
            clock: Arc::clone(shown.clock),
            queue: Arc::clone(shown.queue),
            switches: Arc::clone(shown.switches),
            log: Arc::clone(shown.log),
            gateway: shown.gateway.map(|gateway| Gateway {
                book: Arc::clone(&gateway.book),
                unconfirmed: Arc::clone(&gateway.unconfirmed),
                tally: Arc::clone(&gateway.endpoints.tally),
                desk: Arc::downgrade(&gateway.endpoints.charge),
                passage: gateway.endpoints.charge.passage(),
                following: gateway.following.clone(),
            }),
            edges: shown.rest.counters(),
            order_tally: shown.rest.order_tally(),
            balances: Paced::new(COUNT_EVERY),
            overdue: Paced::new(COUNT_EVERY),
            outcomes: Mutex::default(),
            reads: shown.status.record(Subject {
                part: Part::Store,
                what: "products can't be read",
                refuses: Refuses::Nobody,
            }),
            last_products: Mutex::default(),
            profile: Arc::new(ArcSwap::from_pointee(config.products.clone())),
        }
    }

    /// One that has looked at the products, and logs those that aren't sold as the profile says.
    pub(super) async fn begin(loaded: &Loaded, shown: &Shown<'_>) -> Arc<Self> {
        let view = Self::new(loaded, shown);
        for sentence in view.differing(&view.products_or_trouble().await) {
            warn!("{sentence}");
        }
        Arc::new(view)
    }

    /// Where a reload puts the products of another profile.
    pub(super) fn profile(&self) -> Arc<ArcSwap<Vec<ProductSeed>>> {
        Arc::clone(&self.profile)
    }

    /// Products whose terms aren't the profile's, a sentence each; of very many the first.
    fn differing(&self, products: &[ProductView]) -> Vec<String> {
        if !self.has(Role::Order) {
            return Vec::new();
        }
        let of = |id: &str| products.iter().find(|product| product.prod_id.as_str() == id);
        let profile = self.profile.load();
        let mut told = config::differing(&profile, |id| of(id).map(|product| product.terms));
        if DIFFERING_MAX < told.len() {
            let further = told.len() - DIFFERING_MAX;
            told.truncate(DIFFERING_MAX);
            told.push(format!("{further} more products aren't sold as the profile says: doctor"));
        }
        told
    }

    /// Every product with its books: from the database where the order role is, else as the order
    /// node's last page had them.
    async fn products(&self) -> Result<Vec<ProductView>, ReadError> {
        if !self.has(Role::Order) {
            let told = self.gateway.as_ref().map(|gateway| gateway.book.products());
            let told = told.unwrap_or_default();
            return Ok(told.iter().map(|product| self.product(product, None)).collect());
        }
        let balances = self.balances.get(|| self.count_live_orders()).await?;
        let products = self.sale.products().await?;
        let view = |product: &ProductState| self.product(product, balances.get(&product.prod_id));
        Ok(products.iter().map(view).collect())
    }

    /// The products, with a note on the database's record whether they could be read.
    async fn products_or_trouble(&self) -> Vec<ProductView> {
        match self.products().await {
            Ok(products) => {
                self.reads.gone();
                self.last_products().clone_from(&products);
                products
            }
            // At the stop the database closes before the admin socket, which then shows the last
            // products.
            Err(ReadError::Closed) => self.last_products().clone(),
            Err(fault) => {
                self.reads.seen(fault.into());
                Vec::new()
            }
        }
    }

    async fn count_live_orders(&self) -> Result<Arc<HashMap<ProdId, Balance>>, ReadError> {
        let counted = self.sale.books().await?;
        let by_id = counted.into_iter().map(|balance| (balance.prod_id.clone(), balance));
        Ok(Arc::new(by_id.collect()))
    }

    fn product(&self, product: &ProductState, counted: Option<&Balance>) -> ProductView {
        let of_the_row = ProductView::from(product.clone());
        let missing = match counted {
            // The row is newer than the count, so the row must add up first.
            Some(balance) if of_the_row.balanced => unaccounted(balance),
            _ => of_the_row.missing,
        };
        let held = self.held(&product.prod_id);
        let stock = u32::try_from(product.stock).unwrap_or(u32::MAX);
        let promised = product.terms.preheat_ratio.of(stock);
        ProductView {
            state: Some(product.terms.state(self.store.now())),
            held,
            free: held.map(|held| promised.saturating_sub(held)),
            balanced: of_the_row.balanced && counted.is_none_or(Balance::holds),
            missing,
            charges: self.gateway.as_ref().and_then(|it| it.book.charges(&product.prod_id)),
            ..of_the_row
        }
    }

    /// Units held, where this process can know them all.
    fn held(&self, prod_id: &ProdId) -> Option<u64> {
        // A gateway without the order role may be one of several.
        let gateway = self.gateway.as_ref().filter(|_| self.has(Role::Order))?;
        let entry = gateway.book.entry(prod_id)?;
        let known = self.queue.knowledge() == Knowledge::Whole || self.status.was_drained();
        known.then(|| u64::from(entry.stock.figures().held))
    }

    async fn overdue(&self, now: EpochMs) -> Option<OverdueView> {
        let gateway = self.gateway.as_ref()?;
        let bound_ms = self.overdue_after_ms.get();
        let count = || async {
            let bound = EpochMs(now.0.saturating_sub(i64::try_from(bound_ms).unwrap_or(i64::MAX)));
            let entries = gateway.book.entries();
            // Every buyer is looked at: on a thread that serves requests, some would wait for that.
            let counted = background::run(move || waiting_before(&entries, bound));
            let (count, oldest_at) = counted.await.unwrap_or_default();
            OverdueView { count, bound_ms, oldest_at }
        };
        Some(self.overdue.get(count).await)
    }

    fn last_products(&self) -> MutexGuard<'_, Vec<ProductView>> {
        self.last_products.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    async fn whole(&self) -> Snapshot {
        let products = self.products_or_trouble().await;
        let troubles = self.status.troubles();
        let mut condition = self.status.condition_with(&troubles);
        if self.log.is_losing() {
            condition.warnings.push(LOSING.to_owned());
        }
        condition.warnings.extend(self.differing(&products));
        let unconfirmed = self.gateway.as_ref().map(|gateway| gateway.unconfirmed.count());
        let lag = self.status.lag();
        let name = |role: &Role| match role {
            Role::Gateway => "gateway".to_owned(),
            Role::Order => "order".to_owned(),
        };
        let now = clock::now();
        let mut snapshot = Snapshot {
            name: "seckilld".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            env_type: self.env_type.clone(),
            roles: self.roles.iter().map(name).collect(),
            pid: std::process::id(),
            started_at: self.status.started_at(),
            clock_step_s: self.status.clock_step_s(now),
            sale_clock: self.sale_clock(),
            phase: self.status.phase(),
            log_level: self.log.level(),
            log: parts::log(&self.log),
            config: self.status.config(),
            degraded: condition.degraded,
            warnings: condition.warnings,
            troubles,
            controls: self.switches.look(unconfirmed.unwrap_or(0), &lag),
            products,
            gateway: self.gateway.as_ref().map(parts::gateway),
            orders: self.orders().await,
            queue: self.queue_view(lag).await,
            store: self.store_view().await,
            rocketmq: self.queue.way().map(parts::rocketmq),
            unconfirmed: unconfirmed.map(|count| UnconfirmedView {
                count: count as u64,
                limit: self.unconfirmed_max.get(),
            }),
            // By the clock that stamped when they asked.
            overdue: self.overdue(self.store.now()).await,
            edges: self.edges.iter().map(|(role, edge)| parts::edge(role, &edge.read())).collect(),
            seconds: self.seconds(),
            ..Snapshot::default()
        };
        snapshot.move_to(now);
        snapshot
    }

    fn sale_clock(&self) -> SaleClockView {
        let ahead_ms = self.gateway.as_ref().and_then(|gateway| gateway.following.clock_ahead_ms());
        // What differs from reading to reading isn't news.
        let order_node_ahead_ms = ahead_ms.map(|ms| ms / 10 * 10);
        SaleClockView { order_node_ahead_ms, ..self.clock.view() }
    }

    fn seconds(&self) -> Seconds {
        let mut seconds = Seconds::default();
        if let Some(gateway) = &self.gateway {
            seconds.charges = gateway.tally.charge_history();
        }
        if self.has(Role::Order) {
            seconds.placed = self.decided.placed.history();
        }
        seconds
    }

    async fn queue_view(&self, lag: crate::observe::status::LagReading) -> QueueView {
        let dead_letters = match self.has(Role::Order) {
            true => Some(self.sale.dead_letter_count().await),
            false => None,
        };
        parts::queue(self.kind, lag, dead_letters, self.queue.broker_dead_letters())
    }
}

/// Units that neither the stock nor a live order has.
const fn unaccounted(balance: &Balance) -> i64 {
    balance.initial + balance.added - balance.stock - balance.live_orders
}

impl StatusSource for View {
    fn snapshot(&self) -> BoxFuture<'_, Snapshot> {
        Box::pin(self.whole())
    }
}

impl Source for View {
    fn figures(&self) -> BoxFuture<'_, Figures> {
        Box::pin(async {
            let snapshot = self.whole().await;
            parts::figures(self, snapshot)
        })
    }
}
