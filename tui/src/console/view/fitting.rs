//! What makes texts fit their places on every screen: lines that are cut or wrapped, panels,
//! labels. All widths are columns of the terminal, so that Chinese names push nothing out of line.

use ratatui::buffer::Buffer;
use ratatui::layout::{Alignment, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Widget};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::console::theme::{Styles, symbol};

/// Draws a line in its area's first row; what doesn't fit is cut, and seen to be.
pub(crate) fn put(buffer: &mut Buffer, area: Rect, line: &Line<'_>) {
    let Rect { x, y, width, .. } = area.intersection(buffer.area);
    if width == 0 || area.height == 0 {
        return;
    }
    let long = u16::try_from(line.width()).unwrap_or(u16::MAX);
    if width < long {
        buffer.set_line(x, y, line, width - 1);
        let style = line.spans.last().map_or(Style::new(), |span| span.style);
        buffer.set_string(x + width - 1, y, symbol::ELLIPSIS, style);
        return;
    }
    let room = width - long;
    let indent = match line.alignment.unwrap_or(Alignment::Left) {
        Alignment::Left => 0,
        Alignment::Center => room / 2,
        Alignment::Right => room,
    };
    buffer.set_line(x + indent, y, line, width - indent);
}

/// A text of at most `width` columns: a longer one loses its middle, for what both ends are needed
/// of.
pub(crate) fn cut_in_the_middle(text: &str, width: u16) -> String {
    let width = usize::from(width);
    if text.width() <= width || width == 0 {
        return text.to_owned();
    }
    let (kept, ellipsis) = (width - 1, symbol::ELLIPSIS);
    let head = within(text.chars(), kept / 2);
    let tail: String = within(text.chars().rev(), kept - head.width()).chars().rev().collect();
    format!("{head}{ellipsis}{tail}")
}

/// The first characters that take no more than so many columns.
fn within(characters: impl Iterator<Item = char>, width: usize) -> String {
    let mut taken = 0;
    let fits = |character: &char| {
        taken += character.width().unwrap_or(0);
        taken <= width
    };
    characters.take_while(fits).collect()
}

/// Draws lines one below the other, as many as there is room for.
pub(crate) fn put_all<'a>(
    buffer: &mut Buffer,
    area: Rect,
    lines: impl IntoIterator<Item = Line<'a>>,
) {
    for (line, y) in lines.into_iter().zip(area.top()..area.bottom()) {
        put(buffer, Rect { y, height: 1, ..area }, &line);
    }
}

/// A text in lines of so many columns, broken at blanks where there are some.
pub(crate) fn wrapped(text: &str, width: u16) -> Vec<String> {
    let width = usize::from(width.max(2));
    let columns = |text: &str| Span::raw(text).width();
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split_inclusive(' ') {
        if width < columns(&line) + columns(word.trim_end()) && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for c in word.chars() {
            // A word without an end is broken where the line ends.
            if width < columns(&line) + columns(c.encode_utf8(&mut [0; 4])) && c != ' ' {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    lines.push(line);
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// Draws a text in as many rows as it takes; returns how many it took.
pub(crate) fn put_wrapped(buffer: &mut Buffer, area: Rect, text: &str, style: Style) -> u16 {
    let lines = wrapped(text, area.width);
    let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX).min(area.height);
    put_all(buffer, area, lines.into_iter().map(|line| Line::styled(line, style)));
    rows
}

/// As many of the parts as fit, the first ones first, with a dot between them.
pub(crate) fn fit(
    parts: impl IntoIterator<Item = Vec<Span<'static>>>,
    width: u16,
    styles: &Styles,
) -> Line<'static> {
    let mut line = Line::default();
    for part in parts {
        let is_first = line.spans.is_empty();
        let dot = Span::styled(if is_first { "" } else { symbol::DOT }, styles.quiet);
        let long: usize = part.iter().map(Span::width).sum();
        // The first is cut rather than left out: a line that says nothing is no line.
        if !is_first && usize::from(width) < line.width() + dot.width() + long {
            break;
        }
        line.spans.push(dot);
        line.spans.extend(part);
    }
    line
}

/// A rule with a title; returns what is below it.
pub(crate) fn panel(
    title: Line<'static>,
    styles: &Styles,
    area: Rect,
    buffer: &mut Buffer,
) -> Rect {
    let block = Block::new().borders(Borders::TOP).border_style(styles.quiet);
    let inner = block.inner(area);
    block.render(area, buffer);
    let mut spans = vec![Span::raw(" ")];
    spans.extend(title.spans);
    spans.push(Span::raw(" "));
    let place = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    put(buffer, place, &shortened(Line::from(spans), place.width));
    inner
}

/// Without as many of its last parts as don't fit.
fn shortened(mut line: Line<'static>, width: u16) -> Line<'static> {
    while usize::from(width) < line.width()
        && let Some(dot) = line.spans.iter().rposition(|span| span.content == symbol::DOT)
    {
        line.spans.truncate(dot);
        line.spans.push(Span::raw(" "));
    }
    line
}

/// A panel's title: a name and what is to be said about it.
pub(crate) fn title(name: &str, more: &[String], styles: &Styles) -> Line<'static> {
    let mut spans = vec![Span::styled(name.to_owned(), styles.strong)];
    for text in more {
        spans.push(Span::styled(symbol::DOT, styles.quiet));
        spans.push(Span::raw(text.clone()));
    }
    Line::from(spans)
}

/// A figure and what it counts: `812 charges/s`.
pub(crate) fn figure(
    value: String,
    unit: &str,
    style: Style,
    styles: &Styles,
) -> Vec<Span<'static>> {
    vec![Span::styled(value, style), Span::styled(format!(" {unit}"), styles.quiet)]
}

/// `label` on the left, the value on the right.
pub(crate) fn labelled(
    label: &str,
    value: Span<'static>,
    width: u16,
    styles: &Styles,
) -> Line<'static> {
    let label = Span::styled(label.to_owned(), styles.quiet);
    let room = usize::from(width).saturating_sub(label.width() + value.width()).max(1);
    Line::from(vec![label, Span::raw(" ".repeat(room)), value])
}

#[cfg(test)]
mod tests {
    use super::{cut_in_the_middle, wrapped};

    #[test]
    fn a_long_name_keeps_both_ends() {
        let name = "broker-a/SECKILL_CHARGE_ORDER_TOPIC/13";
        assert_eq!(cut_in_the_middle(name, 38), name);
        assert_eq!(cut_in_the_middle(name, 16), "broker-…TOPIC/13");
        assert_eq!(cut_in_the_middle(name, 17), "broker-a…TOPIC/13");
        assert_eq!(cut_in_the_middle(name, 3), "b…3");
        assert_eq!(cut_in_the_middle(name, 2), "…3");
        assert_eq!(cut_in_the_middle(name, 1), "…");
        assert_eq!(cut_in_the_middle(name, 0), name);
        // A wide character that would stick out is left out.
        assert_eq!(cut_in_the_middle("华为手机/旗舰/7", 8), "华…舰/7");
    }

    #[test]
    fn nothing_of_a_text_is_lost_when_it_is_wrapped() {
        assert_eq!(wrapped("the sale is open", 8), ["the sale", "is open"]);
        assert_eq!(wrapped("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrapped("华为手机", 5), ["华为", "手机"]);
        assert_eq!(wrapped("", 5), [""]);
        let text = "a bb ccc 华为 dddd eeeee ffffff ggggggg";
        for width in 2..40 {
            let lines = wrapped(text, width);
            let bare = |text: &str| text.replace(' ', "");
            assert_eq!(bare(&lines.concat()), bare(text), "{width}");
            let long = lines
                .iter()
                .any(|line| usize::from(width) < ratatui::text::Span::raw(line.as_str()).width());
            assert!(!long, "{width}: {lines:?}");
        }
    }
}
