//! The parts of the snapshot that are mere translation: from what a part counts to how it is shown.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;

use domain::ports::{BrokerWay, Cause, Connection, QueueLag, ReadError, SeenBroker};
use edge::EdgeReadings;
use instruments::meter::{AnswerMeter, Endpoint};
use protocol::{
    ChargeOutcome, EdgeView, GatewayView, LogView, OrdersView, QueuePart, QueueView, Reason,
    RocketmqBroker, RocketmqView, Snapshot, StoreView, Trend,
};

use super::{Gateway, View};
use crate::config::{QueueKind, Role};
use crate::gateway::book::{Book, OTHER};
use crate::gateway::outcomes::ChargeOutcomes;
use crate::observe::metrics::{Answers, Charges, Figures, Invalid, Writes};
use crate::observe::status::LagReading;
use crate::observe::telemetry::LogHandle;
use crate::request::InvalidRequests;

pub(super) fn gateway(gateway: &Gateway) -> GatewayView {
    let tally = &gateway.tally;
    let (charges, queries) = (tally.of(Endpoint::Charge), tally.of(Endpoint::GatewayQuery));
    let (waiting, waiting_max) = gateway.desk.upgrade().map_or((0, 0), |desk| desk.waiting());
    GatewayView {
        charges: charges.counts(),
        queries: queries.counts(),
        outcomes: tally.outcomes().view(),
        invalid_charges: told(&charges.invalid),
        invalid_queries: told(&queries.invalid),
        charge_rate: tally.charge_rate(),
        accepted_rate: tally.accepted_rate(),
        charge_latency: tally.charge_latency(),
        in_flight: tally.in_flight(),
        publish_waiting: waiting as u64,
        publish_waiting_max: waiting_max as u64,
    }
}

pub(super) fn log(log: &LogHandle) -> LogView {
    let dropped = log.dropped();
    let (dropped, dropped_grave) = (dropped.lines(), dropped.grave());
    LogView { dropped, dropped_grave, is_losing: log.is_losing() }
}

/// The faults that came, by the names that clients get.
fn told(invalid: &InvalidRequests) -> BTreeMap<String, u64> {
    let came = invalid.counts().filter(|(_, count)| 0 < *count);
    came.map(|(fault, count)| (format!("{} {}", fault.field(), fault.reason()), count)).collect()
}

impl View {
    pub(super) async fn orders(&self) -> Option<OrdersView> {
        if !self.has(Role::Order) {
            return None;
        }
        let read = self.sale.outcomes().await;
        let unreadable = read.as_ref().err().map(ToString::to_string);
        let outcomes = {
            let mut last = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
            if let Ok(now) = read {
                *last = Some(now);
            }
            // Counts that were never read aren't 0: a counter that jumped from there would look
            // like a burst.
            (*last)?
        };
        let failed: BTreeMap<String, u64> = Reason::ALL
            .into_iter()
            .map(|reason| (reason.as_str().to_owned(), outcomes.failed_for(reason)))
            .collect();
        let meters = &self.decided;
        Some(OrdersView {
            placed: outcomes.placed,
            failed,
            duplicate_orders: outcomes.duplicate_orders,
            duplicate_deliveries: outcomes.duplicate_deliveries,
            dead_lettered: outcomes.dead_lettered,
            redeliveries: meters.redeliveries.load(Relaxed),
            placed_rate: meters.placed.rate(),
            decided_rate: meters.decided.rate(),
            accept_to_placed: meters.accept_to_placed.view(),
            invalid_queries: told(&self.order_tally.invalid_queries),
            unreadable,
        })
    }

    pub(super) async fn store_view(&self) -> StoreView {
        let store = self.store.clone();
        // The file system may hang; the look as a whole has a limit.
        let files = tokio::task::spawn_blocking(move || store.files()).await;
        let files = files.ok();
        let meters = self.store.meters();
        StoreView {
            path: self.store_path.clone(),
            size_bytes: files.as_ref().and_then(|files| files.size_bytes),
            wal_bytes: files.as_ref().and_then(|files| files.wal_bytes),
            commits: meters.commits.total(),
            commit_rate: meters.commits.rate(),
            order_rate: meters.orders.rate(),
            commit_latency: meters.commit_latency.view(),
            trouble: self.queue.records().nothing_stored().map(|cause| cause.to_string()),
        }
    }
}

pub(super) fn queue(
    kind: QueueKind,
    reading: LagReading,
    dead_letters: Option<Result<u64, ReadError>>,
    broker_dead_letters: Option<Result<u64, Cause>>,
) -> QueueView {
    let mut unreadable = Vec::new();
    let lag = reading.lag.map_err(|cause| unreadable.push(format!("lag: {cause}"))).ok();
    let dead_letters = dead_letters.and_then(|count| {
        count.map_err(|fault| unreadable.push(format!("dead letters: {fault}"))).ok()
    });
    let broker_dead_letters = broker_dead_letters.and_then(|count| {
        let told = |cause| unreadable.push(format!("the broker's dead letters: {cause}"));
        count.map_err(told).ok()
    });
    QueueView {
        kind: match kind {
            QueueKind::Embedded => "embedded",
            QueueKind::Rocketmq => "rocketmq",
        }
        .to_owned(),
        lag_messages: lag.as_ref().map(|lag| lag.messages),
        lag_age_ms: lag.as_ref().and_then(|lag| lag.oldest_age_ms),
        lag_slope_per_s: reading.slope_per_s,
        trend: reading.slope_per_s.map(trend),
        queues: lag.map(|lag| lag.queues.into_iter().map(part).collect()).unwrap_or_default(),
        dead_letters,
        broker_dead_letters,
        unreadable: (!unreadable.is_empty()).then(|| unreadable.join("; ")),
    }
}

const fn trend(slope_per_s: i64) -> Trend {
    match slope_per_s {
        ..0 => Trend::Draining,
        0 => Trend::Steady,
        1.. => Trend::Growing,
    }
}

fn part(queue: QueueLag) -> QueuePart {
    QueuePart {
        name: queue.name,
        lag_messages: queue.messages,
        lag_age_ms: queue.oldest_age_ms,
        broker: queue.broker,
        end_offset: queue.end_offset,
        consumed_offset: queue.consumed_offset,
        owner: queue.owner,
    }
}

pub(super) fn rocketmq(way: BrokerWay) -> RocketmqView {
    let broker = |SeenBroker { name, address, version }| RocketmqBroker { name, address, version };
    let connection = match way.connection {
        Connection::Connecting => "connecting",
        Connection::Connected => "connected",
        Connection::Degraded => "degraded",
    };
    RocketmqView {
        connection: connection.to_owned(),
        producer_ready: way.producer_ready,
        consumer_running: way.consumer_running,
        name_servers: way.name_servers,
        topic: way.topic,
        group: way.group,
        brokers: way.brokers.into_iter().map(broker).collect(),
    }
}

pub(super) fn edge(role: &str, readings: &EdgeReadings) -> EdgeView {
    EdgeView {
        role: role.to_owned(),
        connections_open: readings.connections_open,
        connections_max: readings.connections_max,
        requests: readings.requests,
        panics: readings.panics,
        timeouts: readings.timeouts,
        too_large: readings.too_large,
        malformed: readings.malformed,
    }
}

/// The snapshot with the sums of the meters since the start.
pub(super) fn figures(view: &View, snapshot: Snapshot) -> Figures {
    let mut answered = Vec::new();
    if let Some(gateway) = &view.gateway {
        answered.extend(gateway.tally.all().flat_map(|one| answers(&one.durations)));
    }
    if view.has(Role::Order) {
        answered.extend(answers(&view.order_tally.queries));
    }
    let invalid = invalid_requests(view).into_iter().flat_map(invalid).collect();
    let charges = view.gateway.as_ref().map_or_else(Vec::new, |it| charges(&it.book));
    let meters = view.store.meters();
    let parts = view.status.parts();
    Figures {
        snapshot,
        parts: parts.into_iter().map(|(part, counts)| (part.as_str(), counts)).collect(),
        log: view.log.dropped(),
        answers: answered,
        accepted: view.gateway.as_ref().map(|gateway| gateway.passage.accepted()),
        invalid,
        charges,
        edges: view.edges.iter().map(|(role, edge)| (*role, edge.read())).collect(),
        writes: Writes {
            commits: meters.commit_durations.read(),
            orders_per_commit: meters.orders_per_commit.read(),
            decided: view.decided.decided.total(),
            placed_after: view.decided.placed_after.read(),
        },
    }
}

/// What is counted of the requests of each endpoint that is served here.
fn invalid_requests(view: &View) -> Vec<&InvalidRequests> {
    let mut all = Vec::new();
    if let Some(Gateway { tally, .. }) = &view.gateway {
        all.extend(tally.all().map(|answered| &answered.invalid));
    }
    if view.has(Role::Order) {
        all.push(&view.order_tally.invalid_queries);
    }
    all
}

/// Every fault that an endpoint's requests can have, those that never came included.
fn invalid(requests: &InvalidRequests) -> impl Iterator<Item = Invalid> {
    let endpoint = requests.endpoint();
    requests.counts().map(move |(fault, count)| Invalid { endpoint, fault, count })
}

/// What became of the charges for each product that is counted apart, and for all others.
fn charges(book: &Book) -> Vec<Charges> {
    let of =
        |product: &str, outcomes: &ChargeOutcomes, can_be: fn(ChargeOutcome) -> bool| Charges {
            product: product.to_owned(),
            outcomes: ChargeOutcome::ALL
                .into_iter()
                .filter(|outcome| can_be(*outcome))
                .map(|outcome| (outcome.as_str(), outcomes.total(outcome)))
                .collect(),
        };
    let mut entries = book.entries();
    entries.sort_by(|one, other| one.prod_id().cmp(other.prod_id()));
    let apart = entries.iter().filter_map(|entry| {
        Some(of(entry.prod_id().as_str(), entry.outcomes()?, ChargeOutcome::is_of_a_product))
    });
    let mut all: Vec<Charges> = apart.collect();
    all.push(of(OTHER, book.elsewhere(), |_| true));
    all
}

fn answers(meter: &AnswerMeter) -> impl Iterator<Item = Answers> {
    let endpoint = meter.endpoint();
    let by_code = meter.read().into_iter();
    by_code.map(move |(code, durations)| Answers { endpoint, code, durations })
}
