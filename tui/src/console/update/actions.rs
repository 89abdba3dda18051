//! What may be changed now, and if not, why not. The daemon decides; this tells it beforehand.

use protocol::{Permission, Snapshot};

use super::{confirm, forms, gate};
use crate::console::keys::Action;
use crate::console::model::{Connection, Model, Popup};
use crate::console::rows;

const NO_GATEWAY: &str = "this process has no gateway role";
const NO_ORDERS: &str = "this process has no order role";

/// Why the action can't be asked for now, in a sentence without its end; `None` when it can.
pub(crate) fn blocked(model: &Model, action: Action) -> Option<String> {
    if !action.changes_the_daemon() {
        return None;
    }
    let snapshot = model.live.as_deref();
    forbidden(model, action)
        .or_else(|| nothing_to_do(snapshot?, action).map(str::to_owned))
        .or_else(|| gate::unseen(model, action))
        .or_else(|| useless(model, action).map(str::to_owned))
}

/// Why the daemon wouldn't take it from this console, whatever is on the screen.
pub(super) fn forbidden(model: &Model, action: Action) -> Option<String> {
    let Some(snapshot) = &model.live else { return Some("no state of the daemon yet".to_owned()) };
    if matches!(model.connection, Connection::Lost { .. }) {
        return Some("no connection to the daemon".to_owned());
    }
    not_permitted(model).or_else(|| wrong_role(snapshot, action).map(str::to_owned))
}

/// What this peer lacks to change anything; `None` when it lacks nothing.
pub(crate) fn not_permitted(model: &Model) -> Option<String> {
    let you = model.you.as_ref()?;
    let missing = you.missing.clone().unwrap_or_else(|| "you may only look".to_owned());
    (you.permission < Permission::Operate).then_some(missing)
}

fn wrong_role(snapshot: &Snapshot, action: Action) -> Option<&'static str> {
    use Action as A;
    match action {
        A::Intake | A::Drain => snapshot.controls.intake.is_none().then_some(NO_GATEWAY),
        A::Consumption => snapshot.controls.consumption.is_none().then_some(NO_ORDERS),
        A::AddStock | A::Shelf | A::CreateProduct | A::Resend | A::ResendAll | A::Discard => {
            snapshot.orders.is_none().then_some(NO_ORDERS)
        }
        _ => None,
    }
}

fn nothing_to_do(snapshot: &Snapshot, action: Action) -> Option<&'static str> {
    use Action as A;
    match action {
        A::AddStock | A::Shelf if snapshot.products.is_empty() => Some("there is no product"),
        A::Resend | A::ResendAll | A::Discard if snapshot.queue.dead_letters == Some(0) => {
            Some("there are no dead letters")
        }
        A::Drain if snapshot.controls.drain.is_some() => {
            Some("it drains already; P resumes the intake")
        }
        _ => None,
    }
}

/// What would end as it began.
fn useless(model: &Model, action: Action) -> Option<&'static str> {
    let letter = rows::marked_dead_letter(model)?;
    (action == Action::Resend && !letter.resendable)
        .then_some("it holds no readable order, so sending it again can't end otherwise")
}

/// The window that asks before the action: a form first, where something has to be filled in. It is
/// about the row that is marked on the screen, and the state as it is.
pub(super) fn question(model: &mut Model, action: Action) -> Result<Popup, String> {
    if let Some(why) = blocked(model, action) {
        return Err(why);
    }
    let Some(snapshot) = model.live.clone() else { return Err("no state yet".to_owned()) };
    let letter = rows::marked_dead_letter(model).cloned();
    let product = rows::marked_product(model).map(|product| product.prod_id.clone());
    // The rows may be frozen or filtered; what is confirmed is the product as it is now.
    let product = product.and_then(|id| snapshot.products.iter().find(|now| now.prod_id == id));
    let question = match (action, product, letter) {
        (Action::LogLevel, ..) => return Ok(forms::log_level(&snapshot.log_level)),
        (Action::CreateProduct, ..) => return Ok(forms::create_product()),
        (Action::AddStock, Some(product), _) => return Ok(forms::add_stock(&product.prod_id)),
        (Action::Discard, _, Some(letter)) => return Ok(forms::discard(letter.id)),
        (Action::Intake, ..) => confirm::intake(model, &snapshot),
        (Action::Consumption, ..) => confirm::consumption(model, &snapshot),
        (Action::Drain, ..) => confirm::drain(model, &snapshot),
        (Action::Shutdown, ..) => confirm::shutdown(model, &snapshot),
        (Action::Shelf, Some(product), _) => confirm::shelf(model, product),
        (Action::Resend, _, Some(letter)) => confirm::resend(model, &letter),
        (Action::ResendAll, ..) => match model.dead_letters.newest {
            Some(newest) => confirm::resend_all(model, newest),
            None => return Err("it isn't there any more".to_owned()),
        },
        _ => return Err("it isn't there any more".to_owned()),
    };
    gate::put(model, action, question)
}
