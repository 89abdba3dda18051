//! The verbs that follow the daemon: lines as on the socket, or tables when something changed; over
//! restarts, which they tell.

use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{SyncSender, sync_channel};

use protocol::{
    Change, EpochMs, Line, Notable, PeerView, Permission, Phase, RefusalCode, Snapshot,
};
use serde_json::Value;

use crate::daemon::{Daemon, Reply};
use crate::fixtures::{NOW, notable, refused, snapshot};
use crate::program::{Ran, Text, at, run};

/// A daemon each of whose streams has the lines that the test sends; beyond those it cuts off.
fn streaming<const N: usize>() -> (Daemon, [SyncSender<String>; N]) {
    let (senders, mut streams): (Vec<_>, Vec<_>) = (0..N).map(|_| sync_channel(64)).unzip();
    streams.reverse();
    let streams = Mutex::new(streams);
    let daemon = Daemon::answering(move |request| {
        assert_eq!(request.line, "GET /v1/events");
        streams.lock().unwrap().pop().map_or(Reply::Cut, Reply::Stream)
    });
    (daemon, senders.try_into().unwrap())
}

/// A program that follows a daemon for ever, until the test has seen enough.
struct Following {
    child: Child,
    out: Text,
}

impl Following {
    fn of(daemon: &Daemon, words: &[&str]) -> Self {
        let mut command = at(&daemon.socket(), words);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = Text::of(child.stdout.take().unwrap());
        Self { child, out }
    }

    /// It goes on by itself, and has told nothing on standard error.
    fn end(mut self) {
        assert_eq!(self.child.try_wait().unwrap(), None, "it has ended");
        self.child.kill().unwrap();
        let output = self.child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    }
}

fn first() -> String {
    of(&snapshot())
}

fn of(state: &Snapshot) -> String {
    let you = PeerView { uid: 0, user: None, permission: Permission::View, missing: None };
    line(&Line::Snapshot { snapshot: Box::new(state.clone()), you })
}

fn change(seq: u64, change: Change) -> String {
    line(&Line::Change { seq, at: EpochMs(NOW.0 + 1_000), change: Box::new(change) })
}

fn heartbeat(seq: u64) -> String {
    line(&Line::Heartbeat { seq, at: NOW })
}

fn closing() -> String {
    line(&Line::Closing { reason: "the daemon is stopping".to_owned() })
}

fn line(line: &Line) -> String {
    serde_json::to_string(line).unwrap()
}

#[test]
fn json_is_every_line_as_it_comes_and_a_mark_where_the_daemon_restarted() {
    for words in [&["events", "--json"][..], &["status", "--watch", "--json"]] {
        let (daemon, [sender, second]) = streaming();
        let odd = r#"{"line":"of_a_later_version",  "blanks": "stay"}"#.to_owned();
        let mut following = Following::of(&daemon, words);
        for line in [first(), odd, heartbeat(7), closing()] {
            sender.send(line.clone()).unwrap();
            assert_eq!(following.out.up_to("\n"), line + "\n", "each line as soon as it comes");
        }
        drop(sender);
        let mark: Value = serde_json::from_str(&following.out.up_to("\n")).unwrap();
        assert_eq!(mark["line"], "lost");
        let reason = mark["reason"].as_str().unwrap();
        assert_eq!(reason, "the daemon ended the stream: the daemon is stopping");
        assert!(mark["at"].as_str().unwrap().ends_with("+0000"), "{mark}");
        second.send(first()).unwrap();
        assert_eq!(following.out.up_to("\n"), first() + "\n");
        following.end();
    }
}

#[test]
fn json_lines_move_no_terminal() {
    let (daemon, [sender]) = streaming();
    let mut following = Following::of(&daemon, &["events", "--json"]);
    let odd = Notable { text: "a\u{202e}b\u{9b}".to_owned(), ..notable(2, "") };
    sender.send(change(9, Change::Notable(odd))).unwrap();
    let line = following.out.up_to("\n");
    assert!(line.contains(r"a\u202eb\u009b"), "{line}");
    following.end();
}

#[test]
fn events_are_the_notable_ones() {
    let (daemon, [sender]) = streaming();
    let mut following = Following::of(&daemon, &["events"]);
    let out = &mut following.out;
    sender.send(first()).unwrap();
    assert_eq!(out.up_to("\n"), "2026-11-23 14:28:20Z  info     phase      serving\n");
    sender.send(heartbeat(7)).unwrap();
    sender.send(change(8, Change::LogLevel("debug".to_owned()))).unwrap();
    let odd = Notable { text: "a\u{1b}[2J\u{202e}".to_owned(), ..notable(2, "") };
    sender.send(change(9, Change::Notable(odd))).unwrap();
    let shown = "2026-11-23 14:28:20Z  info     phase      a\u{fffd}[2J\u{fffd}\n";
    assert_eq!(out.up_to("\n"), shown);
    following.end();
}

#[test]
fn events_go_on_over_a_restart_and_none_is_told_twice() {
    let (daemon, [sender, same, other]) = streaming();
    let mut following = Following::of(&daemon, &["events"]);
    let out = &mut following.out;
    sender.send(first()).unwrap();
    sender.send(change(8, Change::Notable(notable(2, "sold out")))).unwrap();
    assert!(out.up_to("sold out\n").contains("serving"));
    // The connection breaks; the daemon is the same.
    drop(sender);
    let lost = out.up_to("\n");
    assert!(lost.contains("warning  link       NO CONNECTION: "), "{lost}");
    assert!(lost.ends_with("without a word; trying again\n"), "{lost}");
    let mut state = snapshot();
    state.notables = vec![notable(1, "serving"), notable(2, "sold out"), notable(3, "drained")];
    same.send(of(&state)).unwrap();
    let back = out.up_to("drained\n");
    assert!(back.contains("info     link       connected again: the same process"), "{back}");
    assert!(!back.contains("sold out"), "{back}");
    // Another process numbers its events again.
    drop(same);
    assert!(out.up_to("\n").contains("NO CONNECTION"));
    state.pid = 77;
    state.notables = vec![notable(1, "starting")];
    other.send(of(&state)).unwrap();
    let back = out.up_to("starting\n");
    assert!(back.contains("connected again: another process, number 77"), "{back}");
    following.end();
}

#[test]
fn watching_prints_on_change_only_and_goes_on_over_a_restart() {
    let (daemon, [sender, second]) = streaming();
    let mut following = Following::of(&daemon, &["status", "--watch"]);
    let out = &mut following.out;
    sender.send(first()).unwrap();
    let table = out.up_to("  58    40  yes\n");
    assert!(table.starts_with("2026-11-23 14:28:20Z\nseckilld 0.1.0: serving"), "{table}");
    sender.send(heartbeat(7)).unwrap();
    let changes = [
        change(8, Change::Phase(Phase::Stopping)),
        change(9, Change::Degraded(vec!["no broker".to_owned()])),
    ];
    sender.send(changes.join("\n")).unwrap();
    let table = out.up_to("degraded: no broker\n");
    assert!(table.starts_with("\n2026-11-23 14:28:21Z\nseckilld 0.1.0: stopping"), "{table}");
    assert_eq!(table.matches("seckilld 0.1.0").count(), 1, "two changes are one print: {table}");
    assert!(!table.contains('\u{1b}'), "no terminal, no tricks");
    sender.send(closing()).unwrap();
    drop(sender);
    let lost = out.up_to("\n");
    let wanted = "NO CONNECTION: the daemon ended the stream: the daemon is stopping; trying again";
    assert!(lost.contains(wanted), "{lost}");
    second.send(first()).unwrap();
    let table = out.up_to("40  yes\n");
    assert!(table.starts_with("\n2026-11-23 14:28:20Z\nseckilld 0.1.0: serving"), "{table}");
    following.end();
}

#[test]
fn a_missing_line_makes_watching_subscribe_again() {
    let (daemon, [sender, second]) = streaming();
    second.send(first()).unwrap();
    let mut following = Following::of(&daemon, &["status", "--watch"]);
    let out = &mut following.out;
    sender.send(first()).unwrap();
    let _ = out.up_to("40  yes\n");
    sender.send(change(9, Change::Phase(Phase::Stopping))).unwrap();
    assert!(out.up_to("40  yes\n").contains("seckilld 0.1.0: serving"));
    assert_eq!(daemon.lines(), ["GET /v1/events", "GET /v1/events"]);
    following.end();
}

#[test]
fn a_first_connection_that_fails_ends_at_once() {
    for words in [&["events", "--json"][..], &["events"], &["status", "--watch"]] {
        let daemon = Daemon::answering(|_| Reply::Cut);
        assert!(run(&daemon.socket(), words).failed(69).contains("before the answer came"));
    }
}

#[test]
fn a_stream_that_breaks_is_asked_for_again() {
    for words in [&["events", "--json"][..], &["events"], &["status", "--watch"]] {
        let streams = Mutex::new(2);
        let daemon = Daemon::answering(move |_| {
            let mut left = streams.lock().unwrap();
            *left -= 1;
            // The second time the daemon doesn't let us look any more, which ends it.
            if *left == 0 {
                refused(RefusalCode::NotPermitted, "join the group")
            } else {
                Reply::Broken(vec![first()])
            }
        });
        let ran = run(&daemon.socket(), words);
        assert_eq!(ran.code, 77, "{}", ran.told);
        assert!(ran.out.contains("cut off"), "{}", ran.out);
        assert!(ran.told.contains("join the group"), "{}", ran.told);
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    for words in [&["events", "--json"][..], &["events"], &["status", "--watch"]] {
        let daemon = Daemon::answering(|_| Reply::Broken(vec![first()]));
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = Ran::of(&at(&daemon.socket(), words).stdout(writer).output().unwrap());
        assert_eq!((ran.code, ran.told.as_str()), (0, ""), "{words:?}");
    }
}
