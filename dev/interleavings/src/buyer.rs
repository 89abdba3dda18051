//! A buyer at one shelf: the daemon's own `domain::standing::step`, applied around the stock word
//! in the sequence of `gateway/book/entry.rs`. The map's compare-and-swap of a buyer's entry is a
//! short lock here, as both are one indivisible step.

use domain::standing::{self, Decided, Event, Found, Standing, Undecided, Unit, step};
use loom::sync::Mutex;
use protocol::{EpochMs, OrderId, PreheatRatio};

use crate::stock::GatewayStock;

/// What a charge comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charged {
    /// This request publishes the order.
    Publishes,
    /// The buyer has an order: its answer is this one's.
    Repeat,
    /// Decided while we looked, and the buyer may ask again.
    Decided,
    SoldOut,
}

/// A buyer's entry. Nobody waits for a result, so there is no ticket.
pub(crate) struct Buyer(Mutex<standing::Buyer<()>>);

/// The id of the order of this attempt.
pub(crate) fn id(attempt: u32) -> OrderId {
    format!("attempt {attempt}").into()
}

impl Buyer {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(standing::Buyer::NEW))
    }

    pub(crate) fn standing(&self) -> Standing<()> {
        self.0.lock().unwrap().standing.clone()
    }

    pub(crate) fn failures(&self) -> u32 {
        self.0.lock().unwrap().failures
    }

    fn is_open(&self) -> bool {
        self.standing() == Standing::Open
    }

    /// `BookEntry::apply`.
    fn apply(&self, event: &Event<'_, ()>) -> Option<Unit> {
        let mut buyer = self.0.lock().unwrap();
        let after = step(&buyer, event)?;
        *buyer = after.buyer;
        Some(after.unit)
    }

    /// `BookEntry::claim`: the attempt whose order it is.
    fn claim(&self) -> Option<u32> {
        let mut buyer = self.0.lock().unwrap();
        let attempt = buyer.next_attempt()?;
        let after = step(&buyer, &Event::Claim(&order(attempt), &()))?;
        *buyer = after.buyer;
        Some(attempt)
    }

    /// `ChargeDesk::judge` from the look at the buyer's standing on.
    pub(crate) fn charge(&self, stock: &GatewayStock) -> Charged {
        if !self.is_open() {
            return Charged::Repeat;
        }
        if stock.figures().free(PreheatRatio::NONE) == 0 {
            // The unit that was just taken may be this very buyer's: their claim came before it.
            return if self.is_open() { Charged::SoldOut } else { Charged::Repeat };
        }
        let Some(attempt) = self.claim() else { return Charged::Repeat };
        if !stock.hold_if_free(PreheatRatio::NONE) {
            self.abandon(attempt, stock);
            return Charged::SoldOut;
        }
        if self.apply(&Event::Hold(&id(attempt))).is_some() {
            return Charged::Publishes;
        }
        stock.give_back();
        if self.is_open() { Charged::Decided } else { Charged::Repeat }
    }

    /// `BookEntry::abandon`.
    pub(crate) fn abandon(&self, attempt: u32, stock: &GatewayStock) {
        if self.apply(&Event::Abandon(&id(attempt))) == Some(Unit::Released) {
            stock.give_back();
        }
    }

    /// `BookEntry::confirm`.
    pub(crate) fn confirm(&self, attempt: u32) {
        self.apply(&Event::Confirm(&id(attempt)));
    }

    /// `BookEntry::mark_unconfirmed`.
    pub(crate) fn mark_unconfirmed(&self, attempt: u32) -> bool {
        self.apply(&Event::Doubt(&id(attempt))).is_some()
    }

    /// `BookEntry::adopt`.
    pub(crate) fn adopt(&self, attempt: u32, found: Found, stock: &GatewayStock) -> bool {
        stock.hold_anyway(1);
        let is_adopted = self.apply(&Event::Adopt(&order(attempt), found)).is_some();
        if !is_adopted {
            stock.give_back();
        }
        is_adopted
    }

    /// `BookEntry::decide`, and `Refresh::apply` with the stock of the same moment.
    pub(crate) fn decide(&self, attempt: u32, outcome: Outcome, stock: &GatewayStock, left: u64) {
        let id = id(attempt);
        let decided = match outcome {
            Outcome::Placed => Decided::Live(&id),
            Outcome::Failed => Decided::Failed,
        };
        let unit = self.apply(&Event::Decide(&id, decided));
        stock.refresh(left, u32::from(unit == Some(Unit::Settled)));
    }
}

/// How an order is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Placed,
    Failed,
}

fn order(attempt: u32) -> Undecided {
    Undecided { id: id(attempt), asked_at: EpochMs(1) }
}
