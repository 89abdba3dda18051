//! The Overview: the headline, the stock of each product, two minutes of charges and placed orders,
//! what was decided of orders, and how fast things go.

use protocol::{LatencyView, Snapshot};
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::console::model::Model;
use crate::console::screens::events::view as events;
use crate::console::screens::products::view as products;
use crate::console::theme::{Styles, symbol};
use crate::console::view::fitting::{labelled, panel, put, put_all, title};
use crate::console::view::{bars, headline};
use crate::words::{UNKNOWN, grouped, latency, size, whole_latency};

/// Sentences of what is wrong that are shown; the Events screen has them all.
const SENTENCES_MAX: u16 = 3;

pub(crate) fn draw(model: &Model, styles: &Styles, area: Rect, buffer: &mut Buffer) {
    let Some(snapshot) = model.shown() else { return };
    let sentences = headline::sentences(snapshot, styles);
    let lines = u16::try_from(sentences.len()).unwrap_or(SENTENCES_MAX).min(SENTENCES_MAX);
    let rest = area.height.saturating_sub(headline::LINES + lines);
    let heights = heights(rest, snapshot.products.len());
    let [head, wrong, stock, graphs, figures, news] = Layout::vertical([
        Constraint::Length(headline::LINES),
        Constraint::Length(lines),
        Constraint::Length(heights.stock),
        Constraint::Length(heights.graph),
        Constraint::Fill(1),
        Constraint::Length(heights.news),
    ])
    .areas(area);
    headline::draw(snapshot, styles, head, buffer);
    put_all(buffer, wrong, sentences);
    products::stock(model, styles, stock, buffer);
    let [charges, placed] = halves(graphs);
    let seconds = &snapshot.seconds;
    graph("Charges/s", &seconds.charges, styles.graph, styles, charges, buffer);
    graph("Placed/s", &seconds.placed, styles.sold, styles, placed, buffer);
    let [left, right] = halves(figures);
    outcomes(snapshot, styles, left, buffer);
    speed(snapshot, styles, right, buffer);
    events::newest(model, styles, news, buffer);
}

fn halves(area: Rect) -> [Rect; 2] {
    Layout::horizontal([Constraint::Fill(1); 2]).spacing(2).areas(area)
}

/// Rows of the parts; the figures get what is left.
#[derive(Debug, PartialEq, Eq)]
struct Heights {
    stock: u16,
    graph: u16,
    news: u16,
}

/// The stock gets what its products need, as long as graphs and figures keep something to show.
/// What is left over goes to the newest events, or to the graphs where it is too little for those.
fn heights(rest: u16, products: usize) -> Heights {
    const GRAPH: (u16, u16) = (3, 10);
    const FIGURES: (u16, u16) = (3, 9);
    const NEWS_MIN: u16 = 3;
    let wanted = u16::try_from(products.max(1)).unwrap_or(u16::MAX).saturating_add(2);
    let figures = (rest / 4).clamp(FIGURES.0, FIGURES.1);
    let graph = (rest / 4).clamp(GRAPH.0, GRAPH.1);
    let stock = wanted.min(rest.saturating_sub(figures + graph));
    let spare = rest.saturating_sub(stock + figures + graph);
    if NEWS_MIN <= spare {
        return Heights { stock, graph, news: spare };
    }
    Heights { stock, graph: graph + spare, news: 0 }
}

fn graph(
    name: &str,
    values: &[u64],
    style: Style,
    styles: &Styles,
    area: Rect,
    buffer: &mut Buffer,
) {
    let now = values.last().copied().unwrap_or(0);
    let peak = values.iter().copied().max().unwrap_or(0);
    let more = [grouped(now), format!("peak {}", grouped(peak))];
    let inner = panel(title(name, &more, styles), styles, area, buffer);
    bars::graph(values, style, inner, buffer);
}

fn outcomes(snapshot: &Snapshot, styles: &Styles, area: Rect, buffer: &mut Buffer) {
    let rows = headline::outcomes(snapshot);
    let elsewhere = ["answers: screen 5".to_owned()];
    let inner = panel(title("Orders decided", &elsewhere, styles), styles, area, buffer);
    if rows.is_empty() {
        put(buffer, inner, &Line::styled(" no order role here", styles.quiet));
        return;
    }
    let most = rows.iter().map(|(_, count)| *count).max().unwrap_or(0);
    // Those that never happened are left out first.
    let room = usize::from(inner.height);
    let mut shown = rows.clone();
    while room < shown.len() {
        let Some(index) = shown.iter().rposition(|(_, count)| *count == 0) else { break };
        shown.remove(index);
    }
    let lines = shown.into_iter().map(|(name, count)| outcome(&name, count, most, inner, styles));
    put_all(buffer, inner, lines);
}

/// ` sold out            1,234 ████`.
fn outcome(name: &str, count: u64, most: u64, area: Rect, styles: &Styles) -> Line<'static> {
    let style = if name == "placed" { styles.sold } else { styles.held };
    let bar_width = area.width.saturating_sub(34).min(40);
    let mut spans = vec![
        Span::styled(format!(" {name:<17}"), styles.quiet),
        Span::styled(format!("{:>10} ", grouped(count)), styles.strong),
    ];
    let part = bars::BarPiece { amount: count, symbol: symbol::SOLD, style };
    spans.extend(bars::stacked(&[part], most, bar_width));
    Line::from(spans)
}

/// ` p50 1.2ms  p99 8ms` as one value.
fn spread(view: Option<&LatencyView>, told: fn(u64) -> String) -> String {
    view.map_or_else(
        || UNKNOWN.to_owned(),
        |view| format!("p50 {} p99 {}", told(view.p50_us), told(view.p99_us)),
    )
}

fn speed(snapshot: &Snapshot, styles: &Styles, area: Rect, buffer: &mut Buffer) {
    let inner = panel(title("Speed", &["last minute".to_owned()], styles), styles, area, buffer);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    let orders = snapshot.orders.as_ref();
    let gateway = snapshot.gateway.as_ref();
    let store = &snapshot.store;
    let per_commit = per_commit(store.order_rate.last_60s, store.commit_rate.last_60s);
    let publish = gateway.map_or_else(
        || UNKNOWN.to_owned(),
        |gateway| {
            format!(
                "{} of {}",
                grouped(gateway.publish_waiting),
                grouped(gateway.publish_waiting_max)
            )
        },
    );
    let decided =
        orders.map_or_else(|| UNKNOWN.to_owned(), |view| grouped(view.decided_rate.last_1s));
    let rows = [
        ("charge", spread(gateway.and_then(|view| view.charge_latency.as_ref()), latency)),
        (
            "to placed",
            spread(orders.and_then(|view| view.accept_to_placed.as_ref()), whole_latency),
        ),
        ("commit", spread(store.commit_latency.as_ref(), latency)),
        ("decided/s", decided),
        ("orders a commit", per_commit),
        ("publisher waits", publish),
        ("commits/s", grouped(store.commit_rate.last_1s)),
        ("write-ahead log", store.wal_bytes.map_or_else(|| UNKNOWN.to_owned(), size)),
    ];
    let lines = rows.into_iter().map(|(label, value)| {
        labelled(label, Span::styled(value, styles.text), inner.width.min(44), styles)
    });
    put_all(buffer, inner, lines);
}

/// Orders that a commit holds, on average; there are commits without any, and minutes without one.
fn per_commit(orders: u64, commits: u64) -> String {
    match orders.saturating_mul(10).checked_div(commits) {
        None => UNKNOWN.to_owned(),
        Some(0) if orders == 0 => UNKNOWN.to_owned(),
        Some(0) => "<0.1".to_owned(),
        Some(tenths @ 0..100) => format!("{}.{}", tenths / 10, tenths % 10),
        Some(tenths) => grouped(tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::{Heights, heights, per_commit};

    #[test]
    fn a_commit_without_an_order_has_no_average() {
        let told = [(0, 0), (0, 7), (7, 0), (3, 5), (14, 10), (640, 10), (1, 100)];
        let told = told.map(|(orders, commits)| per_commit(orders, commits));
        assert_eq!(told, ["–", "–", "–", "0.6", "1.4", "64", "<0.1"]);
    }

    #[test]
    fn every_part_keeps_a_place() {
        let of = |rest, products| {
            let Heights { stock, graph, news } = heights(rest, products);
            [stock, graph, news]
        };
        assert_eq!(of(13, 9), [7, 3, 0]);
        assert_eq!(of(11, 3), [5, 3, 0]);
        assert_eq!(of(17, 2), [4, 4, 5]);
        assert_eq!(of(33, 3), [5, 8, 12]);
        assert_eq!(of(33, 15), [17, 8, 0]);
        assert_eq!(of(33, 99), [17, 8, 0]);
        assert_eq!(of(3, 1), [0, 3, 0]);
    }
}
