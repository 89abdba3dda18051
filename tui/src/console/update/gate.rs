//! The one place that decides whether an action may be asked for and a question be answered:
//! nothing is done to what isn't on the screen, as it was drawn last, and no answer is taken from
//! keys that weren't pressed as one.
//!
//! A question stands only as long as what it is based on: when that has changed, it is withdrawn.

use protocol::{EpochMs, ProdId, Severity, Snapshot, Term};

use super::actions::forbidden;
use crate::commands::place;
use crate::commands::switch::in_words as switch_in_words;
use crate::console::keys::Action;
use crate::console::model::{
    ALONE, Dropped, Fact, HEIGHT_MIN, Model, Pane, Patience, Popup, QUIET, Question, Seen, Subject,
    WIDTH_MIN,
};
use crate::console::operations::{Object, Operation};
use crate::console::screens::products::rows::marked_product;
use crate::console::screens::queue::rows::marked_dead_letter;
use crate::words::narrow::clock;
use crate::words::{grouped, in_words, known_count, printable, signed};

/// Why the operation's object isn't in sight, so that nothing may be done to it; `None` when it is.
pub(super) fn unseen(model: &Model, operation: Operation) -> Option<String> {
    if model.drawn.get().is_none() {
        return Some("the screen isn't drawn yet".to_owned());
    }
    if model.is_small() {
        return Some(format!("the screen is too small: it takes {WIDTH_MIN}x{HEIGHT_MIN}"));
    }
    let unseen = match operation.object() {
        Object::Product => match marked_product(model) {
            None => "no product is marked on the screen",
            Some(_) => return None,
        },
        Object::Letter => match marked_dead_letter(model) {
            None if model.pane == Pane::Queues => {
                "the mark is on a queue: h or l takes it to the dead letters"
            }
            None => "no dead letter is marked on the screen",
            Some(_) => return None,
        },
        Object::Letters if model.dead_letters.newest.is_none() => {
            "the dead letters aren't loaded yet"
        }
        Object::Letters | Object::Daemon => return None,
    };
    Some(unseen.to_owned())
}

/// Makes it the question of this operation, based on the state as it is.
pub(super) fn put(
    model: &Model,
    operation: Operation,
    mut question: Question,
) -> Result<Popup, String> {
    question.operation = Some(operation);
    question.facts = facts(model, &question.subject)?;
    Ok(Popup::Question(Box::new(question)))
}

/// Opens the window that asks. What is asked about is the state as it is, and so is the page under
/// it; a filter that is half typed is left. A question below it is looked at again when it is back.
pub(super) fn open(model: &mut Model, popup: Popup) {
    model.frozen = None;
    model.typing = None;
    if let Some(below) = model.question_mut() {
        below.unsettle();
    }
    model.popups.push(popup);
}

/// Whether a key is taken. One that comes too soon is dropped, and so is an answer with the key
/// that follows it at once; the question says so.
pub(super) fn hears(model: &mut Model, action: Option<Action>) -> bool {
    use Action as A;
    let now = model.now;
    if model.deaf_until.is_some_and(|until| now < until) {
        return false;
    }
    let Some(question) = model.question_mut() else { return true };
    if question.said_yes.is_some() {
        question.unsettle();
        return false;
    }
    let leaves = matches!(action, Some(A::No | A::Cancel));
    // In the line for a reason Enter and Esc only go back to where it is answered.
    let answers = question.reason_line().is_none()
        && (leaves || matches!(action, Some(A::Yes | A::Press | A::Enter)));
    let hears = match (question.seen.get(), question.patience) {
        (Seen::Whole, Patience::Rested) => true,
        (Seen::Whole, Patience::Touched) => !answers,
        // One that never fits must be left all the same.
        (Seen::Cut, _) => leaves,
        _ => false,
    };
    // What follows on a dropped answer has that answer's reason.
    question.dropped = (!hears).then(|| question.dropped.unwrap_or(Dropped::TooSoon));
    if question.patience == Patience::Rested {
        question.patience = Patience::Touched;
    }
    hears
}

/// The question on top is said yes to.
pub(super) fn say_yes(model: &mut Model) {
    let now = model.now;
    if let Some(question) = model.question_mut() {
        question.said_yes = Some(now);
        question.patience = Patience::Rested;
    }
}

/// Whether the question on top has come into sight, has gone out of it, or has rested for long
/// enough; returns it when its answer has stayed alone. It is asked only when no key waits to be
/// read: a clock alone would take a machine that stood still for an operator who did.
pub(super) fn rest(model: &mut Model) -> Option<Box<Question>> {
    let (now, last_key) = (model.now, model.last_key);
    let question = model.question_mut()?;
    if question.seen.get() != Seen::Whole {
        question.unsettle();
        return None;
    }
    let seen = *question.in_sight.get_or_insert(now);
    if let Some(yes) = question.said_yes {
        let is_alone = ALONE <= now.saturating_duration_since(yes);
        return is_alone.then(|| model.pop_question()).flatten();
    }
    let quiet_since = last_key.map_or(seen, |key| key.max(seen));
    if QUIET <= now.saturating_duration_since(quiet_since) {
        question.patience = Patience::Rested;
    }
    None
}

/// Withdraws the questions that aren't those any more that they were, and keys that were meant for
/// them with them.
pub(super) fn withdraw(model: &mut Model) {
    let mut index = 0;
    while let Some(popup) = model.popups.get(index) {
        let Popup::Question(question) = popup else {
            index += 1;
            continue;
        };
        if let Some(why) = changed(model, question) {
            let text = format!("withdrawn, not sent: {}: {why}", question.command.what);
            model.popups.remove(index);
            model.deaf_until = Some(model.now + QUIET);
            model.tell(Severity::Warning, text);
            continue;
        }
        let version = version(model, &question.subject);
        if let (Some(Popup::Question(question)), Some(version)) =
            (model.popups.get_mut(index), version)
        {
            question.command.now_at(version);
        }
        index += 1;
    }
}

/// What has changed since the question was put; `None` when nothing of what it is based on has.
fn changed(model: &Model, question: &Question) -> Option<String> {
    if let Some(why) = forbidden(model, question.operation?) {
        return Some(why);
    }
    let now = match facts(model, &question.subject) {
        Ok(now) => now,
        Err(gone) => return Some(gone),
    };
    let mut pairs = question.facts.iter().zip(&now);
    let (was, is) = pairs.find(|(was, is)| was != is)?;
    Some(format!("{} is {} now, and was {}", is.what, is.value, was.value))
}

/// The version of the row: it rises with each order, so a question doesn't depend on it. The
/// command carries that of the state in which all that the question shows was as it says.
fn version(model: &Model, subject: &Subject) -> Option<u64> {
    let Subject::Product(id) = subject else { return None };
    let products = &model.live.as_ref()?.products;
    products.iter().find(|product| product.prod_id == *id).map(|product| product.version)
}

/// What a question about this is based on; always the same number of facts. The error says that it
/// is gone.
fn facts(model: &Model, subject: &Subject) -> Result<Vec<Fact>, String> {
    let Some(snapshot) = model.live.as_deref() else { return Err("no state yet".to_owned()) };
    let mut facts = vec![
        fact("the daemon's process", format!("{} of {}", snapshot.pid, clock(snapshot.started_at))),
        fact("the daemon", snapshot.phase.as_str()),
    ];
    match subject {
        Subject::Daemon | Subject::Repeat => {}
        Subject::Switches => facts.extend(of_switches(snapshot)),
        Subject::LogLevel => facts.push(fact("the log level", printable(&snapshot.log_level))),
        Subject::Configuration => {
            let generation = snapshot.config.generation;
            facts.push(fact("the configuration's generation", grouped(generation)));
        }
        Subject::Product(id) => facts.extend(of_product(snapshot, id)?),
        Subject::NewProduct(id) => {
            if snapshot.products.iter().any(|product| product.prod_id == *id) {
                return Err(format!("there is a product {} already", printable(id.as_str())));
            }
        }
        Subject::Letter(id) => facts.extend(of_letter(model, *id)?),
        // More of them are no reason to ask again: it touches those that it names.
        Subject::Letters => {
            let is_empty = snapshot.queue.dead_letters == Some(0);
            let extent = if is_empty { "empty" } else { "not empty" };
            facts.push(fact("the list of dead letters", extent));
        }
    }
    Ok(facts)
}

fn fact(what: &'static str, value: impl Into<String>) -> Fact {
    Fact { what, value: value.into() }
}

fn of_switches(snapshot: &Snapshot) -> Vec<Fact> {
    let controls = &snapshot.controls;
    let drain = controls.drain.as_ref().map(|drain| drain.since);
    vec![
        fact("intake", switch_in_words(controls.intake.as_ref(), "open")),
        fact("consumption", switch_in_words(controls.consumption.as_ref(), "running")),
        fact("the drain", drain.map_or_else(|| "not asked for".to_owned(), asked_for)),
        // Paused and resumed between two looks, they are as they were, and yet others.
        fact("the switches' generation", known_count(controls.generation)),
    ]
}

fn asked_for(since: EpochMs) -> String {
    format!("under way since {}", clock(since))
}

fn of_product(snapshot: &Snapshot, id: &ProdId) -> Result<Vec<Fact>, String> {
    let product = snapshot.products.iter().find(|product| product.prod_id == *id);
    let Some(product) = product else { return Err("the product isn't there any more".to_owned()) };
    let terms = Term::ALL.map(|term| match term {
        Term::Price => fact("the price", term.text(&product.terms)),
        Term::OnShelf => fact("its place", place(product.terms.on_shelf)),
        Term::OpensAt => fact("its opening", term.text(&product.terms)),
        Term::ClosesAt => fact("its close", term.text(&product.terms)),
        Term::PreheatRatio => fact("its preheat ratio", term.text(&product.terms)),
    });
    let mut facts = vec![fact("the name", printable(&product.prod_name))];
    facts.extend(terms);
    facts.push(fact("the sum of the units added", signed(product.added)));
    Ok(facts)
}

fn of_letter(model: &Model, id: u64) -> Result<Vec<Fact>, String> {
    let letters = model.dead_letters.rows.as_deref().unwrap_or_default();
    let letter = letters.iter().find(|letter| letter.id == id);
    let Some(letter) = letter else {
        return Err(format!("dead letter {id} isn't there any more"));
    };
    Ok(vec![
        fact("its reason", in_words(&letter.reason)),
        fact(
            "its order",
            letter.order_id.as_ref().map_or_else(String::new, |id| printable(&id.text())),
        ),
        fact("the number of its deliveries", grouped(letter.redeliveries.into())),
    ])
}
