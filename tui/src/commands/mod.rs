//! The commands that change the daemon, a file for each: where it goes, its body, what an operator
//! reads before it is given, and what its answer comes to. The console's keys and the verbs both
//! take them from here, so that a warning has one wording. Whether and when one is asked for is
//! theirs.
//!
//! Bodies are made of the protocol's own types, so that a misspelt field doesn't compile.

pub(crate) mod clock;
pub(crate) mod create_product;
pub(crate) mod discard;
pub(crate) mod log_level;
pub(crate) mod price;
mod product;
pub(crate) mod reload;
pub(crate) mod resend;
pub(crate) mod shelf;
pub(crate) mod shutdown;
pub(crate) mod stock;
pub(crate) mod switch;
pub(crate) mod terms;

use std::fmt::Display;

use protocol::{Address, Endpoint, Method, Snapshot};
use serde::Serialize;
use serde_json::Value;

pub(crate) use product::place;

use crate::words::{counted, printable};

/// One command as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    endpoint: Endpoint,
    pub(crate) path: String,
    pub(crate) body: Value,
    /// In words: `pause intake`.
    pub(crate) what: String,
}

/// What each command carries: a number of its own, under which it is carried out once, and why it
/// is given, where somebody said so.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) request_id: String,
    pub(crate) reason: Option<String>,
}

/// What an operator reads before a command is given: the object, the effect, and how many it
/// touches. What comes from the daemon in it is fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prompt {
    /// What is to be done, to what.
    pub(crate) title: String,
    /// A sentence each.
    pub(crate) lines: Vec<String>,
}

impl Command {
    fn new(endpoint: Endpoint, what: impl Into<String>, body: &impl Serialize) -> Self {
        Self::at(endpoint, &endpoint.address(), what, body)
    }

    /// One about what this value names in its path.
    fn about(
        endpoint: Endpoint,
        value: impl Display,
        what: impl Into<String>,
        body: &impl Serialize,
    ) -> Self {
        Self::at(endpoint, &endpoint.of(value), what, body)
    }

    fn at(
        endpoint: Endpoint,
        address: &Address,
        what: impl Into<String>,
        body: &impl Serialize,
    ) -> Self {
        // Strings, numbers and truth values: there is nothing in them that isn't JSON.
        let body = serde_json::to_value(body).unwrap_or_default();
        Self { endpoint, path: address.to_string(), body, what: what.into() }
    }

    /// How it is sent.
    pub(crate) fn method(&self) -> Method {
        self.endpoint.method()
    }

    /// Its number.
    pub(crate) fn request_id(&self) -> &str {
        self.body["request_id"].as_str().unwrap_or_default()
    }

    /// Whether it is given without a reason; each command takes one.
    pub(crate) fn lacks_reason(&self) -> bool {
        self.body.get("reason").is_none()
    }

    /// Says why it is given.
    pub(crate) fn because(&mut self, reason: &str) {
        self.body["reason"] = reason.into();
    }

    /// What the new state says beyond that it was carried out, in a few words.
    pub(crate) fn outcome(&self, state: Value) -> Option<String> {
        match self.endpoint {
            Endpoint::Resend | Endpoint::ResendAll => {
                serde_json::from_value(state).ok().map(|state| resend::outcome(&state))
            }
            Endpoint::Reload => {
                serde_json::from_value(state).ok().map(|state| reload::outcome(&state))
            }
            _ => None,
        }
    }

    /// Where it depends on a version, makes that one of a later state, in which what was shown is
    /// the same.
    pub(crate) fn now_at(&mut self, version: u64) {
        if let Some(shown) = self.body.get_mut("if_version") {
            *shown = version.into();
        }
    }
}

/// Orders that wait in the queue.
fn waiting(state: &Snapshot) -> String {
    match state.queue.lag_messages {
        Some(count) => format!("{} in the queue", counted(count, "order")),
        None => "it isn't known how many orders wait in the queue".to_owned(),
    }
}

/// What an operator shuts with the intake.
fn on_sale(state: &Snapshot) -> String {
    let count = state.products.iter().filter(|product| product.terms.on_shelf).count();
    let rate = state.gateway.as_ref().map_or(0, |gateway| gateway.charge_rate.last_1s);
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    let charges = counted(rate, "charge");
    format!("{} on the shelf, {charges} in the last second", counted(count, "product"))
}

/// Why a command is given, as the last of its lines.
fn because(reason: &str) -> String {
    format!("Reason: {}", printable(reason))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Given, price, shelf, stock};
    use crate::commands::shelf::ShelfChange;

    fn given() -> Given {
        Given { request_id: "r1".to_owned(), reason: None }
    }

    #[test]
    fn a_command_depends_on_a_version_only_where_one_is_given() {
        let on = shelf::command(&"p/1".into(), ShelfChange::On, Some(7), given());
        assert_eq!(on.path, "/v1/products/p%2F1/shelf");
        assert_eq!(on.body, json!({ "request_id": "r1", "on_shelf": true, "if_version": 7 }));
        let off = shelf::command(&"p".into(), ShelfChange::Off, None, given());
        assert_eq!(off.body, json!({ "request_id": "r1", "on_shelf": false }));
        let add = stock::command(&"p".into(), -5, "broken", None, "r1".to_owned());
        assert_eq!(add.body, json!({ "request_id": "r1", "reason": "broken", "delta": -5 }));
        let money = protocol::Money::from_milli(1_290_000);
        let price = price::command(&"p".into(), money, "typo", None, "r1".to_owned());
        let body = json!({ "request_id": "r1", "reason": "typo", "price": "1290.000" });
        assert_eq!(price.body, body);
    }

    #[test]
    fn a_reason_may_be_given_later() {
        let mut off = shelf::command(&"p".into(), ShelfChange::Off, None, given());
        assert!(off.lacks_reason());
        off.because("broken");
        assert_eq!((off.body["reason"].as_str(), off.request_id()), (Some("broken"), "r1"));
        assert!(!off.lacks_reason());
    }
}
