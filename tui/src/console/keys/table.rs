//! The table of keys. Within a context the more important ones come first: the hints at the bottom
//! are dropped from the right where they don't fit.

use crossterm::event::KeyCode;

use super::{Action, Binding, Context, Key};
use crate::console::operations::Operation;
use crate::console::screens::Screen;

const fn line(
    context: Context,
    action: Action,
    keys: &'static [Key],
    hint: &'static str,
    what: &'static str,
) -> Binding {
    Binding { context, action, keys, hint, what }
}

const fn c(c: char) -> Key {
    Key::char(c)
}

const fn k(code: KeyCode) -> Key {
    Key::plain(code)
}

/// What stands before the screens' digits.
const BEFORE: &[Binding] = {
    use {Action as A, Context as C};
    &[
        line(
            C::Switches,
            A::Operate(Operation::Intake),
            &[c('P')],
            "intake",
            "pause or resume intake",
        ),
        line(
            C::Switches,
            A::Operate(Operation::Consumption),
            &[c('C')],
            "consumption",
            "pause or resume consumption",
        ),
        line(
            C::Switches,
            A::Operate(Operation::Drain),
            &[c('D')],
            "drain",
            "pause intake, empty the queue; P undoes it",
        ),
        line(
            C::Products,
            A::Operate(Operation::AddStock),
            &[c('A')],
            "add stock",
            "add or withdraw units",
        ),
        line(
            C::Products,
            A::Operate(Operation::Shelf),
            &[c('S')],
            "shelf",
            "put it on the shelf, or take it off",
        ),
        line(C::Products, A::Operate(Operation::Terms), &[c('M')], "terms", "change its terms"),
        line(
            C::Products,
            A::Operate(Operation::CreateProduct),
            &[c('N')],
            "new",
            "create a product",
        ),
        line(C::Products, A::Open, &[k(KeyCode::Enter)], "details", "show all of the product"),
        line(
            C::Queue,
            A::Operate(Operation::Resend),
            &[c('R')],
            "resend",
            "put the dead letter back into the queue",
        ),
        line(
            C::Queue,
            A::Operate(Operation::Discard),
            &[c('X')],
            "discard",
            "discard the dead letter; its order fails",
        ),
        line(
            C::Queue,
            A::Operate(Operation::ResendAll),
            &[c('E')],
            "resend every",
            "put every readable one back",
        ),
        line(
            C::Queue,
            A::OtherPane,
            &[c('l'), c('h'), k(KeyCode::Right), k(KeyCode::Left)],
            "other list",
            "go to the other list",
        ),
        line(C::Rows, A::Open, &[k(KeyCode::Enter)], "open", "show the row's details"),
        line(C::Rows, A::Copy, &[c('y')], "", "copy the row's id to the clipboard"),
        line(C::Filtered, A::Filter, &[c('/')], "filter", "filter; Enter keeps it, Esc clears it"),
        line(C::Sorted, A::Sort, &[c('s')], "sort", "sort by the next column"),
        line(C::Sorted, A::Reverse, &[c('r')], "", "reverse the order"),
        line(C::Screens, A::Freeze, &[c(' ')], "freeze", "freeze the display, not the daemon"),
        line(C::Screens, A::Zone, &[c('z')], "", "the clock in UTC, or in this terminal's zone"),
        line(
            C::Screens,
            A::Operate(Operation::LogLevel),
            &[c('L')],
            "log level",
            "change what is logged",
        ),
        line(C::Screens, A::Operate(Operation::Reload), &[c('U')], "", "reload the configuration"),
        line(C::Screens, A::Operate(Operation::Shutdown), &[c('Q')], "", "shut the daemon down"),
        line(C::Screens, A::NextScreen, &[k(KeyCode::Tab)], "next screen", "next screen"),
        line(C::Screens, A::PreviousScreen, &[k(KeyCode::BackTab)], "", "screen before"),
    ]
};

/// The screens' digits.
const DIGITS: [&[Key]; 9] = [
    &[c('1')],
    &[c('2')],
    &[c('3')],
    &[c('4')],
    &[c('5')],
    &[c('6')],
    &[c('7')],
    &[c('8')],
    &[c('9')],
];

const GOING: [Binding; Screen::ALL.len()] = {
    let mut all = [BEFORE[0]; Screen::ALL.len()];
    let mut index = 0;
    while index < all.len() {
        let screen = Screen::ALL[index];
        all[index] = line(Context::Screens, Action::Go(screen), DIGITS[index], "", screen.help());
        index += 1;
    }
    all
};

/// Every key that means something.
pub(crate) const TABLE: &[Binding] =
    &joined::<{ BEFORE.len() + GOING.len() + AFTER.len() }>([BEFORE, &GOING, AFTER]);

const fn joined<const N: usize>(parts: [&[Binding]; 3]) -> [Binding; N] {
    let mut all = [BEFORE[0]; N];
    let (mut part, mut index, mut place) = (0, 0, 0);
    while place < N {
        if index == parts[part].len() {
            (part, index) = (part + 1, 0);
            continue;
        }
        all[place] = parts[part][index];
        (index, place) = (index + 1, place + 1);
    }
    all
}

/// What stands after them.
const AFTER: &[Binding] = {
    use {Action as A, Context as C};
    &[
        line(C::Screens, A::Resubscribe, &[Key::ctrl('r')], "", "connect anew and load all again"),
        line(C::Screens, A::Quit, &[c('q')], "quit", "quit; the daemon goes on"),
        line(C::Screens, A::Back, &[k(KeyCode::Esc)], "", "clear the filter; never quits"),
        line(C::Screens, A::Help, &[c('?'), k(KeyCode::F(1))], "", "show this help"),
        line(C::Small, A::Quit, &[c('q')], "quit", "quit; the daemon goes on"),
        line(C::Moving, A::Down, &[c('j'), k(KeyCode::Down)], "", "go down"),
        line(C::Moving, A::Up, &[c('k'), k(KeyCode::Up)], "", "go up"),
        line(C::Moving, A::PageDown, &[k(KeyCode::PageDown), Key::ctrl('f')], "", "a page down"),
        line(C::Moving, A::PageUp, &[k(KeyCode::PageUp), Key::ctrl('b')], "", "a page up"),
        line(C::Moving, A::HalfDown, &[Key::ctrl('d')], "", "half a page down"),
        line(C::Moving, A::HalfUp, &[Key::ctrl('u')], "", "half a page up"),
        line(C::Moving, A::Top, &[c('g'), k(KeyCode::Home)], "", "go to the top"),
        line(C::Moving, A::Bottom, &[c('G'), k(KeyCode::End)], "", "go to the bottom"),
        line(C::Order, A::RevealPhone, &[c('p')], "show phone", "show the whole phone number"),
        line(C::Order, A::Copy, &[c('y')], "copy id", "copy the order's id"),
        line(
            C::Window,
            A::Back,
            &[k(KeyCode::Esc), c('q'), c('?'), k(KeyCode::F(1)), k(KeyCode::Enter)],
            "close",
            "close the window",
        ),
        line(C::Question, A::Yes, &[c('y')], "yes", "do it"),
        line(C::Question, A::No, &[c('n'), c('q'), k(KeyCode::Esc)], "no", "leave it"),
        line(
            C::Question,
            A::Press,
            &[k(KeyCode::Enter)],
            "press button",
            "press the selected button, No at first",
        ),
        line(
            C::Question,
            A::OtherButton,
            &[k(KeyCode::Tab), k(KeyCode::BackTab), k(KeyCode::Left), k(KeyCode::Right)],
            "other button",
            "select the other button",
        ),
        line(C::Question, A::Reason, &[c('r')], "reason", "type a reason; Enter comes back"),
        line(C::Typing, A::Enter, &[k(KeyCode::Enter)], "take", "take what is typed"),
        line(C::Typing, A::Cancel, &[k(KeyCode::Esc)], "cancel", "leave it"),
        line(
            C::Typing,
            A::NextField,
            &[k(KeyCode::Tab), k(KeyCode::Down)],
            "next field",
            "next field",
        ),
        line(
            C::Typing,
            A::PreviousField,
            &[k(KeyCode::BackTab), k(KeyCode::Up)],
            "",
            "field before",
        ),
        line(C::Typing, A::Clear, &[Key::ctrl('u')], "", "clear the line"),
        line(C::Anywhere, A::QuitNow, &[Key::ctrl('c')], "", "quit at once"),
        line(C::Anywhere, A::Suspend, &[Key::ctrl('z')], "", "suspend; `fg` comes back"),
    ]
};
