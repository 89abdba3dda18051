//! The state as text. Its first lines answer an operator's three questions: is it selling, is the
//! queue draining, is anyone being wronged.

use std::collections::BTreeMap;

use protocol::{
    ChargesView, Controls, Counted, Doubt, DrainView, GatewayView, Hindrance, LogView, OrdersView,
    ProductView, QueueView, Rate, ReloadOutcome, SaleClockView, Selling, Snapshot, StoreView,
    SwitchView,
};

use super::overdue;
use crate::table::{facts, table};
use crate::verbs::products::{COLUMNS, cells, difference};
use crate::words::{
    UNKNOWN, counted_plainly, duration, in_words, known, latency, moment, printable, size, span,
    spread, trend, whole_latency,
};

/// Reasons for refusals that the first line has.
const REASONS_MAX: usize = 2;

/// The whole state.
pub(super) fn render(snapshot: &Snapshot) -> String {
    let mut parts = vec![heading(snapshot), facts(&lines(snapshot))];
    if !snapshot.products.is_empty() {
        parts.push(products(&snapshot.products));
    }
    let notes = notes(snapshot);
    if !notes.is_empty() {
        parts.push(notes);
    }
    parts.join("\n")
}

fn heading(snapshot: &Snapshot) -> String {
    format!(
        "{} {}: {}, profile {}, roles {}, up {}{}\n",
        printable(&snapshot.name),
        printable(&snapshot.version),
        snapshot.phase_words(),
        printable(&snapshot.env_type),
        printable(&snapshot.roles.join(" and ")),
        duration(snapshot.uptime_s),
        match snapshot.config.generation {
            // An earlier daemon doesn't tell.
            0 => String::new(),
            generation => format!(", config {generation}"),
        },
    )
}

fn lines(snapshot: &Snapshot) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("selling", selling(snapshot)),
        ("queue", queue(snapshot)),
        ("wronged", wronged(snapshot)),
        ("stock", stock(&snapshot.products)),
    ];
    lines.extend(controls(&snapshot.controls));
    if let Some(orders) = &snapshot.orders {
        lines.extend(outcomes(orders));
    }
    if let Some(gateway) = &snapshot.gateway {
        lines.extend(charges(gateway, snapshot));
    }
    lines.extend(latencies(snapshot));
    lines.extend(clock(snapshot.sale_clock).map(|told| ("clock", told)));
    lines.push(("store", store(&snapshot.store)));
    lines.extend(lost_lines(snapshot.log).map(|lost| ("log", lost)));
    if let Some(rocketmq) = &snapshot.rocketmq {
        let brokers = rocketmq.brokers.iter().map(|broker| printable(&broker.name));
        let brokers = brokers.collect::<Vec<_>>().join(", ");
        lines
            .push(("rocketmq", format!("{}; brokers: {brokers}", printable(&rocketmq.connection))));
    }
    lines
}

/// What time the sale goes by, where that isn't the wall clock's alone.
fn clock(clock: SaleClockView) -> Option<String> {
    let SaleClockView { follows, wall_ahead_s, order_node_ahead_ms } = clock;
    let of_the_node = order_node_ahead_ms.map(|ms| {
        let (sign, ms) = (if ms < 0 { "-" } else { "+" }, ms.unsigned_abs());
        format!("order node's {sign}{}.{:02} s", ms / 1_000, ms % 1_000 / 10)
    });
    let own = match (follows, wall_ahead_s) {
        (true, _) => of_the_node.is_some().then(|| "follows the wall clock".to_owned()),
        (false, 0) => Some("goes by itself while a product goes by it".to_owned()),
        (false, ahead_s) => Some(format!("HELD: the wall clock {ahead_s:+} s")),
    };
    let told: Vec<String> = own.into_iter().chain(of_the_node).collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// Lines that the log has lost, if it has.
fn lost_lines(log: LogView) -> Option<String> {
    let LogView { dropped, dropped_grave, is_losing } = log;
    let now = if is_losing { "; NOBODY TAKES THEM NOW" } else { "" };
    let lines = counted_plainly(dropped, "line");
    (0 < dropped).then(|| format!("{lines} lost, {dropped_grave} of them warnings or errors{now}"))
}

/// Whether a buyer could buy, or the first thing that keeps all of them from it.
fn selling(snapshot: &Snapshot) -> String {
    let Some(gateway) = &snapshot.gateway else {
        return format!("{UNKNOWN}, this process has no gateway role");
    };
    let rates = format!(
        "{} charges/s, {} accepted/s{}; last minute {} and {}{}",
        gateway.charge_rate.last_1s,
        gateway.accepted_rate.last_1s,
        reasons(&gateway.outcomes, |counted| counted.last_1s, "/s"),
        gateway.charge_rate.last_60s,
        gateway.accepted_rate.last_60s,
        reasons(&gateway.outcomes, |counted| counted.last_60s, ""),
    );
    match snapshot.selling() {
        Selling::Elsewhere => format!("{UNKNOWN}, this process has no gateway role"),
        Selling::No(hindrance @ Hindrance::NotOpen { opens_at }) => {
            let left_s = opens_at.0.saturating_sub(snapshot.sale_at().0) / 1_000;
            let left = duration(u64::try_from(left_s).unwrap_or(0));
            format!("NO, {hindrance} (in {left}); {rates}")
        }
        Selling::No(hindrance) => format!("NO, {hindrance}; {rates}"),
        Selling::InDoubt(Doubt::Degraded(_)) => format!("in doubt, degraded; {rates}"),
        Selling::InDoubt(Doubt::Recovering(_)) => {
            format!("in doubt, recovering: the next order tells; {rates}")
        }
        Selling::Yes => format!("yes; {rates}"),
    }
}

/// Why most of the others got none: `, 150 sold out/s, 120 wrong price/s`.
fn reasons(charges: &ChargesView, figure: fn(&Counted) -> u64, unit: &str) -> String {
    let most_frequent = charges.refusals(figure).into_iter().take(REASONS_MAX);
    most_frequent.map(|(why, count)| format!(", {count} {}{unit}", in_words(why))).collect()
}

fn queue(snapshot: &Snapshot) -> String {
    let Rate { last_1s, .. } =
        snapshot.orders.as_ref().map(|orders| orders.decided_rate).unwrap_or_default();
    let decided = snapshot.orders.as_ref().map(|_| format!("; {last_1s} decided/s"));
    let line = queue_line(&snapshot.queue);
    format!("{line}{}", decided.unwrap_or_default())
}

/// Lag, its age and where it goes, and what was set aside.
pub(crate) fn queue_line(queue: &QueueView) -> String {
    // Nothing waiting has no age, which isn't the same as an age that can't be read.
    let age = match (queue.lag_messages, queue.lag_age_ms) {
        (Some(0), None) => String::new(),
        (_, age_ms) => format!(", oldest {}", age_ms.map_or_else(|| UNKNOWN.to_owned(), span)),
    };
    let at_broker = queue.broker_dead_letters;
    let at_broker =
        at_broker.map_or_else(String::new, |count| format!(" and {count} at the broker"));
    // What drained an empty queue is over.
    let trend = match (queue.lag_messages, queue.trend) {
        (Some(0), Some(_)) => "empty".to_owned(),
        _ => trend(queue.trend, queue.lag_slope_per_s),
    };
    format!(
        "lag {}{age}, {trend}; dead letters {}{at_broker}",
        known(queue.lag_messages),
        known(queue.dead_letters),
    )
}

/// The buyers to whom a promise isn't kept.
fn wronged(snapshot: &Snapshot) -> String {
    let mut wrongs = Vec::new();
    if let Some(overdue) = overdue(snapshot) {
        let since = overdue.oldest_at.map_or_else(String::new, |at| {
            let age_ms = u64::try_from(snapshot.sale_at().0.saturating_sub(at.0)).unwrap_or(0);
            format!(", the oldest for {}", span(age_ms))
        });
        let buyers = counted_plainly(overdue.count, "buyer");
        wrongs.push(format!("{buyers} OVERDUE (over {}{since})", span(overdue.bound_ms)));
    }
    if !snapshot.is_balanced() {
        wrongs.push("the books don't balance".to_owned());
    }
    match (wrongs.is_empty(), snapshot.overdue) {
        (false, _) => wrongs.join("; "),
        (true, Some(overdue)) => {
            format!("nobody: no buyer waits for more than {}", span(overdue.bound_ms))
        }
        (true, None) => format!("{UNKNOWN}, the gateway knows who waits"),
    }
}

/// Conservation: every unit is unsold or sold.
fn stock(products: &[ProductView]) -> String {
    let out = products.iter().filter(|product| !product.balanced);
    let out: Vec<String> = out
        .map(|product| {
            format!("{} {}", printable(product.prod_id.as_str()), difference(product.missing))
        })
        .collect();
    if products.is_empty() {
        format!("{UNKNOWN}, no products")
    } else if out.is_empty() {
        let products = counted_plainly(products.len() as u64, "product");
        format!("balanced: initial + added = stock + sold ({products})")
    } else {
        format!("OUT OF BALANCE: {}", out.join(", "))
    }
}

/// The switches, in the same words wherever they are shown.
pub(crate) fn controls(controls: &Controls) -> [(&'static str, String); 3] {
    [
        ("intake", switch(controls.intake.as_ref())),
        ("consumption", switch(controls.consumption.as_ref())),
        ("drain", drain(controls.drain.as_ref())),
    ]
}

fn switch(switch: Option<&SwitchView>) -> String {
    let Some(switch) = switch else { return format!("{UNKNOWN}, not a role of this process") };
    let state = if switch.paused { "PAUSED" } else { "on" };
    let since = switch.since.map(|at| format!(" since {}", moment(at))).unwrap_or_default();
    let by = switch.by.as_ref().map(|by| format!(" by {}", printable(by))).unwrap_or_default();
    let reason = switch.reason.as_ref();
    let reason = reason.map(|reason| format!(": {}", printable(reason))).unwrap_or_default();
    format!("{state}{since}{by}{reason}")
}

fn drain(drain: Option<&DrainView>) -> String {
    match drain {
        None => "no".to_owned(),
        Some(DrainView { since, drained: true }) => {
            format!("DRAINED, asked for at {}", moment(*since))
        }
        Some(DrainView { since, drained: false }) => {
            format!("GOING ON since {}", moment(*since))
        }
    }
}

fn outcomes(orders: &OrdersView) -> [(&'static str, String); 2] {
    // Of orders, as their label says: what buyers were answered is among the answers.
    let mut outcomes = vec![format!("placed {} ({}/s)", orders.placed, orders.placed_rate.last_1s)];
    outcomes.extend(by_name(&orders.failed));
    let aside = format!(
        "duplicates {}, dead letters {}, redeliveries {}",
        orders.duplicate_orders, orders.dead_lettered, orders.redeliveries,
    );
    [("decided", format!("orders {}", outcomes.join(", "))), ("set aside", aside)]
}

/// The most frequent first.
fn by_frequency(counts: &BTreeMap<String, u64>) -> Vec<String> {
    let mut counts: Vec<(&String, u64)> = counts.iter().map(|(name, n)| (name, *n)).collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.into_iter().map(|(name, count)| format!("{} {count}", printable(name))).collect()
}

/// Those that happened at all.
fn by_name(counts: &BTreeMap<String, u64>) -> impl Iterator<Item = String> {
    let happened = counts.iter().filter(|(_, count)| 0 < **count);
    happened.map(|(name, count)| format!("{} {count}", printable(name)))
}

fn charges(gateway: &GatewayView, snapshot: &Snapshot) -> Vec<(&'static str, String)> {
    let mut answers: Vec<String> = by_name(&gateway.charges).collect();
    if answers.is_empty() {
        answers.push("none yet".to_owned());
    }
    let mut now = vec![
        format!("in flight {}", gateway.in_flight),
        limited("to publish", gateway.publish_waiting, gateway.publish_waiting_max),
    ];
    now.extend(snapshot.unconfirmed.map(|sends| limited("unconfirmed", sends.count, sends.limit)));
    let mut lines = vec![("answers", format!("to charges {}", answers.join(", ")))];
    let faults = [("charges", &gateway.invalid_charges), ("queries", &gateway.invalid_queries)];
    let faults = faults.into_iter().filter(|(_, faults)| !faults.is_empty());
    lines.extend(faults.map(|(of, faults)| {
        let faults = by_frequency(faults).join(", ");
        ("40005", format!("{of}: {faults}"))
    }));
    lines.push(("gateway", now.join(", ")));
    lines
}

fn limited(name: &str, count: u64, limit: u64) -> String {
    format!("{name} {count} of at most {limit}")
}

fn latencies(snapshot: &Snapshot) -> impl Iterator<Item = (&'static str, String)> {
    let charge = snapshot.gateway.as_ref().and_then(|gateway| gateway.charge_latency.as_ref());
    let placed = snapshot.orders.as_ref().and_then(|orders| orders.accept_to_placed.as_ref());
    let charge = charge.map(|view| ("answered in", spread(view, latency)));
    let placed = placed.map(|view| ("placed in", spread(view, whole_latency)));
    charge.into_iter().chain(placed)
}

fn store(store: &StoreView) -> String {
    let sized = |bytes: Option<u64>| bytes.map_or_else(|| UNKNOWN.to_owned(), size);
    format!(
        "{} commits/s, {} orders/s, file {}, log {}",
        store.commit_rate.last_1s,
        store.order_rate.last_1s,
        sized(store.size_bytes),
        sized(store.wal_bytes),
    )
}

/// The products with their stock; prices and versions are `seckillctl products`'s.
fn products(products: &[ProductView]) -> String {
    let rows = products.iter().map(|product| of_the_stock(cells(product)));
    table(of_the_stock(COLUMNS), rows.collect())
}

fn of_the_stock<T>(all: [T; 13]) -> [T; 10] {
    let [id, name, shelf, _, initial, added, stock, held, free, sold, _, _, balanced] = all;
    [id, name, shelf, initial, added, stock, held, free, sold, balanced]
}

/// What an operator should know, sentence by sentence.
fn notes(snapshot: &Snapshot) -> String {
    let orders = snapshot.orders.as_ref().and_then(|orders| orders.unreadable.as_deref());
    let beside = [
        ("queue unreadable", snapshot.queue.unreadable.as_deref()),
        ("outcomes unreadable", orders),
        ("store", snapshot.store.trouble.as_deref()),
    ];
    let reload = snapshot.config.last_reload.as_ref();
    let refused = reload.filter(|reload| reload.outcome == ReloadOutcome::Refused);
    let refused = refused.map(|reload| ("reload refused", reload.text.as_str()));
    let degraded = snapshot.degraded.iter().map(|text| ("degraded", text.as_str()));
    let recovering = snapshot.recovering().map(|trouble| ("recovering", trouble.text.as_str()));
    let warnings = snapshot.warnings.iter().map(|text| ("warning", text.as_str()));
    let beside = beside.into_iter().filter_map(|(label, text)| Some((label, text?)));
    degraded
        .chain(recovering)
        .chain(warnings)
        .chain(refused)
        .chain(beside)
        .map(|(label, text)| format!("{label}: {}\n", printable(text)))
        .collect()
}

#[cfg(test)]
mod tests;
