//! Keys in questions, forms and the filter's line.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use protocol::Severity;

use super::{forms, gate};
use crate::commands::Command;
use crate::console::keys::Action;
use crate::console::model::{Button, Connection, Cursor, Dropped, Input, Model, Popup};
use crate::console::msg::{Ask, Effect};
use crate::words::printable;

/// A question's keys.
pub(super) fn question(model: &mut Model, action: Action) -> Vec<Effect> {
    let Some(question) = model.question_mut() else { return Vec::new() };
    let answer = match action {
        Action::Yes => Button::Yes,
        Action::No => Button::No,
        Action::OtherButton => {
            question.focus = question.focus.other();
            return Vec::new();
        }
        Action::Reason => {
            question.move_cursor(Cursor::Reason);
            return Vec::new();
        }
        _ => question.focus,
    };
    match answer {
        Button::Yes => gate::say_yes(model),
        Button::No => drop(model.popups.pop()),
    }
    Vec::new()
}

/// Looks whether the question has rested, or its answer has.
pub(super) fn rest(model: &mut Model) -> Vec<Effect> {
    gate::rest(model).map_or_else(Vec::new, |answered| give(model, answered.into_command()))
}

/// What was confirmed isn't given to a daemon that isn't there: what it would find when it is back
/// isn't what was confirmed.
fn give(model: &mut Model, command: Command) -> Vec<Effect> {
    if matches!(model.connection, Connection::Lost { .. }) {
        model.tell(Severity::Error, format!("not sent: {}: no connection", command.what));
        return Vec::new();
    }
    vec![Effect::Ask(Ask::Command(Box::new(command)))]
}

/// The keys of a line that is typed, other than those that change its text.
pub(super) fn typing(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::Cancel => {
            cancel(model);
            Vec::new()
        }
        Action::Enter => enter(model),
        Action::Clear => {
            if let Some(input) = input(model) {
                input.clear();
            }
            filter_as_typed(model);
            Vec::new()
        }
        Action::NextField => move_focus(model, 1),
        Action::PreviousField => move_focus(model, -1),
        _ => Vec::new(),
    }
}

fn cancel(model: &mut Model) {
    if model.typing.take().is_some() {
        model.screen.scene().clear_filter(model);
    } else if !leave_reason(model, Kept::No) {
        model.popups.pop();
    }
}

/// What becomes of a reason that was being typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Yes,
    No,
}

/// From a question's line for a reason back to where it is answered; whether the cursor was there.
fn leave_reason(model: &mut Model, kept: Kept) -> bool {
    let Some(question) = model.question_mut() else { return false };
    if question.reason_line().is_none() {
        return false;
    }
    if kept == Kept::No
        && let Some(line) = question.line_mut()
    {
        line.clear();
    }
    question.move_cursor(Cursor::Answer);
    true
}

fn enter(model: &mut Model) -> Vec<Effect> {
    if let Some(typed) = model.typing.take() {
        model.screen.scene().filter_taken(model, typed);
        return Vec::new();
    }
    if leave_reason(model, Kept::Yes) {
        return Vec::new();
    }
    match model.popups.pop() {
        Some(Popup::Form(form)) => {
            let popup = forms::enter(model, form);
            model.popups.push(popup);
        }
        other => {
            model.popups.extend(other);
            named(model);
        }
    }
    Vec::new()
}

/// The name was typed, or something else.
fn named(model: &mut Model) {
    let Some((expected, input)) = model.question().and_then(|asked| asked.typed.as_ref()) else {
        return;
    };
    if input.text() == expected {
        return gate::say_yes(model);
    }
    let (given, wanted) = (printable(input.text()), printable(expected));
    model.say(Severity::Warning, format!("{given:?} isn't {wanted:?}: nothing is done"));
}

fn filter_as_typed(model: &mut Model) {
    if let Some(typed) = &model.typing {
        let text = typed.text().to_owned();
        model.screen.scene().filter_typed(model, &text);
    }
}

fn move_focus(model: &mut Model, by: isize) -> Vec<Effect> {
    if let Some(Popup::Form(form)) = model.popups.last_mut() {
        let last = form.fields.len().saturating_sub(1);
        form.focus = form.focus.saturating_add_signed(by).min(last);
    } else if let Some(question) = model.question_mut() {
        // A name that has to be typed, and the reason.
        let is_at_reason = question.reason_line().is_some();
        question.move_cursor(if is_at_reason { Cursor::Answer } else { Cursor::Reason });
    }
    Vec::new()
}

/// The line that is being typed.
fn input(model: &mut Model) -> Option<&mut Input> {
    if model.typing.is_some() {
        return model.typing.as_mut();
    }
    match model.popups.last_mut()? {
        Popup::Form(form) => {
            form.fault = None;
            form.fields.get_mut(form.focus).map(|field| &mut field.input)
        }
        Popup::Question(asked) => asked.line_mut(),
        _ => None,
    }
}

/// A key that isn't bound, in a line that is typed.
pub(super) fn type_key(model: &mut Model, event: KeyEvent) -> Vec<Effect> {
    let Some(input) = input(model) else { return Vec::new() };
    let is_text = !event.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
    match event.code {
        KeyCode::Char(c) if is_text => input.insert(c.encode_utf8(&mut [0; 4])),
        KeyCode::Backspace => input.backspace(),
        KeyCode::Delete => input.delete(),
        KeyCode::Left => input.left(),
        KeyCode::Right => input.right(),
        KeyCode::Home => input.home(),
        KeyCode::End => input.end(),
        _ => {}
    }
    filter_as_typed(model);
    Vec::new()
}

/// A paste is as good as keys: it answers nothing, and a question's wait starts over.
pub(super) fn paste(model: &mut Model, text: &str) -> Vec<Effect> {
    let is_heard = !model.is_small() && gate::hears(model, None);
    model.last_key = Some(model.now);
    // Where nothing is typed a paste has no place, however long it was waited for.
    if let Some(question) = model.question_mut().filter(|question| !question.is_typed_into()) {
        question.dropped = Some(Dropped::Pasted);
        return Vec::new();
    }
    if !is_heard {
        return Vec::new();
    }
    if let Some(input) = input(model) {
        input.insert(text);
    }
    filter_as_typed(model);
    Vec::new()
}
