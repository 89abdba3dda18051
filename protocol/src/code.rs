//! Every code that a REST answer can carry, with its message: the one table that the daemon, the
//! tests and docs/codes.md share.

/// A business result. HTTP status is 200 for all of them; 4xx and 5xx speak of HTTP itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// Charge: the order is durably queued (or was already).
    Queued,
    /// Query: the order is found; `data` tells its state.
    Found,
    /// Our fault; the cause is in our log, never in the answer.
    ServerError,
    /// Charge: definitely not queued. Order node's query: no such order.
    BizError,
    /// A field is missing, blank, given twice or malformed, or the price is not the product's.
    InvalidInput,
    /// Nothing is left to sell.
    SoldOut,
    /// No such product, or it is off the shelf.
    NoSuchProduct,
    /// Gateway's query: this buyer never ordered this product.
    NeverOrdered,
    /// Charge: whether the order is queued is not known; it is published again with the same id.
    Unconfirmed,
    /// Charge: a limit of ours is reached; nothing was reserved.
    Overloaded,
    /// Charge: the operator has paused intake.
    IntakePaused,
    /// Query: not known yet, messages are still in the queue.
    NotKnownYet,
    /// Charge: the product's sale opens later.
    NotOpen,
    /// Charge: the product's sale is over.
    Closed,
}

impl Code {
    /// All codes, in the order of the table in docs/codes.md.
    pub const ALL: [Self; 14] = [
        Self::Queued,
        Self::Found,
        Self::ServerError,
        Self::BizError,
        Self::InvalidInput,
        Self::SoldOut,
        Self::NoSuchProduct,
        Self::NeverOrdered,
        Self::Unconfirmed,
        Self::Overloaded,
        Self::IntakePaused,
        Self::NotKnownYet,
        Self::NotOpen,
        Self::Closed,
    ];

    /// The code as it stands in an answer's `code`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued | Self::Found => "10000",
            Self::ServerError => "20000",
            Self::BizError => "40004",
            Self::InvalidInput => "40005",
            Self::SoldOut => "40006",
            Self::NoSuchProduct => "40007",
            Self::NeverOrdered => "41004",
            Self::Unconfirmed => "42001",
            Self::Overloaded => "42002",
            Self::IntakePaused => "42003",
            Self::NotKnownYet => "42004",
            Self::NotOpen => "42005",
            Self::Closed => "42006",
        }
    }

    /// The text as it stands in an answer's `msg`. The first eight are the Java services' own.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Queued => "秒杀订单排队中",
            Self::Found => "SUCCESS",
            Self::ServerError => "SERVER_ERROR",
            Self::BizError => "BIZ_ERROR",
            Self::InvalidInput => "入参校验失败",
            Self::SoldOut => "秒杀商品库存不足",
            Self::NoSuchProduct => "秒杀商品不存在",
            Self::NeverOrdered => "秒杀订单不存在",
            Self::Unconfirmed => "秒杀订单确认中",
            Self::Overloaded => "系统繁忙,请稍后重试",
            Self::IntakePaused => "秒杀已暂停",
            Self::NotKnownYet => "秒杀订单处理中,请稍后查询",
            Self::NotOpen => "秒杀尚未开始",
            Self::Closed => "秒杀已结束",
        }
    }

    /// Seconds after which asking again may end otherwise: the `Retry-After` header. `None` where
    /// the answer is final, and where it has data that says when (not open yet).
    #[must_use]
    pub const fn retry_after_s(self) -> Option<u32> {
        match self {
            Self::ServerError | Self::Unconfirmed | Self::Overloaded | Self::NotKnownYet => Some(1),
            Self::IntakePaused => Some(5),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn the_document_has_each() {
        let document = include_str!("../../docs/codes.md");
        for code in Code::ALL {
            let row = format!("| `{}` | ", code.as_str());
            assert!(document.contains(&row), "docs/codes.md lacks {row}");
        }
    }

    #[test]
    fn codes_are_distinct_but_for_the_two_successes() {
        let mut seen: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), Code::ALL.len() - 1);
    }
}
