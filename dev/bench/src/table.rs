//! The result: rows, each a comparison over several rounds, as a table for people and JSON for
//! comparing runs.

use std::fmt::{self, Write as _};

use serde::Serialize;

use crate::machine::{Machine, load_average};

/// Several measurements of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The smallest.
    pub min: f64,
    /// The middle one, or the mean of the two in the middle.
    pub median: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// The spread of some measurements; zeros when there are none.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
        let (low, high) = (sorted.len().saturating_sub(1) / 2, sorted.len() / 2);
        let last = sorted.len().saturating_sub(1);
        Self { min: at(0), median: f64::midpoint(at(low), at(high)), max: at(last) }
    }
}

/// What was measured in each round, ours and the other by turns.
#[derive(Debug, Clone, Default)]
pub struct Rounds {
    /// Ours.
    pub ours: Vec<f64>,
    /// The other.
    pub other: Vec<f64>,
}

impl Rounds {
    /// Ours by the other, round by round.
    #[must_use]
    pub fn ratios(&self) -> Vec<f64> {
        self.ours.iter().zip(&self.other).map(|(ours, other)| ours / other).collect()
    }
}

/// What a figure is wanted to be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// So much or more.
    AtLeast(f64),
    /// Less than so much.
    Below(f64),
    /// No bound: the figure is only shown.
    Nothing,
}

impl Wanted {
    /// Whether the figure is as wanted.
    #[must_use]
    pub fn is_met(self, figure: f64) -> bool {
        match self {
            Self::AtLeast(least) => least <= figure,
            Self::Below(bound) => figure < bound,
            Self::Nothing => true,
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "≥ {least}"),
            Self::Below(bound) => write!(f, "< {bound}"),
            Self::Nothing => f.write_str("–"),
        }
    }
}

/// One line of the table. The figure judged is the ratio where there is one, else our median.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The row's name, as `--rows` takes it.
    pub name: &'static str,
    /// What is measured.
    pub what: String,
    /// Of which unit it is.
    pub unit: &'static str,
    /// Ours.
    pub ours: Spread,
    /// What ours is compared with, by name and in figures.
    pub against: Option<(String, Spread)>,
    /// Ours by the other, of the same round.
    pub ratio: Option<Spread>,
    /// What is wanted.
    pub wanted: Wanted,
    /// Whether the median is as wanted.
    pub met: bool,
    /// The machine's load over the last minute when the row was done, everything included.
    pub load_average: f64,
    /// What else there is to say.
    pub notes: Vec<String>,
}

impl Row {
    /// A comparison.
    #[must_use]
    pub fn compared(
        name: &'static str,
        what: &str,
        against: &str,
        rounds: &Rounds,
        wanted: Wanted,
    ) -> Self {
        let ratio = Spread::of(&rounds.ratios());
        Self {
            against: Some((against.to_owned(), Spread::of(&rounds.other))),
            ratio: Some(ratio),
            met: wanted.is_met(ratio.median),
            ..Self::measured(name, what, "/s", &rounds.ours, wanted)
        }
    }

    /// A figure by itself.
    #[must_use]
    pub fn measured(
        name: &'static str,
        what: &str,
        unit: &'static str,
        values: &[f64],
        wanted: Wanted,
    ) -> Self {
        let ours = Spread::of(values);
        Self {
            name,
            what: what.to_owned(),
            unit,
            ours,
            against: None,
            ratio: None,
            wanted,
            met: wanted.is_met(ours.median),
            load_average: load_average(),
            notes: Vec::new(),
        }
    }

    /// The row with a remark.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// A whole run.
#[derive(Debug, Serialize)]
pub struct Table {
    /// Where and how it ran.
    pub machine: Machine,
    /// What was measured.
    pub rows: Vec<Row>,
}

/// A line of the table as Markdown, so that it can be taken over into the documentation as it is.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ratio = self.ratio.map_or_else(|| "–".to_owned(), |ratio| spread(ratio, 2));
        let against = self.against.as_ref().map_or_else(
            || "–".to_owned(),
            |(what, other)| format!("{what}: {}", spread(*other, digits_of(*other))),
        );
        let ours = format!("{} {}", spread(self.ours, digits_of(self.ours)), self.unit);
        let met = if self.met { "yes" } else { "**no**" };
        let (name, what, wanted, load) = (self.name, &self.what, self.wanted, self.load_average);
        write!(
            f,
            "| {name} | {what} | {ours} | {against} | {ratio} | {wanted} | {met} | {load:.1} |"
        )?;
        self.notes.iter().try_for_each(|note| write!(f, "\n|  | {note} | | | | | | |"))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.machine)?;
        writeln!(f, "{HEAD}")?;
        self.rows.iter().try_for_each(|row| writeln!(f, "{row}"))
    }
}

/// The table's head.
pub const HEAD: &str = "\
| row | measured | ours (min / median / max) | against | ratio | wanted | met | load |
| --- | --- | --- | --- | --- | --- | --- | --- |";

fn digits_of(spread: Spread) -> usize {
    if 100.0 <= spread.max { 0 } else { 1 }
}

fn spread(spread: Spread, digits: usize) -> String {
    let mut text = String::new();
    for (at, value) in [spread.min, spread.median, spread.max].into_iter().enumerate() {
        let separator = if at == 0 { "" } else { " / " };
        // Writing into a String can't fail.
        let _ = write!(text, "{separator}{value:.digits$}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Rounds, Row, Spread, Wanted};

    #[test]
    fn the_middle_of_an_even_number_is_between_two() {
        assert_eq!(Spread::of(&[4.0, 1.0, 2.0, 3.0]), Spread { min: 1.0, median: 2.5, max: 4.0 });
        assert_eq!(Spread::of(&[7.0]).median, 7.0);
        assert_eq!(Spread::of(&[]).max, 0.0);
    }

    #[test]
    fn a_row_is_judged_by_the_median_of_its_rounds_ratios() {
        let rounds = Rounds { ours: vec![50.0, 95.0, 90.0], other: vec![100.0, 100.0, 100.0] };
        let row = Row::compared("x", "this", "that", &rounds, Wanted::AtLeast(0.9));
        assert!(row.met, "{row}");
        assert_eq!(row.ratio.map(|ratio| ratio.median), Some(0.9));
        assert!(!Row::measured("x", "this", "ms", &[10.0], Wanted::Below(10.0)).met);
    }
}
