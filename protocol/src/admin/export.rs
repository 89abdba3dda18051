//! Decided orders in the sequence of their decisions, for a shop that goes on where it ended
//! (`GET /v1/export/orders`). Names and meaning of the fields are a contract: docs/export.md.

use serde::{Deserialize, Serialize};

use super::listing::OrderState;
use crate::{EpochMs, Money, OrderId, Phone, ProdId, Seq};

/// A page of decided orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportPage {
    /// By their numbers, rising. A page may hold none and still not be the last: a filter that fits
    /// little is looked for a bounded way at a time.
    pub orders: Vec<ExportedOrder>,
    /// Every decision up to this number is in the pages so far, or fits no filter: what to give as
    /// `after` to go on.
    pub up_to: Seq,
    /// The newest decision of the same moment.
    pub head: Seq,
    /// The entry in the audit log under which whole phone numbers are shown; what to give as
    /// `reveal` to go on. `None` where numbers are masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reveal: Option<u64>,
}

/// One decided order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedOrder {
    /// The number of its decision.
    pub seq: Seq,
    /// Its id.
    pub order_id: OrderId,
    /// The product.
    pub prod_id: ProdId,
    /// The product's name; empty when the product is unknown.
    pub prod_name: String,
    /// The buyer's phone number, masked.
    pub user: String,
    /// The whole phone number: only where it was asked for, for those who may operate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    /// How it ended: placed, failed, duplicate or finished.
    pub state: OrderState,
    /// Why it failed or was set aside.
    pub reason: Option<String>,
    /// The amount; `None` when what the sender wrote is no amount.
    pub charge_money: Option<Money>,
    /// When the buyer asked.
    #[serde(rename = "charge_time")]
    pub asked_at: EpochMs,
    /// When it was decided.
    pub decided_at: EpochMs,
    /// When it was delivered to its buyer; `None` before that.
    pub finish_time: Option<EpochMs>,
    /// Further orders of the buyer for the product that were set aside because of this one.
    pub duplicates: u64,
}
