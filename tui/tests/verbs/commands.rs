//! Commands: what is sent, what is printed, what a refusal ends with, and that a lost answer is
//! asked for again under the same number.

use protocol::{
    ConfigChange, Controls, EpochMs, LogLevelState, Phase, RefusalCode, ReloadState, ResentState,
    ShutdownState, SwitchView,
};
use serde_json::{Value, json};

use crate::daemon::{Daemon, Reply, Request, ok};
use crate::fixtures::{NOW, dead_letter, done, of_a_later_version, product, refused};
use crate::program::run;

fn controls() -> Controls {
    let paused = SwitchView {
        paused: true,
        since: Some(NOW),
        by: Some("root".to_owned()),
        reason: Some("broker maintenance".to_owned()),
    };
    Controls {
        intake: Some(paused),
        consumption: Some(SwitchView::default()),
        ..Controls::default()
    }
}

/// Gives a command as a script would, and returns what was sent (its number taken out) and printed.
fn sent_and_printed(words: &[&str], state: impl serde::Serialize) -> (String, Value, String) {
    let document = of_a_later_version(done(state));
    let daemon = Daemon::always(&document);
    let json = run(&daemon.socket(), &[words, &["--yes", "--json"]].concat()).fine();
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), document);
    let table = run(&daemon.socket(), &[words, &["--yes"]].concat()).fine();
    let [first, mut second] = <[Request; 2]>::try_from(daemon.asked()).unwrap();
    let number = |request: &Request| request.body["request_id"].as_str().unwrap().to_owned();
    assert_ne!(number(&first), number(&second), "each command has a number of its own");
    assert_eq!(first.line, second.line);
    second.body.as_object_mut().unwrap().remove("request_id");
    (second.line, second.body, table)
}

#[test]
fn pause_and_resume_are_four_commands() {
    let expected = "\
intake       PAUSED since 2026-11-23 14:28:20Z by root: broker maintenance
consumption  on
drain        no
";
    for verb in ["pause", "resume"] {
        for what in ["intake", "consumption"] {
            let words = [verb, what, "--reason", "broker maintenance"];
            let (line, body, table) = sent_and_printed(&words, controls());
            assert_eq!(line, format!("POST /v1/{what}/{verb}"));
            assert_eq!(body, json!({ "reason": "broker maintenance" }));
            assert_eq!(table, expected);
        }
    }
}

#[test]
fn drain() {
    let (line, body, table) = sent_and_printed(&["drain"], controls());
    assert_eq!((line.as_str(), body), ("POST /v1/drain", json!({})));
    assert!(table.starts_with("intake       PAUSED"), "{table}");
}

#[test]
fn product_add() {
    let words = ["product", "add", "p 1", "--name", "华为", "--price", "5999", "--stock", "7"];
    let (line, body, table) = sent_and_printed(&words, product());
    let mut sent = json!({
        "prod_id": "p 1", "prod_name": "华为", "price": "5999.000", "stock": 7, "on_shelf": false,
        "opens_at": null, "closes_at": null, "preheat_ratio": "1.000",
    });
    assert_eq!((line.as_str(), &body), ("POST /v1/products", &sent));
    assert!(table.starts_with("PRODUCT   NAME"), "{table}");
    let words = [&words[..], &["--on-shelf", "--reason", "r"]].concat();
    let (_, body, _) = sent_and_printed(&words, product());
    sent["on_shelf"] = true.into();
    sent["reason"] = "r".into();
    assert_eq!(body, sent);
}

#[test]
fn product_stock_is_a_difference() {
    for (text, delta) in [("+50", 50), ("-50", -50)] {
        let words = ["product", "stock", "p/1", text, "--reason", "recount"];
        let (line, body, table) = sent_and_printed(&words, product());
        assert_eq!(line, "POST /v1/products/p%2F1/stock");
        assert_eq!(body, json!({ "reason": "recount", "delta": delta }));
        assert!(table.contains("\npid_0001"), "{table}");
    }
    let words = ["product", "stock", "p", "+1", "--reason", "r", "--if-version", "9"];
    assert_eq!(sent_and_printed(&words, product()).1["if_version"], 9);
}

#[test]
fn product_shelf() {
    for (text, on_shelf) in [("on", true), ("off", false)] {
        let words = ["product", "shelf", "p1", text, "--if-version", "40"];
        let (line, body, _) = sent_and_printed(&words, product());
        assert_eq!(line, "POST /v1/products/p1/shelf");
        assert_eq!(body, json!({ "on_shelf": on_shelf, "if_version": 40 }));
    }
}

#[test]
fn product_price() {
    let words = ["product", "price", "p/1", "1290", "--reason", "a typo", "--if-version", "40"];
    let (line, body, table) = sent_and_printed(&words, product());
    assert_eq!(line, "POST /v1/products/p%2F1/price");
    assert_eq!(body, json!({ "reason": "a typo", "price": "1290.000", "if_version": 40 }));
    assert!(table.contains("\npid_0001"), "{table}");
}

#[test]
fn product_set() {
    let words = ["product", "set", "p/1", "--price", "1290", "--shelf", "off"];
    let more = ["--if-terms-version", "2", "--reason", "a typo"];
    let (line, body, table) = sent_and_printed(&[&words[..], &more].concat(), product());
    assert_eq!(line, "PATCH /v1/products/p%2F1");
    let sent = json!({
        "price": "1290.000", "on_shelf": false, "if_terms_version": 2, "reason": "a typo",
    });
    assert_eq!(body, sent);
    assert!(table.contains("\npid_0001"), "{table}");
    let (_, body, _) = sent_and_printed(&["product", "set", "p", "--shelf", "on"], product());
    assert_eq!(body, json!({ "on_shelf": true }));
}

#[test]
fn dead_letters() {
    let resent = ResentState { resent: 3, left: 1, over_ms: 1_500 };
    let (line, body, table) = sent_and_printed(&["dead-letters", "resend", "7"], resent);
    assert_eq!((line.as_str(), body), ("POST /v1/dead-letters/7/resend", json!({})));
    assert_eq!(table, "resent 3 over 1.5 s, left 1\n");
    let words = ["dead-letters", "resend", "--all", "--per-s", "20"];
    let (line, body, _) = sent_and_printed(&words, resent);
    assert_eq!((line.as_str(), body), ("POST /v1/dead-letters/resend", json!({ "per_s": 20 })));
    let words = ["dead-letters", "discard", "7", "--reason", "a test order"];
    let (line, body, table) = sent_and_printed(&words, dead_letter(7, Some("order-1")));
    let reason = json!({ "reason": "a test order" });
    assert_eq!((line.as_str(), body), ("POST /v1/dead-letters/7/discard", reason));
    assert_eq!(table, "discarded dead letter 7, order order-1\n");
}

#[test]
fn log_level_and_shutdown() {
    let state = LogLevelState { level: "debug".to_owned() };
    let (line, body, table) = sent_and_printed(&["log-level", "debug"], state);
    assert_eq!((line.as_str(), body), ("POST /v1/log-level", json!({ "level": "debug" })));
    assert_eq!(table, "debug\n");
    let state = ShutdownState { phase: Phase::Stopping };
    let (line, body, table) = sent_and_printed(&["shutdown", "--reason", "move"], state);
    assert_eq!((line.as_str(), body), ("POST /v1/shutdown", json!({ "reason": "move" })));
    assert_eq!(table, "stopping\n");
}

#[test]
fn what_is_amiss_on_the_command_line_reaches_no_daemon() {
    let daemon = Daemon::always(done(controls()));
    for words in [
        &["product", "stock", "p", "50", "--reason", "r"][..],
        &["product", "stock", "p", "+50"],
        &["product", "stock", "", "+50", "--reason", "r"],
        &["product", "add", "p", "--name", "n", "--price", "1e3", "--stock", "1"],
        &["product", "add", "p", "--name", "n", "--price", "1", "--stock", "-1"],
        &["product", "set", "p"],
        &["product", "set", "p", "--price", "1e3"],
        &["product", "set", "p", "--shelf", "yes"],
        &["product", "shelf", "p", "maybe"],
        &["dead-letters", "resend"],
        &["dead-letters", "resend", "7", "--all"],
        &["dead-letters", "resend", "7", "--per-s", "5"],
        &["dead-letters", "discard", "7"],
        &["pause"],
        &["pause", "everything"],
        &["resume", "intake", "--request-id", "a b"],
        &["orders", "--limit", "0"],
        &["orders", "--limit", "5", "--all"],
    ] {
        let told = run(&daemon.socket(), words).failed(64);
        assert!(told.contains("error: "), "{words:?}: {told}");
    }
    assert!(daemon.asked().is_empty());
}

#[test]
fn each_refusal_is_told_and_has_its_exit() {
    for (code, exit) in [
        (RefusalCode::BadRequest, 64),
        (RefusalCode::StaleVersion, 65),
        (RefusalCode::ProductExists, 65),
        (RefusalCode::NotEnoughStock, 65),
        (RefusalCode::WrongRole, 65),
        (RefusalCode::NotFound, 66),
        (RefusalCode::Internal, 70),
        (RefusalCode::Stopping, 75),
        (RefusalCode::StoreFailed, 75),
    ] {
        let daemon = Daemon::answering(move |_| refused(code, "the version is 41"));
        let words = ["product", "stock", "p", "+1", "--reason", "r", "--json"];
        let told = run(&daemon.socket(), &words[..6]).failed(exit);
        let sentence = format!("seckillctl: refused: the version is 41 ({})\n", code.as_str());
        assert_eq!(told, sentence);
        assert_eq!(daemon.asked().len(), 1, "{code:?} is a decision, and isn't asked for again");
        let told = run(&daemon.socket(), &words).failed(exit);
        let error: Value = serde_json::from_str(&told).unwrap();
        let (code, msg) = (code.as_str(), "the version is 41");
        assert_eq!(error, json!({ "code": code, "msg": msg, "data": null, "exit": exit }));
    }
    let daemon =
        Daemon::answering(|_| refused(RefusalCode::NotPermitted, "join group seckill-ops"));
    let told = run(&daemon.socket(), &["resume", "intake"]).failed(77);
    assert!(told.contains("not permitted: join group seckill-ops"), "{told}");
}

fn numbers(daemon: &Daemon) -> Vec<String> {
    let number = |request: Request| request.body["request_id"].as_str().unwrap().to_owned();
    daemon.asked().into_iter().map(number).collect()
}

#[test]
fn a_lost_answer_is_asked_for_again_under_the_same_number() {
    let late = refused(RefusalCode::TimedOut, "not done within 5 s");
    let daemon = Daemon::in_turn([Reply::Cut, late, ok(done(product()))]);
    let ran = run(&daemon.socket(), &["product", "stock", "p", "+50", "--reason", "r"]);
    assert_eq!(ran.code, 0, "{}", ran.told);
    let numbers = numbers(&daemon);
    assert_eq!(numbers, vec![numbers[0].clone(); 3]);
    let again = format!("asking again with the same request id {}", numbers[0]);
    assert_eq!(ran.told.matches(&again).count(), 2, "{}", ran.told);
}

/// This takes as long as the program's patience: 7 seconds.
#[test]
fn an_answer_that_does_not_come_in_time_is_a_lost_one() {
    let daemon = Daemon::in_turn([Reply::Silence, ok(done(product()))]);
    let ran = run(&daemon.socket(), &["product", "stock", "p", "+50", "--reason", "r"]);
    assert_eq!((ran.code, daemon.asked().len()), (0, 2), "{}", ran.told);
    let numbers = numbers(&daemon);
    assert_eq!(numbers[0], numbers[1]);
    assert!(ran.told.contains("the daemon doesn't answer within 7 seconds; asking again"));
}

#[test]
fn an_answer_that_stays_lost_is_given_up_with_its_number() {
    let daemon = Daemon::in_turn([]);
    let words = ["resume", "intake", "--request-id", "mine-1"];
    let told = run(&daemon.socket(), &words).failed(69);
    assert_eq!(numbers(&daemon), ["mine-1"; 4]);
    assert!(told.contains("isn't known; give it again with --request-id mine-1"), "{told}");
}

#[test]
fn a_decision_after_a_lost_answer_is_the_answer() {
    let daemon = Daemon::in_turn([Reply::Cut, refused(RefusalCode::Stopping, "stopping")]);
    let ran = run(&daemon.socket(), &["resume", "intake"]);
    assert_eq!((ran.code, daemon.asked().len()), (75, 2), "{}", ran.told);
}

#[test]
fn a_command_that_was_never_sent_is_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let told = run(&folder.path().join("absent.sock"), &["resume", "intake"]).failed(69);
    assert!(!told.contains("again"), "{told}");
    assert!(
        told.contains("no such socket; is seckilld running? Start it with `seckilld`"),
        "{told}"
    );
}

#[test]
fn a_question_is_not_repeated() {
    let daemon = Daemon::in_turn([]);
    run(&daemon.socket(), &["products"]).failed(69);
    assert_eq!(daemon.asked().len(), 1);
}

#[test]
fn times_are_utc() {
    let mut state = controls();
    state.intake.as_mut().unwrap().since = Some(EpochMs(0));
    let daemon = Daemon::always(done(state));
    let table = run(&daemon.socket(), &["resume", "intake"]).fine();
    assert!(table.contains("since 1970-01-01 00:00:00Z by root"), "{table}");
}

#[test]
fn a_reload_prints_what_changed_or_that_nothing_did() {
    let change = |key: &str, before: Value, after: Value, note: Option<&str>| ConfigChange {
        key: key.to_owned(),
        before,
        after,
        source: "file own.toml".to_owned(),
        note: note.map(str::to_owned),
    };
    let path = || json!("/etc/seckill/secret");
    let state = ReloadState {
        generation: 3,
        changed: vec![
            change("log.level", json!("info"), json!("debug"), None),
            change("rocketmq.secret_key_file", path(), path(), Some("it holds something else")),
            change("products", json!([{"prod_id": "a"}]), json!([{}, {}]), None),
        ],
        products_added: vec!["pid_0009".into()],
        notes: vec!["pid_0001 exists and keeps what the database has".to_owned()],
    };
    let (line, body, table) = sent_and_printed(&["reload", "--reason", "rotation"], state);
    assert_eq!((line.as_str(), body), ("POST /v1/reload", json!({ "reason": "rotation" })));
    assert_eq!(table, include_str!("golden/reload.txt"));
    let nothing = ReloadState {
        generation: 3,
        changed: Vec::new(),
        products_added: Vec::new(),
        notes: Vec::new(),
    };
    let (.., table) = sent_and_printed(&["reload"], nothing);
    assert_eq!(table, "nothing changed, generation 3 stays in force\n");
}

#[test]
fn a_refused_reload_names_what_refuses() {
    for code in [RefusalCode::RestartNeeded, RefusalCode::ConfigFaulty] {
        let daemon =
            Daemon::answering(move |_| refused(code, "nothing was changed: a\n  b: 1 → 2"));
        let told = run(&daemon.socket(), &["reload"]).failed(65);
        assert!(told.contains("refused: nothing was changed: a\n  b: 1 → 2"), "{told}");
    }
}
