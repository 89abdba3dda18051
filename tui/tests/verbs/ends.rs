//! How the program ends, whatever the verb: which daemon is meant, the exit codes, what is said
//! where.

use std::fs::OpenOptions;
use std::os::unix::net::UnixListener;

use protocol::{OverdueView, Phase, Refusal, RefusalCode, Snapshot};
use serde_json::{Value, json};

use crate::daemon::{Daemon, Reply, http};
use crate::fixtures::{config, refused, snapshot};
use crate::program::{Ran, at, run, seckillctl};

#[test]
fn trouble_is_1_and_printed_all_the_same() {
    let changes: [fn(&mut Snapshot); 4] = [
        |state| state.degraded.push("the broker is away".to_owned()),
        |state| state.products[0].balanced = false,
        |state| state.phase = Phase::Stopping,
        |state| state.overdue = Some(OverdueView { count: 1, bound_ms: 30_000, oldest_at: None }),
    ];
    for change in changes {
        let mut state = snapshot();
        change(&mut state);
        let daemon = Daemon::always(&state);
        for words in [&["status"][..], &["status", "--json"]] {
            let ran = run(&daemon.socket(), words);
            assert_eq!((ran.code, ran.told.as_str()), (1, ""));
            assert!(ran.out.contains("pid_0001"), "{}", ran.out);
        }
    }
}

#[test]
fn nobody_there_is_69_and_says_how_to_start_one() {
    let folder = tempfile::tempdir().unwrap();
    let dead = folder.path().join("dead.sock");
    drop(UnixListener::bind(&dead).unwrap());
    for (socket, sentence) in
        [(dead, "no daemon listens there"), (folder.path().join("absent.sock"), "no such socket")]
    {
        for words in [&["status"][..], &["events"], &["resume", "intake"], &["orders", "--all"]] {
            let told = run(&socket, words).failed(69);
            assert!(told.contains(sentence) && told.contains("Start it with `seckilld`"), "{told}");
            assert!(told.contains(socket.to_str().unwrap()), "{told}");
        }
    }
}

#[test]
fn none_found_is_69_with_the_places() {
    let folder = tempfile::tempdir().unwrap();
    let told = Ran::of(&seckillctl(folder.path()).arg("status").output().unwrap()).failed(69);
    assert!(told.contains("seckill-data/admin.sock; is seckilld running?"), "{told}");
}

#[test]
fn something_else_that_answers_is_69() {
    let cut = "the connection broke before the answer came";
    for (daemon, sentence) in [
        (Daemon::always(json!({})), "is no seckilld"),
        (Daemon::in_turn([Reply::Json(404, json!({}))]), "404"),
        (Daemon::in_turn([Reply::Bytes("what?\r\n\r\n".to_owned())]), "is no seckilld"),
        (Daemon::in_turn([Reply::Cut]), cut),
    ] {
        let told = run(&daemon.socket(), &["status"]).failed(69);
        assert!(told.contains(sentence), "{told}");
    }
}

#[test]
fn kept_out_is_77() {
    for words in [&["status"][..], &["events"], &["resume", "intake"], &["order", "o"]] {
        let daemon = Daemon::answering(|_| Reply::Bytes(http(403, &json!({}))));
        assert!(run(&daemon.socket(), words).failed(77).contains("not permitted"));
        let daemon = Daemon::answering(|_| refused(RefusalCode::NotPermitted, "join seckill-ops"));
        assert!(run(&daemon.socket(), words).failed(77).contains("join seckill-ops"));
    }
}

#[test]
fn what_does_not_exist_is_66() {
    for words in [&["order", "o"][..], &["product", "show", "p"]] {
        let daemon = Daemon::answering(|_| refused(RefusalCode::NotFound, "no such thing"));
        let told = run(&daemon.socket(), words).failed(66);
        assert_eq!(told, "seckillctl: refused: no such thing (not_found)\n");
    }
}

#[test]
fn usage_is_64_and_help_is_0() {
    let folder = tempfile::tempdir().unwrap();
    for words in [&["stat"][..], &["status", "--jsno"], &["product"], &["completions", "dos"]] {
        let ran = Ran::of(&seckillctl(folder.path()).args(words).output().unwrap());
        assert!(!ran.failed(64).is_empty(), "{words:?}");
    }
    for word in ["--help", "--version", "help"] {
        let ran = Ran::of(&seckillctl(folder.path()).arg(word).output().unwrap());
        assert!(!ran.fine().is_empty());
    }
    let help = Ran::of(&seckillctl(folder.path()).arg("--help").output().unwrap()).fine();
    for code in [0, 1, 64, 65, 66, 69, 70, 74, 75, 77] {
        assert!(help.contains(&format!("\n  {code:<2}  ")), "the help lacks exit code {code}");
    }
}

#[test]
fn no_verb_without_a_terminal_is_status() {
    let daemon = Daemon::always(snapshot());
    let status = run(&daemon.socket(), &["status"]).fine();
    assert_eq!(run(&daemon.socket(), &[]).fine(), status);
}

#[test]
fn the_socket_is_found_by_the_variable() {
    let daemon = Daemon::always(config());
    let folder = tempfile::tempdir().unwrap();
    let mut command = seckillctl(folder.path());
    command.arg("config").env("SECKILLCTL_SOCKET", daemon.socket());
    assert!(Ran::of(&command.output().unwrap()).fine().starts_with("KEY"));
}

#[test]
fn several_daemons_are_64_with_their_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let places = ["seckill-data", "run/seckill"].map(|place| folder.path().join(place));
    let listeners = places.each_ref().map(|place| {
        std::fs::create_dir_all(place).unwrap();
        UnixListener::bind(place.join("admin.sock")).unwrap()
    });
    let mut command = seckillctl(folder.path());
    command.arg("status").env("XDG_RUNTIME_DIR", folder.path().join("run"));
    let told = Ran::of(&command.output().unwrap()).failed(64);
    assert!(told.contains("name one with --socket"), "{told}");
    assert!(told.contains("run/seckill/admin.sock, ./seckill-data/admin.sock"), "{told}");
    drop(listeners);
}

#[test]
fn a_closed_pipe_is_quiet() {
    let daemon = Daemon::always(snapshot());
    for words in [&["status"][..], &["status", "--json"], &["completions", "bash"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = Ran::of(&at(&daemon.socket(), words).stdout(writer).output().unwrap());
        assert_eq!((ran.code, ran.told.as_str()), (0, ""));
    }
}

#[test]
fn what_can_not_be_written_is_74() {
    let daemon = Daemon::always(snapshot());
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ran = Ran::of(&at(&daemon.socket(), &["status"]).stdout(full).output().unwrap());
    assert!(ran.failed(74).contains("cannot write"));
}

#[test]
fn completions_need_no_daemon() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran =
            Ran::of(&seckillctl(folder.path()).args(["completions", shell]).output().unwrap());
        let script = ran.fine();
        assert!(script.contains("dead-letters") && script.contains("if-version"), "{shell}");
    }
}

#[test]
fn with_json_an_error_is_json_as_well() {
    let line = |ran: Ran| {
        assert_eq!(ran.out, "");
        let last = ran.told.lines().last().unwrap().to_owned();
        let error: Value = serde_json::from_str(&last).unwrap();
        assert_eq!(error["exit"], ran.code, "{last}");
        (ran.code, error)
    };
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent.sock");
    let (code, error) = line(run(&absent, &["orders", "--json"]));
    assert_eq!((code, &error["code"]), (69, &json!("unreachable")));
    assert!(error["msg"].as_str().unwrap().contains("no such socket"), "{error}");
    for words in [&["order", "x", "--json"][..], &["product", "show", "x", "--json"]] {
        let daemon = Daemon::answering(|_| {
            let mut refusal = Refusal::new(RefusalCode::NotFound, "no\u{202e} such thing");
            refusal.data = json!({ "unlisted": [] });
            Reply::Json(404, json!(refusal))
        });
        let ran = run(&daemon.socket(), words);
        assert!(ran.told.contains(r"no\u202e such"), "{}", ran.told);
        let (code, error) = line(ran);
        assert_eq!((code, &error["code"]), (66, &json!("not_found")));
        assert_eq!(error["data"], json!({ "unlisted": [] }));
    }
    let (code, error) = line(run(&absent, &["orders", "--state", "lost", "--json"]));
    assert_eq!((code, &error["code"]), (64, &json!("usage")));
    assert!(error["msg"].as_str().unwrap().starts_with("invalid value 'lost'"), "{error}");
    let (code, error) = line(run(&absent, &["shutdown", "--json"]));
    assert_eq!((code, &error["code"]), (64, &json!("needs_yes")));
    // Without it an error is a sentence, and moves no terminal either.
    let daemon = Daemon::answering(|_| refused(RefusalCode::NotFound, "no\u{202e} such \u{1b}[2J"));
    let told = run(&daemon.socket(), &["order", "x"]).failed(66);
    assert_eq!(told, "seckillctl: refused: no\u{fffd} such \u{fffd}[2J (not_found)\n");
}

#[test]
fn several_orders_that_fit_are_64_and_named() {
    let daemon = Daemon::answering(|_| refused(RefusalCode::Ambiguous, "\"7d\" begins 7d1, 7d2"));
    let told = run(&daemon.socket(), &["order", "7d"]).failed(64);
    assert!(told.contains("begins 7d1, 7d2"), "{told}");
}
