//! The Gateway screen: how fast it answers, what it answers, who is connected.

use protocol::{Code, EdgeView, GatewayView, LatencyView, Snapshot};
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::rows::{self, Answered};
use crate::console::model::Model;
use crate::console::theme::{Styles, symbol};
use crate::console::view::bars::{self, BarPiece};
use crate::console::view::fitting::{figure, fit, panel, put, put_all, title};
use crate::console::view::table::{Column, Focus, Table, Width, left, right};
use crate::words::{grouped, in_words, latency, printable};

const COLUMNS: &[Column<Answered>] = &[
    left("answer to", Width::Fixed(9), 0, |row, _| Line::raw(row.kind)),
    left("code", Width::Fixed(5), 0, |row, _| Line::raw(printable(&row.code))),
    left("meaning", Width::Rest(20), 0, |row, pen| match &row.fault {
        Some(fault) => Line::styled(format!("  {}", fault_words(fault)), pen.styles.quiet),
        None => Line::raw(meaning(row)),
    }),
    right("count", 11, 0, |row, pen| {
        let style = if row.fault.is_some() { pen.styles.quiet } else { pen.styles.strong };
        Line::styled(grouped(row.count), style)
    }),
    right("share", 6, 1, |row, _| Line::raw(share(row))),
];

/// `chargePrice not_the_price` as words: the field's name as it is.
fn fault_words(fault: &str) -> String {
    match fault.split_once(' ') {
        Some((field, reason)) => format!("{}: {}", printable(field), in_words(reason)),
        None => printable(fault),
    }
}

/// In the operator's words; the buyer's are in docs/codes.md.
fn meaning(row: &Answered) -> &'static str {
    let is_it = |code: &&Code| {
        let other = if row.kind == "query" { Code::Queued } else { Code::Found };
        code.as_str() == row.code && **code != other
    };
    match Code::ALL.iter().find(is_it) {
        Some(Code::Queued) => "accepted, queueing",
        Some(Code::Found) => "outcome told",
        Some(Code::ServerError) => "our fault",
        Some(Code::BizError) => "not queued, or no such order",
        Some(Code::InvalidInput) => "invalid input or price",
        Some(Code::SoldOut) => "sold out",
        Some(Code::NoSuchProduct) => "no such product, or off the shelf",
        Some(Code::NeverOrdered) => "never ordered",
        Some(Code::Unconfirmed) => "send not confirmed yet",
        Some(Code::Overloaded) => "over a limit of ours",
        Some(Code::IntakePaused) => "intake paused",
        Some(Code::NotKnownYet) => "not known yet",
        Some(Code::NotOpen) => "not open yet",
        Some(Code::Closed) => "sale is over",
        None => "",
    }
}

/// Of all answers of its kind; those below a code are a part of its share.
fn share(row: &Answered) -> String {
    if row.fault.is_some() {
        return String::new();
    }
    if 0 < row.count && row.share == 0 {
        return "<0.1%".to_owned();
    }
    format!("{}.{}%", row.share / 10, row.share % 10)
}

pub(crate) fn draw(model: &Model, styles: &Styles, area: Rect, buffer: &mut Buffer) {
    let Some(snapshot) = model.shown() else { return };
    let Some(gateway) = &snapshot.gateway else {
        put(buffer, area, &Line::styled(" this process has no gateway role", styles.quiet));
        return;
    };
    let buckets = gateway.charge_latency.as_ref().map_or(1, |view| view.buckets.len());
    let buckets = u16::try_from(buckets).unwrap_or(u16::MAX).saturating_add(1);
    let edges = u16::try_from(snapshot.edges.len()).unwrap_or(0);
    let [head, times, answers, listeners] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(buckets.min(area.height.saturating_sub(edges + 2) / 2)),
        Constraint::Fill(1),
        Constraint::Length(edges + 1),
    ])
    .areas(area);
    heading(gateway, styles, head, buffer);
    histogram(gateway.charge_latency.as_ref(), styles, times, buffer);
    answer_table(model, gateway, styles, answers, buffer);
    connections(snapshot, styles, listeners, buffer);
}

fn heading(gateway: &GatewayView, styles: &Styles, area: Rect, buffer: &mut Buffer) {
    let area = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    let strong = styles.strong;
    let waiting = format!("of {} wait for the publisher", grouped(gateway.publish_waiting_max));
    let parts = [
        figure(grouped(gateway.charge_rate.last_1s), "charges/s", strong, styles),
        figure(grouped(gateway.charge_rate.last_60s), "in the last minute", strong, styles),
        figure(grouped(gateway.in_flight), "in flight", strong, styles),
        figure(grouped(gateway.publish_waiting), &waiting, strong, styles),
    ];
    put(buffer, area, &fit(parts, area.width, styles));
}

fn histogram(view: Option<&LatencyView>, styles: &Styles, area: Rect, buffer: &mut Buffer) {
    let Some(view) = view else {
        let inner = panel(title("Charge latency", &[], styles), styles, area, buffer);
        put(buffer, inner, &Line::styled(" no charge in the last minute", styles.quiet));
        return;
    };
    let more = [
        format!("p50 {}", latency(view.p50_us)),
        format!("p99 {}", latency(view.p99_us)),
        format!("p99.9 {}", latency(view.p999_us)),
        format!("max {}", latency(view.max_us)),
    ];
    let inner = panel(title("Charge latency", &more, styles), styles, area, buffer);
    let most = view.buckets.iter().map(|bucket| bucket.count).max().unwrap_or(0);
    let width = inner.width.saturating_sub(24);
    // Where they don't all fit, the slow ones matter.
    let skipped = view.buckets.len().saturating_sub(inner.height.into());
    let lines = view.buckets.iter().skip(skipped).map(|bucket| {
        let part = BarPiece { amount: bucket.count, symbol: symbol::SOLD, style: styles.graph };
        let mut spans = vec![
            Span::styled(format!(" {:>9}", format!("≤{}", latency(bucket.up_to_us))), styles.quiet),
            Span::raw(format!(" {:>10} ", grouped(bucket.count))),
        ];
        spans.extend(bars::stacked(&[part], most, width));
        Line::from(spans)
    });
    put_all(buffer, inner, lines);
}

fn answer_table(
    model: &Model,
    gateway: &GatewayView,
    styles: &Styles,
    area: Rect,
    buffer: &mut Buffer,
) {
    let all = rows::answers(gateway);
    let since = ["since the start".to_owned()];
    let inner = panel(title("Answers", &since, styles), styles, area, buffer);
    if all.is_empty() {
        put(buffer, inner, &Line::styled(" none yet", styles.quiet));
        return;
    }
    let rows: Vec<&Answered> = all.iter().collect();
    let at = model.shown().map(|snapshot| snapshot.at).unwrap_or_default();
    let list = &model.gateway;
    let table = Table { columns: COLUMNS, list, focus: Focus::Here, at, styles };
    table.draw(&rows, &rows::gateway_keys(model), inner, buffer);
}

/// Connections that are open, of those that may be: when all are taken, buyers wait in the kernel.
fn open(edge: &EdgeView, styles: &Styles) -> Vec<Span<'static>> {
    let EdgeView { connections_open, connections_max, .. } = *edge;
    let text = match connections_max {
        0 => grouped(connections_open),
        most => format!("{} of {}", grouped(connections_open), grouped(most)),
    };
    let is_full = connections_max != 0 && connections_max <= connections_open;
    let style = if is_full { styles.warning } else { styles.text };
    figure(text, "open", style, styles)
}

fn connections(snapshot: &Snapshot, styles: &Styles, area: Rect, buffer: &mut Buffer) {
    let inner = panel(title("Connections", &[], styles), styles, area, buffer);
    let lines = snapshot.edges.iter().map(|edge| {
        let worry = |count: u64, unit: &str| {
            let style = if count == 0 { styles.text } else { styles.warning };
            figure(grouped(count), unit, style, styles)
        };
        let parts = [
            vec![Span::styled(format!(" {:<8}", printable(&edge.role)), styles.strong)],
            open(edge, styles),
            figure(grouped(edge.requests), "requests", styles.text, styles),
            worry(edge.panics, "panics"),
            worry(edge.timeouts, "timed out"),
            worry(edge.malformed, "malformed"),
            worry(edge.too_large, "too large"),
        ];
        fit(parts, inner.width, styles)
    });
    put_all(buffer, inner, lines);
}
