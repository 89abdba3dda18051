//! `update`: what each message makes of the model, and what it wants done outside. Nothing here
//! waits, draws or reads a clock.

mod actions;
mod asking;
mod confirm;
mod forms;
mod gate;
mod keys;
mod lines;
mod mouse;
mod moving;
mod popups;

use protocol::{NotableKind, Severity};

use super::model::{Connection, Model, Popup, Question, Subject};
use super::msg::{CommandEnd, Effect, Msg};
use super::screens::{orders, queue};
use crate::commands::{Command, Prompt};
use crate::words::printable;

pub(crate) use actions::{blocked, not_permitted};
pub(crate) use asking::ask_history;

/// Takes in one message.
pub(crate) fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    forget_old_toast(model);
    let mut effects = match msg {
        Msg::Key(event) => keys::on_key(model, event),
        Msg::Paste(text) => popups::paste(model, &text),
        Msg::Mouse(event) => mouse::on_mouse(model, event),
        Msg::Tick => popups::rest(model),
        Msg::Resized => {
            model.forget_drawing();
            popups::rest(model)
        }
        Msg::Found(place) => {
            model.socket = place;
            Vec::new()
        }
        Msg::Line(line) => lines::on_line(model, *line),
        Msg::Lost { why, retry_in } => {
            lost(model, why, retry_in);
            Vec::new()
        }
        Msg::Orders { asked, answer } => orders::asking::came(model, asked, answer),
        Msg::History { order_id, answer } => asking::history_came(model, &order_id, answer),
        Msg::DeadLetters(answer) => queue::asking::came(model, answer),
        Msg::Commanded { command, outcome } => commanded(model, *command, outcome),
    };
    moving::hold(model);
    gate::withdraw(model);
    effects.extend(asking::keep_fresh(model));
    effects
}

fn forget_old_toast(model: &mut Model) {
    model.toast.take_if(|toast| toast.until <= model.now);
}

/// The data stays. A connection that is lost is one event; the failed attempts after that are none.
fn lost(model: &mut Model, why: String, retry_in: std::time::Duration) {
    if model.is_connected() {
        let text = format!("connection lost: {why}");
        model.note(NotableKind::Condition, Severity::Warning, text);
    }
    model.connection = Connection::Lost { why, retry_at: model.now + retry_in };
}

fn commanded(model: &mut Model, command: Command, outcome: CommandEnd) -> Vec<Effect> {
    match outcome {
        CommandEnd::Done(more) => {
            let more = more.map(|more| format!(" ({more})")).unwrap_or_default();
            // The daemon's own event about it is among the events.
            model.say(Severity::Info, format!("done: {}{more}", command.what));
            asking::reload(model)
        }
        CommandEnd::Refused(why) => {
            model.tell(Severity::Error, format!("refused: {}: {why}", command.what));
            Vec::new()
        }
        CommandEnd::Unanswered(why) => {
            let text = format!("no answer: {}: {why}", command.what);
            model.note(NotableKind::Audit, Severity::Warning, text);
            gate::open(model, Popup::Question(Box::new(once_more(command, &why))));
            Vec::new()
        }
    }
}

/// A command whose answer was lost: nobody knows whether it was carried out. Given again it has the
/// number that it had, and what it was based on still stands in it.
fn once_more(command: Command, why: &str) -> Question {
    let lines = vec![
        format!("{}: {}", command.what, printable(why)),
        "It may have been carried out, or not. Asking again is safe: it has the same number, and \
         is done once at most."
            .to_owned(),
    ];
    let prompt = Prompt { title: "No answer. Ask again?".to_owned(), lines };
    Question::new(prompt, command, Subject::Repeat)
}
