//! The snapshot for the admin socket, put together from what the parts show.

use std::collections::HashMap;
use std::sync::Arc;

use protocol::{
    EdgeView, ProductState, ProductView, QueuePart, QueueView, Snapshot, UnconfirmedView,
};

use super::gateway::GatewayParts;
use super::queue::Knowledge;
use super::serving::Serving;
use crate::admin::StatusSource;
use crate::config::{Loaded, QueueKind, Role};
use crate::gateway::book::Book;
use crate::gateway::confirmer::Doubts;
use crate::http::{EdgeCounters, EdgeReadings};
use crate::queue::{BoxFuture, QueueLag};
use crate::status::Status;
use crate::store::{ReadError, Store};

/// Everything the snapshot is made of.
pub(super) struct View {
    env_type: String,
    roles: Vec<Role>,
    kind: QueueKind,
    undecided: Knowledge,
    unconfirmed_max: usize,
    status: Arc<Status>,
    store: Store,
    book: Option<Arc<Book>>,
    doubts: Option<Arc<Doubts>>,
    edges: Vec<(&'static str, Arc<EdgeCounters>)>,
}

impl View {
    pub(super) fn new(
        loaded: &Loaded,
        undecided: Knowledge,
        status: &Arc<Status>,
        store: &Store,
        gateway: Option<&GatewayParts>,
        rest: &Serving,
    ) -> Self {
        let config = &loaded.config;
        Self {
            env_type: loaded.env_type.to_string(),
            roles: config.roles.clone(),
            kind: config.queue.kind,
            undecided,
            unconfirmed_max: config.gateway.unconfirmed_max,
            status: Arc::clone(status),
            store: store.clone(),
            book: gateway.map(|gateway| Arc::clone(&gateway.book)),
            doubts: gateway.map(|gateway| Arc::clone(&gateway.doubts)),
            edges: rest.counters(),
        }
    }

    /// Every product with its books: from the database where the order role is, else as the order
    /// node told them last.
    async fn products(&self) -> Result<Vec<ProductView>, ReadError> {
        if !self.roles.contains(&Role::Order) {
            let told = self.book.as_ref().map(|book| book.products()).unwrap_or_default();
            return Ok(told.iter().map(|product| self.product(product, None)).collect());
        }
        let balances: HashMap<String, bool> = self
            .store
            .conservation()
            .await?
            .into_iter()
            .map(|balance| (balance.prod_id.clone(), balance.holds()))
            .collect();
        let products = self.store.products().await?;
        let view =
            |product: &ProductState| self.product(product, balances.get(&product.prod_id).copied());
        Ok(products.iter().map(view).collect())
    }

    fn product(&self, product: &ProductState, counted: Option<bool>) -> ProductView {
        let ProductState { initial, added, stock, sold, .. } = *product;
        let adds_up =
            i128::from(initial) + i128::from(added) == i128::from(stock) + i128::from(sold);
        let held = self.held(&product.prod_id);
        ProductView {
            prod_id: product.prod_id.clone(),
            prod_name: product.prod_name.clone(),
            price: product.price,
            on_shelf: product.on_shelf,
            initial,
            added,
            stock,
            sold,
            held,
            free: held.map(|held| stock.saturating_sub(held)),
            balanced: adds_up && counted.unwrap_or(true),
            missing: 0,
            version: product.version,
        }
    }

    /// Units held, where this process can know them all.
    fn held(&self, prod_id: &str) -> Option<u64> {
        // A gateway without the order role may be one of several.
        let shelf =
            self.book.as_ref().filter(|_| self.roles.contains(&Role::Order))?.shelf(prod_id)?;
        let known = self.undecided == Knowledge::Whole || self.status.was_drained();
        known.then(|| u64::from(shelf.stock.figures().held))
    }

    async fn queue(&self) -> QueueView {
        let mut unreadable = Vec::new();
        let lag = self.status.lag().map_err(|cause| unreadable.push(format!("lag: {cause}"))).ok();
        let dead_letters = if self.roles.contains(&Role::Order) {
            let count = self.store.dead_letter_count().await;
            count.map_err(|fault| unreadable.push(format!("dead letters: {fault}"))).ok()
        } else {
            None
        };
        QueueView {
            kind: match self.kind {
                QueueKind::Embedded => "embedded",
                QueueKind::Rocketmq => "rocketmq",
            }
            .to_owned(),
            lag_messages: lag.as_ref().map(|lag| lag.messages),
            lag_age_ms: lag.as_ref().and_then(|lag| lag.oldest_age_ms),
            queues: lag.map(|lag| lag.queues.into_iter().map(part).collect()).unwrap_or_default(),
            dead_letters,
            unreadable: (!unreadable.is_empty()).then(|| unreadable.join("; ")),
            ..QueueView::default()
        }
    }

    async fn whole(&self) -> Snapshot {
        let mut condition = self.status.condition();
        let products = self.products().await.unwrap_or_else(|fault| {
            condition.degraded.push(format!("products can't be read: {fault}"));
            Vec::new()
        });
        let unconfirmed = self.doubts.as_ref().map(|doubts| UnconfirmedView {
            count: doubts.count() as u64,
            limit: self.unconfirmed_max as u64,
        });
        let name = |role: &Role| match role {
            Role::Gateway => "gateway".to_owned(),
            Role::Order => "order".to_owned(),
        };
        Snapshot {
            name: "seckilld".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            env_type: self.env_type.clone(),
            roles: self.roles.iter().map(name).collect(),
            phase: self.status.phase(),
            uptime_s: self.status.uptime_s(),
            degraded: condition.degraded,
            warnings: condition.warnings,
            products,
            queue: self.queue().await,
            unconfirmed,
            edges: self.edges.iter().map(|(role, counters)| edge(role, &counters.read())).collect(),
            ..Snapshot::default()
        }
    }
}

fn part(queue: QueueLag) -> QueuePart {
    let QueueLag { name, messages, oldest_age_ms } = queue;
    QueuePart { name, lag_messages: messages, lag_age_ms: oldest_age_ms, ..QueuePart::default() }
}

fn edge(role: &str, readings: &EdgeReadings) -> EdgeView {
    EdgeView {
        role: role.to_owned(),
        connections_open: readings.connections_open,
        requests: readings.requests,
        panics: readings.panics,
        timeouts: readings.timeouts,
        too_large: readings.too_large,
        malformed: readings.malformed,
    }
}

impl StatusSource for View {
    fn snapshot(&self) -> BoxFuture<'_, Snapshot> {
        Box::pin(self.whole())
    }
}
