//! Making a product.

use protocol::{CreateProduct, Endpoint};

use super::product::units;
use super::{Command, Prompt};
use crate::words::printable;

/// The command.
pub(crate) fn command(product: &CreateProduct) -> Command {
    let what = format!("create product {}", printable(product.prod_id.as_str()));
    Command::new(Endpoint::CreateProduct, what, product)
}

/// What is asked before.
pub(crate) fn prompt(product: &CreateProduct) -> Prompt {
    let lines = vec![
        format!("{}, price {}.", printable(&product.prod_name), product.terms.price),
        format!("Touches: {} to sell; off the shelf until S.", units(product.stock.into())),
    ];
    Prompt { title: format!("Create product {}?", printable(product.prod_id.as_str())), lines }
}
