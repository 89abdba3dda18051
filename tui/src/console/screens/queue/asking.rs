//! The dead letters are asked for while their screen is open and there are others.

use protocol::{DeadLettersPage, Endpoint};

use crate::console::model::Model;
use crate::console::msg::{Answer, Ask, Effect};

pub(super) fn are_due(model: &Model) -> bool {
    let count = model.live.as_ref().and_then(|snapshot| snapshot.queue.dead_letters);
    count.is_some() && model.dead_letters.asked_for != count
}

pub(super) fn ask(model: &mut Model) -> Effect {
    model.dead_letters.asked_for =
        model.live.as_ref().and_then(|snapshot| snapshot.queue.dead_letters);
    Effect::Ask(Ask::DeadLetters { path: Endpoint::DeadLetters.pattern().to_owned() })
}

pub(crate) fn came(model: &mut Model, answer: Answer<DeadLettersPage>) -> Vec<Effect> {
    match answer {
        Ok(page) => {
            model.dead_letters.fault = None;
            model.dead_letters.total = page.total;
            model.dead_letters.newest = page.newest;
            model.dead_letters.rows = Some(page.dead_letters);
        }
        Err(why) => model.dead_letters.fault = Some(why),
    }
    Vec::new()
}
