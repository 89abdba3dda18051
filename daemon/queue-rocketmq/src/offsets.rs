//! Whether somebody else moved the place up to which a queue is consumed: an operator's
//! `resetOffsetByTime`, or a broker that dropped what nobody had read. Orders that are passed over
//! so are never decided, and nothing else would show it. Pure.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// How far this process's consumers have come, by broker, topic and queue. This is noted before a
/// message is acknowledged, so what the broker calls consumed beyond it was not consumed by this
/// process.
#[derive(Debug, Default)]
pub(super) struct Handled(Mutex<BTreeMap<String, Run>>);

/// Offsets that were handled one after the other, without a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// The first of them.
    pub(super) first: i64,
    /// The one after the last.
    pub(super) next: i64,
}

impl Handled {
    /// Notes a batch. A batch that leaves a gap before it begins another run; a batch that comes
    /// again, or late, changes nothing of what is known beyond it.
    pub(super) fn note(&self, queue: &str, batch: Run) {
        let mut handled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(run) = handled.get_mut(queue) else {
            handled.insert(queue.to_owned(), batch);
            return;
        };
        if run.next < batch.first {
            *run = batch;
        } else if run.first <= batch.next {
            run.first = run.first.min(batch.first);
            run.next = run.next.max(batch.next);
        }
    }

    /// The queue is another one under the same name: its offsets start over.
    pub(super) fn forget(&self, queue: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(queue);
    }

    /// What was handled last; none when nothing was.
    pub(super) fn run(&self, queue: &str) -> Option<Run> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(queue).copied()
    }
}

/// A reading of one queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct QueueReading {
    /// The group's committed offset.
    pub(super) committed: i64,
    /// The oldest message that is left.
    pub(super) oldest: i64,
    /// How far this process has come, read after `committed`.
    pub(super) handled: Option<Run>,
}

impl QueueReading {
    /// The offset after the last that this process has handled.
    fn handled_up_to(&self) -> Option<i64> {
        self.handled.map(|run| run.next)
    }
}

/// A move by somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Move {
    /// As `Skipped`, between this process's last stop and its start, when nobody here looked.
    Missed { from: i64, to: i64 },
    /// Orders from the first offset up to the second won't be placed.
    Skipped { from: i64, to: i64 },
    /// Orders from the second offset up to the first will come again, which does no harm.
    Back { from: i64, to: i64 },
    /// The broker has dropped these before anybody read them.
    Dropped { from: i64, to: i64 },
}

/// What is known of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct QueueOffsets {
    /// Consumed up to here, by the broker's word or ours.
    consumed: i64,
    committed: i64,
    skipped: Option<Skip>,
}

/// Orders that are passed over, and not yet put right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Skip {
    /// The first offset.
    pub(super) from: i64,
    /// The one after the last.
    pub(super) to: i64,
    /// Whether this process saw it happen, and that nobody else of the group was there.
    pub(super) seen: bool,
}

impl Skip {
    /// With what is passed over besides.
    fn and(self, earlier: Option<Self>) -> Self {
        earlier.map_or(self, |earlier| Self {
            from: earlier.from,
            to: self.to,
            seen: self.seen && earlier.seen,
        })
    }
}

impl QueueOffsets {
    /// What was passed over and handled all the same: it had been fetched before the move.
    fn put_right(&mut self, handled: Option<Run>) {
        let (Some(skip), Some(run)) = (self.skipped, handled) else { return };
        if run.first <= skip.from && skip.from < run.next {
            self.skipped = (run.next < skip.to).then_some(Skip { from: run.next, ..skip });
        }
    }
}

/// What one process leaves to the next of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    /// Consumed up to here at an ordered stop; none after any other end.
    pub(super) consumed: Option<i64>,
    pub(super) skipped: Option<Skip>,
}

/// The queues that are watched, by their names.
#[derive(Debug, Clone, Default)]
pub(super) struct Offsets {
    known: BTreeMap<String, QueueOffsets>,
    /// What the process before left, of queues that weren't seen since.
    left: BTreeMap<String, Left>,
}

impl Offsets {
    /// Takes a reading in; what was moved since the last one.
    pub(super) fn observe(&mut self, queue: &str, reading: QueueReading) -> Option<Move> {
        let QueueReading { committed, oldest, handled } = reading;
        let handled_up_to = reading.handled_up_to();
        let Some(known) = self.known.get_mut(queue) else { return self.begin(queue, reading) };
        known.put_right(handled);
        let (consumed, before) = (known.consumed.max(handled_up_to.unwrap_or(0)), known.committed);
        known.committed = committed;
        known.consumed = consumed.max(committed);
        if committed < before {
            known.consumed = committed;
            known.skipped = known.skipped.filter(|skip| skip.from < committed);
            return Some(Move::Back { from: before, to: committed });
        }
        // What the broker dropped in between doesn't count here: it isn't there to be read.
        let (left, to) = (consumed.max(oldest), committed.max(oldest));
        if left < committed {
            let skip = Skip { from: left, to: committed, seen: true };
            known.skipped = Some(skip.and(known.skipped));
            return Some(Move::Skipped { from: left, to: committed });
        }
        if consumed < to && consumed < oldest {
            known.consumed = oldest;
            return Some(Move::Dropped { from: consumed, to: oldest });
        }
        None
    }

    /// The first reading of a queue, compared with what the process before left.
    fn begin(&mut self, queue: &str, reading: QueueReading) -> Option<Move> {
        let QueueReading { committed, oldest, handled } = reading;
        let left = self.left.get(queue).copied();
        self.trust(queue, reading);
        let known = self.known.get_mut(queue)?;
        known.skipped = known.skipped.filter(|skip| skip.from < committed);
        // What this process has consumed by now begins where the offset was moved to.
        let from = left?.consumed?.max(oldest);
        let to = handled.map_or(committed, |run| committed.min(run.first));
        if to <= from {
            return None;
        }
        known.skipped = Some(Skip { from, to, seen: false }.and(known.skipped));
        Some(Move::Missed { from, to })
    }

    /// Takes the queue as it is: somebody of the group has it, and knows what it does.
    pub(super) fn trust(&mut self, queue: &str, reading: QueueReading) {
        let consumed = reading.committed.max(reading.handled_up_to().unwrap_or(reading.committed));
        let left = self.left.remove(queue).and_then(|left| left.skipped);
        let skipped = self.known.get(queue).and_then(|known| known.skipped).or(left);
        let known = QueueOffsets { consumed, committed: reading.committed, skipped };
        self.known.insert(queue.to_owned(), known);
    }

    /// What is passed over and not put right, by queue.
    pub(super) fn skipped(&self) -> impl Iterator<Item = (&str, Skip)> {
        let known = self.known.iter().map(|(queue, known)| (queue, known.skipped));
        let left = self.left.iter().map(|(queue, left)| (queue, left.skipped));
        known.chain(left).filter_map(|(queue, skip)| Some((queue.as_str(), skip?)))
    }

    /// Takes over what the process before left.
    pub(super) fn take_over(&mut self, left: BTreeMap<String, Left>) {
        self.left = left;
    }

    /// What is left to the next process: at an ordered stop, with what was `handled`, how far each
    /// queue is consumed; before that only what is passed over, as more is consumed each moment.
    pub(super) fn left(&self, handled: Option<&Handled>) -> BTreeMap<String, Left> {
        let mut left = self.left.clone();
        for (queue, known) in &self.known {
            let consumed = handled.map(|handled| {
                known.consumed.max(handled.run(queue).map_or(known.consumed, |run| run.next))
            });
            if consumed.is_some() || known.skipped.is_some() {
                left.insert(queue.clone(), Left { consumed, skipped: known.skipped });
            }
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Handled, Left, Move, Offsets, QueueReading, Run, Skip};

    const Q: &str = "broker-a/T/3";

    fn spans(offsets: &Offsets) -> Vec<(&str, i64, i64)> {
        offsets.skipped().map(|(queue, skip)| (queue, skip.from, skip.to)).collect()
    }

    fn at(committed: i64, handled: Option<i64>) -> QueueReading {
        QueueReading {
            committed,
            oldest: 0,
            handled: handled.map(|next| Run { first: next - 5, next }),
        }
    }

    #[test]
    fn what_we_consumed_ourselves_is_no_move() {
        let mut offsets = Offsets::default();
        assert_eq!(offsets.observe(Q, at(40, None)), None, "the first reading is taken as it is");
        assert_eq!(offsets.observe(Q, at(40, Some(70))), None);
        assert_eq!(offsets.observe(Q, at(70, Some(90))), None);
        assert_eq!(offsets.observe(Q, at(90, Some(90))), None);
        assert_eq!(offsets.skipped().count(), 0);
    }

    #[test]
    fn a_jump_forward_is_told_once_with_what_it_passed_over() {
        let mut offsets = Offsets::default();
        offsets.observe(Q, at(40, Some(45)));
        assert_eq!(offsets.observe(Q, at(60, Some(45))), Some(Move::Skipped { from: 45, to: 60 }));
        assert_eq!(offsets.observe(Q, at(60, Some(45))), None);
        assert_eq!(spans(&offsets), [(Q, 45, 60)]);
        // Another one adds to it.
        assert_eq!(offsets.observe(Q, at(80, Some(45))), Some(Move::Skipped { from: 60, to: 80 }));
        assert_eq!(spans(&offsets), [(Q, 45, 80)]);
        // What came later was consumed by us.
        assert_eq!(offsets.observe(Q, at(90, Some(90))), None);
        assert_eq!(spans(&offsets), [(Q, 45, 80)]);
    }

    #[test]
    fn setting_it_back_puts_it_right() {
        let mut offsets = Offsets::default();
        offsets.observe(Q, at(40, None));
        offsets.observe(Q, at(60, None));
        assert_eq!(offsets.observe(Q, at(50, None)), Some(Move::Back { from: 60, to: 50 }));
        assert_eq!(offsets.skipped().count(), 1, "40 to 50 are still passed over");
        assert_eq!(offsets.observe(Q, at(40, None)), Some(Move::Back { from: 50, to: 40 }));
        assert_eq!(offsets.skipped().count(), 0);
        assert_eq!(offsets.observe(Q, at(60, Some(60))), None, "read again, by us");
    }

    #[test]
    fn a_broker_that_drops_what_nobody_read_is_told() {
        let mut offsets = Offsets::default();
        offsets.observe(Q, at(40, None));
        let dropped = QueueReading { committed: 40, oldest: 55, handled: None };
        assert_eq!(offsets.observe(Q, dropped), Some(Move::Dropped { from: 40, to: 55 }));
        assert_eq!(offsets.observe(Q, dropped), None);
        // The consumer goes on with the oldest that is left.
        assert_eq!(offsets.observe(Q, QueueReading { committed: 55, ..dropped }), None);
        // Moved beyond that one, only what was there is passed over.
        let moved = QueueReading { committed: 60, ..dropped };
        assert_eq!(offsets.observe(Q, moved), Some(Move::Skipped { from: 55, to: 60 }));
    }

    #[test]
    fn what_others_of_the_group_consume_is_trusted() {
        let mut offsets = Offsets::default();
        offsets.observe(Q, at(40, None));
        offsets.trust(Q, at(60, None));
        assert_eq!(offsets.observe(Q, at(60, None)), None);
        assert_eq!(offsets.skipped().count(), 0);
    }

    /// A consumer has fetched what it has not handled yet, as while consumption is paused.
    #[test]
    fn what_was_fetched_before_the_move_and_is_handled_after_it_is_not_passed_over() {
        let mut offsets = Offsets::default();
        let run = |first, next, committed| QueueReading {
            committed,
            oldest: 0,
            handled: Some(Run { first, next }),
        };
        offsets.observe(Q, run(30, 40, 40));
        let moved = offsets.observe(Q, run(30, 40, 60));
        assert_eq!(moved, Some(Move::Skipped { from: 40, to: 60 }));
        assert_eq!(offsets.observe(Q, run(30, 50, 60)), None);
        assert_eq!(spans(&offsets), [(Q, 50, 60)]);
        assert_eq!(offsets.observe(Q, run(30, 60, 60)), None);
        assert_eq!(offsets.skipped().count(), 0);
        // A consumer that went on behind the gap has not handled what is in it.
        offsets.observe(Q, run(30, 60, 80));
        assert_eq!(offsets.observe(Q, run(80, 90, 90)), None);
        assert_eq!(spans(&offsets), [(Q, 60, 80)]);
    }

    fn after(left: Left) -> Offsets {
        let mut offsets = Offsets::default();
        offsets.take_over(BTreeMap::from([(Q.to_owned(), left)]));
        offsets
    }

    #[test]
    fn what_was_moved_while_nobody_looked_is_told_at_the_next_start() {
        let mut before = Offsets::default();
        before.observe(Q, at(40, Some(40)));
        assert!(before.left(None).is_empty());
        let handled = Handled::default();
        handled.note(Q, Run { first: 40, next: 45 });
        let left = before.left(Some(&handled));
        assert_eq!(left[Q], Left { consumed: Some(45), skipped: None });

        let mut offsets = after(left[Q]);
        assert_eq!(offsets.left(None), left, "kept while the queue is out of sight");
        assert_eq!(offsets.observe(Q, at(60, None)), Some(Move::Missed { from: 45, to: 60 }));
        let skip = Skip { from: 45, to: 60, seen: false };
        assert_eq!(offsets.skipped().collect::<Vec<_>>(), [(Q, skip)]);
        assert_eq!(offsets.observe(Q, at(60, None)), None);
        // The next start, after whatever end, knows it as well, until it is set back.
        let left = offsets.left(None)[Q];
        assert_eq!(left, Left { consumed: None, skipped: Some(skip) });
        assert_eq!(spans(&after(left)), [(Q, 45, 60)]);
        let mut offsets = after(left);
        assert_eq!(offsets.observe(Q, at(60, None)), None);
        assert_eq!(spans(&offsets), [(Q, 45, 60)]);
        let mut offsets = after(left);
        assert_eq!(offsets.observe(Q, at(45, None)), None);
        assert!(offsets.skipped().next().is_none() && offsets.left(None).is_empty());
    }

    #[test]
    fn a_start_at_the_place_of_the_stop_is_quiet() {
        let left = Left { consumed: Some(45), skipped: None };
        for reading in [
            at(45, None),
            // The stop's offset didn't reach the broker; what was dropped is its own matter.
            at(40, None),
            QueueReading { committed: 45, oldest: 60, handled: None },
            // This process has consumed some already.
            QueueReading { committed: 70, oldest: 0, handled: Some(Run { first: 45, next: 72 }) },
        ] {
            let mut offsets = after(left);
            assert_eq!(offsets.observe(Q, reading), None, "{reading:?}");
            assert_eq!(offsets.skipped().count(), 0);
        }
        let mut offsets = after(left);
        let moved =
            QueueReading { committed: 70, oldest: 0, handled: Some(Run { first: 60, next: 72 }) };
        assert_eq!(offsets.observe(Q, moved), Some(Move::Missed { from: 45, to: 60 }));
        let mut offsets = after(left);
        offsets.trust(Q, at(60, None));
        assert_eq!(offsets.observe(Q, at(60, None)), None);
    }

    #[test]
    fn a_run_has_no_gap() {
        let handled = Handled::default();
        assert_eq!(handled.run(Q), None);
        for (batch, run) in [
            ((5, 9), (5, 9)),
            ((9, 12), (5, 12)),
            // One that comes again, and one of before that is late.
            ((7, 9), (5, 12)),
            ((2, 5), (2, 12)),
            ((0, 1), (2, 12)),
            // A gap, and what fills it.
            ((15, 20), (15, 20)),
            ((12, 15), (12, 20)),
        ] {
            handled.note(Q, Run { first: batch.0, next: batch.1 });
            assert_eq!(handled.run(Q), Some(Run { first: run.0, next: run.1 }), "{batch:?}");
        }
    }
}
