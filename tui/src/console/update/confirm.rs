//! The questions before the daemon is changed. Their words and commands are `commands`'; here they
//! get their number, what they are about, and the name that has to be typed.
//!
//! The number is taken when the question is put, not when it is answered: a command that is given
//! again after a lost answer is the same command.

use protocol::{CreateProduct, DeadLetterView, ProdId, ProductView, Snapshot, Term, TermsPatch};

use crate::commands::shelf::ShelfChange;
use crate::commands::switch::Switch;
use crate::commands::{
    Given, create_product as creating, discard as discarding, log_level as level,
    reload as reloading, resend as resending, shelf as shelving, shutdown as stopping,
    stock as stocking, terms as terming,
};
use crate::console::model::{Input, Model, Question, Subject};

/// For what one mustn't do by habit: the daemon's name has to be typed.
fn by_name(name: &str, question: Question) -> Question {
    Question { typed: Some((name.to_owned(), Input::default())), ..question }
}

/// A fresh number. A reason may be typed into the question.
fn given(model: &mut Model) -> Given {
    Given { request_id: model.ids.take(), reason: None }
}

pub(super) fn intake(model: &mut Model, snapshot: &Snapshot) -> Question {
    let is_paused = snapshot.controls.intake.as_ref().is_some_and(|switch| switch.paused);
    switched(model, snapshot, if is_paused { Switch::ResumeIntake } else { Switch::PauseIntake })
}

pub(super) fn consumption(model: &mut Model, snapshot: &Snapshot) -> Question {
    let is_paused = snapshot.controls.consumption.as_ref().is_some_and(|switch| switch.paused);
    let (resume, pause) = (Switch::ResumeConsumption, Switch::PauseConsumption);
    switched(model, snapshot, if is_paused { resume } else { pause })
}

pub(super) fn drain(model: &mut Model, snapshot: &Snapshot) -> Question {
    by_name(&snapshot.name, switched(model, snapshot, Switch::Drain))
}

fn switched(model: &mut Model, snapshot: &Snapshot, switch: Switch) -> Question {
    let command = switch.command(snapshot.controls.generation, given(model));
    Question::new(switch.prompt(snapshot), command, Subject::Switches)
}

pub(super) fn shutdown(model: &mut Model, snapshot: &Snapshot) -> Question {
    let command = stopping::command(given(model));
    let question = Question::new(stopping::prompt(snapshot), command, Subject::Daemon);
    by_name(&snapshot.name, question)
}

pub(super) fn reload(model: &mut Model, snapshot: &Snapshot) -> Question {
    let command = reloading::command(given(model));
    Question::new(reloading::prompt(snapshot), command, Subject::Configuration)
}

pub(super) fn shelf(model: &mut Model, product: &ProductView) -> Question {
    let (to, if_version) = match product.terms.on_shelf {
        true => (ShelfChange::Off, None),
        false => (ShelfChange::On, Some(product.version)),
    };
    let command = shelving::command(&product.prod_id, to, if_version, given(model));
    let subject = Subject::Product(product.prod_id.clone());
    Question::new(shelving::prompt(product, to), command, subject)
}

/// The product as it is now.
fn found(model: &Model, prod_id: &ProdId) -> Result<ProductView, String> {
    let products = model.live.as_ref().map_or(&[][..], |snapshot| &snapshot.products);
    let product = products.iter().find(|product| product.prod_id == *prod_id);
    product.cloned().ok_or_else(|| "the product isn't there any more".to_owned())
}

/// The error says why so many can't be withdrawn.
pub(super) fn add_stock(
    model: &mut Model,
    prod_id: &ProdId,
    delta: i64,
    reason: &str,
) -> Result<Question, String> {
    let product = found(model, prod_id)?;
    if let Some(shortage) = stocking::shortage(&product, delta) {
        return Err(shortage);
    }
    let command = stocking::command(prod_id, delta, reason, None, model.ids.take());
    let prompt = stocking::prompt(&product, delta, reason);
    Ok(Question::new(prompt, command, Subject::Product(prod_id.clone())))
}

/// Of what was filled in, only what differs is changed. The error says which line is at fault and
/// how.
pub(super) fn terms(
    model: &mut Model,
    prod_id: &ProdId,
    filled_in: &TermsPatch,
    reason: &str,
) -> Result<Question, (usize, String)> {
    let product = found(model, prod_id).map_err(|fault| (0, fault))?;
    let after = product.terms.with(filled_in);
    let line = |term: Term| Term::ALL.iter().position(|one| *one == term).unwrap_or(0);
    if let Some(fault) = after.fault() {
        return Err((line(fault.term()), fault.to_string()));
    }
    let patch = filled_in.only(product.terms.differing(&after));
    if patch.is_empty() {
        return Err((0, "these are its terms already".to_owned()));
    }
    let prompt = terming::prompt(&product, &patch, Some(reason));
    let given = Given { request_id: model.ids.take(), reason: Some(reason.to_owned()) };
    let command = terming::command(prod_id, patch, Some(product.terms_version), given);
    Ok(Question::new(prompt, command, Subject::Product(prod_id.clone())))
}

pub(super) fn create_product(model: &mut Model, mut product: CreateProduct) -> Question {
    product.request_id = model.ids.take();
    let (command, prompt) = (creating::command(&product), creating::prompt(&product));
    Question::new(prompt, command, Subject::NewProduct(product.prod_id))
}

pub(super) fn resend(model: &mut Model, letter: &DeadLetterView) -> Question {
    let command = resending::one(letter.id, given(model));
    Question::new(resending::prompt_of_one(letter), command, Subject::Letter(letter.id))
}

/// About those that there were when the list was loaded, though not all of them may be on the
/// screen.
pub(super) fn resend_all(model: &mut Model, newest: u64) -> Question {
    let command = resending::every(Some(newest), None, given(model));
    let mut prompt = resending::prompt_of_every(model.dead_letters.total, Some(newest));
    if !model.dead_letters.list.filter.is_empty() {
        prompt.lines.push("Those that the filter hides are touched as well.".to_owned());
    }
    Question::new(prompt, command, Subject::Letters)
}

pub(super) fn discard(model: &mut Model, id: u64, reason: &str) -> Question {
    let command = discarding::command(id, reason, model.ids.take());
    let rows = model.dead_letters.rows.as_deref().unwrap_or_default();
    let letter = rows.iter().find(|letter| letter.id == id);
    Question::new(discarding::prompt(id, letter, reason), command, Subject::Letter(id))
}

pub(super) fn log_level(model: &mut Model, level: &str) -> Result<Question, String> {
    let given = given(model);
    let Some(snapshot) = &model.live else { return Err("no state yet".to_owned()) };
    let prompt = level::prompt(level, snapshot);
    Ok(Question::new(prompt, level::command(level, given), Subject::LogLevel))
}
