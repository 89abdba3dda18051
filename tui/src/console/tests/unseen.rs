//! Nothing is done unseen: no command leaves the console unless its object and its question were on
//! the screen, as they are, and the answer was pressed as one.

use std::time::Duration;

use crossterm::event::{Event, MouseEvent, MouseEventKind};
use proptest::prelude::*;
use proptest::sample::select;
use protocol::{DrainView, EpochMs, Line, Money, Phase, ProductView, Snapshot, SwitchView};
use ratatui::buffer::Buffer;

use super::fixtures::{
    AT, WIDE, connected, dead_letters, drawn, keys, lines_of, operator, pass, press, press_at_once,
    press_on, rest, sale,
};
use crate::console::command::Command;
use crate::console::model::{Model, Patience, QUIET, Screen, Subject};
use crate::console::msg::{Ask, Effect, Msg, Outcome};
use crate::console::rows;
use crate::console::update::{blocked, update};

/// A console with its lists loaded.
fn console(snapshot: Snapshot) -> Model {
    let mut model = connected(snapshot, operator());
    model.dead_letters.rows = Some(dead_letters());
    model.dead_letters.asked_for = Some(2);
    model
}

/// The daemon's state becomes another.
fn change(model: &mut Model, change: impl FnOnce(&mut Snapshot)) -> Vec<Effect> {
    let before = model.live.as_deref().unwrap().clone();
    let mut after = before.clone();
    change(&mut after);
    let mut effects = Vec::new();
    for change in before.changes_to(&after) {
        let seq = model.live.as_ref().unwrap().seq + 1;
        let line = Line::Change { seq, at: EpochMs(AT.0 + 1_000), change: Box::new(change) };
        effects.extend(update(model, Msg::Line(Box::new(line))));
    }
    effects
}

fn commands(effects: Vec<Effect>) -> Vec<Command> {
    let command = |effect| match effect {
        Effect::Ask(Ask::Command(command)) => Some(*command),
        _ => None,
    };
    effects.into_iter().filter_map(command).collect()
}

fn toast(model: &Model) -> &str {
    model.toast.as_ref().map_or("", |toast| &toast.text)
}

/// Somebody else pauses intake, or opens it.
fn switched(paused: bool) -> impl FnOnce(&mut Snapshot) {
    move |state| {
        state.controls.intake =
            Some(SwitchView { paused, since: Some(AT), by: Some("bob".to_owned()), reason: None });
        state.controls.generation = state.controls.generation.map(|generation| generation + 1);
    }
}

/// Somebody else begins to drain.
fn drained(state: &mut Snapshot) {
    switched(true)(state);
    state.controls.drain = Some(DrainView { since: AT, drained: false });
}

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

/// A question that the screen has no room for any more isn't answered, and waits anew when it is
/// back.
#[test]
fn a_question_goes_out_of_sight_with_the_screen() {
    let mut model = console(sale());
    press(&mut model, "P");
    rest(&mut model);
    update(&mut model, Msg::Resized);
    assert_eq!(commands(update(&mut model, Msg::Key(keys("y")[0]))), [], "not drawn yet");
    assert_eq!(commands(press_on(&mut model, (40, 10), "y")), []);
    drawn(&model, WIDE.0, WIDE.1);
    assert_eq!(commands(update(&mut model, Msg::Key(keys("y")[0]))), [], "back, but just now");
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
            |state| state.products[0].price = Money::from_milli(1_000),
            "the price is 1.000 now",
        ),
        ("2S", |state| state.products[0].on_shelf = false, "its place is off the shelf now"),
        ("2A5<Enter>x<Enter>", |state| state.products[0].added = 50, "units added is +50 now"),
        ("2A5<Enter>x<Enter>", restarted, "isn't there any more"),
        ("4E", |state| state.queue.dead_letters = Some(3), "dead letters is 3 now, and was 2"),
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
    let product = ProductView { prod_id: "p".to_owned(), ..sale().products[0].clone() };
    change(&mut model, |state| state.products.push(product));
    assert!(model.popups.is_empty() && toast(&model).contains("a product p already"));
}

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
            assert_eq!(model.question().unwrap().dropped, question == "P", "{text:?}");
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

/// A name is typed as fast as one can; Enter is the answer, and has to come by itself.
#[test]
fn a_name_is_typed_fast_and_taken_slowly() {
    let mut model = console(sale());
    press(&mut model, "D");
    rest(&mut model);
    assert_eq!(press_at_once(&mut model, "seckilld<Enter>"), []);
    let typed = model.question().unwrap().typed.as_ref().unwrap().1.text().to_owned();
    assert_eq!(typed, "seckilld");
    assert!(model.question().unwrap().dropped);
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
        assert_eq!(commands(update(&mut model, Msg::Key(keys("y")[0]))), []);
        assert!(model.question().unwrap().dropped);
    }
    let at = model.rest_at().unwrap();
    assert_eq!(at - model.now, QUIET);
    pass(&mut model, QUIET);
    update(&mut model, Msg::Tick);
    assert_eq!(model.question().unwrap().patience, Patience::Rested);
    assert_eq!(model.rest_at(), None, "a question at rest sleeps");
    assert_eq!(commands(update(&mut model, Msg::Key(keys("y")[0]))).len(), 1);
}

/// Keys may lie unread while the machine stands still: a clock alone proves no rest.
#[test]
fn a_machine_that_stood_still_is_no_operator_who_did() {
    let mut model = console(sale());
    press(&mut model, "P");
    update(&mut model, Msg::Tick);
    pass(&mut model, Duration::from_secs(60));
    assert_eq!(commands(update(&mut model, Msg::Key(keys("y")[0]))), []);
}

/// A lost answer's question comes by itself, perhaps in the midst of typing.
#[test]
fn a_question_that_comes_by_itself_waits_as_well() {
    let mut model = console(sale());
    let command = commands(press(&mut model, "Py")).remove(0);
    press(&mut model, "2<Space>/pid");
    let outcome = Outcome::Unanswered("cut off".to_owned());
    update(&mut model, Msg::Commanded { command: Box::new(command.clone()), outcome });
    assert!(model.frozen.is_none(), "freezing ends when a question opens");
    assert_eq!(commands(press_at_once(&mut model, "y<Enter>y")), []);
    assert_eq!(model.question().unwrap().subject, Subject::Repeat);
    assert_eq!(commands(press(&mut model, "y")), [command]);
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
    assert_eq!(blocked(&model, crate::console::keys::Action::Intake), None);
    drawn(&model, 40, 10);
    let why = blocked(&model, crate::console::keys::Action::Intake).unwrap();
    assert!(why.contains("60x20"), "{why}");
}

/// What an operator, a paste, a terminal and other operators may do.
#[derive(Debug, Clone)]
enum Step {
    /// Keys at once.
    Keys(&'static str),
    /// Time without a key.
    Wait(u64),
    /// Another size.
    Resize(u16, u16),
    Paste(&'static str),
    /// Somebody changes something.
    Other(usize),
    Lost,
    Back,
}

fn step() -> BoxedStrategy<Step> {
    let keys = select(vec![
        "N",
        "L",
        "<Esc>",
        "1",
        "2",
        "3",
        "4",
        "5",
        "6",
        "j",
        "k",
        "h",
        "s",
        "r",
        "<Space>",
        "/",
        "?",
        "debug<Enter>",
        "p<Enter>n<Enter>1<Enter>1<Enter>",
        "n",
    ]);
    let asks = select(vec![
        "P",
        "C",
        "D",
        "Q",
        "2S",
        "2jjS",
        "2A5<Enter>x<Enter>",
        "4R",
        "4lR",
        "4Xx<Enter>",
        "4E",
        "S",
        "R",
        "Py",
        "Sy<Enter>",
        "Dseckilld<Enter>",
    ]);
    let answers = select(vec!["y", "<Tab><Enter>", "<Tab>", "<Enter>", "seckilld", "yy"]);
    let width = select(vec![1, 40, 59, 60, 61, 80, 100, 120, 200]);
    let height = select(vec![1, 10, 19, 20, 24, 40, 50]);
    prop_oneof![
        3 => keys.prop_map(Step::Keys),
        6 => asks.prop_map(Step::Keys),
        8 => answers.prop_map(Step::Keys),
        6 => select(vec![10, 100, 299, 300, 1_000]).prop_map(Step::Wait),
        2 => (width, height).prop_map(|(width, height)| Step::Resize(width, height)),
        1 => select(vec!["y", "y\n", "seckilld\n"]).prop_map(Step::Paste),
        2 => (0_usize..7).prop_map(Step::Other),
        1 => Just(Step::Lost),
        2 => Just(Step::Back),
    ]
    .boxed()
}

/// A console as the loop drives it, and a judge of each command that leaves it.
struct Bench {
    model: Model,
    size: (u16, u16),
    last: Option<Buffer>,
    /// Since the last key or paste.
    quiet: Duration,
    sent: usize,
}

impl Bench {
    fn new(screen: Screen, size: (u16, u16)) -> Self {
        let mut model = console(sale());
        model.screen = screen;
        Self { model, size, last: None, quiet: Duration::from_secs(9), sent: 0 }
    }

    fn draw(&mut self) {
        self.last = Some(drawn(&self.model, self.size.0, self.size.1));
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Keys(text) => {
                for key in keys(text) {
                    self.input(Msg::Key(key));
                }
            }
            Step::Paste(text) => self.input(Msg::Paste((*text).to_owned())),
            Step::Wait(ms) => {
                update(&mut self.model, Msg::Tick);
                pass(&mut self.model, Duration::from_millis(*ms));
                self.quiet += Duration::from_millis(*ms);
                update(&mut self.model, Msg::Tick);
            }
            Step::Resize(width, height) => {
                self.size = (*width, *height);
                update(&mut self.model, Msg::Resized);
            }
            Step::Other(which) => self.other(*which),
            Step::Lost => {
                let retry_in = Duration::from_secs(2);
                update(&mut self.model, Msg::Lost { why: "gone".to_owned(), retry_in });
            }
            Step::Back => {
                let snapshot = self.model.live.clone().unwrap();
                let line = Line::Snapshot { snapshot, you: operator() };
                update(&mut self.model, Msg::Line(Box::new(line)));
            }
        }
        self.draw();
    }

    fn other(&mut self, which: usize) {
        if !self.model.is_connected() {
            return;
        }
        let turn: fn(&mut Snapshot) = match which {
            0 => |state| switched(true)(state),
            1 => |state| switched(false)(state),
            2 => drained,
            3 => |state| state.products[0].price = Money::from_milli(1_000),
            4 => |state| state.products[0].on_shelf ^= true,
            5 => |state| state.products.rotate_left(1),
            _ => |state| state.products[0].version += 1,
        };
        change(&mut self.model, turn);
    }

    /// Draws, takes the key, and judges what leaves.
    fn input(&mut self, message: Msg) {
        self.draw();
        let question = self.model.question().map(|question| {
            let text = [std::slice::from_ref(&question.title), &question.lines].concat();
            (text, question.subject.clone())
        });
        let effects = update(&mut self.model, message);
        for command in commands(effects) {
            let (text, subject) = question.clone().expect("a command without a question");
            self.judge(&command, &text, &subject);
            self.sent += 1;
        }
        self.quiet = Duration::ZERO;
    }

    fn judge(&self, command: &Command, text: &[String], subject: &Subject) {
        let screen = self.last.as_ref().unwrap();
        let shown = bare(&windowed(&lines_of(screen)));
        for sentence in text {
            assert!(shown.contains(&bare(sentence)), "{sentence:?} isn't in\n{shown}");
        }
        assert!(QUIET <= self.quiet, "{command:?} after {:?}", self.quiet);
        assert!(60 <= self.size.0 && 20 <= self.size.1, "{:?}", self.size);
        assert!(self.model.frozen.is_none() && self.model.is_connected());
        let live = self.model.live.as_deref().unwrap();
        match subject {
            Subject::Product(id) => {
                let product = live.products.iter().find(|product| product.prod_id == *id);
                let product = product.expect("a product that is there");
                let place = if product.on_shelf { "on the shelf" } else { "off the shelf" };
                let now = format!("{place} at {}", product.price);
                assert!(shown.contains(&bare(&now)), "{now} isn't in\n{shown}");
                assert!(shown.contains(id.as_str()) && command.path.contains(id.as_str()));
            }
            Subject::Letter(id) => {
                let mut letters = rows::dead_letters(&self.model).into_iter();
                assert!(letters.any(|letter| letter.id == *id));
                assert!(shown.contains(&format!("deadletter{id}?")), "{shown}");
            }
            Subject::Switches => {
                let controls = &live.controls;
                assert_eq!(command.body["if_generation"], controls.generation.unwrap());
                let paused = controls.intake.as_ref().unwrap().paused;
                let is_right = match command.path.as_str() {
                    "/v1/intake/resume" => paused,
                    "/v1/intake/pause" => !paused,
                    _ => true,
                };
                assert!(is_right, "{command:?}");
            }
            _ => {}
        }
    }
}

/// What stands in the window: between the first and the last of its upright borders.
fn windowed(screen: &str) -> String {
    let inside = |line: &str| match (line.find(['│', '┌']), line.rfind(['│', '┐'])) {
        (Some(from), Some(to)) if from < to => line[from..to].to_owned(),
        _ => String::new(),
    };
    screen.lines().map(inside).collect::<Vec<_>>().join("\n")
}

/// Without blanks, line ends and borders: where a sentence is broken doesn't matter.
fn bare(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !"│┌┐└┘─".contains(*c)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_command_leaves_whose_question_and_object_are_not_on_the_screen(
        screen in select(Screen::ALL.to_vec()),
        size in select(vec![WIDE, (80, 24), (60, 20), (40, 10)]),
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let mut bench = Bench::new(screen, size);
        bench.draw();
        for step in &steps {
            bench.take(step);
        }
    }
}

/// The judge sees commands leave at each size at which they may, and none at others.
#[test]
fn what_is_asked_and_answered_in_sight_leaves_at_every_size() {
    for size in [(60, 20), (80, 24), (120, 40), (200, 50), (59, 50), (200, 19), (40, 10)] {
        for (asked, answer) in [
            ("P", "y"),
            ("C", "y"),
            ("D", "seckilld"),
            ("Q", "seckilld"),
            ("Ldebug<Enter>", "y"),
            ("2A5<Enter>x<Enter>", "y"),
            ("2S", "y"),
            ("2jjS", "y"),
            ("4R", "y"),
            ("4E", "y"),
            ("2Np<Enter>n<Enter>1<Enter>1<Enter>", "y"),
            ("4jXx<Enter>", "y"),
        ] {
            let mut bench = Bench::new(Screen::Overview, size);
            bench.draw();
            for part in [asked, answer] {
                // The keys are of a table: they live as long as the test.
                let part: &'static str = Box::leak(part.to_owned().into_boxed_str());
                bench.take(&Step::Keys(part));
                bench.take(&Step::Wait(300));
            }
            bench.take(&Step::Keys("<Enter>"));
            let may = usize::from(60 <= size.0 && 20 <= size.1);
            assert_eq!(bench.sent, may, "{asked} at {size:?}");
        }
    }
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
    stage.fake.change(drained);
    stage.see("withdrawn, not sent: pause intake: intake is paused by bob").await;
    stage.miss("Pause intake of seckilld?").await;
    assert_eq!(stage.fake.commands(0).await, []);
}
