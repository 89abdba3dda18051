//! The table of keys. Within a context the more important ones come first: the hints at the bottom
//! are dropped from the right where they don't fit.

use crossterm::event::KeyCode;

use super::{Action, Binding, Context, Key};
use crate::console::model::Screen;
use crate::console::operations::Operation;

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

/// Every key that means something.
pub(crate) const TABLE: &[Binding] = {
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
        line(C::Products, A::Operate(Operation::Price), &[c('M')], "price", "change the price"),
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
        line(C::Screens, A::Go(Screen::Overview), &[c('1')], "", "Overview"),
        line(C::Screens, A::Go(Screen::Products), &[c('2')], "", "Products"),
        line(C::Screens, A::Go(Screen::Orders), &[c('3')], "", "Orders"),
        line(C::Screens, A::Go(Screen::Queue), &[c('4')], "", "Queue and dead letters"),
        line(C::Screens, A::Go(Screen::Gateway), &[c('5')], "", "Gateway"),
        line(C::Screens, A::Go(Screen::Events), &[c('6')], "", "Events"),
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
