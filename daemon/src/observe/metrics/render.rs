//! From the figures to the text. What isn't known has no series: it is never shown as 0.

use edge::{EdgeReadings, Refused};
use protocol::{Bound, Phase, ProductView, ReloadOutcome, SaleState, Snapshot, SwitchView};

use super::families::{self as f, Family};
use super::process::Process;
use super::text::{Page, Unit, seconds};
use super::{Charges, Figures, Invalid, Writes};

/// Milliseconds, as times in the snapshot are.
const MILLISECONDS: u64 = 1_000;

const PHASES: [Phase; 4] = [Phase::Starting, Phase::Serving, Phase::Stopping, Phase::Stopped];

/// The whole text.
pub(super) fn text(figures: &Figures, process: &Process) -> String {
    let Figures { snapshot, writes, .. } = figures;
    let mut page = Page::new();
    of_the_process(&mut page, figures);
    answers(&mut page, figures);
    edges(&mut page, &figures.edges);
    products(&mut page, &snapshot.products);
    charges(&mut page, &figures.charges);
    orders(&mut page, snapshot, writes);
    queue(&mut page, snapshot);
    store(&mut page, snapshot, writes);
    costs(&mut page, process);
    page.into_text()
}

fn of_the_process(page: &mut Page, figures: &Figures) {
    let snapshot = &figures.snapshot;
    let roles = snapshot.roles.join("+");
    let labels = [&*snapshot.version, &*snapshot.env_type, &*roles, &*snapshot.queue.kind];
    page.family(f::BUILD_INFO).put(&labels, 1);
    let mut phases = page.family(f::PHASE);
    for phase in PHASES {
        phases.put(&[phase.as_str()], u8::from(phase == snapshot.phase));
    }
    page.single(f::HEALTHY, Some(u8::from(snapshot.is_healthy())));
    let mut degraded = page.family(f::DEGRADED);
    for (part, counts) in &figures.parts {
        degraded.put(&[part], counts.degraded);
    }
    let mut recovering = page.family(f::RECOVERING);
    for (part, counts) in &figures.parts {
        recovering.put(&[part], counts.recovering);
    }
    page.single(f::WARNINGS, Some(snapshot.warnings.len()));
    let controls = &snapshot.controls;
    let paused = |switch: &Option<SwitchView>| switch.as_ref().map(|s| u8::from(s.paused));
    page.single(f::INTAKE_PAUSED, paused(&controls.intake));
    page.single(f::CONSUMPTION_PAUSED, paused(&controls.consumption));
    page.single(f::DRAINING, Some(u8::from(controls.drain.is_some())));
    page.single(f::WALL_AHEAD, Some(snapshot.sale_clock.wall_ahead_s));
    let config = &snapshot.config;
    page.single(f::CONFIG_GENERATION, Some(config.generation));
    let mut reloads = page.family(f::CONFIG_RELOADS);
    for outcome in ReloadOutcome::ALL {
        let count = match outcome {
            ReloadOutcome::Changed => config.generation.saturating_sub(1),
            ReloadOutcome::Unchanged => config.reloads_unchanged,
            ReloadOutcome::Refused => config.reloads_refused,
        };
        reloads.put(&[outcome.as_str()], count);
    }
    let mut lost = page.family(f::LOG_DROPPED);
    for (level, count) in figures.log.by_level() {
        lost.put(&[level], count);
    }
}

fn answers(page: &mut Page, figures: &Figures) {
    let mut counts = page.family(f::REQUESTS);
    for answers in &figures.answers {
        let labels = [answers.endpoint.role(), answers.endpoint.name(), answers.code];
        counts.put(&labels, answers.durations.count());
    }
    let mut durations = page.family(f::REQUEST_DURATION);
    for answers in &figures.answers {
        let labels = [answers.endpoint.role(), answers.endpoint.name(), answers.code];
        durations.histogram(&labels, &answers.durations, Unit::Microseconds);
    }
    let mut invalid = page.family(f::INVALID);
    for Invalid { endpoint, fault, count } in &figures.invalid {
        invalid.put(&[endpoint.role(), endpoint.name(), fault.field(), fault.reason()], count);
    }
    let gateway = figures.snapshot.gateway.as_ref();
    page.single(f::IN_FLIGHT, gateway.map(|gateway| gateway.in_flight));
    page.single(f::PUBLISH_WAITING, gateway.map(|gateway| gateway.publish_waiting));
    page.single(f::PUBLISH_WAITING_LIMIT, gateway.map(|gateway| gateway.publish_waiting_max));
    page.single(f::ACCEPTED, figures.accepted);
}

fn edges(page: &mut Page, edges: &[(&'static str, EdgeReadings)]) {
    let mut each = |family: &'static Family, figure: fn(&EdgeReadings) -> u64| {
        let mut series = page.family(family);
        for (role, readings) in edges {
            series.put(&[role], figure(readings));
        }
    };
    each(f::CONNECTIONS_OPEN, |edge| edge.connections_open);
    each(f::CONNECTIONS_LIMIT, |edge| edge.connections_max);
    each(f::CONNECTIONS, |edge| edge.connections);
    each(f::HTTP_REQUESTS, |edge| edge.requests);
    each(f::HTTP_PANICS, |edge| edge.panics);
    each(f::ACCEPT_FAILURES, |edge| edge.accept_failures);
    let mut refused = page.family(f::HTTP_REFUSED);
    for (role, edge) in edges {
        for reason in Refused::ALL {
            refused.put(&[role, reason.as_str()], edge.refused(reason));
        }
    }
}

fn products(page: &mut Page, products: &[ProductView]) {
    let mut each = |family: &'static Family, figure: fn(&ProductView) -> Option<i128>| {
        let mut series = page.family(family);
        for product in products {
            if let Some(figure) = figure(product) {
                series.put(&[product.prod_id.as_str()], figure);
            }
        }
    };
    each(f::INITIAL, |product| Some(product.initial.into()));
    each(f::ADDED, |product| Some(product.added.into()));
    each(f::STOCK, |product| Some(product.stock.into()));
    each(f::SOLD, |product| Some(product.sold.into()));
    each(f::HELD, |product| product.held.map(Into::into));
    each(f::FREE, |product| product.free.map(Into::into));
    each(f::ON_SHELF, |product| Some(product.terms.on_shelf.into()));
    each(f::OPEN, |product| product.state.map(|state| (state == SaleState::Open).into()));
    each(f::OPENS_AT, |product| moment(product.terms.opens_at));
    each(f::CLOSES_AT, |product| moment(product.terms.closes_at));
    each(f::BALANCED, |product| Some(product.balanced.into()));
    each(f::MISSING, |product| Some(product.missing.into()));
}

/// A bound in whole seconds.
fn moment(bound: Bound) -> Option<i128> {
    bound.0.map(|at| at.0.div_euclid(1_000).into())
}

fn charges(page: &mut Page, charges: &[Charges]) {
    let mut series = page.family(f::CHARGES);
    for Charges { product, outcomes } in charges {
        for (outcome, count) in outcomes {
            series.put(&[product, outcome], count);
        }
    }
}

fn orders(page: &mut Page, snapshot: &Snapshot, writes: &Writes) {
    let orders = snapshot.orders.as_ref();
    page.single(f::PLACED, orders.map(|orders| orders.placed));
    let mut failed = page.family(f::FAILED);
    for (reason, count) in orders.iter().flat_map(|orders| &orders.failed) {
        failed.put(&[reason], count);
    }
    page.single(f::DUPLICATE_ORDERS, orders.map(|orders| orders.duplicate_orders));
    page.single(f::DUPLICATE_DELIVERIES, orders.map(|orders| orders.duplicate_deliveries));
    page.single(f::DEAD_LETTERED, orders.map(|orders| orders.dead_lettered));
    page.single(f::REDELIVERIES, orders.map(|orders| orders.redeliveries));
    page.single(f::DECIDED, orders.map(|_| writes.decided));
    let mut placed_after = page.family(f::PLACED_AFTER);
    if orders.is_some() {
        placed_after.histogram(&[], &writes.placed_after, Unit::Microseconds);
    }
    // Before the first reading there is nothing to show, and this figure says so.
    let has_orders = snapshot.roles.iter().any(|role| role == "order");
    let readable = orders.is_some_and(|orders| orders.unreadable.is_none());
    page.single(f::OUTCOMES_READABLE, has_orders.then(|| u8::from(readable)));
}

fn queue(page: &mut Page, snapshot: &Snapshot) {
    let queue = &snapshot.queue;
    page.single(f::LAG, queue.lag_messages);
    page.single(f::LAG_AGE, age(queue.lag_messages, queue.lag_age_ms));
    page.single(f::LAG_SLOPE, queue.lag_slope_per_s);
    page.single(f::LAG_READABLE, Some(u8::from(queue.lag_messages.is_some())));
    let mut lags = page.family(f::PART_LAG);
    for part in &queue.queues {
        lags.put(&[&part.name], part.lag_messages);
    }
    let mut ages = page.family(f::PART_LAG_AGE);
    for part in &queue.queues {
        if let Some(age) = age(Some(part.lag_messages), part.lag_age_ms) {
            ages.put(&[&part.name], age);
        }
    }
    page.single(f::DEAD_LETTERS, queue.dead_letters);
    page.single(f::BROKER_DEAD_LETTERS, queue.broker_dead_letters);
    page.single(f::UNCONFIRMED, snapshot.unconfirmed.map(|sends| sends.count));
    page.single(f::UNCONFIRMED_LIMIT, snapshot.unconfirmed.map(|sends| sends.limit));
    page.single(f::OVERDUE, snapshot.overdue.map(|overdue| overdue.count));
    let bound = snapshot.overdue.map(|overdue| seconds(overdue.bound_ms, MILLISECONDS));
    page.single(f::OVERDUE_BOUND, bound);
    let rocketmq = snapshot.rocketmq.as_ref();
    let connected = rocketmq.map(|rocketmq| u8::from(rocketmq.connection == "connected"));
    page.single(f::ROCKETMQ_CONNECTED, connected);
    page.single(f::PRODUCER_READY, rocketmq.map(|rocketmq| u8::from(rocketmq.producer_ready)));
    page.single(f::CONSUMER_RUNNING, rocketmq.map(|rocketmq| u8::from(rocketmq.consumer_running)));
}

/// An age in seconds. 0 where nothing waits; unknown where something waits for an unknown time.
fn age(messages: Option<u64>, age_ms: Option<u64>) -> Option<String> {
    let age_ms = if messages == Some(0) { Some(0) } else { age_ms };
    age_ms.map(|age_ms| seconds(age_ms, MILLISECONDS))
}

fn store(page: &mut Page, snapshot: &Snapshot, writes: &Writes) {
    let store = &snapshot.store;
    page.single(f::STORE_SIZE, store.size_bytes);
    page.single(f::STORE_WAL, store.wal_bytes);
    page.single(f::STORE_TROUBLE, Some(u8::from(store.trouble.is_some())));
    page.single(f::COMMITS, Some(store.commits));
    page.family(f::COMMIT_DURATION).histogram(&[], &writes.commits, Unit::Microseconds);
    page.family(f::ORDERS_PER_COMMIT).histogram(&[], &writes.orders_per_commit, Unit::Things);
}

fn costs(page: &mut Page, process: &Process) {
    page.single(f::CPU, process.cpu_ticks.map(Process::seconds));
    page.single(f::RESIDENT, process.resident_bytes);
    page.single(f::OPEN_FDS, process.open_fds);
    page.single(f::MAX_FDS, process.max_fds);
    page.single(f::THREADS, process.threads);
    page.single(f::START_TIME, process.started_ticks.map(Process::seconds));
}
