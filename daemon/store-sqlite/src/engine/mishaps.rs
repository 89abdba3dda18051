//! Logs orders that can't be decided, each by its id and with the cause: at its first failure, and
//! again when it is given up and set aside. A line says what happened on the writer's thread,
//! whether or not the transaction around it is committed. The same stands in the order's history
//! (`order_history`).

use protocol::OrderMessage;

use crate::engine::error::JobError;
use crate::sale::dead_letters::DeadLetter;

/// Orders of one batch that get a line each. Where everything fails, a line for each would drown
/// the cause.
const TOLD_MAX: usize = 5;

/// The mishaps of one batch. Orders without a line of their own are counted at the end.
#[derive(Debug, Default)]
pub(crate) struct Mishaps {
    told: usize,
    untold: usize,
}

impl Mishaps {
    /// An order failed unexpectedly at its try of this number (from 1) and will be tried again.
    pub(crate) fn put_off(&mut self, order: &OrderMessage, attempt: u32, fault: &JobError) {
        let (order_id, prod_id) = (&*order.order_id.text(), order.prod_id.as_str());
        if attempt == 1 && self.has_room() {
            tracing::warn!(order_id, prod_id, cause = %fault,
                "deciding an order failed unexpectedly; it is tried again");
        } else if attempt != 1 {
            tracing::debug!(order_id, attempt, cause = %fault, "deciding an order failed again");
        }
    }

    /// A message became a dead letter.
    pub(crate) fn set_aside(&mut self, letter: &DeadLetter<'_>) {
        if self.has_room() {
            let order_id = letter.id_for_the_log();
            let order_id = order_id.as_deref().unwrap_or("none that can be read");
            let (origin, cause) = (letter.origin, letter.reason);
            tracing::warn!(
                order_id,
                origin,
                cause,
                "a message can't be decided and is a dead letter now"
            );
        }
    }

    fn has_room(&mut self) -> bool {
        let has_room = self.told < TOLD_MAX;
        if has_room {
            self.told += 1;
        } else {
            self.untold += 1;
        }
        has_room
    }
}

impl Drop for Mishaps {
    fn drop(&mut self) {
        if 0 < self.untold {
            let count = self.untold;
            tracing::warn!(count, "more orders of the same batch failed or were set aside");
        }
    }
}

#[cfg(test)]
mod tests {
    use instruments::captured_log::lines;

    use protocol::EpochMs;

    use super::{DeadLetter, JobError, Mishaps, TOLD_MAX};
    use crate::testing::{PRICE, message};

    /// The lines that `work` logs.
    fn logged(work: impl FnOnce(&mut Mishaps)) -> Vec<String> {
        lines(|| work(&mut Mishaps::default()))
    }

    #[test]
    fn the_first_failure_is_told_with_id_and_cause_and_later_ones_are_not() {
        let fault = JobError::Panic("poisonous".to_owned());
        let lines = logged(|mishaps| {
            let order = message("o1", 1, PRICE);
            mishaps.put_off(&order, 1, &fault);
            mishaps.put_off(&order, 2, &fault);
            mishaps.set_aside(&DeadLetter {
                origin: "embedded@7",
                message: Some(&order),
                body: b"",
                reason: "poisonous",
                redeliveries: 2,
                asked_at: EpochMs(1),
                queued_at: None,
            });
        });
        assert_eq!(lines.len(), 2, "{lines:?}");
        for line in &lines {
            assert!(line.contains("WARN") && line.contains("order_id=\"o1\""), "{line}");
            assert!(line.contains("poisonous"), "{line}");
        }
        assert!(lines[0].contains("it is tried again") && lines[1].contains("embedded@7"));
    }

    #[test]
    fn where_everything_fails_the_rest_is_counted() {
        let fault = JobError::Panic("poisonous".to_owned());
        let lines = logged(|mishaps| {
            for number in 0..TOLD_MAX + 3 {
                mishaps.put_off(&message(&number.to_string(), 1, PRICE), 1, &fault);
            }
        });
        assert_eq!(lines.len(), TOLD_MAX + 1);
        assert!(lines[TOLD_MAX].contains("count=3"), "{lines:?}");
    }
}
