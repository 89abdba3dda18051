//! The Events screen: what the daemon and this console noticed, the newest last.

use protocol::{Notable, Severity};
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget, Wrap};

use super::rows;
use crate::console::model::Model;
use crate::console::theme::Styles;
use crate::console::view::fitting::{panel, put, put_all, title};
use crate::console::view::frame::severity;
use crate::console::view::table::{Column, Focus, Pen, Table, Width, left};
use crate::words::narrow::{clock, day_and_clock};
use crate::words::printable;

const COLUMNS: &[Column<Notable>] = &[
    left("time", Width::Fixed(15), 0, |event, _| Line::raw(day_and_clock(event.at))),
    left("", Width::Fixed(1), 0, sign),
    left("about", Width::Fixed(9), 1, |event, _| Line::raw(event.kind.as_str())),
    left("what", Width::Rest(30), 0, what),
];

fn sign(event: &Notable, pen: &Pen<'_>) -> Line<'static> {
    let (sign, style) = severity(event.severity, pen.styles);
    Line::styled(sign, style)
}

fn what(event: &Notable, pen: &Pen<'_>) -> Line<'static> {
    let (_, style) = severity(event.severity, pen.styles);
    let is_usual = event.severity == Severity::Info;
    Line::styled(printable(&event.text), if is_usual { pen.styles.text } else { style })
}

pub(crate) fn draw(model: &Model, styles: &Styles, area: Rect, buffer: &mut Buffer) {
    let events = rows::events(model);
    let list = &model.events;
    let mut more = vec![events.len().to_string(), "newest last".to_owned()];
    if !list.at_end {
        more.push("G follows the newest".to_owned());
    }
    if !list.filter.is_empty() {
        more.push(format!("filter {:?}", list.filter));
    }
    let [list_area, whole] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(3)]).areas(area);
    let inner = panel(title("Events", &more, styles), styles, list_area, buffer);
    if events.is_empty() {
        put(buffer, inner, &Line::styled(" nothing", styles.quiet));
        return;
    }
    let keys = rows::event_keys(&events);
    let at = model.shown().map(|snapshot| snapshot.at).unwrap_or_default();
    let table = Table { columns: COLUMNS, list, focus: Focus::Here, at, styles };
    table.draw(&events, &keys, inner, buffer);
    if let Some(event) = list.selected(&keys).and_then(|index| events.get(index)) {
        selected(event, styles, whole, buffer);
    }
}

/// The newest ones, as a part of the Overview.
pub(crate) fn newest(model: &Model, styles: &Styles, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let inner = panel(title("Events", &[], styles), styles, area, buffer);
    let events = rows::newest_events(model);
    if events.is_empty() {
        put(buffer, inner, &Line::styled(" nothing yet", styles.quiet));
        return;
    }
    let skipped = events.len().saturating_sub(inner.height.into());
    let lines = events.iter().skip(skipped).map(|event| {
        let (sign, style) = severity(event.severity, styles);
        let is_usual = event.severity == Severity::Info;
        Line::from(vec![
            Span::styled(format!(" {}  ", clock(event.at)), styles.quiet),
            Span::styled(format!("{sign} "), style),
            Span::styled(printable(&event.text), if is_usual { styles.text } else { style }),
        ])
    });
    put_all(buffer, inner, lines);
}

/// The selected one's sentence, whole.
fn selected(event: &Notable, styles: &Styles, area: Rect, buffer: &mut Buffer) {
    let inner =
        panel(title(event.kind.as_str(), &[day_and_clock(event.at)], styles), styles, area, buffer);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    Paragraph::new(printable(&event.text)).wrap(Wrap { trim: true }).render(inner, buffer);
}
