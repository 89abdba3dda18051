//! A model of one buyer at one shelf: `Shelf::claim`, `hold`, `abandon`, `confirm` and `decide` of
//! `gateway/book.rs` with the same steps in the same sequence around the stock word. The map's
//! compare-and-swap of a buyer's entry is a short lock here, as both are one indivisible step.

use loom::sync::Mutex;

use crate::stock::DeskStock;

/// `gateway::book::Standing`, without what tests don't look at. There is one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Open,
    Claimed,
    Publishing,
    Queued,
    Live,
}

impl Standing {
    pub(crate) const fn is_undecided(self) -> bool {
        matches!(self, Self::Claimed | Self::Publishing | Self::Queued)
    }

    pub(crate) const fn holds_unit(self) -> bool {
        matches!(self, Self::Publishing | Self::Queued)
    }
}

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

/// A buyer's entry.
pub(crate) struct Buyer(Mutex<Standing>);

impl Buyer {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Standing::Open))
    }

    pub(crate) fn standing(&self) -> Standing {
        *self.0.lock().unwrap()
    }

    /// `Shelf::step`: the standing before, if it changed.
    fn step(&self, step: impl Fn(Standing) -> Option<Standing>) -> Option<Standing> {
        let mut standing = self.0.lock().unwrap();
        let before = *standing;
        *standing = step(before)?;
        Some(before)
    }

    /// `ChargeDesk::admit` from the look at the buyer's standing on.
    pub(crate) fn charge(&self, stock: &DeskStock) -> Charged {
        if self.standing() != Standing::Open {
            return Charged::Repeat;
        }
        if stock.figures().free() == 0 {
            // The unit that was just taken may be this very buyer's: their claim came before it.
            return match self.standing() {
                Standing::Open => Charged::SoldOut,
                _ => Charged::Repeat,
            };
        }
        let claim = |now| (now == Standing::Open).then_some(Standing::Claimed);
        if self.step(claim).is_none() {
            return Charged::Repeat;
        }
        self.hold(stock)
    }

    /// `Shelf::hold`, and what `ChargeDesk::claim` does with its result.
    fn hold(&self, stock: &DeskStock) -> Charged {
        if !stock.reserve() {
            self.abandon(stock);
            return Charged::SoldOut;
        }
        let hold = |now| (now == Standing::Claimed).then_some(Standing::Publishing);
        if self.step(hold).is_some() {
            return Charged::Publishes;
        }
        stock.release();
        match self.standing() {
            Standing::Open => Charged::Decided,
            _ => Charged::Repeat,
        }
    }

    /// `Shelf::abandon`.
    pub(crate) fn abandon(&self, stock: &DeskStock) {
        let undone = self.step(|now| now.is_undecided().then_some(Standing::Open));
        if undone.is_some_and(Standing::holds_unit) {
            stock.release();
        }
    }

    /// `Shelf::confirm`.
    pub(crate) fn confirm(&self) {
        self.step(|now| (now == Standing::Publishing).then_some(Standing::Queued));
    }

    /// `Shelf::decide`, and `Refresh::apply` with the stock of the same moment.
    pub(crate) fn decide(&self, decided: Standing, stock: &DeskStock, left: u64) {
        let before = self.step(|_| Some(decided));
        let settled = u32::from(before.is_some_and(Standing::holds_unit));
        stock.refresh(left, settled);
    }
}
