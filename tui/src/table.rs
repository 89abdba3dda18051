//! The state as text: aligned, plain, the same on a terminal and in a pipe. What isn't known is
//! `–`, never 0.

use std::fmt::Display;

use protocol::{Phase, ProductView, Snapshot};

/// What stands where a value isn't known.
const UNKNOWN: &str = "–";

/// Between two columns.
const GAP: &str = "  ";

const HEADINGS: [&str; 11] = [
    "PRODUCT", "PRICE", "SHELF", "INITIAL", "ADDED", "STOCK", "HELD", "FREE", "SOLD", "BALANCED",
    "NAME",
];

/// Columns whose cells are texts, and stand left; numbers stand right.
const LEFT: [&str; 4] = ["PRODUCT", "SHELF", "BALANCED", "NAME"];

/// The whole state.
pub(crate) fn render(snapshot: &Snapshot) -> String {
    let mut lines = vec![heading(snapshot), queue(snapshot)];
    lines.extend(
        snapshot
            .unconfirmed
            .map(|sends| format!("unconfirmed: {} of at most {}", sends.count, sends.limit)),
    );
    if !snapshot.products.is_empty() {
        lines.push(String::new());
        lines.extend(products(&snapshot.products));
    }
    let sentences = |label: &'static str, texts: &[String]| {
        texts.iter().map(|text| format!("{label}: {}", printable(text))).collect::<Vec<_>>()
    };
    let notes = [
        sentences("degraded", &snapshot.degraded),
        sentences("warning", &snapshot.warnings),
        sentences("unreadable", snapshot.queue.unreadable.as_slice()),
    ]
    .concat();
    if !notes.is_empty() {
        lines.push(String::new());
        lines.extend(notes);
    }
    lines.join("\n") + "\n"
}

fn heading(snapshot: &Snapshot) -> String {
    format!(
        "{} {}: {}{}, profile {}, roles {}, up {}",
        printable(&snapshot.name),
        printable(&snapshot.version),
        phase(snapshot.phase),
        if snapshot.degraded.is_empty() { "" } else { " (degraded)" },
        printable(&snapshot.env_type),
        printable(&snapshot.roles.join(" and ")),
        duration(snapshot.uptime_s),
    )
}

const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Starting => "starting",
        Phase::Serving => "serving",
        Phase::Stopping => "stopping",
        Phase::Stopped => "stopped",
    }
}

fn queue(snapshot: &Snapshot) -> String {
    let queue = &snapshot.queue;
    // Nothing waiting has no age, which isn't the same as an age that can't be read.
    let age = match (queue.lag_messages, queue.lag_age_ms) {
        (Some(0), None) => String::new(),
        (_, Some(age_ms)) => format!(" ({}.{} s)", age_ms / 1000, age_ms % 1000 / 100),
        (_, None) => format!(" ({UNKNOWN})"),
    };
    format!(
        "queue {}: lag {}{age}, dead letters {}",
        printable(&queue.kind),
        known(queue.lag_messages),
        known(queue.dead_letters),
    )
}

fn products(products: &[ProductView]) -> Vec<String> {
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(products.iter().map(cells));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..HEADINGS.len()).filter_map(width).collect();
    rows.iter().map(|row| line(row, &widths)).collect()
}

fn cells(product: &ProductView) -> [String; HEADINGS.len()] {
    [
        printable(&product.prod_id),
        product.price.to_string(),
        if product.on_shelf { "on" } else { "off" }.to_owned(),
        product.initial.to_string(),
        product.added.to_string(),
        product.stock.to_string(),
        known(product.held),
        known(product.free),
        product.sold.to_string(),
        if product.balanced { "yes" } else { "NO" }.to_owned(),
        printable(&product.prod_name),
    ]
}

/// The name is last, so that Chinese characters, twice as wide, push nothing out of line.
fn line(row: &[String], widths: &[usize]) -> String {
    let pad = |((cell, heading), width): ((&String, &&str), &usize)| {
        if LEFT.contains(heading) { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
    };
    let padded: Vec<String> = row.iter().zip(&HEADINGS).zip(widths).map(pad).collect();
    padded.join(GAP).trim_end().to_owned()
}

fn known(value: Option<impl Display>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |value| value.to_string())
}

/// Names come from a database, and a terminal obeys control characters.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The two largest units: `3d 4h`, `1h 2m`, `5s`.
fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, _, _) => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use protocol::{Money, Phase, ProductView, QueueView, Snapshot, UnconfirmedView};

    use super::{duration, printable, render};

    fn product(prod_id: &str, prod_name: &str) -> ProductView {
        ProductView {
            prod_id: prod_id.to_owned(),
            prod_name: prod_name.to_owned(),
            price: Money::from_milli(5_999_000),
            on_shelf: true,
            initial: 100,
            added: -5,
            stock: 90,
            sold: 5,
            held: Some(2),
            free: Some(88),
            balanced: true,
            missing: 0,
            version: 3,
        }
    }

    fn snapshot() -> Snapshot {
        Snapshot {
            name: "seckilld".to_owned(),
            version: "0.1.0".to_owned(),
            env_type: "embedded".to_owned(),
            roles: vec!["gateway".to_owned(), "order".to_owned()],
            phase: Phase::Serving,
            uptime_s: 3720,
            degraded: Vec::new(),
            warnings: Vec::new(),
            products: vec![product("pid_0001", "iphoneX2019新款"), product("p2", "华为MATE20")],
            queue: QueueView {
                kind: "embedded".to_owned(),
                lag_messages: Some(0),
                lag_age_ms: None,
                queues: Vec::new(),
                dead_letters: Some(1),
                ..QueueView::default()
            },
            unconfirmed: Some(UnconfirmedView { count: 0, limit: 1000 }),
            ..Snapshot::default()
        }
    }

    #[test]
    fn a_healthy_state() {
        let expected = "\
seckilld 0.1.0: serving, profile embedded, roles gateway and order, up 1h 2m
queue embedded: lag 0, dead letters 1
unconfirmed: 0 of at most 1000

PRODUCT      PRICE  SHELF  INITIAL  ADDED  STOCK  HELD  FREE  SOLD  BALANCED  NAME
pid_0001  5999.000  on         100     -5     90     2    88     5  yes       iphoneX2019新款
p2        5999.000  on         100     -5     90     2    88     5  yes       华为MATE20
";
        assert_eq!(render(&snapshot()), expected);
    }

    #[test]
    fn what_is_not_known_is_never_0() {
        let mut state = snapshot();
        state.products.truncate(1);
        state.products[0] = ProductView {
            held: None,
            free: None,
            balanced: false,
            on_shelf: false,
            ..product("p", "x\u{1b}[2J")
        };
        state.queue.lag_messages = None;
        state.queue.dead_letters = None;
        state.queue.unreadable = Some("the broker is away".to_owned());
        state.degraded = vec!["no broker".to_owned()];
        state.warnings = vec!["a stranger consumes in our group".to_owned()];
        state.unconfirmed = None;
        let expected = "\
seckilld 0.1.0: serving (degraded), profile embedded, roles gateway and order, up 1h 2m
queue embedded: lag – (–), dead letters –

PRODUCT     PRICE  SHELF  INITIAL  ADDED  STOCK  HELD  FREE  SOLD  BALANCED  NAME
p        5999.000  off        100     -5     90     –     –     5  NO        x\u{fffd}[2J

degraded: no broker
warning: a stranger consumes in our group
unreadable: the broker is away
";
        assert_eq!(render(&state), expected);
    }

    #[test]
    fn an_age_has_tenths() {
        let mut state = snapshot();
        state.queue.lag_messages = Some(3);
        state.queue.lag_age_ms = Some(12_345);
        assert!(render(&state).contains("lag 3 (12.3 s),"));
    }

    #[test]
    fn durations_have_two_units_at_most() {
        for (seconds, text) in
            [(0, "0s"), (59, "59s"), (61, "1m 1s"), (3600, "1h 0m"), (90_000, "1d 1h")]
        {
            assert_eq!(duration(seconds), text);
        }
        assert_eq!(printable("a\tb"), "a\u{fffd}b");
    }
}
