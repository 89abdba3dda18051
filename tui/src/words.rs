//! Single values as text, in verbs and console alike: counts, times, durations, sizes, and names
//! from elsewhere without what a terminal would obey (`protocol`'s rule). What isn't known is `–`,
//! never 0. `narrow` has the forms for columns that have no room for these. Lines and columns are
//! `table`'s and the console's `view`'s.

pub(crate) mod narrow;

use std::fmt::Display;

use protocol::{EpochMs, LatencyView, Trend};
pub(crate) use protocol::{grouped, printable, printable_json, printable_lines};
use serde_json::Value;

/// What stands where a value isn't known.
pub(crate) const UNKNOWN: &str = "–";

/// The value, or that it isn't known.
pub(crate) fn known(value: Option<impl Display>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |value| value.to_string())
}

/// A count, grouped, or that it isn't known.
pub(crate) fn known_count(count: Option<u64>) -> String {
    known(count.map(grouped))
}

/// A text from elsewhere, or that it isn't known.
pub(crate) fn known_text(text: Option<&str>) -> String {
    known(text.map(printable))
}

/// `sold_out` as words.
pub(crate) fn in_words(name: &str) -> String {
    printable(name).replace('_', " ")
}

/// One or several: `1 order`, `1,200 orders`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// As [`counted`], not grouped: among the figures of a verb, which scripts may read.
pub(crate) fn counted_plainly(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// With its sign, a true minus included: `+50`, `−5`, `0`.
pub(crate) fn signed(number: i64) -> String {
    let sign = match number {
        0 => "",
        1.. => "+",
        _ => "−",
    };
    format!("{sign}{}", grouped(number.unsigned_abs()))
}

/// The two largest units: `3d 4h`, `1h 2m`, `5s`.
pub(crate) fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, _, _) => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

/// Seconds with tenths under a minute, as [`duration`] above.
pub(crate) fn span(milliseconds: u64) -> String {
    if milliseconds < 60_000 {
        format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
    } else {
        duration(milliseconds / 1000)
    }
}

/// The moment in UTC, to the second: `2026-11-23 14:28:20Z`.
pub(crate) fn moment(at: EpochMs) -> String {
    let wire = at.to_wire();
    let whole_seconds = wire.split('.').next().unwrap_or_default();
    format!("{}Z", whole_seconds.replacen('T', " ", 1))
}

/// Half, most and nearly all took no longer than these.
pub(crate) fn spread(view: &LatencyView, told: fn(u64) -> String) -> String {
    let [p50, p99, p999] = [view.p50_us, view.p99_us, view.p999_us].map(told);
    format!("p50 {p50}, p99 {p99}, p99.9 {p999}")
}

/// As [`latency`], of what is measured between two times of a clock that counts milliseconds: from
/// a buyer's request to the placed order.
pub(crate) fn whole_latency(microseconds: u64) -> String {
    if microseconds < 1_000 { "<1ms".to_owned() } else { latency(microseconds) }
}

/// `250µs`, `1.2ms`, `3.4s`.
pub(crate) fn latency(microseconds: u64) -> String {
    match microseconds {
        0..1_000 => format!("{microseconds}µs"),
        1_000..10_000 => format!("{}.{}ms", microseconds / 1_000, microseconds % 1_000 / 100),
        10_000..1_000_000 => format!("{}ms", microseconds / 1_000),
        _ => format!("{}.{}s", microseconds / 1_000_000, microseconds % 1_000_000 / 100_000),
    }
}

/// Bytes in the largest unit that leaves at least one.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.into_iter().find(|(_, unit)| *unit <= bytes) {
        Some((name, unit)) => {
            let tenths = u128::from(bytes) * 10 / u128::from(unit);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} B"),
    }
}

/// Where the lag goes, and how fast; growing is what an operator must not miss.
pub(crate) fn trend(trend: Option<Trend>, slope_per_s: Option<i64>) -> String {
    let speed =
        slope_per_s.map_or_else(String::new, |slope| format!(" {}/s", slope.unsigned_abs()));
    match trend {
        Some(Trend::Draining) => format!("draining{speed}"),
        Some(Trend::Steady) => "steady".to_owned(),
        Some(Trend::Growing) => format!("GROWING{speed}"),
        None => format!("trend {UNKNOWN}"),
    }
}

/// A text as it is, `null` as an empty text, all else as JSON in one line.
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => printable(text),
        other => printable(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use protocol::{EpochMs, Trend};

    use super::{
        counted, counted_plainly, duration, grouped, known, known_count, latency, moment,
        printable, signed, size, span, trend, whole_latency,
    };

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!([signed(-1_500), signed(0), signed(7)], ["−1,500", "0", "+7"]);
        let counts = [1, 0, 2_000].map(|count| counted(count, "order"));
        assert_eq!(counts, ["1 order", "0 orders", "2,000 orders"]);
        let plain = [1, 2_000].map(|count| counted_plainly(count, "order"));
        assert_eq!(plain, ["1 order", "2000 orders"]);
    }

    #[test]
    fn durations_have_two_units_at_most() {
        for (seconds, text) in
            [(0, "0s"), (59, "59s"), (61, "1m 1s"), (3600, "1h 0m"), (90_000, "1d 1h")]
        {
            assert_eq!(duration(seconds), text);
        }
        assert_eq!(span(12_345), "12.3 s");
        assert_eq!(span(61_000), "1m 1s");
    }

    #[test]
    fn a_terminal_gets_nothing_to_obey() {
        assert_eq!(printable("a\tb\u{1b}[2J华\u{202e}"), "a\u{fffd}b\u{fffd}[2J华\u{fffd}");
        assert_eq!(printable("a\u{1b}[2Jb\tc\u{202e}d"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d");
        assert_eq!(
            printable("p\u{200b}i\u{61c}d\u{feff}\u{2028}"),
            "p\u{fffd}i\u{fffd}d\u{fffd}\u{fffd}"
        );
        assert_eq!(printable("华为MATE20"), "华为MATE20");
    }

    #[test]
    fn what_is_not_known_is_no_0() {
        assert_eq!(known(None::<u64>), "–");
        assert_eq!(known(Some(0)), "0");
        assert_eq!([None, Some(0), Some(1_500)].map(known_count), ["–", "0", "1,500"]);
        assert_eq!(trend(None, None), "trend –");
    }

    #[test]
    fn nothing_is_told_finer_than_it_is_measured() {
        assert_eq!([0, 1, 999, 1_000].map(whole_latency), ["<1ms", "<1ms", "<1ms", "1.0ms"]);
        assert_eq!([1, 999, 1_000].map(latency), ["1µs", "999µs", "1.0ms"]);
        let latencies = [999, 1_234, 123_456, 1_234_567].map(latency);
        assert_eq!(latencies, ["999µs", "1.2ms", "123ms", "1.2s"]);
    }

    #[test]
    fn values_have_units() {
        assert_eq!(moment(EpochMs(1_795_444_100_572)), "2026-11-23 14:28:20Z");
        assert_eq!([1023, 1024, 1_572_864, u64::MAX].map(size).join(" "), {
            "1023 B 1.0 KiB 1.5 MiB 17179869183.9 GiB"
        });
        assert_eq!([size(512), size(1_536), size(3_355_443)], ["512 B", "1.5 KiB", "3.1 MiB"]);
        assert_eq!(trend(Some(Trend::Draining), Some(-310)), "draining 310/s");
        assert_eq!(trend(Some(Trend::Growing), Some(5)), "GROWING 5/s");
    }
}
