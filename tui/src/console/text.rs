//! Figures and the daemon's texts as they are shown: what isn't known is `–`, numbers are grouped,
//! times are short, and what a terminal would obey is replaced (`protocol`'s rule). Layout is
//! `view`'s.

use std::time::Duration;

use protocol::EpochMs;
pub(crate) use protocol::{grouped, printable};

pub(crate) use crate::text::{latency, whole_latency};

/// What stands where a value isn't known.
pub(crate) const UNKNOWN: &str = "–";

/// With its sign, a true minus included: `+50`, `−5`, `0`.
pub(crate) fn signed(number: i64) -> String {
    let sign = match number {
        0 => "",
        1.. => "+",
        _ => "−",
    };
    format!("{sign}{}", grouped(number.unsigned_abs()))
}

/// A count that may not be known.
pub(crate) fn known(number: Option<u64>) -> String {
    number.map_or_else(|| UNKNOWN.to_owned(), grouped)
}

/// A text that may not be known.
pub(crate) fn known_text(text: Option<&str>) -> String {
    text.map_or_else(|| UNKNOWN.to_owned(), printable)
}

/// How long something lasts, in its two largest units at most: `0.4s`, `12s`, `3m 4s`, `1h 2m`.
pub(crate) fn span(milliseconds: u64) -> String {
    let seconds = milliseconds / 1_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes, seconds) {
        (0, 0, 0, 0..10) => format!("{seconds}.{}s", milliseconds % 1_000 / 100),
        (0, 0, 0, _) => format!("{seconds}s"),
        (0, 0, 1..10, _) => format!("{minutes}m {}s", seconds % 60),
        (0, 0, _, _) => format!("{minutes}m"),
        (0, _, _, _) => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

/// How long something lasts, in whole seconds and then in its largest unit: `7s`, `3m`, `2h`, `4d`.
pub(crate) fn age(lasting: Duration) -> String {
    let seconds = lasting.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// As [`span`], in whole minutes: it stands still for a minute at a time.
pub(crate) fn minutes(seconds: u64) -> String {
    match (seconds / 86_400, seconds / 3_600, seconds / 60) {
        (0, 0, 0) => "<1m".to_owned(),
        (0, 0, minutes) => format!("{minutes}m"),
        _ => span(seconds * 1_000),
    }
}

/// From one moment to a later one; 0 where the clocks disagree.
pub(crate) fn between(earlier: EpochMs, later: EpochMs) -> Duration {
    Duration::from_millis(u64::try_from(later.0.saturating_sub(earlier.0)).unwrap_or(0))
}

/// `512 B`, `1.5 KiB`, `3.2 MiB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1_024 {
        return format!("{count} B");
    }
    let mut scaled = count;
    let mut unit = 0;
    while 1_024 * 1_024 <= scaled && unit + 1 < UNITS.len() {
        scaled /= 1_024;
        unit += 1;
    }
    format!("{}.{} {}", scaled / 1_024, scaled % 1_024 * 10 / 1_024, UNITS[unit])
}

/// The time of day in UTC, which every time on the screen is marked as: `14:28:20Z`.
pub(crate) fn clock(at: EpochMs) -> String {
    at.to_wire().get(11..19).map_or_else(|| UNKNOWN.to_owned(), |time| format!("{time}Z"))
}

/// Day and time in UTC: `11-23 14:28:20Z`.
pub(crate) fn day_and_clock(at: EpochMs) -> String {
    let wire = at.to_wire();
    match (wire.get(5..10), wire.get(11..19)) {
        (Some(day), Some(time)) => format!("{day} {time}Z"),
        _ => UNKNOWN.to_owned(),
    }
}

/// `sold_out` as words.
pub(crate) fn words(name: &str) -> String {
    printable(name).replace('_', " ")
}

/// `1 order`, `2 orders`.
pub(crate) fn counted(number: u64, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {one}{plural}", grouped(number))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use protocol::EpochMs;

    use super::{
        age, bytes, clock, counted, day_and_clock, grouped, latency, minutes, printable, signed,
        span,
    };

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!([signed(-1_500), signed(0), signed(7)], ["−1,500", "0", "+7"]);
        assert_eq!([counted(1, "order"), counted(0, "order")], ["1 order", "0 orders"]);
    }

    #[test]
    fn times_have_two_units_at_most() {
        for (milliseconds, text) in [
            (0, "0.0s"),
            (9_960, "9.9s"),
            (59_999, "59s"),
            (61_000, "1m 1s"),
            (600_000, "10m"),
            (3_720_000, "1h 2m"),
            (90_000_000, "1d 1h"),
        ] {
            assert_eq!(span(milliseconds), text);
        }
        let minutes = [59, 60, 599, 3_720].map(minutes);
        assert_eq!(minutes, ["<1m", "1m", "9m", "1h 2m"]);
        let ages = [59, 60, 3_600, 90_000].map(|seconds| age(Duration::from_secs(seconds)));
        assert_eq!(ages, ["59s", "1m", "1h", "1d"]);
        let latencies = [999, 1_234, 123_456, 1_234_567].map(latency);
        assert_eq!(latencies, ["999µs", "1.2ms", "123ms", "1.2s"]);
    }

    #[test]
    fn moments_are_in_utc() {
        let at = EpochMs(1_795_444_100_572);
        assert_eq!(clock(at), "14:28:20Z");
        assert_eq!(day_and_clock(at), "11-23 14:28:20Z");
        assert_eq!([bytes(512), bytes(1_536), bytes(3_355_443)], ["512 B", "1.5 KiB", "3.1 MiB"]);
    }

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        assert_eq!(printable("a\u{1b}[2Jb\tc\u{202e}d"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d");
        assert_eq!(
            printable("p\u{200b}i\u{61c}d\u{feff}\u{2028}"),
            "p\u{fffd}i\u{fffd}d\u{fffd}\u{fffd}"
        );
        assert_eq!(printable("华为MATE20"), "华为MATE20");
    }
}
