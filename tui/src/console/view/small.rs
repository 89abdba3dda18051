//! A screen that is too small for the console: the headline as far as it goes, of the state as it
//! is. No action is taken on it, and it says so where there is room for that.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::fitting::{put, put_all};
use super::{frame, headline};
use crate::console::model::{Connection, HEIGHT_MIN, Model, WIDTH_MIN};
use crate::console::theme::Styles;

pub(super) fn draw(model: &Model, styles: &Styles, area: Rect, buffer: &mut Buffer) {
    let row = |y: u16, height: u16| Rect { y, height, ..area }.intersection(area);
    let mut top = area.y;
    if matches!(model.connection, Connection::Lost { .. }) {
        frame::banner(model, styles, row(top, 1), buffer);
        top += 1;
    }
    let Some(snapshot) = model.live.as_deref() else {
        put(buffer, row(top, 1), &frame::waiting(model, styles));
        return note(styles, row(top + 1, area.height), buffer);
    };
    headline::draw(snapshot, styles, row(top, headline::LINES), buffer);
    let rest = row(top + headline::LINES, area.height);
    let sentences = headline::sentences(snapshot, styles);
    let shown = sentences.len().min(usize::from(rest.height.saturating_sub(1)));
    put_all(buffer, rest, sentences.into_iter().take(shown));
    let below = u16::try_from(shown).unwrap_or(rest.height);
    note(styles, row(rest.y + below, area.height), buffer);
}

/// What it takes to do more, in the last row of what is left.
fn note(styles: &Styles, rest: Rect, buffer: &mut Buffer) {
    if rest.height == 0 {
        return;
    }
    let (width, height) = (buffer.area.width, buffer.area.height);
    let text = format!(" needs {WIDTH_MIN}x{HEIGHT_MIN}, has {width}x{height}; q quits");
    let last = Rect { y: rest.bottom() - 1, height: 1, ..rest };
    put(buffer, last, &Line::styled(text, styles.quiet));
}
