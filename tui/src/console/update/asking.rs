//! What is asked for beside the stream, and when: what the open screen wants, and an order's
//! history while its window is open.

use protocol::{Endpoint, OrderHistory, OrderId, Severity};

use crate::console::model::{Details, History, Model, Popup, Reveal, Screen};
use crate::console::msg::{Answer, Ask, Effect};

/// Asks for the open screen's data where it was never loaded or is out of date.
pub(super) fn keep_fresh(model: &mut Model) -> Vec<Effect> {
    if !model.is_connected() || model.frozen.is_some() {
        return Vec::new();
    }
    model.screen.scene().wants(model).into_iter().collect()
}

/// Asks for an order's history; the whole phone number is in it only on demand.
pub(crate) fn ask_history(order_id: &OrderId, reveal: Reveal) -> Effect {
    let order = Endpoint::Order.of(order_id);
    let address = match reveal {
        Reveal::Masked => order,
        Reveal::Phone => order.with("reveal", "phone"),
    };
    Effect::Ask(Ask::History { order_id: order_id.clone(), path: address.to_string() })
}

pub(super) fn history_came(
    model: &mut Model,
    of: &OrderId,
    answer: Answer<Box<OrderHistory>>,
) -> Vec<Effect> {
    let mut refused = None;
    for popup in &mut model.popups {
        if let Popup::Details(Details::Order { order_id, history, reveal, .. }) = popup
            && order_id == of
        {
            match (answer, &*history) {
                (Ok(loaded), _) => *history = History::Loaded(loaded),
                // A number that may not be shown doesn't take the rest away.
                (Err(why), History::Loaded(_)) => {
                    *reveal = Reveal::Masked;
                    refused = Some(why);
                }
                (Err(why), _) => *history = History::Failed(why),
            }
            break;
        }
    }
    if let Some(why) = refused {
        model.tell(Severity::Error, why);
    }
    Vec::new()
}

/// After a command, and on demand: what was loaded is loaded again where it is looked at.
pub(super) fn reload(model: &mut Model) -> Vec<Effect> {
    forget_answers(model);
    Vec::new()
}

/// What was loaded stays on the screen until the new comes.
pub(super) fn forget_answers(model: &mut Model) {
    for screen in Screen::ALL {
        screen.scene().forget(model);
    }
}
