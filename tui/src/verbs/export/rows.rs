//! An order as a line of CSV or of JSON. Names, sequence and form of the columns are a contract
//! with those who read them: docs/export.md.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use protocol::{EpochMs, ExportedOrder, Phone, printable, printable_json};
use serde::Serialize;

/// How orders are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// RFC 4180: lines end with CRLF, and a field that holds a comma or a quote is quoted.
    Csv,
    /// A document on each line.
    JsonLines,
}

/// What is the same for all rows.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) form: Form,
    /// The zone of all times.
    pub(super) zone: TimeZone,
}

/// The columns. New ones come after these.
const COLUMNS: [&str; 12] = [
    "seq",
    "order_id",
    "prod_id",
    "prod_name",
    "phone",
    "state",
    "reason",
    "charge_money",
    "charge_time",
    "decided_at",
    "finish_time",
    "duplicates",
];

/// An order as JSON has it, in the sequence of the columns.
#[derive(Serialize)]
struct JsonRow<'a> {
    seq: u64,
    order_id: &'a str,
    prod_id: &'a str,
    prod_name: &'a str,
    phone: &'a str,
    state: &'a str,
    reason: Option<&'a str>,
    charge_money: Option<String>,
    charge_time: String,
    decided_at: String,
    finish_time: Option<String>,
    duplicates: u64,
}

impl Rows {
    /// What stands before the first order.
    pub(super) fn head(&self) -> String {
        match self.form {
            Form::Csv => format!("{}\r\n", COLUMNS.join(",")),
            Form::JsonLines => String::new(),
        }
    }

    /// Puts the order's line behind `text`.
    pub(super) fn write(&self, order: &ExportedOrder, text: &mut String) {
        let id = order.order_id.text();
        let row = JsonRow {
            seq: order.seq.0,
            order_id: &id,
            prod_id: order.prod_id.as_str(),
            prod_name: &order.prod_name,
            phone: order.phone.as_ref().map_or(&order.user, Phone::whole),
            state: order.state.as_str(),
            reason: order.reason.as_deref(),
            charge_money: order.charge_money.map(|money| money.to_string()),
            charge_time: self.moment(order.asked_at),
            decided_at: self.moment(order.decided_at),
            finish_time: order.finish_time.map(|at| self.moment(at)),
            duplicates: order.duplicates,
        };
        match self.form {
            Form::Csv => csv(&row, text),
            Form::JsonLines => {
                // Texts and numbers are always JSON.
                let document = serde_json::to_string(&row).unwrap_or_default();
                text.push_str(&printable_json(&document));
                text.push('\n');
            }
        }
    }

    /// RFC 3339 with milliseconds and offset, by the zone's clocks.
    fn moment(&self, at: EpochMs) -> String {
        match Timestamp::from_millisecond(at.0) {
            Ok(moment) => {
                let zoned = moment.to_zoned_datetime(self.zone.clone());
                zoned.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
            }
            Err(_) => at.to_wire(),
        }
    }
}

fn csv(row: &JsonRow<'_>, text: &mut String) {
    let numbers = |number: u64| number.to_string();
    let fields = [
        numbers(row.seq),
        defused(row.order_id),
        defused(row.prod_id),
        defused(row.prod_name),
        defused(row.phone),
        row.state.to_owned(),
        defused(row.reason.unwrap_or_default()),
        row.charge_money.clone().unwrap_or_default(),
        row.charge_time.clone(),
        row.decided_at.clone(),
        row.finish_time.clone().unwrap_or_default(),
        numbers(row.duplicates),
    ];
    for (at, field) in fields.iter().enumerate() {
        if 0 < at {
            text.push(',');
        }
        if field.contains([',', '"', '\r', '\n']) {
            text.push('"');
            text.push_str(&field.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(field);
        }
    }
    text.push_str("\r\n");
}

/// A text that no spreadsheet takes for a formula and no terminal obeys. Where the keyboard writes
/// full-width characters, spreadsheets take those as well.
fn defused(field: &str) -> String {
    const BEGIN_FORMULAS: [char; 11] =
        ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    let shown = printable(field);
    if field.starts_with(BEGIN_FORMULAS) { format!("'{shown}") } else { shown }
}

#[cfg(test)]
mod tests {
    use jiff::tz::{Offset, TimeZone};
    use protocol::EpochMs;

    use super::{Form, Rows, defused};

    #[test]
    fn no_text_begins_a_formula() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "＝1", "＋1", "－1", "＠A1"] {
            assert_eq!(defused(text), format!("'{text}"));
        }
        assert_eq!(defused("\t=1"), "'\u{fffd}=1");
        assert_eq!(defused("\r=1"), "'\u{fffd}=1");
        for text in ["", "a=1", "1-1", " =1", "小米9SE"] {
            assert_eq!(defused(text), text);
        }
    }

    #[test]
    fn times_have_the_zones_offset() {
        let at = |zone| Rows { form: Form::Csv, zone }.moment(EpochMs(1_795_444_100_572));
        assert_eq!(at(TimeZone::UTC), "2026-11-23T14:28:20.572+00:00");
        let east = TimeZone::fixed(Offset::constant(8));
        assert_eq!(at(east), "2026-11-23T22:28:20.572+08:00");
        let far = Rows { form: Form::Csv, zone: TimeZone::UTC }.moment(EpochMs(i64::MAX));
        assert!(far.starts_with("9999-"), "{far}");
    }
}
