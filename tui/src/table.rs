//! Texts in columns: aligned by the columns they take on a terminal, where a Chinese character
//! takes two; plain, and the same on a terminal and in a pipe. What the cells say is the verbs'.

use unicode_width::UnicodeWidthStr;

/// Between two columns.
const GAP: &str = "  ";

/// A column's heading, and where its cells stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    heading: &'static str,
    side: Side,
}

#[derive(Debug, Clone, Copy)]
enum Side {
    Left,
    Right,
}

/// A column of texts.
pub(crate) const fn text(heading: &'static str) -> Column {
    Column { heading, side: Side::Left }
}

/// A column of numbers.
pub(crate) const fn number(heading: &'static str) -> Column {
    Column { heading, side: Side::Right }
}

/// Headings and rows, each line with its end.
pub(crate) fn table<const N: usize>(columns: [Column; N], rows: Vec<[String; N]>) -> String {
    let headings = columns.map(|column| column.heading.to_owned());
    let rows: Vec<[String; N]> = std::iter::once(headings).chain(rows).collect();
    let widest = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(widest).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(columns).zip(&widths);
        let cells: Vec<String> =
            cells.map(|((cell, column), width)| padded(cell, column.side, *width)).collect();
        format!("{}\n", cells.join(GAP).trim_end())
    };
    rows.iter().map(line).collect()
}

/// Labels and what they stand for, one a line, each with its end.
pub(crate) fn facts<L: AsRef<str>>(facts: &[(L, String)]) -> String {
    let width = facts.iter().map(|(label, _)| label.as_ref().width()).max().unwrap_or(0);
    let line = |(label, fact): &(L, String)| {
        let label = padded(label.as_ref(), Side::Left, width);
        format!("{}\n", format!("{label}{GAP}{fact}").trim_end())
    };
    facts.iter().map(line).collect()
}

/// `format!` would count characters, not columns.
fn padded(cell: &str, side: Side, width: usize) -> String {
    let blanks = " ".repeat(width.saturating_sub(cell.width()));
    match side {
        Side::Left => format!("{cell}{blanks}"),
        Side::Right => format!("{blanks}{cell}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{facts, number, table, text};

    #[test]
    fn wide_characters_take_two_columns() {
        let rows = [["p1", "iphoneX2019新款", "5"], ["p20", "华为", "1000"]];
        let rows = rows.map(|row| row.map(str::to_owned)).to_vec();
        let expected = "\
ID   NAME             UNITS
p1   iphoneX2019新款      5
p20  华为              1000
";
        assert_eq!(table([text("ID"), text("NAME"), number("UNITS")], rows), expected);
    }

    #[test]
    fn no_blanks_at_the_end_and_headings_without_rows() {
        assert_eq!(table([text("A"), text("LONG")], Vec::new()), "A  LONG\n");
        let rows = vec![["x".to_owned(), String::new()]];
        assert_eq!(table([text("A"), text("LONG")], rows), "A  LONG\nx\n");
        assert_eq!(facts(&[("a", "1".to_owned()), ("bcd", String::new())]), "a    1\nbcd\n");
    }
}
