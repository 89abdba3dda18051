//! One command to the daemon as it is sent: path, body, number. Bodies are made of the protocol's
//! own types, so that a misspelt field doesn't compile.
//!
//! The number is taken when the question is put, not when it is answered: a command that is given
//! again after a lost answer is the same command.

use protocol::{
    AddStock, Address, CreateProduct, Discard, Endpoint, Reasoned, ResendAll, SetLogLevel,
    SetShelf, SetSwitch, Shutdown,
};
use serde::Serialize;
use serde_json::Value;

/// What to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) path: String,
    pub(crate) body: Value,
    /// In words: `pause intake`.
    pub(crate) what: String,
}

impl Command {
    fn new(address: &Address, what: impl Into<String>, body: &impl Serialize) -> Self {
        // Strings, numbers and truth values: there is nothing in them that isn't JSON.
        let body = serde_json::to_value(body).unwrap_or_default();
        Self { path: address.to_string(), body, what: what.into() }
    }

    /// A pause, a resume or a drain, of switches as they were shown. A daemon that doesn't tell
    /// their generation doesn't take it either.
    pub(crate) fn switch(
        endpoint: Endpoint,
        what: &str,
        shown_generation: Option<u64>,
        request_id: String,
    ) -> Self {
        let body = SetSwitch { request_id, reason: None, if_generation: shown_generation };
        Self::new(&endpoint.address(), what, &body)
    }

    /// Where it depends on a version, makes that one of a later state, in which what was shown is
    /// the same.
    pub(crate) fn now_at(&mut self, version: u64) {
        if let Some(shown) = self.body.get_mut("if_version") {
            *shown = version.into();
        }
    }

    pub(crate) fn shutdown(what: &str, request_id: String) -> Self {
        let body = Shutdown { request_id, reason: None };
        Self::new(&Endpoint::Shutdown.address(), what, &body)
    }

    /// No `if_version`: the version rises with every sale, so it would fail whenever stock is
    /// needed most, and a delta is right whatever the stock has become meanwhile.
    pub(crate) fn add_stock(
        prod_id: &str,
        delta: i64,
        reason: &str,
        what: &str,
        request_id: String,
    ) -> Self {
        let body = AddStock { request_id, reason: reason.to_owned(), delta, if_version: None };
        Self::new(&Endpoint::Stock.of(prod_id), what, &body)
    }

    /// `if_version` is for putting a product *on* the shelf: the operator vouches for the price and
    /// the stock that were shown, and off the shelf nothing is sold, so the version stands still
    /// unless somebody changed the product. Taking it *off* is unconditional: it hurries, the
    /// version rises with every sale, and off is off whatever the rest has become.
    pub(crate) fn shelf(prod_id: &str, to: Shelf, what: &str, request_id: String) -> Self {
        let (on_shelf, if_version) = match to {
            Shelf::On { shown_version } => (true, Some(shown_version)),
            Shelf::Off => (false, None),
        };
        let body = SetShelf { request_id, reason: None, on_shelf, if_version };
        Self::new(&Endpoint::Shelf.of(prod_id), what, &body)
    }

    pub(crate) fn create_product(what: &str, product: &CreateProduct) -> Self {
        Self::new(&Endpoint::CreateProduct.address(), what, product)
    }

    pub(crate) fn resend(id: u64, what: &str, request_id: String) -> Self {
        let body = Reasoned { request_id, reason: None };
        Self::new(&Endpoint::Resend.of(id), what, &body)
    }

    pub(crate) fn resend_all(up_to: u64, what: &str, request_id: String) -> Self {
        let body = ResendAll { request_id, reason: None, per_s: None, up_to: Some(up_to) };
        Self::new(&Endpoint::ResendAll.address(), what, &body)
    }

    pub(crate) fn discard(id: u64, reason: &str, what: &str, request_id: String) -> Self {
        let body = Discard { request_id, reason: reason.to_owned() };
        Self::new(&Endpoint::Discard.of(id), what, &body)
    }

    pub(crate) fn log_level(level: &str, what: &str, request_id: String) -> Self {
        let body = SetLogLevel { request_id, reason: None, level: level.to_owned() };
        Self::new(&Endpoint::LogLevel.address(), what, &body)
    }
}

/// Where a product is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shelf {
    /// On it, if the product is still at the version that was shown.
    On { shown_version: u64 },
    /// Off it.
    Off,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Command, Shelf};

    #[test]
    fn only_putting_on_the_shelf_depends_on_the_version() {
        let id = || "r1".to_owned();
        let on = Command::shelf("p/1", Shelf::On { shown_version: 7 }, "x", id());
        assert_eq!(on.path, "/v1/products/p%2F1/shelf");
        assert_eq!(on.body, json!({ "request_id": "r1", "on_shelf": true, "if_version": 7 }));
        let off = Command::shelf("p", Shelf::Off, "x", id());
        assert_eq!(off.body, json!({ "request_id": "r1", "on_shelf": false }));
        let add = Command::add_stock("p", -5, "broken", "x", id());
        assert_eq!(add.body, json!({ "request_id": "r1", "reason": "broken", "delta": -5 }));
    }
}
