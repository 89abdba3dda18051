//! Windows over the screen, and what help and details say in them; forms and questions are
//! `questions`'.

use std::cell::Cell;

use protocol::{DeadLetterView, OrderHistory, OrderId, ProdId};
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Margin, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Widget, Wrap};

use super::fitting::put;
use super::{help, questions};
use crate::console::model::{Details, History, Model, Popup, Reveal};
use crate::console::screens::orders::view as orders;
use crate::console::screens::products::view as products;
use crate::console::theme::{Styles, symbol};
use crate::words::narrow::day_and_clock;
use crate::words::{UNKNOWN, grouped, in_words, known_text, printable, size};

/// The widest window of plain words.
pub(crate) const WORDS: u16 = 76;

pub(crate) fn draw(model: &Model, styles: &Styles, area: Rect, buffer: &mut Buffer) {
    let Some(popup) = model.popups.last() else { return };
    match popup {
        Popup::Help { scroll } => {
            let columns = help::columns(model, styles, area.width);
            let width = if columns.len() == 1 { 78 } else { 156 };
            text("Help", columns, scroll, width, styles, area, buffer);
        }
        Popup::Details(Details::Product { prod_id, scroll }) => {
            let lines = products::details(model, prod_id, styles);
            text("Product", vec![lines], scroll, 100, styles, area, buffer);
        }
        Popup::Details(Details::Order { order_id, history, reveal, scroll }) => {
            let lines = order(order_id, history, *reveal, styles);
            text("Order", vec![lines], scroll, 100, styles, area, buffer);
        }
        Popup::Details(Details::DeadLetter { letter, scroll }) => {
            let name = format!("Dead letter {}", letter.id);
            text(&name, vec![dead_letter(letter, styles)], scroll, 100, styles, area, buffer);
        }
        Popup::Form(form) => questions::form(form, styles, area, buffer),
        Popup::Question(asked) => questions::question(asked, styles, area, buffer),
    }
}

/// An empty window in the middle; returns its inside.
pub(crate) fn window(
    name: &str,
    width: u16,
    height: u16,
    border: Style,
    area: Rect,
    buffer: &mut Buffer,
) -> Rect {
    let width = width.min(area.width.saturating_sub(4));
    let height = height.saturating_add(2).min(area.height.saturating_sub(2));
    let x = area.x + (area.width - width) / 2;
    let y = area.y + (area.height - height) / 2;
    let place = Rect { x, y, width, height };
    Clear.render(place, buffer);
    Block::bordered().border_style(border).render(place, buffer);
    let title = Rect { x: x + 2, y, width: width.saturating_sub(4), height: 1 };
    put(buffer, title, &Line::styled(format!(" {} ", printable(name)), border));
    place.inner(Margin::new(2, 1))
}

/// Columns of lines that scroll together; the cell learns where the end is.
fn text(
    name: &str,
    columns: Vec<Vec<Line<'static>>>,
    scroll: &Cell<u16>,
    width: u16,
    styles: &Styles,
    area: Rect,
    buffer: &mut Buffer,
) {
    let count = u16::try_from(columns.len()).unwrap_or(1).max(1);
    let inside = width.min(area.width.saturating_sub(4)).saturating_sub(4) / count;
    let tall = |lines: &Vec<Line<'_>>| lines.iter().map(|line| rows(line, inside)).sum::<usize>();
    let rows = u16::try_from(columns.iter().map(tall).max().unwrap_or(0)).unwrap_or(u16::MAX);
    let inner = window(name, width, rows, styles.strong, area, buffer);
    let last = rows.saturating_sub(inner.height);
    scroll.set(scroll.get().min(last));
    let places = Layout::horizontal(vec![Constraint::Fill(1); columns.len()]).spacing(2);
    for (lines, place) in columns.into_iter().zip(places.split(inner).iter()) {
        let paragraph = Paragraph::new(lines).wrap(Wrap { trim: false });
        paragraph.scroll((scroll.get(), 0)).render(*place, buffer);
    }
    if scroll.get() < last {
        let below = Rect { x: inner.x, y: inner.bottom(), width: inner.width, height: 1 };
        put(buffer, below, &Line::styled(" more below ", styles.strong).right_aligned());
    }
}

/// How many rows a line takes, or a few more where words break: too many leave blank rows, too few
/// would hide the end.
fn rows(line: &Line<'_>, width: u16) -> usize {
    let width = usize::from(width.max(1));
    if line.width() <= width { 1 } else { line.width().div_ceil(width.saturating_sub(8).max(1)) }
}

fn order(
    order_id: &OrderId,
    history: &History,
    reveal: Reveal,
    styles: &Styles,
) -> Vec<Line<'static>> {
    match history {
        History::Loading => vec![Line::raw(printable(&order_id.text())), Line::raw("loading")],
        History::Failed(why) => {
            let text = format!("{} not loaded: {}", symbol::BAD, printable(why));
            vec![Line::raw(printable(&order_id.text())), Line::styled(text, styles.bad)]
        }
        History::Loaded(history) => loaded(history, reveal, styles),
    }
}

pub(crate) fn pair(label: &str, value: Span<'static>, styles: &Styles) -> Line<'static> {
    Line::from(vec![Span::styled(format!("{label:<12}"), styles.quiet), value])
}

fn loaded(history: &OrderHistory, reveal: Reveal, styles: &Styles) -> Vec<Line<'static>> {
    let order = &history.order;
    let phone = match (&history.phone, reveal) {
        (Some(phone), Reveal::Phone) => Span::styled(printable(phone.whole()), styles.strong),
        _ => Span::raw(printable(&order.user)),
    };
    let product = format!("{} {}", printable(order.prod_id.as_str()), printable(&order.prod_name));
    let amount = order.charge_money.map_or_else(|| UNKNOWN.to_owned(), |money| money.to_string());
    let mut lines = vec![
        pair("order", Span::styled(printable(&order.order_id.text()), styles.strong), styles),
        pair("state", orders::state(order.state, styles), styles),
    ];
    let reason = order.reason.as_deref().map(|reason| Span::raw(in_words(reason)));
    lines.extend(reason.map(|reason| pair("reason", reason, styles)));
    lines.push(pair("product", Span::raw(product), styles));
    lines.push(pair("buyer", phone, styles));
    lines.push(pair("amount", Span::raw(amount), styles));
    if 0 < order.duplicates {
        lines.push(pair("duplicates", Span::raw(grouped(order.duplicates)), styles));
    }
    lines.push(Line::default());
    lines.extend(history.steps.iter().map(|step| {
        let at = step.at.map_or_else(|| format!("{UNKNOWN:<15}"), day_and_clock);
        Line::from(vec![
            Span::styled(format!("{at}  "), styles.quiet),
            Span::styled(format!("{:<20}", in_words(step.step.as_str())), styles.strong),
            Span::raw(printable(&step.detail)),
        ])
    }));
    lines
}

fn dead_letter(letter: &DeadLetterView, styles: &Styles) -> Vec<Line<'static>> {
    let text = |text: Option<&str>| Span::raw(known_text(text));
    let resend = if letter.resendable { "yes" } else { "no: it holds no readable order" };
    vec![
        pair("reason", Span::styled(in_words(&letter.reason), styles.strong), styles),
        pair("resendable", Span::raw(resend), styles),
        pair("order", text(letter.order_id.as_ref().map(OrderId::text).as_deref()), styles),
        pair("product", text(letter.prod_id.as_ref().map(ProdId::as_str)), styles),
        pair("buyer", text(letter.user.as_deref()), styles),
        pair("asked", Span::raw(day_and_clock(letter.asked_at)), styles),
        pair("set aside", Span::raw(day_and_clock(letter.dead_at)), styles),
        pair("redelivered", Span::raw(grouped(letter.redeliveries.into())), styles),
        pair("from", text(Some(&letter.origin)), styles),
        pair("size", Span::raw(size(letter.content_bytes)), styles),
        Line::default(),
        Line::raw(printable(&letter.content)),
    ]
}
