//! A store in memory whose time, commits and mishaps a test decides. All that it is asked is
//! answered at once, so that no runtime is needed: see [`ready`].

use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use protocol::{EpochMs, Phone};

use crate::engine::in_memory::InMemory;
use crate::engine::meta::Identity;
use crate::engine::reader::Reader;
use crate::engine::signals::Signals;
use crate::engine::writer::Writer;
use crate::queue_table::queue_index::QueueIndex;
use crate::{Inner, Seed, Store, Thread};
use instruments::clock::Now;

/// The answer of a store in memory.
pub fn ready<T>(answer: impl Future<Output = T>) -> T {
    match pin!(answer).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("memory is always ready"),
    }
}

/// A store in memory, and the hand that guides it.
pub struct InMemoryStore {
    pub store: Store,
    memory: Arc<InMemory>,
    now: Arc<AtomicI64>,
}

impl Default for InMemoryStore {
    fn default() -> Self {
        let now = Arc::new(AtomicI64::new(0));
        let seen = Arc::clone(&now);
        let clock: Now = Arc::new(move || EpochMs(seen.load(Ordering::Relaxed)));
        let (meter_base, path) = (Instant::now(), PathBuf::from(":memory:"));
        let signals = Signals::new(meter_base, &path);
        let queue_index = Arc::<QueueIndex>::default();
        let memory =
            InMemory::new(Arc::clone(&queue_index), Arc::clone(&clock), signals.clone()).unwrap();
        let memory = Arc::new(memory);
        let inner = Inner {
            writer: Writer::at_once(Arc::clone(&memory)),
            thread: Thread(Mutex::default()),
            reader: Reader::AtOnce(Arc::clone(&memory)),
            signals,
            queue_index,
            identity: Identity { store_id: "in memory".to_owned(), order_id_key: [7; 32] },
            clock,
            path,
            meter_base,
            disk: None,
        };
        Self { store: Store { inner: Arc::new(inner) }, memory, now }
    }
}

impl InMemoryStore {
    /// Forgets everything that was done before, and begins at time 0 with these products.
    pub fn begin_history(&self, seeds: &[Seed]) {
        self.set_now(EpochMs(0));
        self.memory.begin_history(seeds).unwrap();
    }

    /// The clock stands until it is set again.
    pub fn set_now(&self, now: EpochMs) {
        self.now.store(now.0, Ordering::Relaxed);
    }

    /// The next transaction is undone, as if the process had died before its commit.
    pub fn undo_next(&self) {
        self.memory.undo_next();
    }

    /// How many transactions there were.
    pub fn writes(&self) -> u64 {
        self.memory.writes()
    }

    /// Orders of this buyer that get a unit fail from now on, as if the row couldn't be written.
    pub fn poison(&self, phone: &Phone) {
        let sql = "INSERT OR IGNORE INTO poisonous VALUES (?1)";
        self.memory.lock().execute(sql, [phone.whole()]).unwrap();
    }

    pub fn cure_all(&self) {
        self.memory.lock().execute("DELETE FROM poisonous", []).unwrap();
    }
}
