//! Giving a dead letter up.

use protocol::{DeadLetterView, Discard, Endpoint};

use super::{Command, Prompt, because};
use crate::words::{known_text, printable};

/// The command.
pub(crate) fn command(id: u64, reason: &str, request_id: String) -> Command {
    let body = Discard { request_id, reason: reason.to_owned() };
    Command::about(Endpoint::Discard, id, format!("discard dead letter {id}"), &body)
}

/// What is asked before; `letter` is `None` where it isn't known any more what it holds.
pub(crate) fn prompt(id: u64, letter: Option<&DeadLetterView>, reason: &str) -> Prompt {
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
        because(reason),
    ];
    Prompt { title: format!("Discard dead letter {id}?"), lines }
}
