//! A question before the daemon is changed: what it says, what it is about, and how far it may be
//! answered. Who asks and who judges is `update`'s.

use std::cell::Cell;
use std::time::{Duration, Instant};

use protocol::ProdId;

use super::Input;
use crate::commands::{Command, Prompt};
use crate::console::operations::Operation;

/// A question takes its answer only after so long without any key: what is pasted, or repeated by a
/// key that is held down, comes faster than that.
pub(crate) const QUIET: Duration = Duration::from_millis(300);

/// How long an answer has to stay alone: keys of a paste follow one another faster, and one that
/// comes as keys can't be told from them by its first.
pub(crate) const ALONE: Duration = Duration::from_millis(50);

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Button {
    No,
    Yes,
}

impl Button {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Yes => Self::No,
        }
    }
}

/// What a question is about. It keeps to it by its name, wherever the row goes meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Intake, consumption and the drain: each command is about one and touches others.
    Switches,
    /// The process as a whole.
    Daemon,
    /// What is logged.
    LogLevel,
    /// What the daemon read of its configuration.
    Configuration,
    /// A product that is there.
    Product(ProdId),
    /// One that isn't yet.
    NewProduct(ProdId),
    /// A dead letter.
    Letter(u64),
    /// Every dead letter up to the newest that there was when it was asked.
    Letters,
    /// The same command once more, under the number that it had: what became of it isn't known, so
    /// neither is what the state should be.
    Repeat,
}

/// Something that a question is based on. When it has changed, the question is another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fact {
    /// `the price`.
    pub(crate) what: &'static str,
    pub(crate) value: String,
}

/// What of a question is on the screen, as it was drawn last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Nothing,
    /// It has no room there.
    Cut,
    Whole,
}

/// Why a question dropped what came last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// A key, before the question was at rest.
    TooSoon,
    /// An answer, and what came with it.
    NotAlone,
    /// A paste, where nothing is typed.
    Pasted,
}

/// How far a question's wait has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Not long enough in sight without a key: it takes nothing.
    New,
    /// It was at rest, and has taken a key that is no answer: it takes more of those.
    Touched,
    /// At rest: it takes its answer.
    Rested,
}

/// The line of a question in which an operator may say why.
#[derive(Debug, Default)]
pub(crate) struct ReasonLine {
    pub(crate) input: Input,
    has_cursor: bool,
}

/// Where the cursor of a question is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cursor {
    /// In the line for a reason.
    Reason,
    /// Where it is answered.
    Answer,
}

/// A question.
#[derive(Debug)]
pub(crate) struct Question {
    /// What is to be done, to what.
    pub(crate) title: String,
    /// The object as it is, the effect, and how many it touches.
    pub(crate) lines: Vec<String>,
    pub(crate) focus: Button,
    /// For what can't be undone: the text that has to be typed, and what was.
    pub(crate) typed: Option<(String, Input)>,
    pub(crate) command: Command,
    /// The line for a reason; `None` where there is one already, and where a command is repeated.
    pub(crate) reason: Option<ReasonLine>,
    /// What has to be allowed as long as it stands; `None` where a command is repeated.
    pub(crate) operation: Option<Operation>,
    pub(crate) subject: Subject,
    pub(crate) facts: Vec<Fact>,
    pub(crate) patience: Patience,
    /// When it was said yes to; it is carried out if that stays alone.
    pub(crate) said_yes: Option<Instant>,
    pub(crate) dropped: Option<Dropped>,
    /// What of it is on the screen; `view` fills it in.
    pub(crate) seen: Cell<Seen>,
    /// Since when it has been there as a whole; `None` while it isn't.
    pub(crate) in_sight: Option<Instant>,
}

impl Question {
    pub(crate) fn new(prompt: Prompt, command: Command, subject: Subject) -> Self {
        let Prompt { title, lines } = prompt;
        let takes_reason = command.lacks_reason() && subject != Subject::Repeat;
        Self {
            title,
            lines,
            focus: Button::No,
            typed: None,
            command,
            reason: takes_reason.then(ReasonLine::default),
            operation: None,
            subject,
            facts: Vec::new(),
            patience: Patience::New,
            said_yes: None,
            dropped: None,
            seen: Cell::new(Seen::Nothing),
            in_sight: None,
        }
    }

    /// Whether keys are letters of a line: a name that has to be typed, or a reason.
    pub(crate) fn is_typed_into(&self) -> bool {
        self.typed.is_some() || self.reason_line().is_some()
    }

    /// The reason while it is being typed.
    pub(crate) fn reason_line(&self) -> Option<&Input> {
        self.reason.as_ref().filter(|line| line.has_cursor).map(|line| &line.input)
    }

    /// The line that the letters go to.
    pub(crate) fn line_mut(&mut self) -> Option<&mut Input> {
        match &mut self.reason {
            Some(line) if line.has_cursor => Some(&mut line.input),
            _ => self.typed.as_mut().map(|(_, input)| input),
        }
    }

    /// Puts the cursor into the line for a reason, or takes it out.
    pub(crate) fn move_cursor(&mut self, to: Cursor) {
        if let Some(line) = &mut self.reason {
            line.has_cursor = to == Cursor::Reason;
        }
    }

    /// The command with the reason that was typed.
    pub(crate) fn into_command(self) -> Command {
        let mut command = self.command;
        let reason = self.reason.map(|line| line.input.text().trim().to_owned());
        if let Some(reason) = reason.filter(|reason| !reason.is_empty()) {
            command.because(&reason);
        }
        command
    }

    /// Waits again; a yes that isn't carried out yet never is.
    pub(crate) fn unsettle(&mut self) {
        self.patience = Patience::New;
        self.in_sight = None;
        if self.said_yes.take().is_some() {
            self.dropped = Some(Dropped::NotAlone);
        }
    }
}
