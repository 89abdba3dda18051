//! What may be changed now, and if not, why not. The daemon decides; this tells it beforehand.

use protocol::{Permission, Role, Snapshot};

use super::{confirm, forms, gate};
use crate::console::keys::Action;
use crate::console::model::{Connection, Model, Popup};
use crate::console::operations::{Object, Operation};
use crate::console::screens::products::rows::marked_product;
use crate::console::screens::queue::rows::marked_dead_letter;

const NO_GATEWAY: &str = "this process has no gateway role";
const NO_ORDERS: &str = "this process has no order role";

/// Why the action can't be asked for now, in a sentence without its end; `None` when it can.
pub(crate) fn blocked(model: &Model, action: Action) -> Option<String> {
    let Action::Operate(operation) = action else { return None };
    let snapshot = model.live.as_deref();
    forbidden(model, operation)
        .or_else(|| nothing_to_do(snapshot?, operation).map(str::to_owned))
        .or_else(|| gate::unseen(model, operation))
        .or_else(|| useless(model, operation).map(str::to_owned))
}

/// Why the daemon wouldn't take it from this console, whatever is on the screen.
pub(super) fn forbidden(model: &Model, operation: Operation) -> Option<String> {
    let Some(snapshot) = &model.live else { return Some("no state of the daemon yet".to_owned()) };
    if matches!(model.connection, Connection::Lost { .. }) {
        return Some("no connection to the daemon".to_owned());
    }
    not_permitted(model).or_else(|| wrong_role(snapshot, operation).map(str::to_owned))
}

/// What this peer lacks to change anything; `None` when it lacks nothing.
pub(crate) fn not_permitted(model: &Model) -> Option<String> {
    let you = model.you.as_ref()?;
    let missing = you.missing.clone().unwrap_or_else(|| "you may only look".to_owned());
    (you.permission < Permission::Operate).then_some(missing)
}

fn wrong_role(snapshot: &Snapshot, operation: Operation) -> Option<&'static str> {
    match operation.endpoint().role()? {
        Role::Gateway => snapshot.controls.intake.is_none().then_some(NO_GATEWAY),
        Role::Order => {
            let is_there = snapshot.controls.consumption.is_some() && snapshot.orders.is_some();
            (!is_there).then_some(NO_ORDERS)
        }
    }
}

fn nothing_to_do(snapshot: &Snapshot, operation: Operation) -> Option<&'static str> {
    match operation.object() {
        Object::Product => snapshot.products.is_empty().then_some("there is no product"),
        Object::Letter | Object::Letters => {
            let has_none = snapshot.queue.dead_letters == Some(0);
            has_none.then_some("there are no dead letters")
        }
        Object::Daemon => {
            let drains = operation == Operation::Drain && snapshot.controls.drain.is_some();
            drains.then_some("it drains already; P resumes the intake")
        }
    }
}

/// What would end as it began.
fn useless(model: &Model, operation: Operation) -> Option<&'static str> {
    let letter = marked_dead_letter(model)?;
    (operation == Operation::Resend && !letter.resendable)
        .then_some("it holds no readable order, so sending it again can't end otherwise")
}

/// The window that asks before the action: a form first, where something has to be filled in. It is
/// about the row that is marked on the screen, and the state as it is.
pub(super) fn question(model: &mut Model, operation: Operation) -> Result<Popup, String> {
    if let Some(why) = blocked(model, Action::Operate(operation)) {
        return Err(why);
    }
    let Some(snapshot) = model.live.clone() else { return Err("no state yet".to_owned()) };
    let letter = marked_dead_letter(model).cloned();
    let product = marked_product(model).map(|product| product.prod_id.clone());
    // The rows may be frozen or filtered; what is confirmed is the product as it is now.
    let product = product.and_then(|id| snapshot.products.iter().find(|now| now.prod_id == id));
    let question = match (operation, product, letter) {
        (Operation::LogLevel, ..) => return Ok(forms::log_level(&snapshot.log_level)),
        (Operation::CreateProduct, ..) => return Ok(forms::create_product()),
        (Operation::AddStock, Some(product), _) => return Ok(forms::add_stock(&product.prod_id)),
        (Operation::Terms, Some(product), _) => return Ok(forms::terms(product)),
        (Operation::Discard, _, Some(letter)) => return Ok(forms::discard(letter.id)),
        (Operation::Intake, ..) => confirm::intake(model, &snapshot),
        (Operation::Consumption, ..) => confirm::consumption(model, &snapshot),
        (Operation::Drain, ..) => confirm::drain(model, &snapshot),
        (Operation::Reload, ..) => confirm::reload(model, &snapshot),
        (Operation::Shutdown, ..) => confirm::shutdown(model, &snapshot),
        (Operation::Shelf, Some(product), _) => confirm::shelf(model, product),
        (Operation::Resend, _, Some(letter)) => confirm::resend(model, &letter),
        (Operation::ResendAll, ..) => match model.dead_letters.newest {
            Some(newest) => confirm::resend_all(model, newest),
            None => return Err("it isn't there any more".to_owned()),
        },
        _ => return Err("it isn't there any more".to_owned()),
    };
    gate::put(model, operation, question)
}
