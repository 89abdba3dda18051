//! Nothing is done unseen: no command leaves the console unless its object and its question were on
//! the screen, as they are, and the answer was pressed as one.

use crossterm::event::{MouseEvent, MouseEventKind};

use super::acting::{change, commands, console, strike, switched, toast};
use super::fixtures::{WIDE, drawn, keys, lines_of, press, press_on, rest, sale};
use crate::console::msg::{Effect, Msg};
use crate::console::update::{blocked, update};

const CHANGING: [&str; 11] = [
    "P",
    "C",
    "D",
    "Q",
    "L<Enter>",
    "A5<Enter>x<Enter>",
    "S",
    "Np<Enter>n<Enter>1<Enter>1<Enter>",
    "4R",
    "4E",
    "4Xx<Enter>",
];

#[test]
fn a_screen_that_is_too_small_takes_no_action_and_lets_one_quit() {
    for size in [(40, 10), (59, 20), (60, 19), (1, 1)] {
        for keys in CHANGING {
            let mut model = console(sale());
            assert_eq!(commands(press_on(&mut model, size, keys)), [], "{keys} at {size:?}");
            assert_eq!(commands(press_on(&mut model, size, "y<Enter>")), [], "{keys} at {size:?}");
            assert!(model.popups.is_empty(), "{keys} at {size:?}");
        }
        for open in ["", "?", "P", "D", "A", "/abc", "2<Enter>"] {
            let mut model = console(sale());
            press(&mut model, open);
            assert_eq!(press_on(&mut model, size, "q"), [Effect::Quit], "{open} at {size:?}");
            assert_eq!(press_on(&mut model, size, "<C-c>"), [Effect::Quit], "{open} at {size:?}");
        }
    }
}

/// A question that the screen has no room for any more isn't answered, and waits again when it is
/// back.
#[test]
fn a_question_goes_out_of_sight_with_the_screen() {
    let mut model = console(sale());
    press(&mut model, "P");
    rest(&mut model);
    update(&mut model, Msg::Resized);
    assert_eq!(strike(&mut model, "y"), [], "not drawn yet");
    assert_eq!(commands(press_on(&mut model, (40, 10), "y")), []);
    drawn(&model, WIDE.0, WIDE.1);
    assert_eq!(strike(&mut model, "y"), [], "back, but just now");
    assert_eq!(commands(press(&mut model, "y")).len(), 1);
}

/// A question that never fits can't be said yes to, only left.
#[test]
fn a_question_that_is_cut_takes_no_yes() {
    let mut model = console(sale());
    let reason = "because ".repeat(24);
    press(&mut model, &format!("2A5<Enter>{reason}<Enter>"));
    let title = model.question().unwrap().title.clone();
    model.popups.truncate(1);
    let question = model.question_mut().unwrap();
    question.lines.extend((0..12).map(|number| format!("{number} of much that is to be said")));
    let small = (60, 20);
    assert_eq!(commands(press_on(&mut model, small, "y<Tab><Enter>y")), []);
    let screen = lines_of(&drawn(&model, small.0, small.1));
    assert!(screen.contains("no room for all of it"), "{screen}");
    assert_eq!(press_on(&mut model, small, "<Esc>"), []);
    assert!(model.popups.is_empty(), "{title} can be left");
}

/// What is frozen isn't what is changed: the question and the page under it show the state as it
/// is.
#[test]
fn freezing_ends_when_a_question_opens() {
    for keys in ["P", "A", "L", "S"] {
        let mut model = console(sale());
        press(&mut model, "<Space>");
        change(&mut model, switched(true));
        assert!(lines_of(&drawn(&model, 120, 40)).contains("✓ open"), "frozen");
        press(&mut model, keys);
        assert!(!model.popups.is_empty() && model.frozen.is_none(), "{keys}");
        assert!(lines_of(&drawn(&model, 120, 40)).contains("INTAKE PAUSED"), "{keys}");
    }
    let mut model = console(sale());
    press(&mut model, "<Space>");
    change(&mut model, switched(true));
    press(&mut model, "P");
    assert!(
        model.question().unwrap().title.starts_with("Resume"),
        "as it is, not as it was frozen"
    );
}

#[test]
fn dead_letters_without_a_mark_are_left_alone() {
    for key in ["R", "X"] {
        let mut model = console(sale());
        press(&mut model, "4l");
        press(&mut model, key);
        assert!(model.popups.is_empty(), "the mark is on a queue");
        assert!(toast(&model).contains("h or l"), "{}", toast(&model));
        press(&mut model, "h");
        press(&mut model, key);
        assert_eq!(model.popups.len(), 1, "{key}");
    }
}

/// The mark has moved since it was drawn: what it is on now isn't what was looked at.
#[test]
fn only_the_row_that_is_marked_on_the_screen_is_acted_on() {
    let mut model = console(sale());
    press(&mut model, "2");
    update(&mut model, Msg::Key(keys("j")[0]));
    update(&mut model, Msg::Key(keys("S")[0]));
    assert!(model.popups.is_empty() && toast(&model).contains("marked"), "{}", toast(&model));
    press(&mut model, "S");
    assert!(model.question().unwrap().title.contains("pid_0002"));
}

#[test]
fn the_wheel_answers_nothing_and_touches_no_form() {
    let mut model = console(sale());
    press(&mut model, "2N");
    let kind = MouseEventKind::ScrollDown;
    let modifiers = crossterm::event::KeyModifiers::NONE;
    update(&mut model, Msg::Mouse(MouseEvent { kind, column: 1, row: 1, modifiers }));
    let Some(crate::console::model::Popup::Form(form)) = model.popups.last() else { panic!() };
    assert_eq!(form.focus, 0);
}

#[test]
fn a_small_screen_says_why_in_help_and_hints() {
    let model = console(sale());
    assert_eq!(
        blocked(
            &model,
            crate::console::keys::Action::Operate(crate::console::operations::Operation::Intake)
        ),
        None
    );
    drawn(&model, 40, 10);
    let why = blocked(
        &model,
        crate::console::keys::Action::Operate(crate::console::operations::Operation::Intake),
    )
    .unwrap();
    assert!(why.contains("60x20"), "{why}");
}
