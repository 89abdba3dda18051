//! What a state comes to: whether a buyer can buy, whether the daemon is well, whether the books
//! balance. Everybody who says so (console, verbs, service manager, doctor) asks here, so that no
//! two of them differ. How it is worded and coloured is theirs.

use std::fmt;

use super::engines::UnconfirmedView;
use super::snapshot::{DrainView, Phase, ProductView, Snapshot, SwitchView, Trouble, TroubleState};
use crate::printable::printable;
use crate::{Bound, EpochMs, SaleState};

/// Whether a buyer can buy. See [`Snapshot::selling`] for what goes before what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selling<'a> {
    /// Nothing keeps a buyer from buying.
    Yes,
    /// Something is wrong, and it isn't known to refuse every buyer.
    InDoubt(Doubt<'a>),
    /// No buyer gets anything.
    No(Hindrance<'a>),
    /// This process has no gateway role: others sell.
    Elsewhere,
}

/// What makes it doubtful that buyers get what they ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt<'a> {
    /// Something keeps the daemon from full service: the first such sentence.
    Degraded(&'a str),
    /// Orders failed, the cause is seen gone, and the next order tells.
    Recovering(&'a Trouble),
}

/// The first thing that keeps every buyer from buying. Its text is a sentence without an end, such
/// as `intake is paused`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hindrance<'a> {
    /// The daemon is starting or stopping.
    NotServing(Phase),
    /// An operator drains it; intake is paused with that.
    Draining(&'a DrainView),
    /// An operator has paused intake.
    Paused(&'a SwitchView),
    /// A part refuses every order, for this reason.
    NothingAccepted(&'a str),
    /// So many sends are in doubt that no further order is taken.
    TooManyUnconfirmed(UnconfirmedView),
    /// There is no product that may be charged.
    NothingOnShelf,
    /// The sale of all that is on the shelf is over.
    Closed,
    /// Nothing on the shelf is open; the first opens then.
    NotOpen {
        /// When.
        opens_at: EpochMs,
    },
    /// All units of what is open are sold.
    SoldOut,
    /// Units are unsold, and undecided orders hold all of them.
    AllHeld {
        /// How many they hold.
        held: u64,
    },
}

impl fmt::Display for Hindrance<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotServing(phase) => write!(f, "the daemon is {}", phase.as_str()),
            Self::Draining(_) | Self::Paused(_) => f.write_str("intake is paused"),
            Self::NothingAccepted(why) => write!(f, "nothing is accepted: {}", printable(why)),
            Self::TooManyUnconfirmed(_) => f.write_str("too many sends are unconfirmed"),
            Self::NothingOnShelf => f.write_str("no product is on the shelf"),
            Self::Closed => f.write_str("the sale is over"),
            Self::NotOpen { opens_at } => {
                write!(f, "the sale opens at {}", Bound::at(*opens_at))
            }
            Self::SoldOut => f.write_str("all units are sold"),
            Self::AllHeld { held } => write!(f, "nothing is free; {held} held"),
        }
    }
}

impl Snapshot {
    /// Whether a buyer can buy, and if not, the first thing that keeps all of them from it.
    ///
    /// What an operator must know first goes before what follows from it or matters less, as in
    /// the sequence of [`Hindrance`]: the process doesn't serve; an operator shut it; a part
    /// refuses; a limit is reached; there is nothing to sell, or nothing just now. Then come
    /// doubts: what is degraded, then what recovers. That a degraded daemon accepted none of the
    /// last second's charges is held against it only where there is something to sell: buyers of
    /// what is sold out are refused without it.
    ///
    /// A product has nothing to sell when its stock is 0, or what is free is known to be 0. After
    /// a restart over a broker it isn't known what is free, and the stock alone tells.
    #[must_use]
    pub fn selling(&self) -> Selling<'_> {
        if self.gateway.is_none() {
            return Selling::Elsewhere;
        }
        if let Some(hindrance) = self.hindrance() {
            return Selling::No(hindrance);
        }
        let degraded = self.degraded.first().map(|first| Doubt::Degraded(first));
        let doubt = degraded.or_else(|| self.recovering().next().map(Doubt::Recovering));
        doubt.map_or(Selling::Yes, Selling::InDoubt)
    }

    fn hindrance(&self) -> Option<Hindrance<'_>> {
        if self.phase != Phase::Serving {
            return Some(Hindrance::NotServing(self.phase));
        }
        let paused = self.controls.intake.as_ref().filter(|intake| intake.paused);
        let shut = self.controls.drain.as_ref().map(Hindrance::Draining);
        shut.or_else(|| paused.map(Hindrance::Paused))
            .or_else(|| self.refusing_part().map(Hindrance::NothingAccepted))
            .or_else(|| {
                let full = self.unconfirmed.filter(|sends| sends.limit <= sends.count);
                full.map(Hindrance::TooManyUnconfirmed)
            })
            .or_else(|| self.nothing_to_sell())
            .or_else(|| self.refused_all_lately().map(Hindrance::NothingAccepted))
    }

    fn nothing_to_sell(&self) -> Option<Hindrance<'static>> {
        let on_shelf = || self.products.iter().filter(|product| product.terms.on_shelf);
        if on_shelf().next().is_none() {
            return Some(Hindrance::NothingOnShelf);
        }
        let state = |product: &ProductView| product.terms.state(self.at);
        if on_shelf().all(|product| state(product) == SaleState::Closed) {
            return Some(Hindrance::Closed);
        }
        let open = || on_shelf().filter(|product| state(product) == SaleState::Open);
        if open().next().is_none() {
            let opening = on_shelf().filter(|product| state(product) == SaleState::Scheduled);
            let first = opening.filter_map(|product| product.terms.opens_at.0).min();
            return first.map(|opens_at| Hindrance::NotOpen { opens_at });
        }
        if open().all(|product| product.stock == 0) {
            return Some(Hindrance::SoldOut);
        }
        let has_none = |product: &ProductView| product.stock == 0 || product.free == Some(0);
        let held = || open().filter_map(|product| product.held).sum();
        open().all(has_none).then(|| Hindrance::AllHeld { held: held() })
    }

    /// Why every buyer is refused, where that is the fault of a part: the last orders failed,
    /// nothing can be sent, or something is degraded and of the charges in the last second none was
    /// accepted.
    #[must_use]
    pub fn refuses_all(&self) -> Option<&str> {
        self.gateway.as_ref()?;
        self.refusing_part().or_else(|| self.refused_all_lately())
    }

    /// Why a part is known to refuse every order.
    fn refusing_part(&self) -> Option<&str> {
        if let Some(trouble) = self.troubles.iter().find(|trouble| trouble.refuses) {
            return Some(&trouble.text);
        }
        let cannot_send = self.rocketmq.as_ref().is_some_and(|view| !view.producer_ready);
        self.degraded.first().filter(|_| cannot_send).map(String::as_str)
    }

    /// What is degraded, where nobody who asked in the last second got anything.
    fn refused_all_lately(&self) -> Option<&str> {
        let gateway = self.gateway.as_ref()?;
        let refuses = 0 < gateway.charge_rate.last_1s && gateway.accepted_rate.last_1s == 0;
        self.degraded.first().filter(|_| refuses).map(String::as_str)
    }

    /// What failed and may work again; the next order tells.
    pub fn recovering(&self) -> impl Iterator<Item = &Trouble> {
        self.troubles.iter().filter(|trouble| trouble.state == TroubleState::Recovering)
    }

    /// Whether every product's units are accounted for.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.products.iter().all(|product| product.balanced)
    }

    /// The phase, and whether it serves in full: `serving`, `serving, degraded` or `serving,
    /// recovering`. A degraded daemon is never just `serving`.
    #[must_use]
    pub fn phase_words(&self) -> &'static str {
        match self.phase {
            Phase::Serving if !self.degraded.is_empty() => "serving, degraded",
            Phase::Serving if self.recovering().next().is_some() => "serving, recovering",
            phase => phase.as_str(),
        }
    }

    /// Whether the daemon serves in full: in its serving phase with nothing degraded. A pause is an
    /// operator's wish and no illness.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.phase == Phase::Serving && self.degraded.is_empty()
    }
}
