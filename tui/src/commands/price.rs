//! Giving a product another price.

use protocol::{Code, Endpoint, Money, ProdId, ProductView, SetPrice};

use super::product::now;
use super::{Command, Prompt, because};
use crate::words::{known_count, printable};

/// The command.
pub(crate) fn command(
    prod_id: &ProdId,
    price: Money,
    reason: &str,
    if_version: Option<u64>,
    request_id: String,
) -> Command {
    let body = SetPrice { request_id, reason: reason.to_owned(), price, if_version };
    let what = format!("change the price of {} to {price}", printable(prod_id.as_str()));
    Command::about(Endpoint::Price, prod_id, what, &body)
}

/// What is asked before.
pub(crate) fn prompt(product: &ProductView, price: Money, reason: &str) -> Prompt {
    let (id, refused) = (printable(product.prod_id.as_str()), Code::InvalidInput.as_str());
    let lines = vec![
        now(product),
        format!("Charges at another price are refused (code {refused}) from then on."),
        format!("Touches: {} held; what waits at another price fails.", known_count(product.held)),
        because(reason),
    ];
    let title = format!("Change the price of {id} from {} to {price}?", product.terms.price);
    Prompt { title, lines }
}
