//! Times and durations for the console's columns and lines, which have no room for the forms of
//! `words`: seconds without a blank, the largest unit alone, no year.

use std::time::Duration;

use protocol::EpochMs;

use super::UNKNOWN;

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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use protocol::EpochMs;

    use super::{age, clock, day_and_clock, minutes, span};

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
    }

    #[test]
    fn moments_are_in_utc() {
        let at = EpochMs(1_795_444_100_572);
        assert_eq!(clock(at), "14:28:20Z");
        assert_eq!(day_and_clock(at), "11-23 14:28:20Z");
    }
}
