//! The allowed range of each number. A test holds that every number of the tree has one.

use std::ops::RangeInclusive;

use figment::value::Value;

use super::shape::{self, Form};

type Range = RangeInclusive<u64>;

/// Longer than a minute a buyer's query can't usefully wait for the order node.
const ORDER_TIMEOUT_MS: Range = 50..=60_000;
/// Units freed elsewhere are to come back within a second.
const REFRESH_MS: Range = 10..=1_000;
/// Charges that may wait for the publisher under any configuration.
pub(crate) const PUBLISH_WAITING_MOST: usize = 65_536;
const PUBLISH_WAITING: Range = 1..=PUBLISH_WAITING_MOST as u64;
/// One batch is one transaction, or one round of sends.
const PUBLISH_BATCH: Range = 1..=1_024;
/// Each is a row in the database and is looked at while it is there.
const UNCONFIRMED: Range = 1..=1_000_000;
const REPUBLISH_AFTER_MS: Range = 50..=60_000;
/// A longer transaction would keep the other writers of the process waiting.
const ORDER_BATCH: Range = 1..=4_096;
const DELIVERIES: Range = 1..=1_000;
const REDELIVERY_AFTER_MS: Range = 1..=3_600_000;
const REDELIVERY_AFTER_MS_MAX: Range = 1..=86_400_000;
const LAG_EVERY_MS: Range = 50..=60_000;
const SEND_TIMEOUT_MS: Range = 100..=60_000;
/// The client refuses sends somewhere above 512 in flight.
const SENDS_IN_FLIGHT: Range = 1..=256;
/// What the client's push consumer accepts.
const CONSUME_BATCH: Range = 1..=1_024;
const CONSUME_THREADS: Range = 1..=64;
const READERS: Range = 1..=64;
const WRITES_WAITING: Range = 1..=65_536;
const CONNECTIONS: Range = 1..=100_000;
const HEADER_TIMEOUT_MS: Range = 100..=300_000;
const BODY_TIMEOUT_MS: Range = 100..=300_000;
/// The HTTP parser's buffer can't be smaller than 8 KiB.
const HEADER_BYTES: Range = 8_192..=1_048_576;
const BODY_BYTES: Range = 1_024..=1_048_576;
/// Below a second a busy queue would call every buyer overdue.
const OVERDUE_AFTER_MS: Range = 1_000..=86_400_000;
const RESEND_PER_S: Range = 1..=10_000;
const DEADLINE_MS: Range = 100..=600_000;
/// Whatever the type holds; 0 is a product that is sold out from the start.
const STOCK: Range = 0..=u32::MAX as u64;

/// Each number's range; a key of a list's tables is written without index.
static RANGES: [(&str, Range); 26] = [
    ("products.stock", STOCK),
    ("gateway.order_timeout_ms", ORDER_TIMEOUT_MS),
    ("gateway.refresh_ms", REFRESH_MS),
    ("gateway.publish_waiting_max", PUBLISH_WAITING),
    ("gateway.publish_batch_max", PUBLISH_BATCH),
    ("gateway.unconfirmed_max", UNCONFIRMED),
    ("gateway.republish_after_ms", REPUBLISH_AFTER_MS),
    ("order.batch_max", ORDER_BATCH),
    ("order.deliveries_max", DELIVERIES),
    ("order.redelivery_after_ms", REDELIVERY_AFTER_MS),
    ("order.redelivery_after_ms_max", REDELIVERY_AFTER_MS_MAX),
    ("queue.lag_every_ms", LAG_EVERY_MS),
    ("rocketmq.send_timeout_ms", SEND_TIMEOUT_MS),
    ("rocketmq.sends_in_flight_max", SENDS_IN_FLIGHT),
    ("rocketmq.consume_batch_max", CONSUME_BATCH),
    ("rocketmq.consume_threads", CONSUME_THREADS),
    ("store.readers", READERS),
    ("store.writes_waiting_max", WRITES_WAITING),
    ("http.connections_max", CONNECTIONS),
    ("http.header_timeout_ms", HEADER_TIMEOUT_MS),
    ("http.body_timeout_ms", BODY_TIMEOUT_MS),
    ("http.header_bytes_max", HEADER_BYTES),
    ("http.body_bytes_max", BODY_BYTES),
    ("admin.overdue_after_ms", OVERDUE_AFTER_MS),
    ("admin.resend_per_s", RESEND_PER_S),
    ("shutdown.deadline_ms", DEADLINE_MS),
];

fn of(key: &str) -> Option<&'static Range> {
    RANGES.iter().find(|(name, _)| *name == key).map(|(_, range)| range)
}

/// What may stand at a key, worded to follow "must be".
pub(super) fn allowed(path: &str, key: &shape::Key) -> String {
    match of(path) {
        Some(range) => format!("a whole number from {} to {}", range.start(), range.end()),
        None => key.allowed.to_owned(),
    }
}

/// The numbers of a tree that are outside of their range, with what is allowed.
pub(super) fn outside(tree: &Value) -> Vec<(String, String)> {
    shape::leaves()
        .into_iter()
        .filter(|(_, key)| key.form == Form::Number)
        .filter(|(path, _)| {
            let number = tree.find_ref(path).and_then(Value::to_u128);
            let fits = |number: u128| {
                let number = u64::try_from(number).unwrap_or(u64::MAX);
                of(path).is_none_or(|range| range.contains(&number))
            };
            !number.is_some_and(fits)
        })
        .map(|(path, key)| (format!("must be {}", allowed(&path, key)), path))
        .map(|(problem, path)| (path, problem))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_range_and_every_range_a_number() {
        let mut numbers: Vec<_> = shape::leaves()
            .into_iter()
            .filter(|(_, key)| key.form == Form::Number)
            .map(|(path, _)| path)
            .collect();
        numbers.push("products.stock".to_owned());
        numbers.sort();
        let mut ranges: Vec<_> = RANGES.iter().map(|(name, _)| (*name).to_owned()).collect();
        ranges.sort();
        assert_eq!(ranges, numbers);
        assert!(RANGES.iter().all(|(_, range)| range.start() < range.end()));
    }
}
