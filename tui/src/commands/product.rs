//! What the questions about a product share.

use protocol::ProductView;

use crate::words::{counted, grouped, printable};

/// What a product is now: its name, where it is, what it costs, what is left of it.
pub(super) fn now(product: &ProductView) -> String {
    format!(
        "Now: {}, {} at {}, stock {}.",
        printable(&product.prod_name),
        place(product.terms.on_shelf),
        product.terms.price,
        grouped(product.stock)
    )
}

/// Where a product is, in words.
pub(crate) const fn place(on_shelf: bool) -> &'static str {
    if on_shelf { "on the shelf" } else { "off the shelf" }
}

pub(super) fn units(count: u64) -> String {
    counted(count, "unit")
}
