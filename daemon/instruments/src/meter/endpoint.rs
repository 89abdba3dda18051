//! Each endpoint of the contract and the codes that it can answer: the table by which its answers
//! are measured. What isn't in it is a mistake that a debug build stops at; so every series of a
//! counter is there, at 0, before its first event.

use protocol::Code;

/// An endpoint whose answers are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// The gateway's `charge.do`.
    Charge,
    /// The gateway's `query.do`.
    GatewayQuery,
    /// The order node's `query.do`.
    OrderQuery,
}

impl Endpoint {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Charge, Self::GatewayQuery, Self::OrderQuery];

    /// The role of its listener.
    #[must_use]
    pub const fn role(self) -> &'static str {
        match self {
            Self::Charge | Self::GatewayQuery => "gateway",
            Self::OrderQuery => "order",
        }
    }

    /// The last part of its path.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Charge => "charge.do",
            Self::GatewayQuery | Self::OrderQuery => "query.do",
        }
    }

    /// The codes that it can answer. A panic is answered 20000 too, but by the edge, which counts
    /// panics by themselves.
    #[must_use]
    pub const fn codes(self) -> &'static [Code] {
        match self {
            Self::Charge => &[
                Code::Queued,
                Code::ServerError,
                Code::BizError,
                Code::InvalidInput,
                Code::SoldOut,
                Code::NoSuchProduct,
                Code::Unconfirmed,
                Code::Overloaded,
                Code::IntakePaused,
            ],
            Self::GatewayQuery => &[
                Code::Found,
                Code::ServerError,
                Code::InvalidInput,
                Code::NeverOrdered,
                Code::NotKnownYet,
            ],
            Self::OrderQuery => &[
                Code::Found,
                Code::ServerError,
                Code::BizError,
                Code::InvalidInput,
                Code::NotKnownYet,
            ],
        }
    }
}
