//! Bars and graphs: what is counted as something that can be seen from across the room.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::bar;
use ratatui::text::Span;
use ratatui::widgets::{Sparkline, Widget};

/// Part of a bar: how much, drawn with what.
pub(crate) struct BarPiece {
    pub(crate) amount: u64,
    pub(crate) symbol: &'static str,
    pub(crate) style: Style,
}

/// A bar of these parts, `total` filling the width. What is there at all gets a column: one unit
/// left of ten thousand is not sold out.
pub(crate) fn stacked(parts: &[BarPiece], total: u64, width: u16) -> Vec<Span<'static>> {
    let mut columns: Vec<u64> = parts
        .iter()
        .map(|part| {
            let share = u128::from(part.amount) * u128::from(width) / u128::from(total.max(1));
            u64::try_from(share).unwrap_or(u64::MAX).max(u64::from(0 < part.amount))
        })
        .collect();
    let surplus_of = |columns: &[u64]| columns.iter().sum::<u64>().saturating_sub(width.into());
    let counted = parts.iter().map(|part| part.amount).sum::<u64>();
    if let Some(widest) = (0..columns.len()).max_by_key(|index| columns[*index]) {
        columns[widest] = columns[widest].saturating_sub(surplus_of(&columns));
        if counted == total && 0 < total {
            let filled: u64 = columns.iter().sum();
            columns[widest] += u64::from(width).saturating_sub(filled);
        }
    }
    let drawn = parts.iter().zip(columns);
    drawn
        .map(|(part, count)| {
            let count = usize::try_from(count).unwrap_or(0);
            Span::styled(part.symbol.repeat(count), part.style)
        })
        .collect()
}

/// A graph of the values, the newest on the right.
pub(crate) fn graph(values: &[u64], style: Style, area: Rect, buffer: &mut Buffer) {
    if area.width == 0 || area.height == 0 {
        return;
    }
    let columns = condensed(values, area.width.into());
    let indent = area.width.saturating_sub(u16::try_from(columns.len()).unwrap_or(u16::MAX));
    let area = Rect { x: area.x + indent, width: area.width - indent, ..area };
    let set = bar::NINE_LEVELS;
    Sparkline::default().data(&columns).style(style).bar_set(set).render(area, buffer);
}

/// Where there are more values than columns, a column shows the highest of its values: a peak is
/// what one looks for. A column is always whole values, so that it stays what it is while it moves;
/// where that would leave much of the width empty, up to a fifth of the oldest isn't shown.
fn condensed(values: &[u64], width: usize) -> Vec<u64> {
    let width = width.max(1);
    let all = values.len().div_ceil(width).max(1);
    let most = (values.len() - values.len() / 5).div_ceil(width).max(1);
    let fills = width * 3 <= values.len().div_ceil(all) * 4;
    let per_column = if fills { all } else { most };
    // Counted from the newest: the oldest column is the one that lacks some.
    let newest_first = values.rchunks(per_column).take(width);
    let mut row: Vec<u64> =
        newest_first.map(|part| part.iter().copied().max().unwrap_or(0)).collect();
    row.reverse();
    row
}

#[cfg(test)]
mod tests {
    use ratatui::style::Style;

    use super::{BarPiece, condensed, stacked};

    fn drawn(amounts: [u64; 3], total: u64, width: u16) -> String {
        let part = |(amount, symbol)| BarPiece { amount, symbol, style: Style::new() };
        let parts: Vec<BarPiece> = amounts.into_iter().zip(["s", "h", "f"]).map(part).collect();
        stacked(&parts, total, width).iter().map(|span| span.content.as_ref()).collect()
    }

    #[test]
    fn what_is_there_is_seen() {
        assert_eq!(drawn([50, 0, 50], 100, 10), "sssssfffff");
        assert_eq!(drawn([9_998, 1, 1], 10_000, 10), "sssssssshf");
        assert_eq!(drawn([0, 0, 0], 0, 10), "");
        assert_eq!(drawn([33, 33, 34], 100, 10), "ssshhhffff");
        assert_eq!(drawn([u64::MAX / 2, 0, 0], u64::MAX, 10), "ssss");
    }

    #[test]
    fn a_peak_survives() {
        assert_eq!(condensed(&[0, 9, 0, 0, 1], 3), [0, 9, 1]);
        assert_eq!(condensed(&[1, 2], 10), [1, 2]);
        assert_eq!(condensed(&[], 10), [0; 0]);
    }

    #[test]
    fn a_graph_fills_most_of_its_width() {
        for (width, columns) in [(29, 24), (39, 30), (59, 59), (99, 99), (130, 120)] {
            assert_eq!(condensed(&[1; 120], width).len(), columns, "{width}");
        }
    }
}
