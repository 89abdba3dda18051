//! What one can ask the admin socket for beside the state: lists, details, who one is. Phone
//! numbers are masked everywhere but in one order's detail, where they are shown on demand.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::snapshot::{Phase, ProductView};
use crate::{EpochMs, Money, OrderId, Phone, ProdId};

/// Every endpoint, and who the daemon takes the asker for (`GET /v1/`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// What can be asked.
    pub endpoints: Vec<EndpointView>,
    /// Who asks.
    pub you: PeerView,
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointView {
    /// `GET` or `POST`.
    pub method: String,
    /// The path, with `{…}` where a value stands.
    pub path: String,
    /// What it does.
    pub what: String,
}

/// What a peer may do; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Nothing.
    None,
    /// Look (`GET`).
    View,
    /// Change the daemon (`POST`).
    Operate,
}

/// Who the daemon takes the asker for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerView {
    /// The user's number, by the kernel's word.
    pub uid: u32,
    /// The user's name, where there is one.
    pub user: Option<String>,
    /// What they may do.
    pub permission: Permission,
    /// What they lack to do more, in a sentence; `None` when they may do everything.
    pub missing: Option<String>,
}

/// Whether the daemon serves in full (`GET /v1/health`; status 200 or 503).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Whether it does.
    pub healthy: bool,
    /// Where the process is in its life.
    pub phase: Phase,
    /// What keeps it from full service.
    pub degraded: Vec<String>,
}

/// The effective configuration (`GET /v1/config`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigPage {
    /// Every key.
    pub keys: Vec<ConfigEntry>,
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigEntry {
    /// `section.key`.
    pub key: String,
    /// Its value. Secrets are files' paths; their content is never here.
    pub value: Value,
    /// Where the value comes from.
    pub source: String,
}

/// All products (`GET /v1/products`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductsPage {
    /// By id.
    pub products: Vec<ProductView>,
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Accepted and not decided.
    Queued,
    /// Its send's result is unknown.
    Unconfirmed,
    /// Set aside as a dead letter; an operator may resend or discard it.
    DeadLetter,
    /// It got a unit.
    Placed,
    /// It got none.
    Failed,
    /// Set aside because its buyer had a live order.
    Duplicate,
    /// Delivered to its buyer.
    Finished,
    /// One that only another version knows.
    #[serde(other)]
    Other,
}

impl OrderState {
    /// All states.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Unconfirmed,
        Self::DeadLetter,
        Self::Placed,
        Self::Failed,
        Self::Duplicate,
        Self::Finished,
    ];

    /// The state as it stands in JSON and in `?state=`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Unconfirmed => "unconfirmed",
            Self::DeadLetter => "dead_letter",
            Self::Placed => "placed",
            Self::Failed => "failed",
            Self::Duplicate => "duplicate",
            Self::Finished => "finished",
            Self::Other => "other",
        }
    }

    /// Whether an order that stands there is decided. Of a state that isn't known here that isn't.
    #[must_use]
    pub const fn is_decided(self) -> bool {
        match self {
            Self::Queued | Self::Unconfirmed | Self::DeadLetter | Self::Other => false,
            Self::Placed | Self::Failed | Self::Duplicate | Self::Finished => true,
        }
    }

    /// The state of a text of [`OrderState::as_str`].
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Orders, newest first (`GET /v1/orders`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrdersPage {
    /// The orders. A page may hold fewer than `limit` and still not be the last: a filter that fits
    /// little is looked for a bounded way at a time.
    pub orders: Vec<OrderView>,
    /// What to give as `after` to go on; `None` on the last page.
    pub next: Option<String>,
    /// What the list lacks because this process can't see it; empty when nothing is lacking. While
    /// it isn't empty, that an order isn't listed doesn't tell that there is none.
    #[serde(default)]
    pub unlisted: Vec<Unlisted>,
}

/// What a list lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unlisted {
    /// Where it is.
    pub place: UnlistedPlace,
    /// How many at most; `None` where that isn't known.
    pub count: Option<u64>,
    /// A sentence that says so, and where to ask.
    pub text: String,
}

/// Where that is which a list lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnlistedPlace {
    /// Messages that wait in the broker and that this process doesn't know.
    Broker,
    /// Sends whose result is unknown, in the databases of the gateways.
    Gateways,
    /// Orders in the database of the order node.
    OrderNode,
    /// Messages in the broker's own dead-letter topic.
    BrokerDeadLetters,
    /// One that only another version knows.
    #[serde(other)]
    Other,
}

impl UnlistedPlace {
    /// All places.
    pub const ALL: [Self; 4] =
        [Self::Broker, Self::Gateways, Self::OrderNode, Self::BrokerDeadLetters];

    /// The place as it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::Gateways => "gateways",
            Self::OrderNode => "order_node",
            Self::BrokerDeadLetters => "broker_dead_letters",
            Self::Other => "other",
        }
    }
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderView {
    /// Its id.
    pub order_id: OrderId,
    /// The product.
    pub prod_id: ProdId,
    /// The product's name; empty when the product is unknown.
    pub prod_name: String,
    /// The buyer's phone number, masked.
    pub user: String,
    /// Where it stands.
    pub state: OrderState,
    /// Why it failed, why it was set aside, or why deciding it is tried again.
    pub reason: Option<String>,
    /// The amount; `None` when what the sender wrote is no amount.
    pub charge_money: Option<Money>,
    /// When the buyer asked.
    #[serde(rename = "charge_time")]
    pub asked_at: EpochMs,
    /// When it was decided.
    pub decided_at: Option<EpochMs>,
    /// Further orders of the buyer for the product that were set aside because of this one.
    pub duplicates: u64,
}

/// One order with all that is known of its way (`GET /v1/orders/{order_id}`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderHistory {
    /// The order as it is now.
    pub order: OrderView,
    /// The whole phone number: only with `?reveal=phone`, for those who may operate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    /// What happened to it, in sequence.
    pub steps: Vec<HistoryStep>,
}

/// One step of an order's way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryStep {
    /// When; `None` where that isn't recorded.
    pub at: Option<EpochMs>,
    /// What happened.
    pub step: StepKind,
    /// A sentence.
    pub detail: String,
}

/// What can happen to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// The buyer asked.
    Accepted,
    /// The queue had it durably.
    Queued,
    /// Its send's result became unknown.
    Unconfirmed,
    /// Deciding it failed unexpectedly; it is tried again.
    PutOff,
    /// It was set aside as a dead letter.
    SetAside,
    /// An operator put its dead letter back into the queue.
    Resent,
    /// An operator discarded its dead letter.
    Discarded,
    /// It got a unit.
    Placed,
    /// It got none.
    Failed,
    /// It was set aside because its buyer had a live order.
    Duplicate,
    /// A further order of the buyer was set aside because of this one.
    DuplicateSetAside,
    /// It was delivered.
    Finished,
    /// Something that only another version knows.
    #[serde(other)]
    Other,
}

impl StepKind {
    /// The step as it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Queued => "queued",
            Self::Unconfirmed => "unconfirmed",
            Self::PutOff => "put_off",
            Self::SetAside => "set_aside",
            Self::Resent => "resent",
            Self::Discarded => "discarded",
            Self::Placed => "placed",
            Self::Failed => "failed",
            Self::Duplicate => "duplicate",
            Self::DuplicateSetAside => "duplicate_set_aside",
            Self::Finished => "finished",
            Self::Other => "other",
        }
    }
}

/// Messages that could not be decided, oldest first (`GET /v1/dead-letters`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLettersPage {
    /// Those that nobody has dealt with.
    pub dead_letters: Vec<DeadLetterView>,
    /// What to give as `after` to go on; `None` on the last page.
    pub next: Option<String>,
    /// How many there are in all.
    pub total: u64,
    /// The number of the newest of them; `None` when there are none.
    #[serde(default)]
    pub newest: Option<u64>,
    /// What the list lacks because it isn't in this database; empty when nothing is lacking.
    #[serde(default)]
    pub unlisted: Vec<Unlisted>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetterView {
    /// Its number.
    pub id: u64,
    /// Where it came from.
    pub origin: String,
    /// Why it is set aside.
    pub reason: String,
    /// The order, when the message can be read.
    pub order_id: Option<OrderId>,
    /// The product, likewise.
    pub prod_id: Option<ProdId>,
    /// The buyer's phone number, masked, likewise.
    pub user: Option<String>,
    /// How often it was delivered before it was set aside.
    pub redeliveries: u32,
    /// When the buyer asked, as far as is known.
    #[serde(rename = "charge_time")]
    pub asked_at: EpochMs,
    /// When it was set aside.
    pub dead_at: EpochMs,
    /// The beginning of its content, with phone numbers masked and what can't be shown replaced.
    pub content: String,
    /// How many bytes it has.
    pub content_bytes: u64,
    /// Whether sending it again can end otherwise: it holds a readable order.
    pub resendable: bool,
}

/// What operators did, newest first (`GET /v1/audit`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// What to give as `after` to go on; `None` on the last page.
    pub next: Option<String>,
}

/// One thing that somebody did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its number.
    pub id: u64,
    /// When.
    pub at: EpochMs,
    /// Who, by the kernel's word.
    pub uid: u32,
    /// The user's name, where there was one.
    pub user: Option<String>,
    /// The asking process: a hint only, as numbers are used again.
    pub pid: Option<i32>,
    /// What: `intake.pause`, `product.stock` and so on.
    pub verb: String,
    /// To what: a product's id, a dead letter's number; empty for the daemon itself.
    pub object: String,
    /// How, as it was asked.
    pub arguments: Value,
    /// What was there before; null where that makes no sense.
    pub before: Value,
    /// What was there after.
    pub after: Value,
    /// Why, in that person's words.
    pub reason: Option<String>,
    /// The asker's own number for it.
    pub request_id: String,
}
