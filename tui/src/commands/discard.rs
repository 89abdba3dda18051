//! Giving a dead letter up.

use protocol::{DeadLetterView, Discard, Endpoint, ProdId};

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
        let order_id = printable(&letter.order_id.as_ref()?.text());
        let user = known_text(letter.user.as_deref());
        let product = known_text(letter.prod_id.as_ref().map(ProdId::as_str));
        Some(format!("Order {order_id} of buyer {user}, product {product}."))
    });
    let lines = vec![
        whose.unwrap_or_else(|| "It holds no readable order.".to_owned()),
        "Its hold ends and its order fails (discarded). It can't be undone.".to_owned(),
        "Touches: 1 dead letter.".to_owned(),
        because(reason),
    ];
    Prompt { title: format!("Discard dead letter {id}?"), lines }
}
