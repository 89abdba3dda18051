//! The questions before the daemon is changed: each names the object, the effect and how many it
//! touches, and holds the command as it will be sent.

use protocol::{CreateProduct, DeadLetterView, Endpoint, ProductView, Snapshot};

use super::gate::{place, switch};
use crate::console::command::{Command, Shelf};
use crate::console::model::{Input, Model, Question, Subject};
use crate::words::{counted, grouped, known_count, known_text, printable, signed};

/// For what one mustn't do by habit: the daemon's name has to be typed.
fn by_name(name: &str, question: Question) -> Question {
    Question { typed: Some((name.to_owned(), Input::default())), ..question }
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

pub(super) fn intake(model: &mut Model, snapshot: &Snapshot) -> Question {
    let (id, controls) = (model.ids.take(), &snapshot.controls);
    let name = printable(&snapshot.name);
    let now = format!("Now: intake is {}.", switch(controls.intake.as_ref(), "open"));
    if controls.intake.as_ref().is_some_and(|switch| switch.paused) {
        let mut lines = vec![now, "Buyers can order again.".to_owned()];
        lines.extend(end_of_drain(snapshot));
        lines.push(format!("Touches: {}.", on_sale(snapshot)));
        let command =
            Command::switch(Endpoint::ResumeIntake, "resume intake", controls.generation, id);
        return Question::new(
            format!("Resume intake of {name}?"),
            lines,
            command,
            Subject::Switches,
        );
    }
    let lines = vec![
        now,
        "New orders are refused (code 42003) until intake is resumed.".to_owned(),
        "Orders already accepted are decided as usual.".to_owned(),
        format!("Touches: {}.", on_sale(snapshot)),
    ];
    let command = Command::switch(Endpoint::PauseIntake, "pause intake", controls.generation, id);
    Question::new(format!("Pause intake of {name}?"), lines, command, Subject::Switches)
}

fn end_of_drain(snapshot: &Snapshot) -> Option<String> {
    snapshot.controls.drain.as_ref().map(|_| "It ends the drain.".to_owned())
}

pub(super) fn consumption(model: &mut Model, snapshot: &Snapshot) -> Question {
    let (id, controls) = (model.ids.take(), &snapshot.controls);
    let name = printable(&snapshot.name);
    let state = switch(controls.consumption.as_ref(), "running");
    let now = format!("Now: consumption is {state}.");
    if controls.consumption.as_ref().is_some_and(|switch| switch.paused) {
        let lines = vec![
            now,
            "Orders are taken from the queue and decided again.".to_owned(),
            format!("Touches: {}.", waiting(snapshot)),
        ];
        let endpoint = Endpoint::ResumeConsumption;
        let command = Command::switch(endpoint, "resume consumption", controls.generation, id);
        let title = format!("Resume consumption of {name}?");
        return Question::new(title, lines, command, Subject::Switches);
    }
    let mut lines = vec![
        now,
        "Orders stay in the queue, and their buyers stay \"queueing\".".to_owned(),
        "Intake goes on: the queue grows until consumption is resumed.".to_owned(),
    ];
    lines.extend(end_of_drain(snapshot));
    lines.push(format!("Touches: {}, and those that come.", waiting(snapshot)));
    let endpoint = Endpoint::PauseConsumption;
    let command = Command::switch(endpoint, "pause consumption", controls.generation, id);
    Question::new(format!("Pause consumption of {name}?"), lines, command, Subject::Switches)
}

pub(super) fn drain(model: &mut Model, snapshot: &Snapshot) -> Question {
    let controls = &snapshot.controls;
    let lines = vec![
        format!(
            "Now: intake is {}, consumption is {}.",
            switch(controls.intake.as_ref(), "open"),
            switch(controls.consumption.as_ref(), "running")
        ),
        "Intake is paused (code 42003); consumption goes on until nothing waits.".to_owned(),
        "The daemon stays up; resuming intake undoes it.".to_owned(),
        format!("Touches: {}; {}.", waiting(snapshot), on_sale(snapshot)),
    ];
    let command = Command::switch(Endpoint::Drain, "drain", controls.generation, model.ids.take());
    let title = format!("Drain {}?", printable(&snapshot.name));
    by_name(&snapshot.name, Question::new(title, lines, command, Subject::Switches))
}

pub(super) fn shutdown(model: &mut Model, snapshot: &Snapshot) -> Question {
    let in_flight = snapshot.gateway.as_ref().map_or(0, |gateway| gateway.in_flight);
    let (name, phase) = (printable(&snapshot.name), snapshot.phase.as_str());
    let lines = vec![
        format!("Now: {name} is {phase}, process {}.", snapshot.pid),
        "The process ends in order: what is in flight is answered first.".to_owned(),
        "Nothing is sold until it is started again; what is queued stays.".to_owned(),
        format!("Touches: {} in flight, {}.", counted(in_flight, "request"), waiting(snapshot)),
    ];
    let command = Command::shutdown("shut down", model.ids.take());
    let title = format!("Shut {name} down?");
    by_name(&snapshot.name, Question::new(title, lines, command, Subject::Daemon))
}

/// What a product is now: its name, where it is, what it costs, what is left of it.
fn now(product: &ProductView) -> String {
    format!(
        "Now: {}, {} at {}, stock {}.",
        printable(&product.prod_name),
        place(product.on_shelf),
        product.price,
        grouped(product.stock)
    )
}

pub(super) fn shelf(model: &mut Model, product: &ProductView) -> Question {
    let id = printable(&product.prod_id);
    let held = known_count(product.held);
    let subject = Subject::Product(product.prod_id.clone());
    if product.on_shelf {
        let lines = vec![
            now(product),
            "Charges are refused (code 40007) until it is back.".to_owned(),
            format!("Touches: {} unsold; {held} held are decided as usual.", units(product.stock)),
        ];
        let what = format!("take {id} off the shelf");
        let command = Command::shelf(&product.prod_id, Shelf::Off, &what, model.ids.take());
        return Question::new(format!("Take {id} off the shelf?"), lines, command, subject);
    }
    let lines = vec![
        now(product),
        format!("It can be charged at {} from now on.", product.price),
        format!("Touches: {} to sell.", units(product.stock)),
    ];
    let what = format!("put {id} on the shelf");
    let to = Shelf::On { shown_version: product.version };
    let command = Command::shelf(&product.prod_id, to, &what, model.ids.take());
    Question::new(format!("Put {id} on the shelf?"), lines, command, subject)
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
) -> Result<Question, String> {
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
        now(product),
        format!("Then: stock {} {} = {}.", grouped(product.stock), signed(delta), grouped(after)),
        "What is sold meanwhile counts on top.".to_owned(),
        format!("Reason: {}", printable(reason)),
    ];
    let what = format!("{} {how_many} {count} {id}", verb.to_lowercase());
    let command = Command::add_stock(prod_id, delta, reason, &what, model.ids.take());
    let title = format!("{verb} {how_many} {count} {id}?");
    Ok(Question::new(title, lines, command, Subject::Product(prod_id.to_owned())))
}

pub(super) fn create_product(model: &mut Model, mut product: CreateProduct) -> Question {
    product.request_id = model.ids.take();
    let id = printable(&product.prod_id);
    let lines = vec![
        format!("{}, price {}.", printable(&product.prod_name), product.price),
        format!("Touches: {} to sell; off the shelf until S.", units(product.stock.into())),
    ];
    let command = Command::create_product(&format!("create product {id}"), &product);
    let subject = Subject::NewProduct(product.prod_id);
    Question::new(format!("Create product {id}?"), lines, command, subject)
}

pub(super) fn resend(model: &mut Model, letter: &DeadLetterView) -> Question {
    let lines = vec![
        format!("Set aside as {}.", printable(&letter.reason)),
        format!("Order {}.", letter.order_id.as_deref().map_or_else(String::new, printable)),
        "Touches: 1 dead letter; it goes back into the queue and is decided.".to_owned(),
    ];
    let what = format!("resend dead letter {}", letter.id);
    let command = Command::resend(letter.id, &what, model.ids.take());
    let title = format!("Resend dead letter {}?", letter.id);
    Question::new(title, lines, command, Subject::Letter(letter.id))
}

/// About those that there were when the list was loaded, though not all of them may be on the
/// screen: on a bad night more come each second.
pub(super) fn resend_all(model: &mut Model, newest: u64) -> Question {
    let mut lines = vec![
        "Those that hold a readable order go back into the queue, at a capped rate.".to_owned(),
        format!(
            "Touches: up to {}, up to no. {newest}.",
            counted(model.dead_letters.total, "dead letter")
        ),
        "What is set aside after them is left alone.".to_owned(),
    ];
    if !model.dead_letters.list.filter.is_empty() {
        lines.push("Those that the filter hides are touched as well.".to_owned());
    }
    let what = format!("resend every dead letter up to {newest}");
    let command = Command::resend_all(newest, &what, model.ids.take());
    let title = "Resend every dead letter?".to_owned();
    Question::new(title, lines, command, Subject::Letters)
}

pub(super) fn discard(model: &mut Model, id: u64, reason: &str) -> Question {
    let rows = model.dead_letters.rows.as_deref().unwrap_or_default();
    let letter = rows.iter().find(|letter| letter.id == id);
    let whose = letter.and_then(|letter| {
        let order_id = letter.order_id.as_deref()?;
        let [user, product] =
            [&letter.user, &letter.prod_id].map(|text| known_text(text.as_deref()));
        Some(format!("Order {} of buyer {user}, product {product}.", printable(order_id)))
    });
    let lines = vec![
        whose.unwrap_or_else(|| "It holds no readable order.".to_owned()),
        "Its hold ends and its order fails (discarded). It can't be undone.".to_owned(),
        "Touches: 1 dead letter.".to_owned(),
        format!("Reason: {}", printable(reason)),
    ];
    let what = format!("discard dead letter {id}");
    let command = Command::discard(id, reason, &what, model.ids.take());
    Question::new(format!("Discard dead letter {id}?"), lines, command, Subject::Letter(id))
}

pub(super) fn log_level(model: &mut Model, level: &str) -> Question {
    let now = model.live.as_ref().map(|snapshot| printable(&snapshot.log_level));
    let lines = vec![
        format!("Now: {}", now.unwrap_or_default()),
        "Touches: the daemon's log only, until its next start.".to_owned(),
    ];
    let what = format!("log at {}", printable(level));
    let command = Command::log_level(level, &what, model.ids.take());
    let title = format!("Log at {}?", printable(level));
    Question::new(title, lines, command, Subject::LogLevel)
}
