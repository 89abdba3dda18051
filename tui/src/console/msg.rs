//! What comes to the console, and what it wants done: the two sides of `update`.

use std::time::Duration;

use crossterm::event::{KeyEvent, MouseEvent};
use protocol::{DeadLettersPage, Line, OrderHistory, OrderId, OrdersPage};

use crate::commands::Command;

/// Something happened.
#[derive(Debug)]
pub(crate) enum Msg {
    Key(KeyEvent),
    Paste(String),
    Mouse(MouseEvent),
    /// A moment has come that `Model::next_moment` named, and no key waits to be read.
    Tick,
    /// The screen has another size: what was drawn isn't there any more.
    Resized,
    /// The daemon was found, at this place.
    Found(String),
    /// The daemon's next line.
    Line(Box<Line>),
    /// The stream broke; it is asked for again after a while.
    Lost {
        why: String,
        retry_in: Duration,
    },
    /// A page of orders, for the question of this number.
    Orders {
        asked: u64,
        answer: Answer<OrdersPage>,
    },
    /// An order's history.
    History {
        order_id: OrderId,
        answer: Answer<Box<OrderHistory>>,
    },
    /// The dead letters.
    DeadLetters(Answer<DeadLettersPage>),
    /// How a command ended.
    Commanded {
        command: Box<Command>,
        outcome: CommandEnd,
    },
}

/// What a question brought, or why nothing, in a sentence.
pub(crate) type Answer<T> = Result<T, String>;

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CommandEnd {
    /// It was carried out; more about it, where there is more.
    Done(Option<String>),
    /// It wasn't, and why.
    Refused(String),
    /// Nobody knows.
    Unanswered(String),
}

/// Something to do outside the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    Quit,
    Suspend,
    /// Give the stream up and ask for a new one at once.
    Resubscribe,
    /// Ask the daemon; the answer comes as a message.
    Ask(Ask),
    /// Put a text on the terminal's clipboard.
    Copy(String),
}

/// A request beside the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    Orders { asked: u64, path: String },
    History { order_id: OrderId, path: String },
    DeadLetters { path: String },
    Command(Box<Command>),
}
