//! Lists as tables: columns by rank, the less important ones left out where it is narrow; the
//! selected row is marked by a sign and reversed.

use protocol::EpochMs;
use ratatui::buffer::Buffer;
use ratatui::layout::{Alignment, Rect};
use ratatui::text::Line;

use super::fitting::put;
use crate::console::model::List;
use crate::console::theme::{Styles, symbol};

/// What a cell is drawn with.
pub(crate) struct Pen<'a> {
    pub(crate) styles: &'a Styles,
    /// Columns that the cell has.
    pub(crate) width: u16,
    /// The daemon's clock, for ages.
    pub(crate) at: EpochMs,
}

/// How wide a column is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Width {
    /// Always so.
    Fixed(u16),
    /// At least so, and what the others leave. The first such column gets it all.
    Rest(u16),
}

impl Width {
    const fn least(self) -> u16 {
        match self {
            Self::Fixed(width) | Self::Rest(width) => width,
        }
    }
}

/// One column of rows of `T`.
pub(crate) struct Column<T> {
    pub(crate) title: &'static str,
    pub(crate) width: Width,
    pub(crate) side: Alignment,
    /// Columns of higher rank are left out first; those of rank 0 never are.
    pub(crate) rank: u8,
    pub(crate) cell: fn(&T, &Pen<'_>) -> Line<'static>,
}

/// A column of texts.
pub(crate) const fn left<T>(
    title: &'static str,
    width: Width,
    rank: u8,
    cell: fn(&T, &Pen<'_>) -> Line<'static>,
) -> Column<T> {
    Column { title, width, side: Alignment::Left, rank, cell }
}

/// A column of figures.
pub(crate) const fn right<T>(
    title: &'static str,
    width: u16,
    rank: u8,
    cell: fn(&T, &Pen<'_>) -> Line<'static>,
) -> Column<T> {
    Column { title, width: Width::Fixed(width), side: Alignment::Right, rank, cell }
}

/// Whether the list has the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Focus {
    Here,
    Elsewhere,
}

const GAP: u16 = 2;

/// The room for the sign of the selected row.
const GUTTER: u16 = 1;

/// The table of a list.
pub(crate) struct Table<'a, T: 'static> {
    pub(crate) columns: &'static [Column<T>],
    pub(crate) list: &'a List,
    pub(crate) focus: Focus,
    pub(crate) at: EpochMs,
    pub(crate) styles: &'a Styles,
}

impl<T: 'static> Table<'_, T> {
    /// Draws the headings and the rows around the selected one.
    pub(crate) fn draw(&self, rows: &[&T], keys: &[String], area: Rect, buffer: &mut Buffer) {
        let columns = self.laid_out(area);
        let heading = Rect { height: area.height.min(1), ..area };
        for (column, place) in &columns {
            let title = Line::styled(column.title, self.styles.quiet).alignment(column.side);
            put(buffer, Rect { y: heading.y, height: heading.height, ..*place }, &title);
        }
        let body =
            Rect { y: area.y + heading.height, height: area.height - heading.height, ..area };
        let selected = self.list.selected(keys);
        let offset = self.list.scroll_to(selected.unwrap_or(0), rows.len(), body);
        for ((index, row), y) in rows.iter().enumerate().skip(offset).zip(body.top()..body.bottom())
        {
            for (column, place) in &columns {
                let pen = Pen { styles: self.styles, width: place.width, at: self.at };
                let cell = (column.cell)(row, &pen).alignment(column.side);
                put(buffer, Rect { y, height: 1, ..*place }, &cell);
            }
            if selected == Some(index) {
                self.mark(keys.get(index), Rect { y, height: 1, ..area }, buffer);
            }
        }
    }

    fn mark(&self, key: Option<&String>, row: Rect, buffer: &mut Buffer) {
        if self.focus == Focus::Here {
            self.list.marked.replace(key.cloned());
            buffer.set_string(row.x, row.y, symbol::CURSOR, self.styles.strong);
            buffer.set_style(row, self.styles.selected);
        }
    }

    /// The columns that fit, each with its place in the first row.
    fn laid_out(&self, area: Rect) -> Vec<(&'static Column<T>, Rect)> {
        let mut columns: Vec<&Column<T>> = self.columns.iter().collect();
        let need = |columns: &[&Column<T>]| {
            columns.iter().map(|column| column.width.least() + GAP).sum::<u16>() + GUTTER
        };
        while area.width + GAP < need(&columns) {
            let least = columns.iter().map(|column| column.rank).max().unwrap_or(0);
            if least == 0 {
                break;
            }
            columns.retain(|column| column.rank != least);
        }
        let mut room = (area.width + GAP).saturating_sub(need(&columns));
        let mut x = area.x + GUTTER;
        let place = |column: &'static Column<T>| {
            let width = match column.width {
                Width::Fixed(width) => width,
                Width::Rest(width) => width + std::mem::take(&mut room),
            };
            let width = width.min(area.right().saturating_sub(x));
            let place = Rect { x, y: area.y, width, height: 1 };
            x += width + GAP;
            (column, place)
        };
        columns.into_iter().map(place).collect()
    }
}
