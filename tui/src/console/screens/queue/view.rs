//! The Queue screen: the lag of each queue, the brokers, and the dead letters.

use protocol::{DeadLetterView, ProdId, QueuePart, Snapshot};
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::rows::{self, DEAD_LETTER_ORDERS, QUEUE_ORDERS};
use crate::console::model::{Model, Pane};
use crate::console::screens::products::view::about;
use crate::console::theme::{Styles, symbol};
use crate::console::view::fitting::{cut_in_the_middle, fit, panel, put, title};
use crate::console::view::headline;
use crate::console::view::table::{Column, Focus, Pen, Table, Width, left, right};
use crate::words::narrow::{age, between, span};
use crate::words::{UNKNOWN, grouped, in_words, known_count, known_text, printable};

const QUEUES: &[Column<QueuePart>] = &[
    left("queue", Width::Rest(16), 0, |part, pen| {
        // The number at its end tells one queue from another.
        Line::raw(cut_in_the_middle(&printable(&part.name), pen.width))
    }),
    left("broker", Width::Fixed(14), 3, |part, _| Line::raw(known_text(part.broker.as_deref()))),
    right("consumed", 12, 2, |part, _| Line::raw(known_count(part.consumed_offset))),
    right("end", 12, 2, |part, _| Line::raw(known_count(part.end_offset))),
    right("lag", 9, 0, lag),
    right("age", 8, 0, oldest),
    left("owner", Width::Fixed(24), 1, |part, pen| {
        Line::raw(cut_in_the_middle(&known_text(part.owner.as_deref()), pen.width))
    }),
];

const LETTERS: &[Column<DeadLetterView>] = &[
    right("no.", 7, 0, |letter, _| Line::raw(letter.id.to_string())),
    right("age", 5, 0, |letter, pen| Line::raw(age(between(letter.dead_at, pen.at)))),
    left("reason", Width::Fixed(18), 0, reason),
    left("product", Width::Fixed(12), 2, |letter, _| {
        Line::raw(known_text(letter.prod_id.as_ref().map(ProdId::as_str)))
    }),
    left("buyer", Width::Fixed(12), 1, |letter, _| Line::raw(known_text(letter.user.as_deref()))),
    right("tries", 5, 3, |letter, _| Line::raw(grouped(letter.redeliveries.into()))),
    left("content", Width::Rest(12), 0, |letter, _| Line::raw(printable(&letter.content))),
];

fn lag(part: &QueuePart, pen: &Pen<'_>) -> Line<'static> {
    let style = if part.lag_messages == 0 { pen.styles.text } else { pen.styles.strong };
    Line::styled(grouped(part.lag_messages), style)
}

fn oldest(part: &QueuePart, _: &Pen<'_>) -> Line<'static> {
    Line::raw(match (part.lag_messages, part.lag_age_ms) {
        (0, None) => String::new(),
        (_, age_ms) => age_ms.map_or_else(|| UNKNOWN.to_owned(), span),
    })
}

fn reason(letter: &DeadLetterView, _: &Pen<'_>) -> Line<'static> {
    let sign = if letter.resendable { " " } else { symbol::BAD };
    Line::raw(format!("{sign}{}", in_words(&letter.reason)))
}

pub(crate) fn draw(model: &Model, styles: &Styles, area: Rect, buffer: &mut Buffer) {
    let Some(snapshot) = model.shown() else { return };
    let queues = rows::queues(model);
    let wanted = u16::try_from(queues.len().max(1)).unwrap_or(u16::MAX).saturating_add(2);
    let [head, parts, letters] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(wanted.min(area.height.saturating_sub(2) / 2)),
        Constraint::Fill(1),
    ])
    .areas(area);
    heading(snapshot, styles, head, buffer);
    queue_table(model, snapshot, styles, parts, buffer);
    letter_table(model, snapshot, styles, letters, buffer);
}

/// The lag of all, then the way to the broker.
fn heading(snapshot: &Snapshot, styles: &Styles, area: Rect, buffer: &mut Buffer) {
    let area = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    let kind = Span::styled(printable(&snapshot.queue.kind), styles.strong);
    let mut parts = vec![vec![kind], headline::lag(snapshot, styles)];
    parts.extend(headline::slope(snapshot, styles));
    if let Some(orders) = &snapshot.orders {
        let redelivered = format!("{} redeliveries", grouped(orders.redeliveries));
        parts.push(vec![Span::raw(redelivered)]);
    }
    put(buffer, area, &fit(parts, area.width, styles));
    let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    put(buffer, below, &fit(way(snapshot, styles), below.width, styles));
}

fn way(snapshot: &Snapshot, styles: &Styles) -> Vec<Vec<Span<'static>>> {
    let mut parts = Vec::new();
    if let Some(why) = &snapshot.queue.unreadable {
        let text = format!("{} {}", symbol::WARNING, printable(why));
        parts.push(vec![Span::styled(text, styles.warning)]);
    }
    let Some(rocketmq) = &snapshot.rocketmq else {
        if parts.is_empty() {
            parts.push(vec![Span::styled("in the daemon's own database", styles.quiet)]);
        }
        return parts;
    };
    let style = if rocketmq.connection == "connected" { styles.good } else { styles.warning };
    parts.push(vec![Span::styled(printable(&rocketmq.connection), style)]);
    parts.extend(rocketmq.brokers.iter().map(|broker| {
        let version = known_text(broker.version.as_deref());
        vec![Span::raw(format!(
            "{} {} {version}",
            printable(&broker.name),
            printable(&broker.address)
        ))]
    }));
    let names =
        format!("topic {}, group {}", printable(&rocketmq.topic), printable(&rocketmq.group));
    parts.push(vec![Span::styled(names, styles.quiet)]);
    parts
}

fn focus(model: &Model, pane: Pane) -> Focus {
    if model.pane == pane { Focus::Here } else { Focus::Elsewhere }
}

fn queue_table(
    model: &Model,
    snapshot: &Snapshot,
    styles: &Styles,
    area: Rect,
    buffer: &mut Buffer,
) {
    let parts = rows::queues(model);
    let more = about(parts.len(), snapshot.queue.queues.len(), QUEUE_ORDERS, &model.queues);
    let inner = panel(title("Queues", &more, styles), styles, area, buffer);
    if parts.is_empty() {
        put(buffer, inner, &Line::styled(" no queue is known", styles.quiet));
        return;
    }
    let (list, focus) = (&model.queues, focus(model, Pane::Queues));
    let table = Table { columns: QUEUES, list, focus, at: snapshot.at, styles };
    table.draw(&parts, &rows::queue_keys(&parts), inner, buffer);
}

fn letter_table(
    model: &Model,
    snapshot: &Snapshot,
    styles: &Styles,
    area: Rect,
    buffer: &mut Buffer,
) {
    let letters = rows::dead_letters(model);
    let list = &model.dead_letters.list;
    let loaded = model.dead_letters.rows.as_ref().map_or(0, Vec::len);
    let mut more = about(letters.len(), loaded, DEAD_LETTER_ORDERS, list);
    more[0] = format!("{} in all", known_count(snapshot.queue.dead_letters));
    more.extend(
        snapshot
            .queue
            .broker_dead_letters
            .map(|count| format!("{} more in the broker's own", grouped(count))),
    );
    let fault = model.dead_letters.fault.as_ref();
    more.extend(fault.map(|why| format!("not loaded: {}", printable(why))));
    let inner = panel(title("Dead letters", &more, styles), styles, area, buffer);
    if letters.is_empty() {
        let is_loaded = model.dead_letters.rows.is_some();
        let text = if is_loaded { " no dead letter" } else { " not loaded yet" };
        put(buffer, inner, &Line::styled(text, styles.quiet));
        return;
    }
    let focus = focus(model, Pane::DeadLetters);
    let table = Table { columns: LETTERS, list, focus, at: snapshot.at, styles };
    table.draw(&letters, &rows::dead_letter_keys(&letters), inner, buffer);
}
