//! Whole sessions: keys through the real loop and the real link, against a daemon that is none.

use std::time::Instant;

use crossterm::event::Event;
use protocol::{EpochMs, Phase, RefusalCode, Snapshot};
use serde_json::json;

use super::fake::Mood;
use super::fixtures::{AT, onlooker, operator, sale};
use super::stage::Stage;

#[tokio::test]
async fn intake_is_paused_and_resumed_by_key() {
    let mut stage = Stage::open(sale(), operator()).await;
    stage.see("✓ open").await;
    stage.press("P").await;
    stage.see("Pause intake of seckilld?").await;
    stage.rest().await;
    stage.press("y").await;
    stage.see("INTAKE PAUSED").await;
    stage.see("✓ done: pause intake (no. 17 in the audit log)").await;
    let commands = stage.fake.commands(1).await;
    let expected = (
        "/v1/intake/pause".to_owned(),
        json!({ "request_id": "console-test-1", "if_generation": 4 }),
    );
    assert_eq!(commands, [expected]);
    stage.press("P").await;
    stage.see("Resume intake of seckilld?").await;
    stage.rest().await;
    stage.press("y").await;
    stage.see("✓ open").await;
    let commands = stage.fake.commands(2).await;
    let expected = (
        "/v1/intake/resume".to_owned(),
        json!({ "request_id": "console-test-2", "if_generation": 4 }),
    );
    assert_eq!(commands[1], expected);
}

#[tokio::test]
async fn the_daemon_is_killed_and_comes_back_as_another() {
    let mut stage = Stage::open(sale(), operator()).await;
    stage.see("connected").await;
    stage.fake.kill();
    let screen = stage.see("NO CONNECTION").await;
    assert!(screen.contains("pid_0001"), "the data stays:\n{screen}");
    let mut restarted = Snapshot { pid: 4_712, started_at: AT, uptime_s: 3, ..sale() };
    restarted.products[0].sold = 47_777;
    stage.fake.restart(restarted);
    stage.see("47,777").await;
    stage.miss("NO CONNECTION").await;
    stage.press("6").await;
    stage.see("connected again; the daemon was restarted").await;
    stage.fake.change(|state| state.phase = Phase::Stopping);
    stage.see("· stopping ·").await;
}

#[tokio::test]
async fn a_refusal_is_shown_and_kept() {
    let mut stage = Stage::open(sale(), operator()).await;
    stage.see("connected").await;
    let why = "you aren't in the group seckill-operators";
    stage.fake.set_mood(Mood::Refuse(RefusalCode::NotPermitted, why));
    stage.press("C").await;
    stage.rest().await;
    stage.press("y").await;
    stage.see(&format!("✗ refused: pause consumption: not permitted: {why}")).await;
    stage.press("6").await;
    let screen = stage.see("newest last").await;
    assert!(screen.contains("refused: pause consumption"), "{screen}");
}

#[tokio::test]
async fn who_may_only_look_is_told_and_sends_nothing() {
    let mut stage = Stage::open(sale(), onlooker()).await;
    stage.see("view only").await;
    stage.press("P").await;
    stage.see("▲ you aren't in the group seckill-operators").await;
    assert_eq!(stage.fake.commands(0).await, []);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_and_done_once() {
    let mut stage = Stage::open(sale(), operator()).await;
    stage.see("connected").await;
    stage.fake.set_mood(Mood::CutOff);
    stage.press("A50<Enter>more came<Enter>").await;
    stage.see("Add 50 units to pid_0001?").await;
    stage.rest().await;
    stage.press("y").await;
    stage.see("No answer. Ask again?").await;
    stage.rest().await;
    stage.press("y").await;
    stage.see("✓ done: add 50 units to pid_0001").await;
    let commands = stage.fake.commands(2).await;
    assert_eq!(commands[0], commands[1], "the same number, so that it is done once");
    assert_eq!(commands[0].0, "/v1/products/pid_0001/stock");
    assert_eq!(
        commands[0].1,
        json!({ "request_id": "console-test-1", "reason": "more came", "delta": 50 })
    );
}

#[tokio::test]
async fn a_lost_line_is_noticed_and_the_state_fetched_anew() {
    let mut stage = Stage::open(sale(), operator()).await;
    stage.see("connected").await;
    stage.fake.lose_a_line();
    stage.fake.change(|state| state.products[0].sold = 48_888);
    stage.see("48,888").await;
    stage.see("subscribed anew: change 2 was due and 3 came").await;
}

#[tokio::test]
async fn orders_are_looked_through() {
    let mut stage = Stage::open(sale(), operator()).await;
    stage.press("3").await;
    stage.see("152****1001").await;
    stage.press("<Enter>").await;
    let screen = stage.see("it got a unit of pid_0001").await;
    assert!(!screen.contains("15200001001"));
    stage.press("p").await;
    stage.see("15200001001").await;
    stage.press("y").await;
    stage.press("q/state:sold<Enter>").await;
    stage.see("\"sold\" is no state").await;
    stage.press("<Esc>/failed<Enter>").await;
    stage.see("state failed").await;
    stage.see("152****1001").await;
    let asked = stage.fake.asked();
    assert!(asked.contains(&"/v1/orders?limit=100&state=failed".to_owned()), "{asked:?}");
    stage.press("<C-c>").await;
    let calls = stage.calls.clone();
    stage.over().await;
    assert_eq!(calls.copied.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_dead_letter_is_discarded_with_a_reason() {
    let mut stage = Stage::open(sale(), operator()).await;
    stage.press("4").await;
    stage.see("unknown product").await;
    stage.press("jXpoison<Enter>").await;
    stage.see("Discard dead letter 9?").await;
    stage.rest().await;
    stage.press("<Tab>").await;
    stage.see("wait a moment").await;
    stage.rest().await;
    stage.press("<Enter>").await;
    stage.see("✓ done: discard dead letter 9").await;
    let commands = stage.fake.commands(1).await;
    assert_eq!(commands[0].0, "/v1/dead-letters/9/discard");
}

#[tokio::test]
async fn nothing_is_drawn_while_nothing_happens() {
    let mut stage = Stage::open(sale(), operator()).await;
    stage.see("connected").await;
    stage.press("6").await;
    stage.see("newest last").await;
    let before = stage.written();
    // Changes that this screen doesn't show, and keys without a meaning, come through the whole
    // loop; the first that can be seen is drawn, once.
    for second in 1..=3 {
        stage.fake.change(|state| {
            state.at = EpochMs(AT.0 + second * 1_000);
            state.store.commits += 1;
        });
        stage.press("z").await;
    }
    stage.fake.change(|state| state.phase = Phase::Stopping);
    stage.see("· stopping ·").await;
    assert_eq!(stage.written(), before + 1);
}

#[tokio::test]
async fn ctrl_z_suspends_and_everything_is_drawn_again() {
    let mut stage = Stage::open(sale(), operator()).await;
    stage.see("connected").await;
    let before = stage.written();
    stage.press("<C-z>").await;
    stage.drawn_more_than(before).await;
    assert_eq!(stage.calls.suspended.load(std::sync::atomic::Ordering::SeqCst), 1);
    stage.see("pid_0001").await;
    // A question that was left for the shell is looked at again.
    stage.press("P").await;
    stage.see("Pause intake of seckilld?").await;
    stage.rest().await;
    stage.press("<C-z>y").await;
    stage.see("a key came too soon").await;
    assert_eq!(stage.fake.commands(0).await, []);
}

#[tokio::test]
async fn it_ends_by_key_by_signal_and_with_the_terminal() {
    let stage = Stage::open(sale(), operator()).await;
    stage.press("?q?").await;
    stage.press("<Esc>q").await;
    stage.over().await;
    let mut stage = Stage::open(sale(), operator()).await;
    stage.press("D").await;
    stage.signal();
    stage.over().await;
    let stage = Stage::open(sale(), operator()).await;
    stage.hang_up().over().await;
}

#[tokio::test]
async fn other_events_of_a_terminal_do_no_harm() {
    let mut stage = Stage::open(sale(), operator()).await;
    stage.send(Event::Resize(120, 40)).await;
    stage.send(Event::FocusLost).await;
    stage.press("2/").await;
    stage.send(Event::Paste("华为".to_owned())).await;
    stage.press("<Enter>").await;
    stage.see("1 of 3").await;
}

#[tokio::test]
async fn a_panic_of_the_link_is_a_panic_of_the_console() {
    let stage = Stage::open_over(sale(), operator(), |link| {
        link.task.abort();
        link.task = tokio::spawn(async { panic!("as the test wants it") });
    });
    assert!(stage.await.panicked().await);
}

#[tokio::test]
async fn a_storm_of_changes_is_drawn_thirty_times_a_second_at_most() {
    let mut stage = Stage::open(sale(), operator()).await;
    stage.see("connected").await;
    let (before, begin) = (stage.written(), Instant::now());
    for sold in 60_000..60_500 {
        stage.fake.change(|state| state.products[0].sold = sold);
        tokio::task::yield_now().await;
    }
    stage.see("60,499").await;
    let frames = begin.elapsed().as_millis() / 33 + 2;
    let drawn = u128::try_from(stage.written() - before).unwrap();
    assert!(drawn <= frames, "{drawn} drawings where {frames} are allowed");
}
