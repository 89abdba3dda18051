//! Whether a broker's part of the orders' topic is still the one that the group has consumed from:
//! somebody may delete the topic, and the next order that is sent makes it again. What the group
//! had consumed of the old one would then be taken for consumed of the new one, and orders that
//! were told to be queueing would be passed over.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::queues::{Depth, Spot};

/// What was seen of each broker's part at the reading before.
#[derive(Default)]
pub(super) struct MadeAnew {
    /// By the queue's name.
    marks: Mutex<HashMap<String, Mark>>,
    /// By the broker's name, the oldest message of one of its queues.
    oldest: Mutex<HashMap<String, Oldest>>,
}

/// A queue at a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    end: i64,
    committed: Option<i64>,
}

/// The oldest message of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Oldest {
    queue: u32,
    offset: i64,
    /// By the broker's clock.
    stored_ms: i64,
}

impl Mark {
    /// Whether the queue has another content than what its group has consumed so far: it ends
    /// earlier, or what was committed is gone with its topic. A new queue that has grown beyond all
    /// that between two readings looks like the old one.
    fn is_of_another_queue(self, before: Option<Self>) -> bool {
        let ends_earlier = before.is_some_and(|before| self.end < before.end);
        let was_committed =
            before.is_some_and(|before| before.committed.is_some_and(|committed| 0 < committed));
        ends_earlier
            || was_committed && self.committed.is_none()
            || self.committed.is_some_and(|committed| self.end < committed)
    }
}

impl Oldest {
    /// Whether another message lies where this one lay.
    const fn is_replaced_by(self, now: Self) -> bool {
        self.queue == now.queue && self.offset == now.offset && self.stored_ms != now.stored_ms
    }
}

impl MadeAnew {
    /// Whether this broker's part was made anew since the reading before, or the broker lost its
    /// end. A topic is deleted whole, so one queue tells of all of them: those that have grown
    /// beyond what was consumed of the old ones don't show it themselves.
    pub(super) async fn is_anew(&self, spot: &Spot<'_>, depths: &[Depth]) -> bool {
        // Each is asked, as each notes what it sees.
        let by_marks = self.went_back(spot, depths);
        let by_oldest = self.begins_anew(spot, depths).await;
        by_marks || by_oldest
    }

    fn went_back(&self, spot: &Spot<'_>, depths: &[Depth]) -> bool {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut is_anew = false;
        for depth in depths {
            let now = Mark { end: depth.glance.max_offset, committed: depth.committed };
            is_anew |= now.is_of_another_queue(marks.insert(spot.name_of(depth), now));
        }
        is_anew
    }

    /// One queue with messages is asked for its oldest one. A broker that doesn't tell, or an
    /// account that may not ask, leaves it to what went back.
    async fn begins_anew(&self, spot: &Spot<'_>, depths: &[Depth]) -> bool {
        let before = self.oldest().get(&spot.broker.name).copied();
        let has_messages =
            |depth: &&Depth| depth.glance.min_offset < depth.glance.max_offset && depth.is_open;
        let is_same = |depth: &&Depth| before.is_some_and(|oldest| oldest.queue == depth.number);
        let mut candidates = depths.iter().filter(has_messages);
        let Some(depth) = candidates.clone().find(is_same).or_else(|| candidates.next()) else {
            return false;
        };
        let (queue, offset) = (depth.number, depth.glance.min_offset);
        let asked = spot.requests.oldest_stored_ms(&spot.broker.address, spot.topic, queue).await;
        let Some(stored_ms) = asked.ok().filter(|stored_ms| 0 < *stored_ms) else { return false };
        let now = Oldest { queue, offset, stored_ms };
        self.oldest().insert(spot.broker.name.clone(), now);
        if !before.is_some_and(|before| before.is_replaced_by(now)) {
            return false;
        }
        // The broker may have dropped what was old since the queue was looked at: then the message
        // lies further on. Where that isn't known, orders that come again do no harm.
        let start = spot.requests.start_of(&spot.broker.address, spot.topic, queue).await;
        start.is_err() || start == Ok(offset)
    }

    fn oldest(&self) -> MutexGuard<'_, HashMap<String, Oldest>> {
        self.oldest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Mark, Oldest};

    #[test]
    fn a_queue_that_was_made_anew_is_known_by_what_went_back() {
        let at = |end, committed| Mark { end, committed };
        let is_anew = |before: Mark, now: Mark| now.is_of_another_queue(Some(before));
        assert!(!is_anew(at(5, Some(3)), at(9, Some(5))));
        assert!(!is_anew(at(0, None), at(3, None)));
        assert!(!is_anew(at(5, None), at(5, Some(5))));
        assert!(is_anew(at(5, Some(5)), at(0, None)), "deleted and made again");
        assert!(is_anew(at(5, Some(5)), at(7, None)), "with new orders already");
        assert!(is_anew(at(5, Some(5)), at(3, Some(3))), "and its old offsets");
        assert!(at(3, Some(5)).is_of_another_queue(None), "before this process's start");
        assert!(!at(5, Some(5)).is_of_another_queue(None));
    }

    #[test]
    fn a_queue_that_was_made_anew_and_has_grown_is_known_by_its_oldest_message() {
        let at = |queue, offset, stored_ms| Oldest { queue, offset, stored_ms };
        let before = at(1, 0, 1_000);
        assert!(!before.is_replaced_by(at(1, 0, 1_000)));
        assert!(before.is_replaced_by(at(1, 0, 2_000)));
        assert!(!before.is_replaced_by(at(1, 7, 2_000)), "the broker dropped what was old");
        assert!(!before.is_replaced_by(at(2, 0, 2_000)), "another queue was asked");
    }
}
