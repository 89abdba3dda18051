//! The options of `export`: which orders, in which form and in whose time.

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Args as Options, Subcommand};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::temporal::{DateTimeParser, Pieces};
use jiff::tz::TimeZone;
use protocol::{EpochMs, OrderState};

/// `export …`.
#[derive(Debug, Subcommand)]
pub(crate) enum Export {
    /// Write all decided orders, by the numbers of their decisions; what is written is in
    /// docs/export.md. The last line on standard error says where to go on.
    Orders(ExportOrders),
}

/// `export orders`.
#[derive(Debug, Options)]
pub(crate) struct ExportOrders {
    /// As CSV (RFC 4180, UTF-8), with a line of headings; this is the default.
    #[arg(long, conflicts_with = "jsonl")]
    pub(crate) csv: bool,
    /// As JSON, an order on each line.
    #[arg(long)]
    pub(crate) jsonl: bool,
    /// Only orders that were decided after this decision: where the last export ended.
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    pub(crate) after: u64,
    /// Only orders that ended so.
    #[arg(long, value_parser = decided_state())]
    pub(crate) state: Option<OrderState>,
    /// Only orders for this product.
    #[arg(
        long, visible_alias = "product", value_name = "ID",
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub(crate) prod: Option<String>,
    /// Only orders that were decided at this time or later, such as 2026-11-11T20:00:00+08:00;
    /// without a zone in that of --tz, without a time from the day's beginning.
    #[arg(long, value_name = "TIME", value_parser = Moment::read)]
    pub(crate) since: Option<Moment>,
    /// Only orders that were decided before this time.
    #[arg(long, value_name = "TIME", value_parser = Moment::read)]
    pub(crate) until: Option<Moment>,
    /// The zone of all times, such as Asia/Shanghai, +08:00 or UTC. Default: $TZ, else this
    /// machine's, else UTC.
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    pub(crate) tz: Option<TimeZone>,
    /// Write whole phone numbers; only for those who may operate, and it stands in the audit log.
    #[arg(long)]
    pub(crate) reveal_phone: bool,
}

/// A time as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// With its zone.
    Zoned(EpochMs),
    /// Without.
    Local(DateTime),
}

impl Moment {
    fn read(text: &str) -> Result<Self, String> {
        if let Some(at) = EpochMs::from_text(text) {
            return Ok(Self::Zoned(at));
        }
        // A time whose offset is dropped would be another time.
        let has_offset = Pieces::parse(text).is_ok_and(|pieces| {
            pieces.offset().is_some() || pieces.time_zone_annotation().is_some()
        });
        let local = text.parse().ok().filter(|_| !has_offset);
        local.map(Self::Local).ok_or_else(|| {
            "a time such as 2026-11-11T20:00:00+08:00, 2026-11-11T20:00 or 2026-11-11".to_owned()
        })
    }

    /// The moment, where the clocks are set by `zone`. A time that they skip is the one after.
    pub(crate) fn in_zone(self, zone: &TimeZone) -> Option<EpochMs> {
        match self {
            Self::Zoned(at) => Some(at),
            Self::Local(local) => {
                zone.to_timestamp(local).ok().map(|at: Timestamp| EpochMs(at.as_millisecond()))
            }
        }
    }
}

fn zone(text: &str) -> Result<TimeZone, String> {
    if matches!(text, "UTC" | "Z") {
        return Ok(TimeZone::UTC);
    }
    DateTimeParser::new().parse_time_zone(text).map_err(|_| {
        "no zone of this machine (/usr/share/zoneinfo): such as Asia/Shanghai, +08:00 or UTC"
            .to_owned()
    })
}

/// Completions offer the states, too.
fn decided_state() -> impl TypedValueParser<Value = OrderState> {
    let decided = OrderState::ALL.into_iter().filter(|state| state.is_decided());
    PossibleValuesParser::new(decided.map(OrderState::as_str))
        .try_map(|text| OrderState::from_text(&text).ok_or("not a state"))
}

#[cfg(test)]
mod tests {
    use jiff::tz::{Offset, TimeZone};
    use protocol::EpochMs;

    use super::{Moment, zone};

    #[test]
    fn a_time_is_in_its_own_zone_or_in_the_given_one() {
        let east = TimeZone::fixed(Offset::constant(8));
        for (text, at) in [
            ("2026-11-11T20:00:00+08:00", 1_794_398_400_000),
            ("2026-11-11T12:00:00Z", 1_794_398_400_000),
            ("2026-11-11T20:00:00", 1_794_398_400_000),
            ("2026-11-11 20:00", 1_794_398_400_000),
            ("2026-11-11", 1_794_326_400_000),
        ] {
            let read = Moment::read(text).unwrap_or_else(|told| panic!("{text}: {told}"));
            assert_eq!(read.in_zone(&east), Some(EpochMs(at)), "{text}");
        }
        for none in ["", "yesterday", "20:00", "2026-13-01", "2026-11-11T20:00[Asia/Shanghai]"] {
            assert!(Moment::read(none).is_err(), "{none}");
        }
    }

    #[test]
    fn a_zone_is_a_name_or_an_offset() {
        assert_eq!(zone("UTC"), Ok(TimeZone::UTC));
        let east = zone("+08:00").map(|zone| zone.to_fixed_offset().ok());
        assert_eq!(east, Ok(Some(Offset::constant(8))));
        assert!(zone("Mars/Olympus").is_err_and(|told| told.contains("Asia/Shanghai")));
    }
}
