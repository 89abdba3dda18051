//! The questions before the daemon is changed: each names the object, the effect and how many it
//! touches, and holds the command as it will be sent.

use protocol::{CreateProduct, DeadLetterView, ProductView, Snapshot};

use crate::console::command::{Command, Shelf};
use crate::console::model::{Button, Confirmation, Input, Model, Popup};
use crate::console::text::{counted, grouped, known, printable, signed};

fn ask(title: String, lines: Vec<String>, command: Command) -> Popup {
    let focus = Button::No;
    Popup::Confirmation(Box::new(Confirmation { title, lines, focus, typed: None, command }))
}

/// For what one mustn't do by habit: the daemon's name has to be typed.
fn ask_for_name(name: &str, title: String, lines: Vec<String>, command: Command) -> Popup {
    let typed = Some((name.to_owned(), Input::default()));
    let focus = Button::No;
    Popup::Confirmation(Box::new(Confirmation { title, lines, focus, typed, command }))
}

fn waiting(snapshot: &Snapshot) -> String {
    match snapshot.queue.lag_messages {
        Some(count) => format!("{} in the queue", counted(count, "order")),
        None => "it isn't known how many orders wait in the queue".to_owned(),
    }
}

fn on_sale(snapshot: &Snapshot) -> String {
    let count = snapshot.products.iter().filter(|product| product.on_shelf).count();
    let rate = snapshot.gateway.as_ref().map_or(0, |gateway| gateway.charge_rate.last_1s);
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    format!("{} on the shelf, {} charges in the last second", counted(count, "product"), rate)
}

pub(super) fn intake(model: &mut Model, snapshot: &Snapshot) -> Popup {
    let id = model.ids.take();
    let paused = snapshot.controls.intake.as_ref().is_some_and(|switch| switch.paused);
    if paused {
        let mut lines =
            vec!["Buyers can order again.".to_owned(), format!("Touches: {}.", on_sale(snapshot))];
        if snapshot.controls.drain.is_some() {
            lines.push("It ends the drain.".to_owned());
        }
        let command = Command::plain("/v1/intake/resume", "resume intake", id);
        return ask(format!("Resume intake of {}?", printable(&snapshot.name)), lines, command);
    }
    let lines = vec![
        "New orders are refused (code 42003) until intake is resumed.".to_owned(),
        "Orders already accepted are decided as usual.".to_owned(),
        format!("Touches: {}.", on_sale(snapshot)),
    ];
    let command = Command::plain("/v1/intake/pause", "pause intake", id);
    ask(format!("Pause intake of {}?", printable(&snapshot.name)), lines, command)
}

pub(super) fn consumption(model: &mut Model, snapshot: &Snapshot) -> Popup {
    let id = model.ids.take();
    let paused = snapshot.controls.consumption.as_ref().is_some_and(|switch| switch.paused);
    if paused {
        let lines = vec![
            "Orders are taken from the queue and decided again.".to_owned(),
            format!("Touches: {}.", waiting(snapshot)),
        ];
        let command = Command::plain("/v1/consumption/resume", "resume consumption", id);
        return ask(
            format!("Resume consumption of {}?", printable(&snapshot.name)),
            lines,
            command,
        );
    }
    let lines = vec![
        "Orders stay in the queue, and their buyers stay \"queueing\".".to_owned(),
        "Intake goes on: the queue grows until consumption is resumed.".to_owned(),
        format!("Touches: {}, and those that come.", waiting(snapshot)),
    ];
    let command = Command::plain("/v1/consumption/pause", "pause consumption", id);
    ask(format!("Pause consumption of {}?", printable(&snapshot.name)), lines, command)
}

pub(super) fn drain(model: &mut Model, snapshot: &Snapshot) -> Popup {
    let lines = vec![
        "Intake is paused (code 42003); consumption goes on until nothing waits.".to_owned(),
        "The daemon stays up; resuming intake undoes it.".to_owned(),
        format!("Touches: {}; {}.", waiting(snapshot), on_sale(snapshot)),
    ];
    let command = Command::plain("/v1/drain", "drain", model.ids.take());
    ask_for_name(&snapshot.name, format!("Drain {}?", printable(&snapshot.name)), lines, command)
}

pub(super) fn shutdown(model: &mut Model, snapshot: &Snapshot) -> Popup {
    let in_flight = snapshot.gateway.as_ref().map_or(0, |gateway| gateway.in_flight);
    let lines = vec![
        "The process ends in order: what is in flight is answered first.".to_owned(),
        "Nothing is sold until it is started again; what is queued stays.".to_owned(),
        format!("Touches: {} in flight, {}.", counted(in_flight, "request"), waiting(snapshot)),
    ];
    let command = Command::shutdown("shut down", model.ids.take());
    ask_for_name(
        &snapshot.name,
        format!("Shut {} down?", printable(&snapshot.name)),
        lines,
        command,
    )
}

pub(super) fn shelf(model: &mut Model, product: &ProductView) -> Popup {
    let (id, name) = (printable(&product.prod_id), printable(&product.prod_name));
    let held = known(product.held);
    if product.on_shelf {
        let lines = vec![
            format!("{name}: charges are refused (code 40007) until it is back."),
            format!("Touches: {} unsold; {held} held are decided as usual.", units(product.stock)),
        ];
        let what = format!("take {id} off the shelf");
        let command = Command::shelf(&product.prod_id, Shelf::Off, &what, model.ids.take());
        return ask(format!("Take {id} off the shelf?"), lines, command);
    }
    let lines = vec![
        format!("{name}: it can be charged at {} from now on.", product.price),
        format!("Touches: {} to sell.", units(product.stock)),
    ];
    let what = format!("put {id} on the shelf");
    let to = Shelf::On { shown_version: product.version };
    let command = Command::shelf(&product.prod_id, to, &what, model.ids.take());
    ask(format!("Put {id} on the shelf?"), lines, command)
}

fn units(count: u64) -> String {
    counted(count, "unit")
}

/// The error says why so many can't be withdrawn.
pub(super) fn add_stock(
    model: &mut Model,
    prod_id: &str,
    delta: i64,
    reason: &str,
) -> Result<Popup, String> {
    let products = model.live.as_ref().map_or(&[][..], |snapshot| &snapshot.products);
    let product = products.iter().find(|product| product.prod_id == prod_id);
    let Some(product) = product else { return Err("the product isn't there any more".to_owned()) };
    let Some(after) = product.stock.checked_add_signed(delta) else {
        return Err(format!("only {} are unsold", grouped(product.stock)));
    };
    let id = printable(prod_id);
    let (verb, count) = if delta < 0 { ("Withdraw", "from") } else { ("Add", "to") };
    let how_many = units(delta.unsigned_abs());
    let lines = vec![
        format!(
            "{}: stock {} {} = {}.",
            printable(&product.prod_name),
            grouped(product.stock),
            signed(delta),
            grouped(after)
        ),
        "What is sold meanwhile counts on top.".to_owned(),
        format!("Reason: {}", printable(reason)),
    ];
    let what = format!("{} {how_many} {count} {id}", verb.to_lowercase());
    let command = Command::add_stock(prod_id, delta, reason, &what, model.ids.take());
    Ok(ask(format!("{verb} {how_many} {count} {id}?"), lines, command))
}

pub(super) fn create_product(model: &mut Model, mut product: CreateProduct) -> Popup {
    product.request_id = model.ids.take();
    let id = printable(&product.prod_id);
    let lines = vec![
        format!("{}, price {}.", printable(&product.prod_name), product.price),
        format!("Touches: {} to sell; off the shelf until S.", units(product.stock.into())),
    ];
    let command = Command::create_product(&format!("create product {id}"), &product);
    ask(format!("Create product {id}?"), lines, command)
}

pub(super) fn resend(model: &mut Model, letter: &DeadLetterView) -> Popup {
    let lines = vec![
        format!("Set aside as {}.", printable(&letter.reason)),
        format!("Order {}.", letter.order_id.as_deref().map_or_else(String::new, printable)),
        "Touches: 1 dead letter; it goes back into the queue and is decided.".to_owned(),
    ];
    let what = format!("resend dead letter {}", letter.id);
    let command = Command::resend(letter.id, &what, model.ids.take());
    ask(format!("Resend dead letter {}?", letter.id), lines, command)
}

pub(super) fn resend_all(model: &mut Model, snapshot: &Snapshot) -> Popup {
    let lines = vec![
        "Those that hold a readable order go back into the queue, at a capped rate.".to_owned(),
        format!("Touches: up to {} dead letters.", known(snapshot.queue.dead_letters)),
    ];
    let command = Command::resend_all("resend every dead letter", model.ids.take());
    ask("Resend every dead letter?".to_owned(), lines, command)
}

pub(super) fn discard(model: &mut Model, id: u64, reason: &str) -> Popup {
    let lines = vec![
        "Its hold ends and its order fails (discarded). It can't be undone.".to_owned(),
        "Touches: 1 dead letter.".to_owned(),
        format!("Reason: {}", printable(reason)),
    ];
    let what = format!("discard dead letter {id}");
    let command = Command::discard(id, reason, &what, model.ids.take());
    ask(format!("Discard dead letter {id}?"), lines, command)
}

pub(super) fn log_level(model: &mut Model, level: &str) -> Popup {
    let now = model.live.as_ref().map(|snapshot| printable(&snapshot.log_level));
    let lines = vec![
        format!("Now: {}", now.unwrap_or_default()),
        "Touches: the daemon's log only, until its next start.".to_owned(),
    ];
    let what = format!("log at {}", printable(level));
    let command = Command::log_level(level, &what, model.ids.take());
    ask(format!("Log at {}?", printable(level)), lines, command)
}
