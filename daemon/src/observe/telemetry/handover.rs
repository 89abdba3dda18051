//! The hand-over of the log: a thread that logs leaves a line here and goes on. One thread of its
//! own takes the lines to where they go, and it alone waits for their reader. So a pipe that nobody
//! reads, a stopped terminal or a journal that hangs holds nobody up.
//!
//! The room is bounded. A line that finds no room is dropped and counted by level, and once lines
//! flow again a line of its own says how many were lost. Warnings and errors have room of their
//! own, which a flood of other lines doesn't take.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use tracing::{Level, error, warn};

/// Bytes of lines that may wait, for warnings and errors as much as for all others. As much again
/// may be on its way to the sink.
pub(super) const ROOM_BYTES: usize = 1 << 20;

/// What a line takes beside its text, so that a flood of short ones is bounded too.
const LINE_BYTES: usize = 64;

/// Where lines go in the end. Only the hand-over's thread asks it, so it may wait.
pub(super) trait Sink: Send + 'static {
    /// Writes one line.
    ///
    /// # Errors
    /// The line is lost, in whole or in part.
    fn write(&mut self, line: &[u8]) -> io::Result<()>;
}

/// Lines that were lost since the start, by level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    by_level: [u64; 5],
}

impl Dropped {
    /// The levels' names, the gravest first.
    pub const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

    /// Each level's name and count.
    pub fn by_level(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        Self::LEVELS.into_iter().zip(self.by_level)
    }

    /// All of them.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.by_level.iter().sum()
    }

    /// Warnings and errors among them.
    #[must_use]
    pub const fn grave(&self) -> u64 {
        self.by_level[0] + self.by_level[1]
    }

    fn since(&self, earlier: &Self) -> Self {
        let mut left = *self;
        for (count, reported) in left.by_level.iter_mut().zip(earlier.by_level) {
            *count = count.saturating_sub(reported);
        }
        left
    }
}

/// The place where lines are left.
#[derive(Clone)]
pub(super) struct HandOver(Arc<Shared>);

struct Shared {
    waiting: Mutex<Waiting>,
    /// A line was left.
    arrived: Condvar,
    /// Nothing waits, and nothing is on its way.
    settled: Condvar,
    dropped: [AtomicU64; 5],
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<Line>,
    /// Bytes of ordinary lines, and of warnings and errors.
    bytes: [usize; 2],
    /// Whether lines are on their way to the sink.
    is_busy: bool,
    /// The losses that the log has shown.
    reported: Dropped,
    /// The thread that takes the lines.
    taker: Option<ThreadId>,
}

struct Line {
    level: Level,
    text: Box<[u8]>,
}

impl HandOver {
    /// Starts the thread that takes lines to `sink`. It is never joined: a sink that hangs must not
    /// keep the process from ending.
    ///
    /// # Errors
    /// No thread can be had.
    pub(super) fn start(sink: impl Sink) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            waiting: Mutex::default(),
            arrived: Condvar::new(),
            settled: Condvar::new(),
            dropped: Default::default(),
        });
        let work = Arc::clone(&shared);
        thread::Builder::new().name("log".to_owned()).spawn(move || work.take_lines(sink))?;
        Ok(Self(shared))
    }

    /// Leaves a line, or counts it where there is no room. Never waits for the sink.
    pub(super) fn leave(&self, level: Level, text: impl Into<Box<[u8]>>) {
        let line = Line { level, text: text.into() };
        let (room, size) = (room_of(level), line.text.len() + LINE_BYTES);
        let mut waiting = self.0.waiting();
        if waiting.taker == Some(thread::current().id()) {
            // This line is about the loss itself: it goes before the lines that came after the
            // loss, and always has room.
            waiting.lines.push_front(line);
            return;
        }
        let taken = waiting.bytes[room];
        // A line longer than all of the room goes where nothing else waits.
        if taken != 0 && ROOM_BYTES < taken + size {
            drop(waiting);
            self.0.count(level);
            return;
        }
        waiting.bytes[room] += size;
        waiting.lines.push_back(line);
        drop(waiting);
        self.0.arrived.notify_one();
    }

    /// What was lost since the start.
    pub(super) fn dropped(&self) -> Dropped {
        self.0.dropped()
    }

    /// Whether lines were lost and the log hasn't shown it yet.
    pub(super) fn is_losing(&self) -> bool {
        let reported = self.0.waiting().reported;
        0 < self.dropped().since(&reported).lines()
    }

    /// Waits until every line was written, but no longer than this. Whether they were.
    pub(super) fn flush(&self, within: Duration) -> bool {
        let until = Instant::now() + within;
        let mut waiting = self.0.waiting();
        while waiting.is_busy || !waiting.lines.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.0.settled.wait_timeout(waiting, left);
            waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, level: Level) {
        self.dropped[index_of(level)].fetch_add(1, Ordering::Relaxed);
    }

    fn dropped(&self) -> Dropped {
        let by_level = self.dropped.each_ref().map(|count| count.load(Ordering::Relaxed));
        Dropped { by_level }
    }

    fn take_lines(&self, mut sink: impl Sink) {
        self.waiting().taker = Some(thread::current().id());
        loop {
            let batch = self.next_batch();
            // Lines that found no room up to now would have come behind this batch.
            let mut lost = self.dropped();
            let mut flows = true;
            for line in batch {
                flows = sink.write(&line.text).is_ok();
                if !flows {
                    self.count(line.level);
                    lost.by_level[index_of(line.level)] += 1;
                }
            }
            // Where nothing can be written, the line that says so couldn't be either.
            if flows {
                self.report(lost);
            }
        }
    }

    /// Waits for lines, and takes all there are.
    fn next_batch(&self) -> VecDeque<Line> {
        let mut waiting = self.waiting();
        while waiting.lines.is_empty() {
            waiting.is_busy = false;
            self.settled.notify_all();
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        waiting.is_busy = true;
        waiting.bytes = [0; 2];
        std::mem::take(&mut waiting.lines)
    }

    /// Leaves a line about losses that no line has shown yet.
    fn report(&self, lost: Dropped) {
        let reported = std::mem::replace(&mut self.waiting().reported, lost);
        let new = lost.since(&reported);
        let (lines, warnings, errors) = (new.lines(), new.by_level[1], new.by_level[0]);
        if lines == 0 {
            return;
        }
        // Logged outside of the lock, because the line comes back through `leave`. It is as grave
        // as what was lost: where only errors are logged, a warning wouldn't be.
        let text = "lines of the log were lost here: nobody took them in time";
        match errors {
            0 => warn!(lines, warnings, errors, "{text}"),
            _ => error!(lines, warnings, errors, "{text}"),
        }
    }
}

fn room_of(level: Level) -> usize {
    usize::from(level <= Level::WARN)
}

fn index_of(level: Level) -> usize {
    match level {
        Level::ERROR => 0,
        Level::WARN => 1,
        Level::INFO => 2,
        Level::DEBUG => 3,
        Level::TRACE => 4,
    }
}

#[cfg(test)]
mod tests;
