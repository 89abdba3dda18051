//! An answer is pressed as one: what comes too soon, with others, or from a paste confirms nothing.

use std::time::Duration;

use crossterm::event::Event;

use super::acting::{change, commands, console, drained, strike, switched};
use super::fixtures::{
    drawn, keys, lines_of, operator, pass, press, press_at_once, rest, sale, settle,
};
use crate::console::model::{ALONE, Dropped, Model, Patience, QUIET, Subject};
use crate::console::msg::{CommandEnd, Msg};
use crate::console::update::update;

/// A paste comes bracketed, or as keys.
#[test]
fn what_is_pasted_confirms_nothing() {
    for text in ["Py", "P<Enter>", "P<Tab><Enter>", "Pyyyyyyyyyyyyyyyy", "Dseckilld<Enter>", "Sy"] {
        let mut model = console(sale());
        assert_eq!(commands(press_at_once(&mut model, text)), [], "{text}");
        let screen = lines_of(&drawn(&model, 120, 40));
        assert!(screen.contains("a key came too soon: it was dropped"), "{text}:\n{screen}");
    }
    for text in ["y", "\n", "seckilld\n", "y\ny\n"] {
        for question in ["P", "D"] {
            let mut model = console(sale());
            press(&mut model, question);
            rest(&mut model);
            assert_eq!(update(&mut model, Msg::Paste(text.to_owned())), [], "{text:?}");
            let dropped = (question == "P").then_some(Dropped::Pasted);
            assert_eq!(model.question().unwrap().dropped, dropped, "{text:?}");
            assert_eq!(commands(press_at_once(&mut model, "<Enter>")), [], "{text:?}");
            assert_eq!(model.popups.len(), 1, "{text:?}");
        }
    }
    // A name that is pasted is typed, and Enter is pressed by hand.
    let mut model = console(sale());
    press(&mut model, "D");
    rest(&mut model);
    update(&mut model, Msg::Paste("seckilld\n".to_owned()));
    assert_eq!(commands(press(&mut model, "<Enter>")).len(), 1);
}

/// A paste that comes as keys begins like an answer; an answer stays alone.
#[test]
fn an_answer_that_others_follow_at_once_is_none() {
    for (asked, text) in [
        ("P", "yes please"),
        ("P", "y<Enter>"),
        ("P", "yy"),
        ("P", "yn"),
        ("P", "y<Esc>q"),
        ("P", "<Tab>y"),
        ("Dseckilld", "<Enter>x"),
        ("Dseckilld", "<Enter><Enter>"),
    ] {
        let mut model = console(sale());
        press(&mut model, asked);
        rest(&mut model);
        assert_eq!(commands(press_at_once(&mut model, text)), [], "{asked} {text}");
        let screen = lines_of(&drawn(&model, 120, 40));
        let told = match text {
            "<Tab>y" => "a key came too soon: it was dropped; wait a moment",
            _ => "the answer didn't come alone: it was dropped; wait a moment",
        };
        assert!(screen.contains(told), "{asked} {text}:\n{screen}");
        rest(&mut model);
        assert_eq!(settle(&mut model), [], "{asked} {text}: nothing comes of it later");
        let answer = if asked == "P" { "y" } else { "<C-u>seckilld<Enter>" };
        assert_eq!(commands(press(&mut model, answer)).len(), 1, "{asked} {text}");
    }
    for text in ["y", "y\n"] {
        let mut model = console(sale());
        press(&mut model, "P");
        rest(&mut model);
        assert_eq!(update(&mut model, Msg::Key(keys("y")[0])), []);
        assert_eq!(update(&mut model, Msg::Paste(text.to_owned())), []);
        assert_eq!(settle(&mut model), [], "a paste follows as well");
    }
}

/// What becomes of the question while its answer is looked at becomes of the answer.
#[test]
fn an_answer_goes_with_its_question() {
    let answered = || {
        let mut model = console(sale());
        press(&mut model, "P");
        rest(&mut model);
        assert_eq!(update(&mut model, Msg::Key(keys("y")[0])), []);
        assert_eq!(model.rest_at(), Some(model.now + ALONE));
        model
    };
    let later = |model: &mut Model| {
        pass(model, ALONE);
        update(model, Msg::Tick)
    };
    let mut model = answered();
    pass(&mut model, ALONE - Duration::from_millis(1));
    assert_eq!(update(&mut model, Msg::Tick), []);
    assert_eq!(commands(later(&mut model)).len(), 1);
    let mut model = answered();
    change(&mut model, switched(true));
    assert_eq!(later(&mut model), [], "withdrawn");
    let mut model = answered();
    update(&mut model, Msg::Resized);
    drawn(&model, 120, 40);
    assert_eq!(later(&mut model), [], "out of sight");
    assert_eq!(model.question().unwrap().dropped, Some(Dropped::NotAlone));
    for end in ["<C-c>", "<C-z>"] {
        let mut model = answered();
        assert_eq!(update(&mut model, Msg::Key(keys(end)[0])).len(), 1, "{end}");
        update(&mut model, Msg::Resized);
        assert_eq!(later(&mut model), [], "{end}");
    }
    let mut model = answered();
    let retry_in = Duration::from_secs(2);
    update(&mut model, Msg::Lost { why: "gone".to_owned(), retry_in });
    assert_eq!(later(&mut model), [], "no connection");
}

/// Over a question another may come by itself; the one below is looked at again.
#[test]
fn a_question_below_another_waits_anew() {
    let mut model = console(sale());
    let command = commands(press(&mut model, "Py")).remove(0);
    press(&mut model, "C");
    rest(&mut model);
    assert_eq!(update(&mut model, Msg::Key(keys("y")[0])), []);
    let outcome = CommandEnd::Unanswered("cut off".to_owned());
    update(&mut model, Msg::Commanded { command: Box::new(command.clone()), outcome });
    pass(&mut model, ALONE);
    assert_eq!(update(&mut model, Msg::Tick), [], "it isn't on top any more");
    assert_eq!(commands(press(&mut model, "y")), [command]);
    assert_eq!(strike(&mut model, "y"), [], "back, but just now");
    assert_eq!(commands(press(&mut model, "y"))[0].path, "/v1/consumption/pause");
}

/// A name is typed as fast as one can; Enter is the answer, and has to come by itself.
#[test]
fn a_name_is_typed_fast_and_taken_slowly() {
    let mut model = console(sale());
    press(&mut model, "D");
    rest(&mut model);
    assert_eq!(press_at_once(&mut model, "seckilld<Enter>"), []);
    let typed = model.question().unwrap().typed.as_ref().unwrap().1.text().to_owned();
    assert_eq!(typed, "seckilld");
    assert_eq!(model.question().unwrap().dropped, Some(Dropped::TooSoon));
    assert_eq!(commands(press(&mut model, "<Enter>")).len(), 1);
}

#[test]
fn a_key_that_comes_too_soon_is_dropped_and_begins_the_wait_anew() {
    let mut model = console(sale());
    press(&mut model, "P");
    update(&mut model, Msg::Tick);
    for _ in 0..20 {
        pass(&mut model, QUIET - Duration::from_millis(1));
        update(&mut model, Msg::Tick);
        assert_eq!(strike(&mut model, "y"), []);
        assert_eq!(model.question().unwrap().dropped, Some(Dropped::TooSoon));
    }
    let at = model.rest_at().unwrap();
    assert_eq!(at - model.now, QUIET);
    pass(&mut model, QUIET);
    update(&mut model, Msg::Tick);
    assert_eq!(model.question().unwrap().patience, Patience::Rested);
    assert_eq!(model.rest_at(), None, "a question at rest sleeps");
    assert_eq!(strike(&mut model, "y").len(), 1);
}

/// Keys may lie unread while the machine stands still: a clock alone proves no rest.
#[test]
fn a_machine_that_stood_still_is_no_operator_who_did() {
    let mut model = console(sale());
    press(&mut model, "P");
    update(&mut model, Msg::Tick);
    pass(&mut model, Duration::from_secs(60));
    assert_eq!(strike(&mut model, "y"), []);
}

/// A lost answer's question comes by itself, perhaps in the midst of typing.
#[test]
fn a_question_that_comes_by_itself_waits_as_well() {
    let mut model = console(sale());
    let command = commands(press(&mut model, "Py")).remove(0);
    press(&mut model, "2<Space>/pid");
    let outcome = CommandEnd::Unanswered("cut off".to_owned());
    update(&mut model, Msg::Commanded { command: Box::new(command.clone()), outcome });
    assert!(model.frozen.is_none(), "freezing ends when a question opens");
    assert_eq!(commands(press_at_once(&mut model, "y<Enter>y")), []);
    assert_eq!(model.question().unwrap().subject, Subject::Repeat);
    assert_eq!(commands(press(&mut model, "y")), [command]);
}

/// The same of the whole loop: keys that come at once from a terminal confirm nothing.
#[tokio::test]
async fn keys_that_come_at_once_confirm_nothing() {
    let mut stage = super::stage::Stage::open(sale(), operator()).await;
    stage.see("connected").await;
    stage.press("Pyyy<Enter>").await;
    stage.see("a key came too soon: it was dropped").await;
    stage.send(Event::Paste("y\n".to_owned())).await;
    stage.press("n").await;
    stage.see("Pause intake of seckilld?").await;
    stage.rest().await;
    stage.press("yes please<Enter>").await;
    stage.see("the answer didn't come alone: it was dropped").await;
    stage.fake.change(drained);
    stage.see("withdrawn, not sent: pause intake: intake is paused by bob").await;
    stage.miss("Pause intake of seckilld?").await;
    assert_eq!(stage.fake.commands(0).await, []);
}
