//! What became of charges, in an operator's words: finer than the codes. A wrong price and a wrong
//! phone number are the same code to a buyer, and not to an operator who looks why nobody gets one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Code;

/// What became of one charge. Each has one code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChargeOutcome {
    /// 10000: durably queued, or this buyer's order was already.
    Accepted,
    /// 40006
    SoldOut,
    /// 40005: not the product's price.
    WrongPrice,
    /// 40005: a phone number that is blank, too long or not of the pattern.
    WrongPhoneNumber,
    /// 40005: anything else that is wrong with the request.
    Invalid,
    /// 40007: no product of that id.
    UnknownProduct,
    /// 40007: the product is off the shelf.
    OffTheShelf,
    /// 42005: the product's sale opens later.
    NotOpen,
    /// 42006: the product's sale is over.
    Closed,
    /// 42003: an operator has paused intake.
    Paused,
    /// 42002: a limit of ours is reached.
    Overloaded,
    /// 42002: the order side was never read, so nothing is known of any product.
    Starting,
    /// 40004: the queue takes nothing at the moment; the order wasn't sent.
    QueueAway,
    /// 40004: the order was sent, and the queue definitely doesn't have it.
    NotQueued,
    /// 42001: whether the queue has the order isn't known yet.
    Unconfirmed,
    /// 20000: a fault of ours.
    ServerError,
}

impl ChargeOutcome {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Accepted,
        Self::SoldOut,
        Self::WrongPrice,
        Self::WrongPhoneNumber,
        Self::Invalid,
        Self::UnknownProduct,
        Self::OffTheShelf,
        Self::NotOpen,
        Self::Closed,
        Self::Paused,
        Self::Overloaded,
        Self::Starting,
        Self::QueueAway,
        Self::NotQueued,
        Self::Unconfirmed,
        Self::ServerError,
    ];

    /// The outcome as it stands in JSON and in the metrics' labels; with blanks for its
    /// underscores it is what an operator reads.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::SoldOut => "sold_out",
            Self::WrongPrice => "wrong_price",
            Self::WrongPhoneNumber => "wrong_phone_number",
            Self::Invalid => "invalid",
            Self::UnknownProduct => "unknown_product",
            Self::OffTheShelf => "off_the_shelf",
            Self::NotOpen => "not_open",
            Self::Closed => "closed",
            Self::Paused => "paused",
            Self::Overloaded => "overloaded",
            Self::Starting => "starting",
            Self::QueueAway => "queue_away",
            Self::NotQueued => "not_queued",
            Self::Unconfirmed => "unconfirmed",
            Self::ServerError => "server_error",
        }
    }

    /// Whether a charge for a product on the shelf can come to it. The others come before a
    /// product is looked at, or where there is none.
    #[must_use]
    pub const fn is_of_a_product(self) -> bool {
        !matches!(
            self,
            Self::WrongPhoneNumber | Self::Invalid | Self::UnknownProduct | Self::OffTheShelf
        )
    }

    /// The code of the answer.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::Accepted => Code::Queued,
            Self::SoldOut => Code::SoldOut,
            Self::WrongPrice | Self::WrongPhoneNumber | Self::Invalid => Code::InvalidInput,
            Self::UnknownProduct | Self::OffTheShelf => Code::NoSuchProduct,
            Self::NotOpen => Code::NotOpen,
            Self::Closed => Code::Closed,
            Self::Paused => Code::IntakePaused,
            Self::Overloaded | Self::Starting => Code::Overloaded,
            Self::QueueAway | Self::NotQueued => Code::BizError,
            Self::Unconfirmed => Code::Unconfirmed,
            Self::ServerError => Code::ServerError,
        }
    }
}

/// How often something happened. The last second and minute are whole ones, as in
/// [`Rate`](crate::Rate).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counted {
    /// Since the start.
    pub total: u64,
    /// In the last whole second.
    pub last_1s: u64,
    /// In the last 60 whole seconds.
    pub last_60s: u64,
}

/// What became of charges, by outcome; those that never came are left out. Readers take an outcome
/// that they don't know for a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChargesView(pub BTreeMap<String, Counted>);

impl ChargesView {
    /// Those that were accepted.
    #[must_use]
    pub fn accepted(&self) -> Counted {
        self.0.get(ChargeOutcome::Accepted.as_str()).copied().unwrap_or_default()
    }

    /// All of them together.
    #[must_use]
    pub fn all(&self) -> Counted {
        self.0.values().fold(Counted::default(), |sum, counted| Counted {
            total: sum.total.saturating_add(counted.total),
            last_1s: sum.last_1s.saturating_add(counted.last_1s),
            last_60s: sum.last_60s.saturating_add(counted.last_60s),
        })
    }

    /// Why charges got nothing, and how often by `figure`: the most frequent first, and only those
    /// that happened.
    #[must_use]
    pub fn refusals(&self, figure: fn(&Counted) -> u64) -> Vec<(&str, u64)> {
        let refused = self.0.iter().filter(|(name, _)| *name != ChargeOutcome::Accepted.as_str());
        let counted = refused.map(|(name, counted)| (name.as_str(), figure(counted)));
        let mut happened: Vec<(&str, u64)> = counted.filter(|(_, count)| 0 < *count).collect();
        happened.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        happened
    }
}
