//! Panics of a real process, as they come out of its standard error: once each, as lines of the
//! log. The process is this test program, started again for `the_process_itself`.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use instruments::panics::contain;
use serde_json::Value;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;
use tracing_subscriber::util::SubscriberInitExt;

use super::super::handover::{self, HandOver};
use super::super::{Sink, init, journal, stderr};
use crate::config::{Log, LogFormat};

/// Says to the process in which format it logs; unset in an ordinary run of the tests.
const FORMAT: &str = "TEST_PANIC_FORMAT";
/// More than writing takes.
const LONG: Duration = Duration::from_secs(30);
/// What the panics say, and the threads in which they happen.
const PANICS: [(&str, &str); 4] = [
    ("in-a-thread", "worker"),
    ("in-a-task", "runtime"),
    ("in-a-contained-future", "runtime"),
    ("in-a-caught-call", "caller"),
];
/// What the log calls each.
const MESSAGE: &str = "a panic: a fault of the program";

/// One panic each way that the daemon goes on after, none of them with a literal text, so that no
/// backtrace and no source line holds it.
fn panic_in_all_ways() {
    let name = |index: usize| PANICS[index].0;
    let worker = thread::Builder::new().name("worker".to_owned());
    worker.spawn(move || panic!("{}", name(0))).unwrap().join().unwrap_err();
    let runtime = thread::Builder::new().name("runtime".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            tokio::spawn(async move { panic!("{}", name(1)) }).await.unwrap_err();
            let work = async { panic!("{}", name(2)) };
            let () = contain(pin!(work)).await.map_err(drop).unwrap_err();
        });
    });
    runtime.unwrap().join().unwrap();
    let caller = thread::Builder::new().name("caller".to_owned()).spawn(move || {
        catch_unwind(AssertUnwindSafe(|| panic!("{}", name(3)))).unwrap_err();
    });
    caller.unwrap().join().unwrap();
}

/// Entries for the journal, each behind its length: a datagram has an end, and a pipe's has not.
struct Measured(stderr::StandardError);

impl handover::Sink for Measured {
    fn write(&mut self, entry: &[u8]) -> io::Result<()> {
        let bytes = [&entry.len().to_le_bytes(), entry].concat();
        handover::Sink::write(&mut self.0, &bytes)
    }
}

/// Logs as the daemon does, to standard error; the journal's entries go there as well.
#[test]
#[expect(clippy::disallowed_methods, reason = "the tests' own switch, not the daemon's")]
fn the_process_itself() {
    let Ok(format) = std::env::var(FORMAT) else { return };
    let format = match format.as_str() {
        "json" => LogFormat::Json,
        "pretty" => LogFormat::Pretty,
        _ => {
            let stderr = stderr::StandardError::open().unwrap();
            let lines = HandOver::start(Measured(stderr)).unwrap();
            registry().with(journal::Entries(lines.clone())).init();
            super::log_all();
            panic_in_all_ways();
            assert!(lines.flush(LONG));
            return;
        }
    };
    let log = init(&Log { format, level: "info".to_owned() }, Sink::Other).unwrap();
    panic_in_all_ways();
    log.flush(LONG);
}

/// What the process wrote to its standard error.
fn told(format: &str) -> Vec<u8> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let (_, here) = module_path!().split_once("::").unwrap();
    command.args(["--exact", &format!("{here}::the_process_itself"), "--nocapture"]);
    let Output { status, stdout, stderr } =
        command.env(FORMAT, format).env_remove("RUST_BACKTRACE").output().unwrap();
    let stdout = String::from_utf8_lossy(&stdout);
    assert!(status.success() && stdout.contains("1 passed"), "{stdout}");
    // The standard library's own.
    for text in ["panicked at", "RUST_BACKTRACE"] {
        let is_there = String::from_utf8_lossy(&stderr).contains(text);
        assert!(!is_there, "{text}: {}", String::from_utf8_lossy(&stderr));
    }
    stderr
}

#[test]
fn a_panic_is_a_line_of_json_and_stands_there_once() {
    let told = String::from_utf8(told("json")).unwrap();
    let lines: Vec<Value> =
        told.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(lines.len(), PANICS.len(), "{told}");
    for (line, (why, thread)) in lines.iter().zip(PANICS) {
        assert_eq!((&line["level"], &line["message"]), (&"ERROR".into(), &MESSAGE.into()));
        assert_eq!((&line["why"], &line["thread"]), (&why.into(), &thread.into()));
        let place = line["place"].as_str().unwrap();
        assert!(place.contains("panics/tests.rs:"), "{place}");
        assert_eq!(line["target"], "seckilld::observe::telemetry::panics");
    }
}

#[test]
fn a_panic_is_a_line_for_people_and_stands_there_once() {
    let told = String::from_utf8(told("pretty")).unwrap();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), PANICS.len(), "{told}");
    for (line, (why, thread)) in lines.iter().zip(PANICS) {
        assert!(line.contains("ERROR") && line.contains(MESSAGE), "{line}");
        assert!(line.contains(&format!("why=\"{why}\"")), "{line}");
        assert!(line.contains(&format!("thread=\"{thread}\"")), "{line}");
    }
}

#[test]
fn a_panic_is_an_entry_of_the_journal_and_stands_there_once() {
    let told = told("journal");
    let (mut rest, mut entries) = (told.as_slice(), Vec::new());
    while let Some((length, bytes)) = rest.split_first_chunk() {
        let entry;
        (entry, rest) = bytes.split_at(usize::from_le_bytes(*length));
        entries.push(journal::tests::read(entry));
    }
    assert_eq!(entries.len(), PANICS.len(), "{entries:#?}");
    for (entry, (why, thread)) in entries.iter().zip(PANICS) {
        assert_eq!((&*entry["PRIORITY"], &*entry["SECKILL_WHY"]), ("3", why));
        let begin = format!("{MESSAGE} thread={thread} place=");
        assert!(entry["MESSAGE"].starts_with(&begin), "{entry:#?}");
        assert!(entry["MESSAGE"].ends_with(&format!(" why={why}")), "{entry:#?}");
    }
}
