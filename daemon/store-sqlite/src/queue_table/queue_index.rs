//! Where an order or a buyer's orders lie in the embedded queue, in memory. The table has no index
//! of its own: ids and phone numbers come in no sequence, so that each order would change a page of
//! each index, and writing those pages took most of the time of accepting an order.
//!
//! The entries are hints. A reader that follows one looks at the row, which may be gone, may be
//! another order's (two texts with one hash), or may not be committed. What counts is that no entry
//! is missing: a row's entry is there before its commit and until after the commit that removes it.
//! So a reader asks here first and begins its look at the database after that: a row that is in
//! neither has been decided.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use protocol::{OrderId, Phone};
use rusqlite::Connection;

use crate::engine::columns::of_text;

/// What rows are looked up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Key<'a> {
    /// The order's id.
    Order(&'a OrderId),
    /// The buyer's phone number.
    Buyer(&'a Phone),
}

/// A row of the queue, as the index knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    order: u64,
    buyer: u64,
    seq: i64,
}

/// Numbers of rows, oldest first. There is hardly ever more than one, which needs no allocation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Places {
    #[default]
    None,
    One(i64),
    More(Vec<i64>),
}

impl Places {
    /// The numbers, oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = i64> {
        let places = match self {
            Self::None => &[],
            Self::One(seq) => std::slice::from_ref(seq),
            Self::More(places) => places.as_slice(),
        };
        places.iter().copied()
    }

    /// Whether there is none.
    pub(crate) const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Adds a number, which is higher than all before it: numbers are given out once.
    fn add(&mut self, seq: i64) {
        match self {
            Self::None => *self = Self::One(seq),
            Self::One(first) => *self = Self::More(vec![*first, seq]),
            Self::More(places) => places.push(seq),
        }
    }

    fn remove(&mut self, seq: i64) {
        match self {
            Self::One(first) if *first == seq => *self = Self::None,
            Self::None | Self::One(_) => {}
            Self::More(places) => {
                places.retain(|other| *other != seq);
                match places.as_slice() {
                    [] => *self = Self::None,
                    [last] => *self = Self::One(*last),
                    _ => {}
                }
            }
        }
    }
}

/// Parts of the index. Each grows by itself, so that no commit waits for the whole to be moved.
const PARTS: usize = 64;

/// Places by a hash, which is hashed no further.
type Segment = HashMap<u64, Places, BuildHasherDefault<Hashed>>;

/// Takes a hash as it is.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        // Only whole hashes are ever written; this keeps the order of whatever else might be.
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The rows of the queue.
#[derive(Debug)]
pub(crate) struct QueueIndex {
    hasher: RandomState,
    parts: [Mutex<Segment>; PARTS],
    /// Rows that are committed.
    committed: AtomicU64,
}

impl Default for QueueIndex {
    fn default() -> Self {
        let parts = std::array::from_fn(|_| Mutex::default());
        Self { hasher: RandomState::new(), parts, committed: AtomicU64::new(0) }
    }
}

impl QueueIndex {
    /// The index of the rows that are there.
    pub(crate) fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let index = Self::default();
        let mut statement = connection
            .prepare("SELECT seq, order_id, user_phoneno FROM seckill_queue ORDER BY seq")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let entry = index.entry(row.get(0)?, &of_text(row, 1)?, &of_text(row, 2)?);
            index.add(entry);
            index.settle(&[entry], &[]);
        }
        Ok(index)
    }

    /// The entry of a row.
    pub(crate) fn entry(&self, seq: i64, order_id: &OrderId, phone: &Phone) -> Entry {
        let order = self.hasher.hash_one(Key::Order(order_id));
        let buyer = self.hasher.hash_one(Key::Buyer(phone));
        Entry { order, buyer, seq }
    }

    /// Numbers of the rows that may have this key, oldest first.
    pub(crate) fn find(&self, key: Key<'_>) -> Places {
        let hash = self.hasher.hash_one(key);
        self.part(hash).get(&hash).cloned().unwrap_or_default()
    }

    /// Rows that are committed.
    pub(crate) fn committed(&self) -> u64 {
        self.committed.load(Ordering::Acquire)
    }

    /// Enters a row that is about to be committed.
    pub(crate) fn add(&self, entry: Entry) {
        for hash in [entry.order, entry.buyer] {
            self.part(hash).entry(hash).or_default().add(entry.seq);
        }
    }

    /// Takes out rows that are not there after all.
    pub(crate) fn undo(&self, added: &[Entry]) {
        for entry in added {
            for hash in [entry.order, entry.buyer] {
                let mut part = self.part(hash);
                if let Slot::Occupied(mut slot) = part.entry(hash) {
                    slot.get_mut().remove(entry.seq);
                    if slot.get().is_none() {
                        slot.remove();
                    }
                }
            }
        }
    }

    /// A transaction that added and removed these rows is committed.
    pub(crate) fn settle(&self, added: &[Entry], removed: &[Entry]) {
        let (more, less) = (added.len() as u64, removed.len() as u64);
        // It can't fail: the function gives a new count for each old one.
        let _ = self.committed.fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| {
            Some((count + more).saturating_sub(less))
        });
        self.undo(removed);
    }

    /// Forgets every row, with a database that is rolled back to its begin.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn clear(&self) {
        for part in &self.parts {
            part.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        self.committed.store(0, Ordering::Release);
    }

    fn part(&self, hash: u64) -> MutexGuard<'_, Segment> {
        // The map uses the low bits and the seven highest.
        let part = (hash >> 32) as usize % PARTS;
        self.parts[part].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, QueueIndex};

    fn found(index: &QueueIndex, key: Key<'_>) -> Vec<i64> {
        index.find(key).iter().collect()
    }

    #[test]
    fn rows_are_found_by_both_keys_until_their_removal_is_committed() {
        let index = QueueIndex::default();
        let entry = |seq, order: &str, buyer: &str| index.entry(seq, &order.into(), &buyer.into());
        let rows = [entry(1, "a", "u"), entry(2, "b", "u"), entry(3, "c", "v")];
        for row in rows {
            index.add(row);
        }
        assert_eq!(index.committed(), 0);
        index.settle(&rows, &[]);
        assert_eq!((index.committed(), found(&index, Key::Buyer(&"u".into()))), (3, vec![1, 2]));
        assert_eq!(found(&index, Key::Order(&"c".into())), [3]);
        assert!(index.find(Key::Order(&"u".into())).is_none());
        index.settle(&[], &rows[..1]);
        assert_eq!((index.committed(), found(&index, Key::Buyer(&"u".into()))), (2, vec![2]));
        index.undo(&rows[1..]);
        assert!(
            index.find(Key::Buyer(&"u".into())).is_none()
                && index.find(Key::Order(&"c".into())).is_none()
        );
    }
}
