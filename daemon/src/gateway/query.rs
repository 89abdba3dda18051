//! The gateway's query: what the order side knows, completed by what this gateway alone knows (an
//! order that it has queued and that isn't decided yet).

use std::sync::Arc;

use domain::ports::Cause;
use domain::ports::order_side::{OrderLookup, OrderSide};
use domain::standing::Undecided;
use instruments::streak::{InRun, Streak};
use protocol::{Code, OrderStatus, Phone, ProdId, QueryData, Reply};
use tracing::{debug, info, warn};

use crate::gateway::book::{Book, BookEntry, Standing};

/// Answers buyers' queries.
pub struct QueryDesk {
    book: Arc<Book>,
    order_side: Arc<dyn OrderSide>,
    /// Of queries that could not be answered.
    streak: Streak,
}

impl QueryDesk {
    /// A desk that asks `order_side`.
    #[must_use]
    pub fn new(book: Arc<Book>, order_side: Arc<dyn OrderSide>) -> Self {
        Self { book, order_side, streak: Streak::default() }
    }

    fn note_failure(&self, prod_id: &ProdId, phone: &Phone, cause: &Cause) {
        let (prod_id, user) = (prod_id.as_str(), phone.to_string());
        match self.streak.failed() {
            InRun::First => warn!(prod_id, user, %cause, "a query could not be answered"),
            InRun::Further => debug!(prod_id, user, %cause, "another query could not be answered"),
        }
    }

    /// How this buyer's order for the product stands.
    pub async fn query(&self, prod_id: &ProdId, phone: &Phone) -> Reply<QueryData> {
        // Read our own book before asking the order side: when the order is decided in between, the
        // order side's answer has it already. The other way round both could miss it.
        let entry = self.book.entry(prod_id);
        let standing = entry.as_ref().and_then(|entry| entry.buyer(phone));
        let standing = standing.map_or(Standing::Open, |buyer| buyer.standing);
        let known = match self.order_side.find(prod_id, phone).await {
            Ok(known) => known,
            Err(cause) => {
                self.note_failure(prod_id, phone, &cause);
                // A buyer whose order is known here is not answered with an error: the order
                // exists, in whatever state.
                return Reply::bare(match standing {
                    Standing::Open => Code::ServerError,
                    _ => Code::NotKnownYet,
                });
            }
        };
        if self.streak.succeeded() == InRun::First {
            info!("queries are answered again");
        }
        match (known, standing) {
            (OrderLookup::Found(data), Standing::Queued(order)) if !settles(&data, &order) => {
                found(queued(entry.as_deref(), (prod_id, phone), &order))
            }
            // An earlier attempt failed; how the newest stands isn't known.
            (
                OrderLookup::Found(data),
                Standing::Unconfirmed(order)
                | Standing::Publishing(order, _)
                | Standing::Claimed(order, _),
            ) if !settles(&data, &order) => Reply::bare(Code::NotKnownYet),
            (OrderLookup::Found(data), _) => found(*data),
            (_, Standing::Queued(order)) => {
                found(queued(entry.as_deref(), (prod_id, phone), &order))
            }
            (OrderLookup::Never, Standing::Open) => Reply::bare(Code::NeverOrdered),
            // An order is on its way, or may be: it can't be said that there is none.
            (OrderLookup::NotYet | OrderLookup::Never, _) => Reply::bare(Code::NotKnownYet),
        }
    }
}

/// Whether what was found says more than that `order` is queued: a live order does, and so does the
/// order's own failure; an earlier attempt's failure doesn't.
fn settles(found: &QueryData, order: &Undecided) -> bool {
    found.order_status != OrderStatus::Failed || found.order_id == order.id
}

const fn found(data: QueryData) -> Reply<QueryData> {
    Reply::with(Code::Found, data)
}

fn queued(
    entry: Option<&BookEntry>,
    (prod_id, phone): (&ProdId, &Phone),
    order: &Undecided,
) -> QueryData {
    let card = entry.map(BookEntry::card);
    QueryData {
        order_id: order.id.clone(),
        order_status: OrderStatus::Queued,
        phone: phone.clone(),
        prod_id: prod_id.clone(),
        prod_name: card.as_ref().map(|card| card.name.clone()).unwrap_or_default(),
        charge_money: card.map(|card| card.terms.price),
        asked_at: order.asked_at,
        finish_time: None,
        reason: None,
        duplicates: 0,
    }
}

#[cfg(test)]
mod tests;
