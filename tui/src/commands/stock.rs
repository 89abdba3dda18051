//! Adding units to a product, or withdrawing unsold ones.

use protocol::{AddStock, Endpoint, ProdId, ProductView};

use super::product::{now, units};
use super::{Command, Prompt, because};
use crate::words::{grouped, known_count, printable, signed};

/// The command. The console gives no `if_version`: the version rises with every sale, so it would
/// fail whenever stock is needed most, and a delta is right whatever the stock has become
/// meanwhile.
pub(crate) fn command(
    prod_id: &ProdId,
    delta: i64,
    reason: &str,
    if_version: Option<u64>,
    request_id: String,
) -> Command {
    let body = AddStock { request_id, reason: reason.to_owned(), delta, if_version };
    let (verb, preposition) = words(delta);
    let how_many = units(delta.unsigned_abs());
    let what =
        format!("{} {how_many} {preposition} {}", verb.to_lowercase(), printable(prod_id.as_str()));
    Command::about(Endpoint::Stock, prod_id, what, &body)
}

/// What is asked before. Whether so many can be withdrawn is the daemon's to say; see
/// [`shortage`].
pub(crate) fn prompt(product: &ProductView, delta: i64, reason: &str) -> Prompt {
    let (verb, preposition) = words(delta);
    let how_many = units(delta.unsigned_abs());
    let mut lines = vec![now(product)];
    if let Some(after) = product.stock.checked_add_signed(delta) {
        let (before, after) = (grouped(product.stock), grouped(after));
        lines.push(format!("Then: stock {before} {} = {after}.", signed(delta)));
    }
    lines.push("What is sold meanwhile counts on top.".to_owned());
    if delta < 0 {
        let free = known_count(product.free);
        lines.push(format!("Touches: {} unsold, {free} of them free.", units(product.stock)));
    }
    lines.push(because(reason));
    let title = format!("{verb} {how_many} {preposition} {}?", printable(product.prod_id.as_str()));
    Prompt { title, lines }
}

/// Why so many can't be withdrawn; `None` where they can.
pub(crate) fn shortage(product: &ProductView, delta: i64) -> Option<String> {
    let is_short = product.stock.checked_add_signed(delta).is_none();
    is_short.then(|| format!("only {} are unsold", grouped(product.stock)))
}

const fn words(delta: i64) -> (&'static str, &'static str) {
    if delta < 0 { ("Withdraw", "from") } else { ("Add", "to") }
}
