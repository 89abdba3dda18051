//! Whatever operators, pastes and terminals do: no command leaves whose question and object aren't
//! on the screen as they are.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;
use protocol::{Line, Money, Snapshot};
use ratatui::buffer::Buffer;

use super::acting::{change, commands, console, drained, switched};
use super::fixtures::{WIDE, drawn, keys, lines_of, operator, pass, sale};
use crate::commands::Command;
use crate::console::model::{ALONE, Model, QUIET, Screen, Subject};
use crate::console::msg::Msg;
use crate::console::screens::queue;
use crate::console::update::update;

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
        "Prwhy<Enter>",
        "D<Tab>why<Tab>seckilld<Enter>",
        "2M1290<Enter>x<Enter>",
        "U",
    ]);
    let answers =
        select(vec!["y", "<Tab><Enter>", "<Tab>", "<Enter>", "seckilld", "yy", "r", "rno<Enter>"]);
    let width = select(vec![1, 40, 59, 60, 61, 80, 100, 120, 200]);
    let height = select(vec![1, 10, 19, 20, 24, 40, 50]);
    prop_oneof![
        3 => keys.prop_map(Step::Keys),
        6 => asks.prop_map(Step::Keys),
        8 => answers.prop_map(Step::Keys),
        6 => select(vec![10, 49, 50, 100, 299, 300, 1_000]).prop_map(Step::Wait),
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
    /// Before that one.
    quiet_before: Duration,
    sent: usize,
}

impl Bench {
    fn new(screen: Screen, size: (u16, u16)) -> Self {
        let mut model = console(sale());
        model.screen = screen;
        let (quiet, quiet_before) = (Duration::from_secs(9), Duration::ZERO);
        Self { model, size, last: None, quiet, quiet_before, sent: 0 }
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
                self.send(Msg::Tick);
                pass(&mut self.model, Duration::from_millis(*ms));
                self.quiet += Duration::from_millis(*ms);
                self.send(Msg::Tick);
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
            3 => |state| state.products[0].terms.price = Money::from_milli(1_000),
            4 => |state| state.products[0].terms.on_shelf ^= true,
            5 => |state| state.products.rotate_left(1),
            _ => |state| state.products[0].version += 1,
        };
        change(&mut self.model, turn);
    }

    /// Draws, and takes the key.
    fn input(&mut self, message: Msg) {
        self.draw();
        self.send(message);
        self.quiet_before = std::mem::take(&mut self.quiet);
    }

    /// Judges what leaves.
    fn send(&mut self, message: Msg) {
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
    }

    fn judge(&self, command: &Command, text: &[String], subject: &Subject) {
        let screen = self.last.as_ref().unwrap();
        let shown = bare(&windowed(&lines_of(screen)));
        for sentence in text {
            assert!(shown.contains(&bare(sentence)), "{sentence:?} isn't in\n{shown}");
        }
        if let Some(reason) = command.body["reason"].as_str() {
            assert!(shown.contains(&bare(&format!("Reason: {reason}"))), "{reason:?}: {shown}");
        }
        assert!(QUIET <= self.quiet_before, "{command:?} after {:?}", self.quiet_before);
        assert!(ALONE <= self.quiet, "{command:?} with others: {:?}", self.quiet);
        assert!(60 <= self.size.0 && 20 <= self.size.1, "{:?}", self.size);
        assert!(self.model.frozen.is_none() && self.model.is_connected());
        let live = self.model.live.as_deref().unwrap();
        match subject {
            Subject::Product(id) => {
                let product = live.products.iter().find(|product| product.prod_id == *id);
                let product = product.expect("a product that is there");
                let place = if product.terms.on_shelf { "on the shelf" } else { "off the shelf" };
                let now = format!("{place} at {}", product.terms.price);
                assert!(shown.contains(&bare(&now)), "{now} isn't in\n{shown}");
                assert!(shown.contains(id.as_str()) && command.path.contains(id.as_str()));
            }
            Subject::Letter(id) => {
                let mut letters = queue::rows::dead_letters(&self.model).into_iter();
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
            bench.take(&Step::Wait(50));
            let may = usize::from(60 <= size.0 && 20 <= size.1);
            assert_eq!(bench.sent, may, "{asked} at {size:?}");
        }
    }
}
