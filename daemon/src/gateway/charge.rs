//! The charge: from a valid request to its answer. Everything up to the wait for the queue is
//! synchronous and takes no lock; refusing a sold-out product costs two look-ups.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::ports::{Outgoing, Producer};
use domain::terms::{self, Untimely};
use protocol::{
    ChargeData, ChargeDetails, ChargeOutcome, Code, EpochMs, NotOpenData, OrderId, OrderMessage,
    Reply, Terms,
};
use tokio::sync::{mpsc, watch};

use crate::gateway::book::{Book, BookEntry, Buyer, NotHeld, Standing};
use crate::gateway::claim::{Claim, Passage};
use crate::gateway::confirmer::UnconfirmedOrders;
use crate::gateway::refresh::Sync;
use crate::gateway::ticket::Ticket;
use crate::request::ChargeRequest;
use crate::tunable::Tunable;

/// Takes charges.
pub struct ChargeDesk {
    book: Arc<Book>,
    claims: mpsc::Sender<Claim>,
    producer: Arc<dyn Producer>,
    unconfirmed: Arc<UnconfirmedOrders>,
    unconfirmed_max: Tunable,
    waiting_max: Tunable,
    sync: watch::Receiver<Sync>,
    /// Whether the book was ever read whole, which `sync` never takes back. Kept here because
    /// reading `sync` takes a lock.
    was_read: AtomicBool,
    intake_paused: AtomicBool,
    passage: Arc<Passage>,
}

const OVERLOADED: Admitted = Admitted::Refused(ChargeOutcome::Overloaded);

/// What a charge can be answered without waiting for the queue.
enum Admitted {
    Refused(ChargeOutcome),
    /// The sale opens then.
    NotOpen(EpochMs),
    Known(OrderId, ChargeOutcome),
    Waiting(OrderId, Arc<Ticket>),
}

impl Admitted {
    /// What is said, unless that is still open.
    const fn outcome(&self) -> Option<ChargeOutcome> {
        match self {
            Self::Refused(outcome) | Self::Known(_, outcome) => Some(*outcome),
            Self::NotOpen(_) => Some(ChargeOutcome::NotOpen),
            Self::Waiting(..) => None,
        }
    }
}

impl ChargeDesk {
    /// A desk that admits against `book` and hands its claims to the publisher behind `claims`.
    #[must_use]
    pub fn new(
        book: Arc<Book>,
        claims: mpsc::Sender<Claim>,
        producer: Arc<dyn Producer>,
        unconfirmed: Arc<UnconfirmedOrders>,
        unconfirmed_max: impl Into<Tunable>,
        sync: watch::Receiver<Sync>,
    ) -> Self {
        let passage = Arc::new(Passage::new(Arc::clone(&unconfirmed)));
        let waiting_max = Tunable::from(claims.max_capacity());
        Self {
            book,
            claims,
            producer,
            unconfirmed,
            unconfirmed_max: unconfirmed_max.into(),
            waiting_max,
            sync,
            was_read: AtomicBool::new(false),
            intake_paused: AtomicBool::new(false),
            passage,
        }
    }

    /// The same desk with a limit of its own below the channel's: no more than `most` charges wait
    /// for the publisher. (Charges that find the last place in the same instant all get in: that
    /// is one more for each thread at most.)
    #[must_use]
    pub fn with_waiting_max(self, most: Tunable) -> Self {
        Self { waiting_max: most, ..self }
    }

    /// Pauses or resumes intake. Repeats of accepted orders are still answered while paused.
    pub fn set_intake_paused(&self, paused: IntakePaused) {
        self.intake_paused.store(paused == IntakePaused::Yes, Ordering::Relaxed);
    }

    /// Admitted charges whose publication hasn't ended.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.passage.under_way()
    }

    /// What is counted of its claims; it outlives the desk.
    #[must_use]
    pub fn passage(&self) -> Arc<Passage> {
        Arc::clone(&self.passage)
    }

    /// Charges that wait for the publisher, and how many may.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize) {
        let room = self.claims.max_capacity();
        (room - self.claims.capacity(), room.min(self.waiting_max.count()))
    }

    /// Charges, and answers when the order is durably queued or known not to be. What became of
    /// it is counted for its product.
    pub async fn charge(
        &self,
        request: &ChargeRequest,
        now: EpochMs,
    ) -> (ChargeOutcome, Reply<ChargeDetails>) {
        let (id, outcome) = match self.admit(request, now) {
            Admitted::Refused(outcome) => return (outcome, Reply::refusal(outcome.code())),
            Admitted::NotOpen(opens_at) => {
                let details = ChargeDetails::NotOpen(NotOpenData::at(now, opens_at));
                return (ChargeOutcome::NotOpen, Reply::with(Code::NotOpen, details));
            }
            Admitted::Known(id, outcome) => (id, outcome),
            Admitted::Waiting(id, ticket) => {
                let outcome = settled(ticket.wait().await);
                let entries = self.book.look();
                self.book.count(entries.get(&request.prod_id).map(Arc::as_ref), outcome);
                (id, outcome)
            }
        };
        let reply = match outcome.code() {
            code @ (Code::Queued | Code::Unconfirmed) => {
                Reply::with(code, ChargeDetails::Order(charge_data(&id, request)))
            }
            refused => Reply::refusal(refused),
        };
        (outcome, reply)
    }

    /// Counts a charge that no product was looked up for.
    pub fn count_unread(&self, outcome: ChargeOutcome) {
        self.book.count(None, outcome);
    }

    /// Admits, and counts what can be said at once.
    fn admit(&self, request: &ChargeRequest, now: EpochMs) -> Admitted {
        let entries = self.book.look();
        let entry = entries.get(&request.prod_id);
        let admitted = match entry {
            Some(entry) => self.judge(entry, request, now),
            // Before the first reading of the order side nothing is known of any product.
            None if self.never_read() => Admitted::Refused(ChargeOutcome::Starting),
            None => Admitted::Refused(ChargeOutcome::UnknownProduct),
        };
        if let Some(outcome) = admitted.outcome() {
            self.book.count(entry.map(Arc::as_ref), outcome);
        }
        admitted
    }

    /// The checks, in the order of the REST contract; the first that fails answers.
    fn judge(&self, entry: &Arc<BookEntry>, request: &ChargeRequest, now: EpochMs) -> Admitted {
        let terms = entry.terms();
        if let Err(outcome) = terms::charge(&terms, request.charge_price) {
            return Admitted::Refused(outcome);
        }
        if let Some(known) = entry.buyer(&request.phone).and_then(known) {
            return known;
        }
        match terms::timely(&terms, now) {
            Ok(()) => {}
            Err(Untimely::NotOpen { opens_at }) => return Admitted::NotOpen(opens_at),
            Err(Untimely::Closed) => return Admitted::Refused(ChargeOutcome::Closed),
        }
        if let Some(outcome) = self.closed() {
            return Admitted::Refused(outcome);
        }
        if entry.stock.figures().free(terms.preheat_ratio) == 0 {
            // The unit that was just taken may be this very buyer's: their claim came before it.
            let known = entry.buyer(&request.phone).and_then(known);
            return known.unwrap_or(Admitted::Refused(ChargeOutcome::SoldOut));
        }
        if self.producer.ready().is_err() {
            return Admitted::Refused(ChargeOutcome::QueueAway);
        }
        self.claim(entry, &terms, request, now)
    }

    /// Why nobody can be admitted at the moment.
    fn closed(&self) -> Option<ChargeOutcome> {
        if self.intake_paused.load(Ordering::Relaxed) {
            return Some(ChargeOutcome::Paused);
        }
        if self.never_read() {
            return Some(ChargeOutcome::Starting);
        }
        let (waiting, waiting_max) = self.waiting();
        let overloaded =
            self.unconfirmed_max.count() <= self.unconfirmed.count() || waiting_max <= waiting;
        overloaded.then_some(ChargeOutcome::Overloaded)
    }

    fn never_read(&self) -> bool {
        if self.was_read.load(Ordering::Relaxed) {
            return false;
        }
        let never_read = matches!(*self.sync.borrow(), Sync::Never(_));
        self.was_read.store(!never_read, Ordering::Relaxed);
        never_read
    }

    fn claim(
        &self,
        entry: &Arc<BookEntry>,
        terms: &Terms,
        request: &ChargeRequest,
        now: EpochMs,
    ) -> Admitted {
        let ticket = Arc::new(Ticket::default());
        let claimed = entry.claim(&request.phone, now, &ticket, |attempt| {
            self.book.next_id(&request.prod_id, &request.phone, attempt)
        });
        let id = match claimed {
            Ok(id) => id,
            Err(buyer) => return known(buyer).unwrap_or(OVERLOADED),
        };
        let order = outgoing(&id, request, now);
        let claim = Claim::new(entry, id.clone(), order, &ticket, &self.passage);
        match entry.hold(&request.phone, &id, terms.preheat_ratio) {
            Ok(()) => {}
            Err(NotHeld::SoldOut) => return given_up(claim, ChargeOutcome::SoldOut),
            Err(NotHeld::Decided) => {
                let decided = entry.buyer(&request.phone).and_then(known);
                let is_live = matches!(decided, Some(Admitted::Known(_, ChargeOutcome::Accepted)));
                // Requests that wait on this claim get an answer too: "queueing" where the order is
                // live, else "overloaded", so that they ask again.
                claim.decided(if is_live { Code::Queued } else { Code::Overloaded });
                return decided.unwrap_or(OVERLOADED);
            }
        }
        // No room is left, or the publisher has stopped.
        let Ok(place) = self.claims.try_reserve() else {
            return given_up(claim, ChargeOutcome::Overloaded);
        };
        place.send(claim.handed());
        Admitted::Waiting(id, ticket)
    }
}

fn given_up(claim: Claim, outcome: ChargeOutcome) -> Admitted {
    claim.give_up(outcome.code());
    Admitted::Refused(outcome)
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
        Standing::Queued(order) => Some(Admitted::Known(order.id, ChargeOutcome::Accepted)),
        Standing::Unconfirmed(order) => Some(Admitted::Known(order.id, ChargeOutcome::Unconfirmed)),
        Standing::Live(id) => Some(Admitted::Known(id, ChargeOutcome::Accepted)),
    }
}

/// What a ticket's answer says of the charge that waited for it.
const fn settled(code: Code) -> ChargeOutcome {
    match code {
        Code::Queued => ChargeOutcome::Accepted,
        Code::Unconfirmed => ChargeOutcome::Unconfirmed,
        Code::SoldOut => ChargeOutcome::SoldOut,
        Code::Overloaded => ChargeOutcome::Overloaded,
        Code::BizError => ChargeOutcome::NotQueued,
        _ => ChargeOutcome::ServerError,
    }
}

fn outgoing(id: &OrderId, request: &ChargeRequest, now: EpochMs) -> Outgoing {
    let message = OrderMessage {
        order_id: id.clone(),
        phone: request.phone.clone(),
        prod_id: request.prod_id.clone(),
        charge_money: request.charge_price.to_string(),
    };
    Outgoing { message, asked_at: now }
}

fn charge_data(id: &OrderId, request: &ChargeRequest) -> ChargeData {
    ChargeData {
        order_id: id.clone(),
        phone: request.phone.clone(),
        prod_id: request.prod_id.clone(),
        charge_money: request.charge_price,
    }
}

#[cfg(test)]
mod tests;
