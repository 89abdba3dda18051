//! The bodies of commands to the admin socket, and their answers. Unknown fields are refused: a
//! misspelt `if_version` must not become an unconditional change.
//!
//! Every command carries a `request_id` of the asker's making ([`is_request_id`]). It is unique in
//! the audit log: the same id again gives the same answer and changes nothing, so a command can be
//! repeated when its answer was lost.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::listing::Permission;
use super::snapshot::{Controls, Phase};
use crate::terms::body_with_terms;
use crate::{EpochMs, Money, ProdId, Terms, TermsPatch};

/// The longest `request_id`, in characters.
pub const REQUEST_ID_CHARS_MAX: usize = 64;

/// Whether a text may be a command's `request_id`: 1 to [`REQUEST_ID_CHARS_MAX`] characters of
/// `A-Z a-z 0-9 . _ -`.
#[must_use]
pub fn is_request_id(text: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    (1..=REQUEST_ID_CHARS_MAX).contains(&text.len()) && text.chars().all(fits)
}

/// Resend one, reload: nothing to say but perhaps why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reasoned {
    /// The asker's own number for it.
    pub request_id: String,
    /// Why, for the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `POST /v1/intake/…`, `/v1/consumption/…` and `/v1/drain`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetSwitch {
    /// The asker's own number for it.
    pub request_id: String,
    /// Why, for the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Only if the switches are still of this generation ([`Controls::generation`]): what was
    /// asked for of an open sale isn't done to one that somebody has begun to drain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_generation: Option<u64>,
}

/// `POST /v1/products`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "CreateProductBody")]
pub struct CreateProduct {
    /// The asker's own number for it.
    pub request_id: String,
    /// Why, for the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The new product's id, up to 64 characters without blanks.
    pub prod_id: ProdId,
    /// Its name, up to 256 characters.
    pub prod_name: String,
    /// What it is sold at and whether; off the shelf unless told.
    #[serde(flatten)]
    pub terms: Terms,
    /// Units to sell.
    pub stock: u32,
}

body_with_terms!("CreateProduct", CreateProductBody {
    request_id: String,
    #[serde(default)]
    reason: Option<String>,
    prod_id: ProdId,
    prod_name: String,
    stock: u32,
});

impl TryFrom<CreateProductBody> for CreateProduct {
    type Error = String;

    fn try_from(body: CreateProductBody) -> Result<Self, String> {
        let terms = Terms::of_new(&body.terms());
        let terms = terms.map_err(|term| format!("missing field `{term}`"))?;
        let CreateProductBody { request_id, reason, prod_id, prod_name, stock, .. } = body;
        Ok(Self { request_id, reason, prod_id, prod_name, terms, stock })
    }
}

/// `PATCH /v1/products/{prod_id}`: changes the terms that are given, all of them or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "ChangeTermsBody")]
pub struct ChangeTerms {
    /// The asker's own number for it.
    pub request_id: String,
    /// Why, for the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What of them: one at least.
    #[serde(flatten)]
    pub terms: TermsPatch,
    /// Only if the product's terms are still at this version, which no sale raises.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_terms_version: Option<u64>,
}

body_with_terms!("ChangeTerms", ChangeTermsBody {
    request_id: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    if_terms_version: Option<u64>,
});

impl From<ChangeTermsBody> for ChangeTerms {
    fn from(body: ChangeTermsBody) -> Self {
        let terms = body.terms();
        let ChangeTermsBody { request_id, reason, if_terms_version, .. } = body;
        Self { request_id, reason, terms, if_terms_version }
    }
}

/// `POST /v1/products/{prod_id}/stock`: adds units, or withdraws unsold ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddStock {
    /// The asker's own number for it.
    pub request_id: String,
    /// Why, for the audit log.
    pub reason: String,
    /// Units to add; negative to withdraw. Not 0.
    pub delta: i64,
    /// Only if the product's row is still at this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_version: Option<u64>,
}

/// `POST /v1/products/{prod_id}/shelf`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetShelf {
    /// The asker's own number for it.
    pub request_id: String,
    /// Why, for the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether it may be charged from now on.
    pub on_shelf: bool,
    /// Only if the product's row is still at this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_version: Option<u64>,
}

/// `POST /v1/products/{prod_id}/price`. Orders that wait at another price fail, `price_differs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetPrice {
    /// The asker's own number for it.
    pub request_id: String,
    /// Why, for the audit log.
    pub reason: String,
    /// What a unit costs from now on; above 0.
    pub price: Money,
    /// Only if the product's row is still at this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_version: Option<u64>,
}

/// `POST /v1/dead-letters/resend`: all that hold a readable order, or those up to one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResendAll {
    /// The asker's own number for it.
    pub request_id: String,
    /// Why, for the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Messages per second; `admin.resend_per_s` unless told, and never more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_s: Option<u32>,
    /// Only letters up to this number; what was set aside after it is left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<u64>,
}

/// `POST /v1/dead-letters/{id}/discard`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Discard {
    /// The asker's own number for it.
    pub request_id: String,
    /// Why, for the audit log.
    pub reason: String,
}

/// `POST /v1/log-level`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetLogLevel {
    /// The asker's own number for it.
    pub request_id: String,
    /// Why, for the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// `error`, `warn`, `info`, `debug`, `trace`, `off`, or directives such as
    /// `info,seckilld::queue=debug`.
    pub level: String,
}

/// `POST /v1/shutdown`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shutdown {
    /// The asker's own number for it.
    pub request_id: String,
    /// Why, for the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The answer to a command that was carried out, now or when its `request_id` first came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done<T> {
    /// The asker's own number for it.
    pub request_id: String,
    /// Its number in the audit log.
    pub audit_id: u64,
    /// The new state of what it changed.
    pub state: T,
}

/// The state after a pause, a resume or a drain.
pub type ControlsState = Controls;

/// The state after dead letters were put back into the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResentState {
    /// How many were put back.
    pub resent: u64,
    /// How many dead letters are left.
    pub left: u64,
    /// Milliseconds over which the consumer gets them.
    pub over_ms: u64,
}

/// The state after the log's level was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLevelState {
    /// The directives in force.
    pub level: String,
}

/// The sale's clock after it was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockState {
    /// Milliseconds by which it was set forward; negative: back.
    pub set_ms: i64,
    /// What it showed then.
    pub now: EpochMs,
}

/// The state after a shutdown was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShutdownState {
    /// The phase that begins now.
    pub phase: Phase,
}

/// Why the admin socket refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// 400: the body or a parameter can't be used; the message names it and what is allowed.
    BadRequest,
    /// 403: the message says which group is missing.
    NotPermitted,
    /// 404: no such endpoint, product, order or dead letter.
    NotFound,
    /// 405.
    MethodNotAllowed,
    /// 409: the product's row isn't at `if_version` any more, or the switches aren't of
    /// `if_generation`.
    StaleVersion,
    /// 409: the `request_id` was used for another command.
    RequestIdReused,
    /// 409: a product of that id exists.
    ProductExists,
    /// 409: fewer units are unsold than are to be withdrawn.
    NotEnoughStock,
    /// 409: it holds no readable order, so sending it again can't end otherwise.
    NotResendable,
    /// 409: this process doesn't have the role that would do it.
    WrongRole,
    /// 409: the configuration has faults; `data.faults` has each.
    ConfigFaulty,
    /// 409: the configuration differs in keys that only a restart takes; `data.keys` has each.
    RestartNeeded,
    /// 409: the id's beginning fits several orders; `data.orders` has them.
    Ambiguous,
    /// 409: a product is open, or about to open, so the sale's clock isn't set.
    SaleIsOpen,
    /// 409: the daemon is stopping.
    Stopping,
    /// 413: the body is over 64 KiB.
    TooLarge,
    /// 503: the database can't be read or written; nothing was changed unless the message says that
    /// it isn't known.
    StoreFailed,
    /// 504: not done within 5 seconds; the same `request_id` tells how it ended.
    TimedOut,
    /// 500: a fault of ours; the log has more.
    Internal,
}

impl RefusalCode {
    /// All codes, in the order of `docs/admin-api.md`.
    pub const ALL: [Self; 19] = [
        Self::BadRequest,
        Self::NotPermitted,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::StaleVersion,
        Self::RequestIdReused,
        Self::ProductExists,
        Self::NotEnoughStock,
        Self::NotResendable,
        Self::WrongRole,
        Self::ConfigFaulty,
        Self::RestartNeeded,
        Self::Ambiguous,
        Self::SaleIsOpen,
        Self::Stopping,
        Self::TooLarge,
        Self::StoreFailed,
        Self::TimedOut,
        Self::Internal,
    ];

    /// The HTTP status that goes with it.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::NotPermitted => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::StaleVersion
            | Self::RequestIdReused
            | Self::ProductExists
            | Self::NotEnoughStock
            | Self::NotResendable
            | Self::WrongRole
            | Self::ConfigFaulty
            | Self::RestartNeeded
            | Self::Ambiguous
            | Self::SaleIsOpen
            | Self::Stopping => 409,
            Self::TooLarge => 413,
            Self::Internal => 500,
            Self::StoreFailed => 503,
            Self::TimedOut => 504,
        }
    }

    /// The code as it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::NotPermitted => "not_permitted",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::StaleVersion => "stale_version",
            Self::RequestIdReused => "request_id_reused",
            Self::ProductExists => "product_exists",
            Self::NotEnoughStock => "not_enough_stock",
            Self::NotResendable => "not_resendable",
            Self::WrongRole => "wrong_role",
            Self::ConfigFaulty => "config_faulty",
            Self::RestartNeeded => "restart_needed",
            Self::Ambiguous => "ambiguous",
            Self::SaleIsOpen => "sale_is_open",
            Self::Stopping => "stopping",
            Self::TooLarge => "too_large",
            Self::StoreFailed => "store_failed",
            Self::TimedOut => "timed_out",
            Self::Internal => "internal",
        }
    }
}

/// A refusal's body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Why, for programs.
    pub code: RefusalCode,
    /// Why and what to do, for people.
    pub msg: String,
    /// More, where there is more: the current version with `stale_version`, for instance.
    #[serde(default)]
    pub data: Value,
}

impl Refusal {
    /// A refusal without data.
    #[must_use]
    pub fn new(code: RefusalCode, msg: impl Into<String>) -> Self {
        Self { code, msg: msg.into(), data: Value::Null }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.msg)
    }
}

impl std::error::Error for Refusal {}

impl Permission {
    /// The permission as it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::View => "view",
            Self::Operate => "operate",
        }
    }
}
