//! The order role at its queues: what it takes, and what becomes of a commit.

use domain::backoff::Backoff;
use domain::ports::resent::ResentLetters;
use domain::ports::{Delivery, Pending, Sale, TakingLimits};
use store_sqlite::testing::ready;

use super::world::{Message, World, at};

/// A message that fails by itself is tried up to twice.
fn limits(pick: u64) -> TakingLimits {
    TakingLimits {
        batch_max: 1 + at(pick, 4).unwrap(),
        deliveries_max: 1 + u32::try_from(pick >> 4 & 1).unwrap(),
        backoff: Backoff { first_ms: 1, max_ms: 1 },
    }
}

impl World<'_> {
    /// Orders that the store knows and hasn't decided.
    pub(super) fn undecided(&self) -> Vec<Pending> {
        ready(self.table().undecided()).unwrap()
    }

    /// How many wait in the embedded queue's table.
    pub(super) fn queued(&self) -> u64 {
        ready(self.table().lag()).unwrap().messages
    }

    /// How many wait among the dead letters: those that operators sent again.
    pub(super) fn resent(&self) -> u64 {
        ready(self.store.on_their_way()).unwrap().messages
    }

    /// Has the next transaction undone, every eighth time: the process died before its commit, or
    /// the disk refused.
    fn undo_some(&self, how: u64) -> bool {
        let is_undone = how.is_multiple_of(8);
        if is_undone {
            self.memory.undo_next();
        }
        is_undone
    }

    /// The order role takes a batch, from wherever in the queue.
    pub(super) fn consume(&mut self, pick: u64, how: u64) {
        if self.shape.embedded {
            return self.consume_table(pick, how);
        }
        if !(self.order_up && self.broker_up && self.consuming) {
            return;
        }
        let Some(first) = at(pick >> 8, self.queue.len()) else { return };
        self.queue.rotate_left(first);
        let most = if pick.is_multiple_of(4) { usize::MAX } else { 1 + at(pick, 4).unwrap() };
        let taken = self.queue.len().min(most);
        let mut batch: Vec<Message> = self.queue.drain(..taken).collect();
        let deliveries = batch.iter().map(|message| Delivery {
            body: message.body.clone(),
            asked_at: message.asked_at,
            queued_at: Some(message.asked_at),
            origin: format!("msgid:{}", message.origin),
            redeliveries: message.redeliveries,
        });
        let deliveries = deliveries.collect();
        let is_undone = self.undo_some(how);
        let placed = ready(self.store.decide(deliveries));
        let committed = placed.is_ok();
        assert!(committed || is_undone, "a transaction failed: {placed:?}");
        // Without an acknowledgement all of them come again, committed or not.
        if !committed || how % 8 == 1 {
            batch.iter_mut().for_each(|message| message.redeliveries += 1);
            self.queue.append(&mut batch);
        }
    }

    /// From the embedded queue's table.
    pub(super) fn consume_table(&self, pick: u64, how: u64) {
        if self.order_up && self.consuming {
            let is_undone = self.undo_some(how);
            let looked = ready(self.table().decide_queued(limits(pick)));
            assert!(looked.is_ok() || is_undone, "a transaction failed: {looked:?}");
        }
    }

    /// What operators sent again, whatever the kind of the queue.
    pub(super) fn consume_resent(&self, pick: u64, how: u64) {
        if self.order_up && self.consuming {
            let is_undone = self.undo_some(how);
            let looked = ready(self.store.decide_due(limits(pick)));
            assert!(looked.is_ok() || is_undone, "a transaction failed: {looked:?}");
        }
    }
}
