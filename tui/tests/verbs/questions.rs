//! Destructive verbs: without a terminal they want `--yes`, on one they ask, and No is the default.

use protocol::{Controls, Phase, ResentState, ShutdownState};

use crate::daemon::{Daemon, Request, ok};
use crate::fixtures::{dead_letter, dead_letters, done, product, snapshot};
use crate::program::{Seated, run};

const DESTRUCTIVE: [&[&str]; 10] = [
    &["pause", "intake"],
    &["pause", "consumption"],
    &["drain"],
    &["shutdown"],
    &["product", "stock", "pid_0001", "-50", "--reason", "r"],
    &["product", "shelf", "pid_0001", "off"],
    &["product", "price", "pid_0001", "1290.000", "--reason", "r"],
    &["product", "set", "pid_0001", "--price", "1290.000", "--shelf", "off", "--reason", "r"],
    &["dead-letters", "discard", "7", "--reason", "r"],
    &["dead-letters", "resend", "--all"],
];

/// Answers every question that comes before a command, and every command.
fn daemon() -> Daemon {
    Daemon::answering(|Request { line, .. }| match line.as_str() {
        "GET /v1/status" => ok(snapshot()),
        "GET /v1/products/pid_0001" => ok(product()),
        "POST /v1/shutdown" => ok(done(ShutdownState { phase: Phase::Stopping })),
        "POST /v1/dead-letters/7/discard" => ok(done(dead_letter(7, Some("order-1")))),
        "POST /v1/dead-letters/resend" => ok(done(ResentState { resent: 1, left: 1, over_ms: 20 })),
        line if line.contains(" /v1/products/") && !line.starts_with("GET ") => ok(done(product())),
        line if line.starts_with("GET /v1/dead-letters?") => ok(dead_letters()),
        _ => ok(done(Controls::default())),
    })
}

fn commands(daemon: &Daemon) -> usize {
    daemon.lines().iter().filter(|line| !line.starts_with("GET ")).count()
}

#[test]
fn without_a_terminal_nothing_is_asked_and_nothing_done() {
    let daemon = daemon();
    for words in DESTRUCTIVE {
        let told = run(&daemon.socket(), words).failed(64);
        assert!(told.contains("--yes"), "{words:?}: {told}");
        assert!(told.contains(words[0]), "{words:?}: {told}");
    }
    assert!(daemon.asked().is_empty());
}

#[test]
fn with_yes_nothing_is_asked_anywhere() {
    let daemon = daemon();
    for words in DESTRUCTIVE {
        run(&daemon.socket(), &[words, &["--yes"]].concat()).fine();
    }
    assert_eq!((commands(&daemon), daemon.asked().len()), (10, 10));
}

#[test]
fn what_harms_nobody_needs_no_yes() {
    let daemon = daemon();
    for words in [
        &["resume", "intake"][..],
        &["product", "stock", "pid_0001", "+50", "--reason", "r"],
        &["product", "shelf", "pid_0001", "on"],
    ] {
        run(&daemon.socket(), words).fine();
    }
    assert_eq!(commands(&daemon), 3);
}

/// What each question says: the object, the effect, and how many it touches.
fn prompt(words: &[&str]) -> (&'static [&'static str], &'static str) {
    let named = "Type the daemon's name (seckilld) to go on: ";
    let sure = "[y/N] ";
    match words {
        ["pause", "intake"] => {
            (&["Pause intake of seckilld?", "profile embedded", "1 product", "42003"], sure)
        }
        ["pause", ..] => (&["Pause consumption of seckilld", "2 orders in the queue"], sure),
        ["drain"] => (&["Drain seckilld", "2 orders in the queue", "42003"], named),
        ["shutdown"] => (&["Shut down seckilld", "2 orders in the queue"], named),
        ["product", "stock", ..] => {
            (&["Withdraw 50 units from pid_0001", "60 units unsold, 58 of them free"], sure)
        }
        ["product", "price", ..] => {
            (&["price of pid_0001", "from 5999.000 to 1290.000", "40005", "2 held"], sure)
        }
        ["product", "set", ..] => {
            (&["price from 5999.000 to 1290.000, shelf from on to off", "40005", "40007"], sure)
        }
        ["product", ..] => (&["Take pid_0001 off the shelf", "60 units", "40007"], sure),
        ["dead-letters", "discard", ..] => {
            (&["dead letter 7", "Order order-1 of buyer 152****8881", "discarded"], sure)
        }
        _ => (&["every dead letter", "up to 2 dead letters"], sure),
    }
}

#[test]
fn on_a_terminal_each_asks_and_says_what_it_touches() {
    let daemon = daemon();
    for words in DESTRUCTIVE {
        let (parts, end) = prompt(words);
        let mut seated = Seated::at(&daemon.socket(), words);
        let question = seated.answer(end, if end.contains("name") { "seckilld" } else { "y" });
        for part in parts {
            assert!(question.contains(part), "{words:?} asks: {question}");
        }
        let (code, out) = seated.end();
        assert_eq!(code, 0, "{words:?}");
        assert!(!out.is_empty() && !out.contains("[y/N]"), "stdout is data: {out}");
    }
    assert_eq!(commands(&daemon), 10);
}

#[test]
fn anything_else_is_no() {
    let daemon = daemon();
    for words in DESTRUCTIVE {
        let (_, end) = prompt(words);
        for answer in ["", "n", "yy"] {
            let mut seated = Seated::at(&daemon.socket(), words);
            seated.answer(end, answer);
            assert_eq!(seated.end(), (1, String::new()), "{words:?} {answer:?}");
        }
    }
    assert_eq!(commands(&daemon), 0);
}

#[test]
fn a_dead_letter_that_is_gone_is_not_asked_about() {
    let daemon = daemon();
    let words = ["dead-letters", "discard", "5", "--reason", "r"];
    assert_eq!(Seated::at(&daemon.socket(), &words).end(), (66, String::new()));
    assert_eq!(commands(&daemon), 0);
}
