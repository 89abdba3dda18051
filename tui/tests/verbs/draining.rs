//! `drain --wait`: stays until every order is decided, over a restart, and says how it ended.

use std::sync::Mutex;
use std::time::Instant;

use protocol::{Controls, DrainView, Snapshot};
use serde_json::Value;

use crate::daemon::{Daemon, Reply, ok};
use crate::fixtures::{NOW, done, snapshot};
use crate::program::run;

fn state(lag: Option<u64>, held: u64, letters: u64) -> Snapshot {
    let mut state = snapshot();
    state.controls.drain = Some(DrainView { since: NOW, drained: lag == Some(0) });
    (state.queue.lag_messages, state.queue.dead_letters) = (lag, Some(letters));
    state.products[0].held = Some(held);
    state
}

/// A daemon whose states come one after the other, and then stay; `None` is one that is away.
fn draining(states: impl IntoIterator<Item = Option<Snapshot>>) -> Daemon {
    let states: Vec<_> = states.into_iter().collect();
    let looks = Mutex::new(0);
    Daemon::answering(move |request| {
        if request.line == "POST /v1/drain" {
            return ok(done(Controls::default()));
        }
        assert_eq!(request.line, "GET /v1/status");
        let mut look = looks.lock().unwrap();
        let state = &states[(*look).min(states.len() - 1)];
        *look += 1;
        state.as_ref().map_or(Reply::Cut, ok)
    })
}

#[test]
fn it_waits_until_nothing_is_undecided() {
    let states = [state(Some(3), 3, 0), state(None, 2, 0), state(Some(0), 1, 0)];
    let mut states: Vec<_> = states.into_iter().map(Some).collect();
    // It restarts in between.
    states.insert(1, None);
    states.push(Some(state(Some(0), 0, 0)));
    let daemon = draining(states);
    let ran = run(&daemon.socket(), &["drain", "--yes", "--wait", "--timeout", "60"]);
    assert_eq!(ran.code, 0, "{}", ran.told);
    assert!(
        ran.out.ends_with("drained: nothing waits, and every order is decided\n"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("DRAINED, asked for at"), "{}", ran.out);
    assert!(ran.told.starts_with("seckillctl: draining: 3 waiting, 3 undecided"), "{}", ran.told);
    assert_eq!(daemon.lines().len(), 6);

    let daemon = draining([Some(state(Some(0), 0, 0))]);
    let json = run(&daemon.socket(), &["drain", "--yes", "--wait", "--json"]).fine();
    let document: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(document["left"]["waiting"], 0);
    assert_eq!(document["state"]["drain"]["drained"], true);
    assert_eq!(document["request_id"], "r1");
}

#[test]
fn dead_letters_are_not_decided() {
    let daemon = draining([Some(state(Some(0), 2, 2))]);
    let ran = run(&daemon.socket(), &["drain", "--yes", "--wait"]);
    assert_eq!(ran.code, 1, "{}", ran.told);
    assert!(ran.out.contains("NOT ALL DECIDED: 2 dead letters left"), "{}", ran.out);
}

#[test]
fn it_gives_up_in_time_and_when_somebody_undoes_it() {
    let daemon = draining([Some(state(Some(7), 7, 0))]);
    let begun = Instant::now();
    let ran = run(&daemon.socket(), &["drain", "--yes", "--wait", "--timeout", "1", "--json"]);
    assert!(1 <= begun.elapsed().as_secs());
    assert_eq!((ran.code, ran.out.as_str()), (75, ""));
    let error: Value = serde_json::from_str(ran.told.lines().last().unwrap()).unwrap();
    assert_eq!(error["code"], "not_drained");
    assert!(error["msg"].as_str().unwrap().contains("within 1 s: 7 waiting, 7 undecided"));

    let undone = snapshot();
    let daemon = draining([Some(state(Some(7), 7, 0)), Some(undone)]);
    let ran = run(&daemon.socket(), &["drain", "--yes", "--wait"]);
    assert!(ran.code == 65 && ran.told.contains("the drain was undone"), "{}", ran.told);
    assert!(run(&daemon.socket(), &["drain", "--timeout", "5"]).failed(64).contains("--wait"));
}
