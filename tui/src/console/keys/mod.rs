//! Keys and what they do. The table (`table`) is the only place where a key is bound: it
//! dispatches, prints the hints at the bottom, fills the help window and is printed as docs/keys.md
//! (`docs`).
//!
//! Lower-case keys look; capital letters change the daemon.

#[cfg(test)]
mod docs;
mod table;

use std::borrow::Cow;
use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

#[cfg(test)]
pub(crate) use docs::docs;
pub(crate) use table::TABLE;

use super::operations::Operation;
use super::screens::Screen;

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    QuitNow,
    Suspend,
    Quit,
    Help,
    Back,
    NextScreen,
    PreviousScreen,
    Go(Screen),
    Freeze,
    Zone,
    Resubscribe,
    Up,
    Down,
    HalfUp,
    HalfDown,
    PageUp,
    PageDown,
    Top,
    Bottom,
    Open,
    Filter,
    Sort,
    Reverse,
    Copy,
    OtherPane,
    RevealPhone,
    /// Asks before the daemon is changed.
    Operate(Operation),
    /// Goes to the line of a question that takes a reason.
    Reason,
    Yes,
    No,
    Press,
    OtherButton,
    Enter,
    Cancel,
    NextField,
    PreviousField,
    Clear,
}

impl Action {
    /// Whether it changes the daemon, behind a question; none does with `--read-only`.
    pub(crate) const fn changes_the_daemon(self) -> bool {
        matches!(self, Self::Operate(_))
    }
}

/// Where a key is bound. A key means one thing in all contexts that are in force at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Context {
    /// Whatever is on the screen.
    Anywhere,
    /// Where no window and no input is open.
    Screens,
    /// Where no window and no input is open: the daemon's switches.
    Switches,
    /// On a screen that is too small for more than the headline.
    Small,
    /// Where something can be scrolled.
    Moving,
    /// Lists that can be filtered.
    Filtered,
    /// Lists that can be sorted.
    Sorted,
    /// Lists whose rows can be opened or copied.
    Rows,
    /// Overview and Products.
    Products,
    /// The Queue screen.
    Queue,
    /// An open window with details or help.
    Window,
    /// The window with an order's history.
    Order,
    /// A question to be answered with yes or no.
    Question,
    /// A line that is being typed.
    Typing,
}

impl Context {
    /// All, in the order of the help.
    pub(crate) const ALL: [Self; 14] = [
        Self::Switches,
        Self::Screens,
        Self::Products,
        Self::Queue,
        Self::Rows,
        Self::Filtered,
        Self::Sorted,
        Self::Moving,
        Self::Window,
        Self::Order,
        Self::Question,
        Self::Typing,
        Self::Small,
        Self::Anywhere,
    ];

    /// The heading over its keys: what they are for, or the screens that have them.
    pub(crate) fn title(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Anywhere => "Anywhere",
            Self::Screens => "Every screen",
            Self::Switches => "Switches, on every screen",
            Self::Small => "Under 60x20",
            Self::Moving => "Moving",
            Self::Window => "Details and help",
            Self::Order => "An order's details",
            Self::Question => "Confirmations",
            Self::Typing => "Typing",
            Self::Filtered | Self::Sorted | Self::Rows | Self::Products | Self::Queue => {
                let has_it = |screen: &Screen| screen.scene().contexts().contains(&self);
                let screens: Vec<&str> =
                    Screen::ALL.into_iter().filter(has_it).map(Screen::title).collect();
                return Cow::Owned(screens.join(", "));
            }
        })
    }
}

/// A key as a terminal reports it. Shift isn't told apart: it is in the letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    code: KeyCode,
    modifiers: KeyModifiers,
}

impl Key {
    const fn plain(code: KeyCode) -> Self {
        Self { code, modifiers: KeyModifiers::NONE }
    }

    const fn char(c: char) -> Self {
        Self::plain(KeyCode::Char(c))
    }

    const fn ctrl(c: char) -> Self {
        Self { code: KeyCode::Char(c), modifiers: KeyModifiers::CONTROL }
    }

    fn is(self, event: KeyEvent) -> bool {
        self.code == event.code && self.modifiers == event.modifiers - KeyModifiers::SHIFT
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.modifiers.contains(KeyModifiers::CONTROL) {
            f.write_str("Ctrl-")?;
        }
        match self.code {
            KeyCode::Char(' ') => f.write_str("Space"),
            KeyCode::Char(c) if self.modifiers.contains(KeyModifiers::CONTROL) => {
                write!(f, "{}", c.to_ascii_uppercase())
            }
            KeyCode::Char(c) => write!(f, "{c}"),
            KeyCode::F(number) => write!(f, "F{number}"),
            KeyCode::BackTab => f.write_str("Shift-Tab"),
            KeyCode::PageUp => f.write_str("PgUp"),
            KeyCode::PageDown => f.write_str("PgDn"),
            code => write!(f, "{code:?}"),
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binding {
    pub(crate) context: Context,
    pub(crate) action: Action,
    /// The first is the one that the hints name.
    pub(crate) keys: &'static [Key],
    /// A word or two for the bottom line; empty where the help says enough.
    pub(crate) hint: &'static str,
    /// What it does, for the help and the documentation.
    pub(crate) what: &'static str,
}

impl Binding {
    /// All its keys: `j, Down`.
    pub(crate) fn key_names(&self) -> String {
        self.keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

/// The bindings in force in these contexts, in the order of the contexts.
pub(crate) fn bindings(contexts: &[Context]) -> impl Iterator<Item = &'static Binding> {
    contexts
        .iter()
        .flat_map(|context| TABLE.iter().filter(move |binding| binding.context == *context))
}

/// What a key does in these contexts.
pub(crate) fn action(contexts: &[Context], event: KeyEvent) -> Option<Action> {
    let bound = |binding: &&Binding| binding.keys.iter().any(|key| key.is(event));
    bindings(contexts).find(bound).map(|binding| binding.action)
}
