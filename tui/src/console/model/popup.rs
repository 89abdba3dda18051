//! The windows over a screen: help, details, forms, questions. What their keys do is `update`'s.

use std::cell::Cell;

use protocol::{DeadLetterView, OrderHistory};

use super::Input;
use crate::console::command::Command;

/// One window.
#[derive(Debug)]
pub(crate) enum Popup {
    Help { scroll: Cell<u16> },
    Details(Details),
    Form(Form),
    Confirmation(Box<Confirmation>),
    Unanswered(Box<Unanswered>),
}

/// Details of a row.
#[derive(Debug)]
pub(crate) enum Details {
    Order { order_id: String, history: History, reveal: Reveal, scroll: Cell<u16> },
    DeadLetter { letter: Box<DeadLetterView>, scroll: Cell<u16> },
}

/// An order's history, as far as it is there.
#[derive(Debug)]
pub(crate) enum History {
    Loading,
    Loaded(Box<OrderHistory>),
    Failed(String),
}

/// Whether the whole phone number was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reveal {
    Masked,
    Phone,
}

/// Some lines to fill in.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) kind: FormKind,
    pub(crate) title: String,
    pub(crate) fields: Vec<Field>,
    pub(crate) focus: usize,
    /// What is wrong with what was entered.
    pub(crate) fault: Option<String>,
}

/// What a form is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FormKind {
    AddStock { prod_id: String },
    CreateProduct,
    Discard { id: u64 },
    LogLevel,
}

/// One line of a form.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) label: &'static str,
    /// What may stand there.
    pub(crate) hint: &'static str,
    pub(crate) input: Input,
}

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

/// A question before the daemon is changed.
#[derive(Debug)]
pub(crate) struct Confirmation {
    /// What is to be done, to what.
    pub(crate) title: String,
    /// The effect, and how many it touches.
    pub(crate) lines: Vec<String>,
    pub(crate) focus: Button,
    /// For what can't be undone: the text that has to be typed, and what was.
    pub(crate) typed: Option<(String, Input)>,
    pub(crate) command: Command,
}

/// A command whose answer was lost: nobody knows whether it was carried out. It can be given again
/// under the same number without being carried out twice.
#[derive(Debug)]
pub(crate) struct Unanswered {
    pub(crate) command: Command,
    pub(crate) why: String,
    pub(crate) focus: Button,
}
