//! The verbs that follow the daemon: lines as on the socket, or tables when something changed.

use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{SyncSender, sync_channel};

use protocol::{Change, EpochMs, Line, Notable, PeerView, Permission, Phase};

use crate::daemon::{Daemon, Reply};
use crate::fixtures::{NOW, notable, snapshot};
use crate::program::{Ran, Text, at, run};

/// A daemon whose stream has the lines that the test sends.
fn streaming() -> (Daemon, SyncSender<String>) {
    let (sender, lines) = sync_channel(64);
    let lines = Mutex::new(Some(lines));
    let daemon = Daemon::answering(move |request| {
        assert_eq!(request.line, "GET /v1/events");
        lines.lock().unwrap().take().map_or(Reply::Cut, Reply::Stream)
    });
    (daemon, sender)
}

fn first() -> String {
    let you = PeerView { uid: 0, user: None, permission: Permission::View, missing: None };
    line(&Line::Snapshot { snapshot: Box::new(snapshot()), you })
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

/// The program following, with what it prints.
fn following(daemon: &Daemon, words: &[&str]) -> (Child, Text) {
    let mut command = at(&daemon.socket(), words);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let out = Text::of(child.stdout.take().unwrap());
    (child, out)
}

#[test]
fn json_is_every_line_exactly_as_it_comes() {
    for words in [&["events", "--json"][..], &["status", "--watch", "--json"]] {
        let (daemon, sender) = streaming();
        let odd = r#"{"line":"of_a_later_version",  "blanks": "stay"}"#.to_owned();
        let (child, mut out) = following(&daemon, words);
        for line in [first(), odd, heartbeat(7), closing()] {
            sender.send(line.clone()).unwrap();
            assert_eq!(out.up_to("\n"), line + "\n", "each line as soon as it comes");
        }
        drop(sender);
        let ran = Ran::of(&child.wait_with_output().unwrap());
        assert_eq!(ran.code, 69);
        assert!(ran.told.contains("ended the stream: the daemon is stopping"), "{}", ran.told);
    }
}

#[test]
fn events_are_the_notable_ones() {
    let (daemon, sender) = streaming();
    let (mut child, mut out) = following(&daemon, &["events"]);
    sender.send(first()).unwrap();
    assert_eq!(out.up_to("\n"), "2026-11-23 14:28:20Z  info     phase      serving\n");
    sender.send(heartbeat(7)).unwrap();
    sender.send(change(8, Change::LogLevel("debug".to_owned()))).unwrap();
    let odd = Notable { text: "a\u{1b}[2J".to_owned(), ..notable(2, "") };
    sender.send(change(9, Change::Notable(odd))).unwrap();
    assert_eq!(out.up_to("\n"), "2026-11-23 14:28:20Z  info     phase      a\u{fffd}[2J\n");
    drop(sender);
    assert_eq!(child.wait().unwrap().code(), Some(69));
}

#[test]
fn watching_prints_on_change_only() {
    let (daemon, sender) = streaming();
    let (mut child, mut out) = following(&daemon, &["status", "--watch"]);
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
    assert_eq!((child.wait().unwrap().code(), out.rest()), (Some(69), String::new()));
}

#[test]
fn a_missing_line_makes_watching_subscribe_again() {
    let (second, lines) = sync_channel(8);
    second.send(first()).unwrap();
    let (sender, begun) = sync_channel(8);
    let streams = Mutex::new(vec![lines, begun]);
    let daemon =
        Daemon::answering(move |_| streams.lock().unwrap().pop().map_or(Reply::Cut, Reply::Stream));
    let (mut child, mut out) = following(&daemon, &["status", "--watch"]);
    sender.send(first()).unwrap();
    let _ = out.up_to("40  yes\n");
    sender.send(change(9, Change::Phase(Phase::Stopping))).unwrap();
    assert!(out.up_to("40  yes\n").contains("seckilld 0.1.0: serving"));
    assert_eq!(daemon.lines(), ["GET /v1/events", "GET /v1/events"]);
    drop((sender, second));
    assert_eq!(child.wait().unwrap().code(), Some(69));
}

#[test]
fn a_stream_that_breaks_is_69() {
    for words in [&["events", "--json"][..], &["events"], &["status", "--watch"]] {
        let daemon = Daemon::answering(|_| Reply::Broken(vec![first()]));
        let ran = run(&daemon.socket(), words);
        assert_eq!(ran.code, 69, "{}", ran.told);
        assert!(ran.told.contains("cut off"), "{}", ran.told);
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
