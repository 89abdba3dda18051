//! Sinks that hang, fail or come back, and what becomes of the lines meanwhile.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use tracing::level_filters::LevelFilter;
use tracing::{Level, error, info, warn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{fmt, registry};

use super::{HandOver, LINE_BYTES, ROOM_BYTES, Sink};
use crate::observe::telemetry::stderr::Lines;

/// More than are written here.
const LINES_MAX: usize = 1 << 16;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(30);

/// Writes a line when the test allows it, with the result that the test gives.
struct Gate {
    allowed: Receiver<io::Result<()>>,
    /// Says that it waits.
    asked: SyncSender<()>,
    written: SyncSender<String>,
}

impl Sink for Gate {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let _ = self.asked.try_send(());
        // Without anybody who allows it, all may pass.
        self.allowed.recv().unwrap_or(Ok(()))?;
        let _ = self.written.send(String::from_utf8_lossy(line).into_owned());
        Ok(())
    }
}

/// A hand-over and the other side of its sink.
struct Stage {
    lines: HandOver,
    allow: Option<SyncSender<io::Result<()>>>,
    asked: Receiver<()>,
    written: Receiver<String>,
}

fn stage() -> Stage {
    let (allow, allowed) = sync_channel(LINES_MAX);
    let (ask, asked) = sync_channel(1);
    let (write, written) = sync_channel(LINES_MAX);
    let lines = HandOver::start(Gate { allowed, asked: ask, written: write }).unwrap();
    Stage { lines, allow: Some(allow), asked, written }
}

impl Stage {
    /// Leaves one line, and waits until the sink hangs at it.
    fn hang(&self) {
        self.lines.leave(Level::INFO, *b"first");
        self.asked.recv_timeout(LONG).unwrap();
    }

    /// Opens the gate for good, and gives all that is written.
    fn all(&mut self) -> Vec<String> {
        self.allow = None;
        assert!(self.lines.flush(LONG));
        self.written.try_iter().collect()
    }
}

/// With a subscriber that writes there, as the daemon's does.
fn logging<T>(lines: &HandOver, work: impl FnOnce() -> T) -> T {
    let layer = fmt::layer().with_ansi(false).without_time().with_writer(Lines(lines.clone()));
    tracing::subscriber::with_default(registry().with(LevelFilter::INFO).with(layer), work)
}

#[test]
fn nobody_waits_for_a_sink_that_hangs_and_what_has_no_room_is_counted_by_level() {
    let mut stage = stage();
    stage.hang();
    let text = vec![b'x'; 1_000];
    let fit = ROOM_BYTES / (text.len() + LINE_BYTES);
    let begun = Instant::now();
    for _ in 0..fit + 10 {
        stage.lines.leave(Level::INFO, text.clone());
    }
    stage.lines.leave(Level::DEBUG, text.clone());
    assert!(begun.elapsed() < LONG);
    let dropped = stage.lines.dropped();
    assert_eq!((dropped.lines(), dropped.grave()), (11, 0));
    let by_level: Vec<_> = dropped.by_level().collect();
    assert_eq!(by_level, [("error", 0), ("warn", 0), ("info", 10), ("debug", 1), ("trace", 0)]);
    assert!(stage.lines.is_losing());
    assert_eq!(stage.all().len(), fit + 1);
}

#[test]
fn a_flood_of_information_leaves_room_for_warnings_and_errors() {
    let mut stage = stage();
    stage.hang();
    for _ in 0..3 * ROOM_BYTES / 1_000 {
        stage.lines.leave(Level::INFO, vec![b'x'; 1_000]);
    }
    stage.lines.leave(Level::WARN, *b"a warning");
    stage.lines.leave(Level::ERROR, *b"an error");
    assert_eq!(stage.lines.dropped().grave(), 0);
    let written = stage.all();
    assert_eq!(written[written.len() - 2..], ["a warning", "an error"]);
}

#[test]
fn short_lines_are_bounded_too() {
    let mut stage = stage();
    stage.hang();
    for _ in 0..2 * ROOM_BYTES / LINE_BYTES {
        stage.lines.leave(Level::ERROR, *b"");
    }
    assert_eq!(stage.lines.dropped().grave(), (ROOM_BYTES / LINE_BYTES) as u64);
    assert_eq!(stage.all().len(), ROOM_BYTES / LINE_BYTES + 1);
}

#[test]
fn a_line_longer_than_the_room_goes_where_nothing_waits() {
    let mut stage = stage();
    stage.hang();
    stage.lines.leave(Level::WARN, vec![b'x'; 2 * ROOM_BYTES]);
    stage.lines.leave(Level::WARN, *b"no room");
    assert_eq!(stage.lines.dropped().grave(), 1);
    assert_eq!(stage.all().len(), 2);
}

/// The thread of a hand-over has no subscriber of a test's own, so the line about the loss is
/// looked for where the process has one: `daemon/tests/binary.rs`.
#[test]
fn lines_come_whole_and_in_order_and_a_loss_that_was_told_of_is_none_any_more() {
    let mut stage = stage();
    stage.hang();
    logging(&stage.lines, || {
        for _ in 0..2 * ROOM_BYTES / 1_000 {
            info!("{}", "x".repeat(1_000));
        }
        warn!("a warning");
        error!("an error");
    });
    assert!(stage.lines.is_losing());
    let written = stage.all();
    let [.., warning, error] = written.as_slice() else { panic!("{} lines", written.len()) };
    assert!(warning.contains("WARN") && warning.ends_with("a warning\n"), "{warning}");
    assert!(error.contains("ERROR") && error.ends_with("an error\n"), "{error}");
    assert!(!stage.lines.is_losing());
    assert!(0 < stage.lines.dropped().lines());
}

#[test]
fn what_cannot_be_written_is_counted_and_told_of_only_once_something_can() {
    let mut stage = stage();
    let allow = stage.allow.clone().unwrap();
    for result in [Err(io::ErrorKind::StorageFull.into()), Err(io::ErrorKind::BrokenPipe.into())] {
        stage.lines.leave(Level::WARN, *b"lost");
        allow.send(result).unwrap();
        assert!(stage.lines.flush(LONG));
    }
    assert_eq!(stage.lines.dropped().grave(), 2);
    assert!(stage.lines.is_losing());
    stage.lines.leave(Level::INFO, *b"again");
    allow.send(Ok(())).unwrap();
    assert!(stage.lines.flush(LONG));
    assert!(!stage.lines.is_losing());
    drop(allow);
    assert_eq!(stage.all(), ["again"]);
}

#[test]
fn a_flush_waits_no_longer_than_it_may() {
    let stage = stage();
    stage.hang();
    let begun = Instant::now();
    assert!(!stage.lines.flush(Duration::from_millis(50)));
    assert!(begun.elapsed() < LONG);
}
