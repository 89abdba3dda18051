//! The charge: from a valid request to its answer. Everything up to the wait for the queue is
//! synchronous and takes no lock; refusing a sold-out product costs two look-ups.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use protocol::{ChargeData, Code, EpochMs, OrderMessage, Reply};
use tokio::sync::{mpsc, watch};

use crate::dial::Dial;
use crate::domain::order_id::OrderId;
use crate::gateway::book::{Book, Buyer, NotHeld, Shelf, Standing, Undecided};
use crate::gateway::claim::{Claim, UnderWay};
use crate::gateway::confirmer::Doubts;
use crate::gateway::refresh::Sync;
use crate::gateway::ticket::Ticket;
use crate::queue::{Outgoing, Producer};
use crate::request::ChargeRequest;

/// Takes charges.
pub struct ChargeDesk {
    book: Arc<Book>,
    claims: mpsc::Sender<(Claim, Outgoing)>,
    producer: Arc<dyn Producer>,
    doubts: Arc<Doubts>,
    unconfirmed_max: Dial,
    waiting_max: Dial,
    sync: watch::Receiver<Sync>,
    /// What `sync` said once and never takes back; asking it takes its lock.
    was_read: AtomicBool,
    intake_paused: AtomicBool,
    under_way: Arc<AtomicUsize>,
}

/// What can be said of a charge at once.
enum Admitted {
    Refused(Code),
    Known(OrderId, Code),
    Waiting(OrderId, Arc<Ticket>),
}

impl ChargeDesk {
    /// A desk that admits against `book` and hands its claims to the publisher behind `claims`.
    #[must_use]
    pub fn new(
        book: Arc<Book>,
        claims: mpsc::Sender<(Claim, Outgoing)>,
        producer: Arc<dyn Producer>,
        doubts: Arc<Doubts>,
        unconfirmed_max: impl Into<Dial>,
        sync: watch::Receiver<Sync>,
    ) -> Self {
        let (intake_paused, under_way) = (AtomicBool::new(false), Arc::default());
        let waiting_max = Dial::from(claims.max_capacity());
        Self {
            book,
            claims,
            producer,
            doubts,
            unconfirmed_max: unconfirmed_max.into(),
            waiting_max,
            sync,
            was_read: AtomicBool::new(false),
            intake_paused,
            under_way,
        }
    }

    /// The same desk with a limit of its own below the channel's: no more than `most` charges wait
    /// for the publisher. (Charges that find the last place in the same instant all get in: that
    /// is one more for each thread at most.)
    #[must_use]
    pub fn with_waiting_max(self, most: Dial) -> Self {
        Self { waiting_max: most, ..self }
    }

    /// Pauses or resumes intake. Repeats of accepted orders are still answered while paused.
    pub fn set_intake_paused(&self, paused: IntakePaused) {
        self.intake_paused.store(paused == IntakePaused::Yes, Ordering::Relaxed);
    }

    /// Admitted charges whose publication hasn't ended.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Acquire)
    }

    /// Charges that wait for the publisher, and how many may.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize) {
        let room = self.claims.max_capacity();
        (room - self.claims.capacity(), room.min(self.waiting_max.count()))
    }

    /// Charges, and answers when the order is durably queued or known not to be.
    pub async fn charge(&self, request: ChargeRequest<'_>, now: EpochMs) -> Reply<ChargeData> {
        let (id, code) = match self.admit(&request, now) {
            Admitted::Refused(code) => return Reply::refusal(code),
            Admitted::Known(id, code) => (id, code),
            Admitted::Waiting(id, ticket) => (id, ticket.wait().await),
        };
        match code {
            Code::Queued | Code::Unconfirmed => Reply::with(code, charge_data(&id, &request)),
            refused => Reply::refusal(refused),
        }
    }

    /// The checks, in the order of the REST contract; the first that fails answers.
    fn admit(&self, request: &ChargeRequest<'_>, now: EpochMs) -> Admitted {
        let shelves = self.book.look();
        let Some(shelf) = shelves.get(request.prod_id) else {
            // Before the first reading of the order side nothing is known of any product.
            let code = if self.never_read() { Code::Overloaded } else { Code::NoSuchProduct };
            return Admitted::Refused(code);
        };
        let (on_shelf, price) = shelf.terms();
        if !on_shelf {
            return Admitted::Refused(Code::NoSuchProduct);
        }
        if price != request.charge_price {
            return Admitted::Refused(Code::InvalidInput);
        }
        if let Some(known) = shelf.buyer(request.user_phone_num).and_then(known) {
            return known;
        }
        if let Some(code) = self.closed() {
            return Admitted::Refused(code);
        }
        if shelf.stock.figures().free() == 0 {
            // The unit that was just taken may be this very buyer's: their claim came before it.
            let known = shelf.buyer(request.user_phone_num).and_then(known);
            return known.unwrap_or(Admitted::Refused(Code::SoldOut));
        }
        if self.producer.ready().is_err() {
            return Admitted::Refused(Code::BizError);
        }
        self.claim(shelf, request, now)
    }

    /// Why nobody can be admitted at the moment.
    fn closed(&self) -> Option<Code> {
        if self.intake_paused.load(Ordering::Relaxed) {
            return Some(Code::IntakePaused);
        }
        let (waiting, waiting_max) = self.waiting();
        let overloaded = self.never_read()
            || self.unconfirmed_max.count() <= self.doubts.count()
            || waiting_max <= waiting;
        overloaded.then_some(Code::Overloaded)
    }

    fn never_read(&self) -> bool {
        if self.was_read.load(Ordering::Relaxed) {
            return false;
        }
        let never_read = matches!(*self.sync.borrow(), Sync::Never(_));
        self.was_read.store(!never_read, Ordering::Relaxed);
        never_read
    }

    fn claim(&self, shelf: &Arc<Shelf>, request: &ChargeRequest<'_>, now: EpochMs) -> Admitted {
        let ticket = Arc::new(Ticket::default());
        let claimed = shelf.claim(request.user_phone_num, |failures| {
            let id = self.book.next_id(request.prod_id, request.user_phone_num, failures);
            Standing::Claimed(Undecided { id, accepted_at: now }, Arc::clone(&ticket))
        });
        let id = match claimed {
            Ok(id) => id,
            Err(buyer) => return known(buyer).unwrap_or(Admitted::Refused(Code::Overloaded)),
        };
        let give_up = |code| {
            shelf.abandon(request.user_phone_num, &id);
            ticket.settle(code);
            Admitted::Refused(code)
        };
        match shelf.hold(request.user_phone_num, &id) {
            Ok(()) => {}
            Err(NotHeld::SoldOut) => return give_up(Code::SoldOut),
            Err(NotHeld::Decided) => {
                let decided = shelf.buyer(request.user_phone_num).and_then(known);
                let is_live = matches!(decided, Some(Admitted::Known(_, Code::Queued)));
                // Whoever waits on this claim gets the same answer; where it failed, they ask
                // again.
                ticket.settle(if is_live { Code::Queued } else { Code::Overloaded });
                return decided.unwrap_or(Admitted::Refused(Code::Overloaded));
            }
        }
        let claim = Claim {
            shelf: Arc::clone(shelf),
            id: id.clone(),
            ticket: Arc::clone(&ticket),
            under_way: UnderWay::begin(&self.under_way),
        };
        match self.claims.try_send((claim, outgoing(&id, request, now))) {
            Ok(()) => Admitted::Waiting(id, ticket),
            Err(_full_or_stopping) => give_up(Code::Overloaded),
        }
    }
}

/// Whether intake is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntakePaused {
    /// New orders are refused with 42003.
    Yes,
    /// New orders are taken.
    No,
}

/// The answer that a buyer's standing gives; `None` for one who may charge.
fn known(buyer: Buyer) -> Option<Admitted> {
    match buyer.standing {
        Standing::Open => None,
        Standing::Claimed(order, ticket) | Standing::Publishing(order, ticket) => {
            Some(Admitted::Waiting(order.id, ticket))
        }
        Standing::Queued(order) => Some(Admitted::Known(order.id, Code::Queued)),
        Standing::Unconfirmed(order) => Some(Admitted::Known(order.id, Code::Unconfirmed)),
        Standing::Live(id) => Some(Admitted::Known(id, Code::Queued)),
    }
}

fn outgoing(id: &OrderId, request: &ChargeRequest<'_>, now: EpochMs) -> Outgoing {
    let message = OrderMessage {
        order_id: id.to_string(),
        user_phone: request.user_phone_num.to_owned(),
        prod_id: request.prod_id.to_owned(),
        charge_money: request.charge_price.to_string(),
    };
    Outgoing { message, accepted_at: now }
}

fn charge_data(id: &OrderId, request: &ChargeRequest<'_>) -> ChargeData {
    ChargeData {
        order_id: id.to_string(),
        user_phone_no: request.user_phone_num.to_owned(),
        prod_id: request.prod_id.to_owned(),
        charge_money: request.charge_price,
    }
}

#[cfg(test)]
mod tests;
