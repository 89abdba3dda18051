//! Writes Prometheus' text format, version 0.0.4: each family with its help and type, then its
//! series; label values and helps escaped.

use std::fmt::{Display, Write};

use instruments::meter::Spread;

use super::families::{Family, Kind, Rows, fits};

/// Room for the figures of a small sale without the text growing.
const PAGE_BYTES: usize = 96 * 1024;

/// A text that grows by families.
pub(super) struct Page {
    text: String,
}

/// The series of one family.
pub(super) struct Series<'a> {
    text: &'a mut String,
    family: &'static Family,
}

/// The unit that a spread was measured in, and how many of it make the metric's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Microseconds, written in seconds.
    Microseconds,
    /// Things, written as they are.
    Things,
}

impl Page {
    pub(super) fn new() -> Self {
        Self { text: String::with_capacity(PAGE_BYTES) }
    }

    /// Begins a family. A family without series says that there is such a figure, and that it isn't
    /// known here and now.
    pub(super) fn family(&mut self, family: &'static Family) -> Series<'_> {
        let Family { name, kind, help, .. } = family;
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        // Writing to a String can't fail, here and below.
        let _ = writeln!(self.text, "# HELP {name} {help}");
        let _ = writeln!(self.text, "# TYPE {name} {}", kind.as_str());
        Series { text: &mut self.text, family }
    }

    /// A family with one series and no labels; without a value, with none.
    pub(super) fn single(&mut self, family: &'static Family, value: Option<impl Display>) {
        let mut series = self.family(family);
        if let Some(value) = value {
            series.put(&[], value);
        }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

impl Series<'_> {
    /// One series: its labels' values in the family's order, and its own.
    pub(super) fn put(&mut self, labels: &[&str], value: impl Display) {
        debug_assert_ne!(self.family.kind, Kind::Histogram);
        self.line("", labels, None, value);
    }

    /// One histogram.
    pub(super) fn histogram(&mut self, labels: &[&str], spread: &Spread, unit: Unit) {
        debug_assert_eq!(self.family.kind, Kind::Histogram);
        let mut up_to_here = 0;
        for (bound, count) in spread.bounds.iter().zip(&spread.counts) {
            up_to_here += count;
            self.line("_bucket", labels, Some(&unit.written(*bound)), up_to_here);
        }
        // The sum of the counts that are written, so that the last bucket and the count agree.
        let count = spread.count();
        self.line("_bucket", labels, Some("+Inf"), count);
        self.line("_sum", labels, None, unit.written(spread.sum));
        self.line("_count", labels, None, count);
    }

    fn line(&mut self, suffix: &str, values: &[&str], le: Option<&str>, value: impl Display) {
        let Family { name, labels, rows, .. } = *self.family;
        debug_assert_eq!(labels.len(), values.len(), "{name}");
        let is_known = |rows: fn() -> Rows| rows().iter().any(|row| fits(row, values));
        debug_assert!(rows.is_none_or(is_known), "{name} has no series {values:?}");
        let _ = write!(self.text, "{name}{suffix}");
        let pairs = labels.iter().zip(values).map(|(label, value)| (*label, *value));
        let mut before = '{';
        for (label, value) in pairs.chain(le.map(|le| ("le", le))) {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.text, "{before}{label}=\"{value}\"");
            before = ',';
        }
        if before == ',' {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}

impl Unit {
    fn written(self, value: u64) -> String {
        match self {
            Self::Things => value.to_string(),
            Self::Microseconds => seconds(value, 1_000_000),
        }
    }
}

/// A count of parts of a second, such as milliseconds, in seconds: exact, as no float is.
pub(super) fn seconds(parts: u64, per_second: u64) -> String {
    let (whole, rest) = (parts / per_second, parts % per_second);
    let digits = per_second.ilog10() as usize;
    let text = format!("{whole}.{rest:0digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
