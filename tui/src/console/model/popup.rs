//! The windows over a screen: help, details, forms, questions. What their keys do is `update`'s.

use std::cell::Cell;

use protocol::{DeadLetterView, OrderHistory, OrderId, ProdId};

use super::{Input, Question};
use crate::console::operations::Operation;

/// One window.
#[derive(Debug)]
pub(crate) enum Popup {
    Help { scroll: Cell<u16> },
    Details(Details),
    Form(Form),
    Question(Box<Question>),
}

/// Details of a row.
#[derive(Debug)]
pub(crate) enum Details {
    /// Drawn from the state as it is, and not as it was when the window was opened.
    Product {
        prod_id: ProdId,
        scroll: Cell<u16>,
    },
    Order {
        order_id: OrderId,
        history: History,
        reveal: Reveal,
        scroll: Cell<u16>,
    },
    DeadLetter {
        letter: Box<DeadLetterView>,
        scroll: Cell<u16>,
    },
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
    AddStock { prod_id: ProdId },
    Terms { prod_id: ProdId },
    CreateProduct,
    Discard { id: u64 },
    LogLevel,
}

impl FormKind {
    /// The operation whose question the form leads to.
    pub(crate) const fn operation(&self) -> Operation {
        match self {
            Self::AddStock { .. } => Operation::AddStock,
            Self::Terms { .. } => Operation::Terms,
            Self::CreateProduct => Operation::CreateProduct,
            Self::Discard { .. } => Operation::Discard,
            Self::LogLevel => Operation::LogLevel,
        }
    }
}

/// One line of a form.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) label: &'static str,
    /// What may stand there.
    pub(crate) hint: &'static str,
    pub(crate) input: Input,
}
