//! How a gateway takes up its work: the book is read whole, orders of an earlier run are taken up,
//! and only then is anybody admitted. The caller opens the gateway, by telling `Refresh` that the
//! book is followed.

use domain::ports::Cause;
use domain::ports::Pending;
use domain::standing::{Found, Undecided};

use crate::gateway::book::Book;
use crate::gateway::confirmer::UnconfirmedOrders;
use crate::gateway::refresh::Refresh;

/// One try. `waiting` holds the undecided orders of this process's own queue, read before this is
/// called; those that are taken up are taken out.
///
/// # Errors
/// The order side or the unconfirmed sends can't be read: to be tried again.
pub async fn open(
    refresh: &mut Refresh,
    book: &Book,
    unconfirmed: &UnconfirmedOrders,
    waiting: &mut Vec<Pending>,
) -> Result<(), Cause> {
    refresh.catch_up().await?;
    for order in std::mem::take(waiting) {
        let undecided = Undecided { id: order.order_id, asked_at: order.asked_at };
        book.adopt(&order.prod_id, &order.phone, &undecided, Found::Queued);
    }
    unconfirmed.recover().await
}
