//! Named places where a test kills this process as an operator's `kill -9` would: by SIGKILL, with
//! nothing cleaned up. Without the feature `fault-points`, which no shipped build has, all of this
//! is empty and compiles to nothing. What must hold after such an end is judged from outside, by
//! `cargo xtask e2e crash`.
//!
//! The variable `FAILPOINTS` says where to die, in the syntax of the crate `fail`:
//! `placing-after-commit=3*off->return` at the fourth time, `checkpoint=return(250)` a quarter of a
//! millisecond after the checkpoint began, and so in its midst. Only that crate and this file read
//! it: it is no setting of the daemon.

/// Where it can die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "fault-points"), allow(dead_code))]
pub enum Point {
    /// A step of the schema is done and not committed.
    MigrationBeforeCommit,
    /// A step of the schema is committed; the next may be missing.
    MigrationAfterCommit,
    /// A transaction with orders for the embedded queue, or with dead letters that are put on their
    /// way back, is about to be committed.
    EnqueueBeforeCommit,
    /// The transaction is committed, and no buyer was answered yet.
    EnqueueAfterCommit,
    /// A transaction with decisions is about to be committed.
    PlacingBeforeCommit,
    /// The transaction is committed, and nobody was answered: a broker's message isn't
    /// acknowledged.
    PlacingAfterCommit,
    /// The consumer has its commit and is about to acknowledge to the broker.
    AckBefore,
    /// The broker has confirmed a send, and no buyer was answered yet.
    SendConfirmed,
    /// Sends ended unknown and are not kept yet.
    DoubtBeforeKeep,
    /// The sends are kept, and no buyer was answered yet.
    DoubtAfterKeep,
    /// The write-ahead log is about to be moved into the database.
    Checkpoint,
    /// An operator's switch is stored and not in effect yet; a drain is a switch, too.
    SwitchStored,
    /// An ordered stop: nothing is accepted any more.
    StopAccepting,
    /// An ordered stop: everything accepted is published.
    StopPublished,
    /// An ordered stop: the consumer has ended.
    StopConsumed,
    /// An ordered stop: all but the last checkpoint is done.
    StopBeforeCheckpoint,
}

/// Which side of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// The commit comes next.
    Ahead,
    /// The commit is done.
    Done,
}

/// A commit of so many queued and so many decided orders.
#[cfg_attr(not(feature = "fault-points"), allow(unused_variables))]
pub fn around_commit(commit: Commit, queued: u64, decided: u64) {
    let (enqueue, placing) = match commit {
        Commit::Ahead => (Point::EnqueueBeforeCommit, Point::PlacingBeforeCommit),
        Commit::Done => (Point::EnqueueAfterCommit, Point::PlacingAfterCommit),
    };
    if 0 < queued {
        reach(enqueue);
    }
    if 0 < decided {
        reach(placing);
    }
}

#[cfg(not(feature = "fault-points"))]
pub use disarmed::{arm, reach};

#[cfg(feature = "fault-points")]
pub use armed::{arm, reach};

#[cfg(not(feature = "fault-points"))]
mod disarmed {
    //! The shipped build does nothing at these points.

    /// Keeps nothing armed.
    pub struct Armed;

    /// Nothing to arm.
    pub const fn arm() -> Armed {
        Armed
    }

    /// Goes on.
    #[inline(always)]
    pub const fn reach(_: super::Point) {}
}

#[cfg(feature = "fault-points")]
mod armed {
    //! The test build dies at these points.

    use std::thread;
    use std::time::Duration;

    use rustix::process::{Signal, getpid, kill_process};

    use super::Point;

    /// Keeps the points armed for as long as it lives.
    pub struct Armed(#[expect(dead_code, reason = "held, not read")] fail::FailScenario<'static>);

    /// Arms what `FAILPOINTS` names. The logged line shows a test that this build can die.
    pub fn arm() -> Armed {
        let armed = Armed(fail::FailScenario::setup());
        tracing::warn!(points = ?fail::list(), "this build has fault points: it is for tests only");
        armed
    }

    /// Dies here if this point is armed and its time has come.
    pub fn reach(point: Point) {
        fail::fail_point!(point.name(), |delay_us| match delay_us {
            None => die(),
            Some(delay_us) => die_after(delay_us.parse().unwrap_or(0)),
        });
    }

    impl Point {
        /// Its name in `FAILPOINTS`.
        const fn name(self) -> &'static str {
            match self {
                Self::MigrationBeforeCommit => "migration-before-commit",
                Self::MigrationAfterCommit => "migration-after-commit",
                Self::EnqueueBeforeCommit => "enqueue-before-commit",
                Self::EnqueueAfterCommit => "enqueue-after-commit",
                Self::PlacingBeforeCommit => "placing-before-commit",
                Self::PlacingAfterCommit => "placing-after-commit",
                Self::AckBefore => "ack-before",
                Self::SendConfirmed => "send-confirmed",
                Self::DoubtBeforeKeep => "doubt-before-keep",
                Self::DoubtAfterKeep => "doubt-after-keep",
                Self::Checkpoint => "checkpoint",
                Self::SwitchStored => "switch-stored",
                Self::StopAccepting => "stop-accepting",
                Self::StopPublished => "stop-published",
                Self::StopConsumed => "stop-consumed",
                Self::StopBeforeCheckpoint => "stop-before-checkpoint",
            }
        }
    }

    fn die() {
        // A process can always signal itself; if that failed, the test would see the process live.
        let _ = kill_process(getpid(), Signal::KILL);
    }

    /// The kill comes from a thread of its own, so that this thread goes on into the work that is
    /// to be cut off.
    fn die_after(delay_us: u64) {
        thread::spawn(move || {
            #[expect(clippy::disallowed_methods, reason = "the delay is what was asked for")]
            thread::sleep(Duration::from_micros(delay_us));
            die();
        });
    }
}
