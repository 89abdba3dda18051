//! A question stands only as long as what it is based on.

use protocol::{Line, Money, Phase, ProductView, Snapshot};

use super::acting::{change, commands, console, drained, switched, toast};
use super::fixtures::{dead_letters, operator, press, rest, sale};
use crate::console::msg::Msg;
use crate::console::update::update;

#[test]
fn a_question_is_withdrawn_when_what_it_shows_has_changed() {
    type Turn = fn(&mut Snapshot);
    let restarted: Turn = |state| state.products.clear();
    let cases: [(&str, Turn, &str); 10] = [
        (
            "P",
            |state| switched(true)(state),
            "intake is paused by bob at 14:28:20Z now, and was open",
        ),
        ("P", drained, "intake is paused by bob"),
        ("C", drained, "intake is paused by bob"),
        ("Dseck", |state| switched(true)(state), "intake is paused by bob"),
        (
            "2S",
            |state| state.products[0].terms.price = Money::from_milli(1_000),
            "the price is 1.000 now",
        ),
        ("2S", |state| state.products[0].terms.on_shelf = false, "its place is off the shelf now"),
        ("2A5<Enter>x<Enter>", |state| state.products[0].added = 50, "units added is +50 now"),
        ("2A5<Enter>x<Enter>", restarted, "isn't there any more"),
        ("4E", |state| state.queue.dead_letters = Some(0), "dead letters is empty now"),
        ("Ldebug<Enter>", |state| state.log_level = "trace".to_owned(), "log level is trace now"),
    ];
    for (keys, turn, why) in cases {
        let mut model = console(sale());
        press(&mut model, keys);
        rest(&mut model);
        assert!(model.question().is_some(), "{keys}");
        change(&mut model, turn);
        assert!(model.popups.is_empty(), "{keys}");
        let told = toast(&model).to_owned();
        assert!(told.starts_with("withdrawn, not sent: ") && told.contains(why), "{keys}: {told}");
        assert!(model.notes.back().unwrap().text.contains(why), "kept in the events");
        assert_eq!(press(&mut model, "yq<Enter>"), [], "{keys}: keys that were meant for it");
    }
}

/// The example of the whole kind: `Resume?` stands open, somebody begins to drain, and Yes would
/// cancel the drain.
#[test]
fn the_opposite_is_never_carried_out() {
    let mut model = console(sale());
    change(&mut model, switched(true));
    press(&mut model, "P");
    assert!(model.question().unwrap().title.starts_with("Resume"));
    rest(&mut model);
    change(&mut model, drained);
    assert_eq!(commands(press(&mut model, "y")), []);
    assert!(toast(&model).contains("the drain is under way since"), "{}", toast(&model));
}

/// Paused and resumed between two looks, the switch is as it was, and another all the same.
#[test]
fn a_generation_tells_what_the_state_does_not() {
    let mut model = console(sale());
    press(&mut model, "P");
    change(&mut model, |state| state.controls.generation = Some(6));
    assert!(model.popups.is_empty() && toast(&model).contains("generation is 6 now, and was 4"));
    let mut old = console(Snapshot {
        controls: protocol::Controls { generation: None, ..sale().controls },
        ..sale()
    });
    let sent = commands(press(&mut old, "Py"));
    assert_eq!(sent[0].body.get("if_generation"), None, "an earlier daemon doesn't know the field");
}

#[test]
fn orders_of_buyers_withdraw_no_question() {
    let mut model = console(sale());
    press(&mut model, "2GS");
    for sold in 1..5 {
        change(&mut model, |state| {
            let product = &mut state.products[2];
            (product.stock, product.sold) = (50 - sold, sold);
            (product.version, product.held) = (sold, Some(7));
        });
    }
    let sent = commands(press(&mut model, "y"));
    assert_eq!(sent[0].body["if_version"], 4, "of the last state in which all was as shown");
}

/// On a failing night more are set aside each second: they are no reason to ask again, as those
/// that were asked about are touched and no others.
#[test]
fn more_dead_letters_withdraw_no_question() {
    let mut model = console(sale());
    press(&mut model, "4E");
    let question = model.question().unwrap();
    assert!(question.lines.iter().any(|line| line.contains("up to 2 dead letters, up to no. 9")));
    for count in 3..9 {
        change(&mut model, |state| state.queue.dead_letters = Some(count));
        let page = protocol::DeadLettersPage {
            dead_letters: dead_letters(),
            next: None,
            total: count,
            newest: Some(7 + count),
            unlisted: Vec::new(),
        };
        update(&mut model, Msg::DeadLetters(Ok(page)));
    }
    let sent = commands(press(&mut model, "y"));
    assert_eq!(
        (sent[0].path.as_str(), &sent[0].body["up_to"]),
        ("/v1/dead-letters/resend", &9.into())
    );
    let mut unloaded = console(sale());
    unloaded.dead_letters.newest = None;
    press(&mut unloaded, "4E");
    assert!(unloaded.popups.is_empty() && toast(&unloaded).contains("aren't loaded yet"));
}

#[test]
fn a_question_keeps_to_its_object_wherever_the_row_goes() {
    let mut model = console(sale());
    press(&mut model, "2sssS");
    let title = model.question().unwrap().title.clone();
    assert!(title.contains("pid_0001"), "{title}");
    change(&mut model, |state| state.products[1].held = Some(9_999));
    change(&mut model, |state| state.products.reverse());
    let sent = commands(press(&mut model, "y"));
    assert_eq!(sent[0].path, "/v1/products/pid_0001/shelf");
}

#[test]
fn a_dead_letter_that_is_gone_takes_its_question_along() {
    let mut model = console(sale());
    press(&mut model, "4Xx<Enter>");
    let left = dead_letters().split_off(1);
    let page = protocol::DeadLettersPage {
        dead_letters: left,
        next: None,
        total: 1,
        newest: Some(9),
        unlisted: Vec::new(),
    };
    update(&mut model, Msg::DeadLetters(Ok(page)));
    assert!(
        model.popups.is_empty() && toast(&model).contains("dead letter 7 isn't there any more")
    );
}

#[test]
fn another_daemon_and_a_stopping_one_are_not_what_was_asked_about() {
    for keys in ["P", "Q", "2S", "Ldebug<Enter>", "2Np<Enter>n<Enter>1<Enter>1<Enter>"] {
        let mut model = console(sale());
        press(&mut model, keys);
        let snapshot = Box::new(Snapshot { pid: 4_712, ..sale() });
        update(&mut model, Msg::Line(Box::new(Line::Snapshot { snapshot, you: operator() })));
        assert!(model.popups.is_empty() && toast(&model).contains("process is 4712"), "{keys}");
        let mut model = console(sale());
        press(&mut model, keys);
        change(&mut model, |state| state.phase = Phase::Stopping);
        assert!(model.popups.is_empty() && toast(&model).contains("is stopping now"), "{keys}");
    }
    let mut model = console(sale());
    press(&mut model, "2Np<Enter>n<Enter>1<Enter>1<Enter>");
    let product = ProductView { prod_id: "p".into(), ..sale().products[0].clone() };
    change(&mut model, |state| state.products.push(product));
    assert!(model.popups.is_empty() && toast(&model).contains("a product p already"));
}
