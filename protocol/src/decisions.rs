//! What an order node tells its gateways: the orders it has decided, in sequence, and the state of
//! each product, both from one moment (`GET /internal/v1/decisions?after=SEQ`).
//!
//! These bodies carry whole phone numbers, as a gateway must know whose order was decided; the
//! endpoint belongs on an inner network, like the queue itself.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{EpochMs, OrderId, Phone, ProdId, Seq, Terms, TermsSet};

/// How an order was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It got a unit.
    Placed,
    /// It got none; the reason tells why.
    Failed,
    /// The buyer already had a live order for the product.
    Duplicate,
    /// In a way that only another version knows; never a verdict of ours. A gateway takes it as
    /// failed: the order is decided, and the page's stock says what became of its unit.
    #[serde(other)]
    Other,
}

/// Why an order failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No unit was left.
    SoldOut,
    /// No product has that id.
    UnknownProduct,
    /// The price is no plain decimal.
    PriceUnparsable,
    /// The price is not the product's.
    PriceDiffers,
    /// An operator discarded its dead letter.
    Discarded,
    /// Its buyer asked before the product's sale opened.
    NotOpen,
    /// Its buyer asked when the product's sale was over.
    Closed,
    /// One that only another version knows; never a verdict of ours.
    #[serde(other)]
    Other,
}

impl Reason {
    /// All reasons that this version gives, so without [`Reason::Other`].
    pub const ALL: [Self; 7] = [
        Self::SoldOut,
        Self::UnknownProduct,
        Self::PriceUnparsable,
        Self::PriceDiffers,
        Self::Discarded,
        Self::NotOpen,
        Self::Closed,
    ];

    /// The reason as it stands in JSON and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SoldOut => "sold_out",
            Self::UnknownProduct => "unknown_product",
            Self::PriceUnparsable => "price_unparsable",
            Self::PriceDiffers => "price_differs",
            Self::Discarded => "discarded",
            Self::NotOpen => "not_open",
            Self::Closed => "closed",
            Self::Other => "other",
        }
    }

    /// The reason of a text of [`Reason::as_str`]; that of another version is [`Reason::Other`].
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text).unwrap_or(Self::Other)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One decided order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Its place in the order node's sequence; rises by at least one from decision to decision.
    pub seq: Seq,
    /// The decided order.
    pub order_id: OrderId,
    /// The product.
    pub prod_id: ProdId,
    /// The buyer.
    #[serde(rename = "user_phone")]
    pub phone: Phone,
    /// How it was decided.
    pub outcome: Outcome,
    /// Why, when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The buyer's live order, when this one is a duplicate of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_order_id: Option<OrderId>,
}

/// A product, as the order node's database has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductState {
    /// The product's id.
    pub prod_id: ProdId,
    /// Its name.
    pub prod_name: String,
    /// What it is sold at and whether.
    #[serde(flatten)]
    pub terms: Terms,
    /// Units at the start.
    pub initial: u64,
    /// Units added since (negative: withdrawn).
    pub added: i64,
    /// Units not sold.
    pub stock: u64,
    /// Live orders.
    pub sold: u64,
    /// Counts the row's changes.
    pub version: u64,
    /// Counts the commands that changed its terms.
    #[serde(default)]
    pub terms_version: u64,
    /// Who changed its terms last; `None` where nobody has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms_set: Option<TermsSet>,
}

/// Decisions after a sequence number, with the products of the same read transaction. A page may
/// end before the newest decision; its products are of the newest moment all the same, so that a
/// gateway that applies a page never finds more free than there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionsPage {
    /// Names the database: when it changes, sequence numbers start over and a gateway must start
    /// over.
    pub store_id: String,
    /// The newest sequence number.
    pub head: Seq,
    /// Decisions in sequence.
    pub decisions: Vec<Decision>,
    /// Every product.
    pub products: Vec<ProductState>,
    /// Whether an operator has paused the taking of orders from the queue there: then it is no
    /// wonder that none is decided.
    #[serde(default)]
    pub paused: bool,
    /// What the sale's clock showed there; `None` from an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<EpochMs>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{DecisionsPage, Outcome, Reason};
    use crate::Seq;

    #[test]
    fn a_page_of_a_later_version_is_read_and_what_is_unknown_there_is_other() {
        let decision = |seq: u64, outcome: &str, reason: &str| {
            json!({
                "seq": seq, "order_id": format!("order-{seq}"), "prod_id": "pid_0001",
                "user_phone": "15200008881", "outcome": outcome, "reason": reason,
            })
        };
        let decisions = [
            decision(1, "failed", "sold_out"),
            decision(2, "failed", "of_a_later_version"),
            decision(3, "of_a_later_version", "of_a_later_version"),
        ];
        let page = json!({"store_id": "store", "head": 3, "decisions": decisions, "products": []});
        let page: DecisionsPage = serde_json::from_value(page).unwrap();
        let read = page.decisions.iter().map(|one| (one.seq, one.outcome, one.reason));
        let wanted = [
            (Seq(1), Outcome::Failed, Some(Reason::SoldOut)),
            (Seq(2), Outcome::Failed, Some(Reason::Other)),
            (Seq(3), Outcome::Other, Some(Reason::Other)),
        ];
        assert_eq!(read.collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn every_reason_is_read_from_its_own_text() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_text(reason.as_str()), reason);
        }
        assert_eq!(Reason::from_text("of_a_later_version"), Reason::Other);
        assert_eq!(Reason::from_text(Reason::Other.as_str()), Reason::Other);
    }
}
