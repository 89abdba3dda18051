//! The operator's desk: commands on products, letters and switches, each carried out, logged and
//! answered in one transaction. What a command may do is judged in the domain; here the facts are
//! read and the change is written.

pub(crate) mod audit;
pub(crate) mod controls;
pub(crate) mod letter_commands;
mod port;
pub(crate) mod product_commands;
mod reload;

use domain::ports::desk::{Command, Operation, Refusal};

use self::audit::Effect;
use crate::engine::error::JobError;
use crate::engine::tx::Tx;

/// Does what a command asks for. Whatever a refused command did until then is undone.
fn perform(tx: &Tx<'_>, command: &Command) -> Result<Effect, JobError> {
    match &command.operation {
        Operation::CreateProduct(product) => product_commands::create(tx, product),
        Operation::ChangeProduct { prod_id, change, if_seen } => {
            product_commands::change(tx, &command.asked, prod_id, *change, *if_seen)
        }
        Operation::ResendLetters { per_s, up_to } => {
            letter_commands::resend_all(tx, *per_s, *up_to)
        }
        Operation::ResendLetter(id) => letter_commands::resend_one(tx, *id),
        Operation::DiscardLetter(id) => letter_commands::discard(tx, *id),
        Operation::Switch { verb, if_generation } => {
            controls::set(tx, &command.asked, *verb, *if_generation)
        }
        Operation::Reload(reload) => reload::note(tx, reload),
        Operation::Note(note) => Effect::new(note.before.clone(), note.after.clone(), &note.state),
    }
}

/// What a rule allows; its refusal ends the work of the command.
fn allowed<T>(judged: Result<T, impl Into<Refusal>>) -> Result<T, JobError> {
    judged.map_err(|refusal| JobError::Refused(Box::new(refusal.into())))
}
