//! The zone in which the person at the terminal lives.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use protocol::EpochMs;

/// The zone that `TZ` names, or this machine's; `None` where neither is known here.
pub(crate) fn own() -> Option<TimeZone> {
    TimeZone::try_system().ok().filter(|zone| !zone.is_unknown())
}

/// The time of day with the zone's offset: `22:28:20+08`, and in UTC `14:28:20Z`.
pub(crate) fn time_of_day(at: EpochMs, zone: &TimeZone) -> Option<String> {
    let moment = Timestamp::from_millisecond(at.0).ok()?.to_zoned_datetime(zone.clone());
    let form = if moment.offset().is_zero() { "%H:%M:%SZ" } else { "%H:%M:%S%:::z" };
    Some(moment.strftime(form).to_string())
}

#[cfg(test)]
mod tests {
    use jiff::tz::{Offset, TimeZone};
    use protocol::EpochMs;

    use super::time_of_day;

    #[test]
    fn the_time_of_day_has_its_offset() {
        let at = EpochMs(1_795_444_100_572);
        let east = |hours| TimeZone::fixed(Offset::constant(hours));
        let half = TimeZone::fixed(Offset::from_seconds(19_800).unwrap());
        for (zone, told) in [
            (TimeZone::UTC, "14:28:20Z"),
            (east(8), "22:28:20+08"),
            (east(-5), "09:28:20-05"),
            (half, "19:58:20+05:30"),
        ] {
            assert_eq!(time_of_day(at, &zone).as_deref(), Some(told));
        }
        assert_eq!(time_of_day(EpochMs(i64::MAX), &TimeZone::UTC), None);
    }
}
