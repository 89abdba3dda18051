//! What is logged and shown when somebody else moved the place up to which a queue is consumed
//! (`offsets.rs`): in the log once, and as a warning until orders that were passed over can be
//! reached again.

use super::client::Names;
use super::offsets::{Move, Offsets, Skip};

/// Logs a move when it is seen.
pub(super) fn log(queue: &str, group: &str, moved: &Move) {
    match *moved {
        Move::Skipped { from, to } => tracing::error!(
            target: "seckilld::queue",
            queue, from, to, orders = to - from,
            "somebody moved the consumed offset of group {group} forward: orders were passed over"
        ),
        Move::Missed { from, to } => tracing::error!(
            target: "seckilld::queue",
            queue, from, to, orders = to - from,
            "the consumed offset of group {group} went forward while this process was stopped: \
             orders were passed over, unless another consumer of the group placed them"
        ),
        Move::Back { from, to } => tracing::warn!(
            target: "seckilld::queue",
            queue, from, to, orders = from - to,
            "somebody moved the consumed offset of group {group} back: orders come again, and are \
             known by their ids"
        ),
        Move::Dropped { from, to } => tracing::error!(
            target: "seckilld::queue",
            queue, from, to, orders = to - from,
            "the broker has deleted orders that nobody had consumed: fileReservedTime or its disk"
        ),
    }
}

/// A sentence for each queue in which orders are passed over.
pub(super) fn sentences(names: &Names, offsets: &Offsets) -> Vec<String> {
    let sentence = |(queue, Skip { from, to, seen }): (&str, Skip)| {
        let (orders, Names { topic, group, .. }) = (to - from, names);
        let is = if orders == 1 { "order was" } else { "orders were" };
        let whose = match seen {
            true => "somebody moved",
            false => {
                "while this process was stopped another consumer of the group placed them, or \
                 somebody moved"
            }
        };
        format!(
            "{orders} {is} passed over in {queue}: {whose} what group {group} has consumed \
             from {from} to {to}. Set it back with mqadmin resetOffsetByTime -g {group} -t {topic} \
             -s TIME, a time before they were charged; orders that are placed already are left alone"
        )
    };
    offsets.skipped().map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::{Names, sentences};
    use crate::offsets::{Offsets, QueueReading};

    #[test]
    fn what_was_passed_over_is_told_until_it_is_reached_again() {
        let names = Names {
            topic: "T".to_owned(),
            group: "G".to_owned(),
            retry_topic: "%RETRY%G".to_owned(),
            dead_letter_topic: "%DLQ%G".to_owned(),
        };
        let at = |committed| QueueReading { committed, oldest: 0, handled: None };
        let mut offsets = Offsets::default();
        offsets.observe("a/T/3", at(120));
        offsets.observe("a/T/3", at(180));
        let told = sentences(&names, &offsets);
        assert!(told[0].starts_with("60 orders were passed over in a/T/3"), "{told:?}");
        assert!(told[0].contains("from 120 to 180"), "{told:?}");
        offsets.observe("a/T/3", at(100));
        assert_eq!(sentences(&names, &offsets), [""; 0]);
    }
}
