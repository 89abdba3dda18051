//! Putting a product on the shelf, or taking it off.

use protocol::{Code, Endpoint, ProdId, ProductView, SetShelf};

use super::product::{now, units};
use super::{Command, Given, Prompt};
use crate::words::{known_count, printable};

/// Where a product is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShelfChange {
    /// It may be charged.
    On,
    /// It may not.
    Off,
}

/// The command. The console gives the version that was shown for putting a product on the shelf:
/// the operator vouches for the price and the stock that were shown, and off the shelf nothing is
/// sold, so the version stands still unless somebody changed the product. Taking it off depends on
/// none: it hurries, the version rises with every sale, and off is off whatever the rest has
/// become.
pub(crate) fn command(
    prod_id: &ProdId,
    to: ShelfChange,
    if_version: Option<u64>,
    given: Given,
) -> Command {
    let Given { request_id, reason } = given;
    let id = printable(prod_id.as_str());
    let (on_shelf, what) = match to {
        ShelfChange::On => (true, format!("put {id} on the shelf")),
        ShelfChange::Off => (false, format!("take {id} off the shelf")),
    };
    let body = SetShelf { request_id, reason, on_shelf, if_version };
    Command::about(Endpoint::Shelf, prod_id, what, &body)
}

/// What is asked before.
pub(crate) fn prompt(product: &ProductView, to: ShelfChange) -> Prompt {
    let id = printable(product.prod_id.as_str());
    match to {
        ShelfChange::Off => {
            let (held, unsold) = (known_count(product.held), units(product.stock));
            let refused = Code::NoSuchProduct.as_str();
            let lines = vec![
                now(product),
                format!("Charges are refused (code {refused}) until it is back."),
                format!("Touches: {unsold} unsold; {held} held are decided as usual."),
            ];
            Prompt { title: format!("Take {id} off the shelf?"), lines }
        }
        ShelfChange::On => {
            let lines = vec![
                now(product),
                format!("It can be charged at {} from now on.", product.terms.price),
                format!("Touches: {} to sell.", units(product.stock)),
            ];
            Prompt { title: format!("Put {id} on the shelf?"), lines }
        }
    }
}
