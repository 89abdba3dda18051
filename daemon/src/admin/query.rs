//! The query strings of the admin socket: each key is known, given once, not empty, and in its
//! bounds; anything else is refused by name.

use domain::order_id::IdPrefix;
use domain::ports::lists::PAGE_MAX;
use protocol::{EpochMs, OrderState, Refusal, RefusalCode, Seq};

/// Entries of a page where the request names no number.
const LIMIT: usize = 50;

/// The parameters of one request.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Parses a query string that may hold these keys only.
    pub(super) fn parse(query: &str, allowed: &[&str]) -> Result<Self, Refusal> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (key, value) in form_urlencoded::parse(query.as_bytes()).into_owned() {
            if !allowed.contains(&key.as_str()) {
                let allowed = if allowed.is_empty() { "none" } else { &allowed.join(", ") };
                return Err(bad(format!("unknown parameter {key:?}; allowed: {allowed}")));
            }
            if pairs.iter().any(|(known, _)| *known == key) {
                return Err(bad(format!("parameter {key} is given twice")));
            }
            // Taken for "not given", it would list everybody's where one buyer's are asked for.
            if value.is_empty() {
                return Err(bad(format!(
                    "parameter {key} is empty; leave it out, or give a value"
                )));
            }
            pairs.push((key, value));
        }
        Ok(Self(pairs))
    }

    /// A parameter, where it is given.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn limit(&self) -> Result<usize, Refusal> {
        let Some(text) = self.get("limit") else { return Ok(LIMIT) };
        let limit = text.parse().ok().filter(|limit| (1..=PAGE_MAX).contains(limit));
        limit.ok_or_else(|| bad(format!("limit is {text:?}; it must be from 1 to {PAGE_MAX}")))
    }

    /// The beginning of an order's id.
    pub(super) fn id(&self) -> Result<Option<IdPrefix>, Refusal> {
        let Some(text) = self.get("id") else { return Ok(None) };
        let msg =
            || bad(format!("id is {text:?}; it must be an order's id or the beginning of one"));
        IdPrefix::read(text).map(Some).ok_or_else(msg)
    }

    /// A decision's number.
    pub(super) fn seq(&self, key: &str) -> Result<Option<Seq>, Refusal> {
        let Some(text) = self.get(key) else { return Ok(None) };
        let number = text.parse().map(|number| Some(Seq(number)));
        number.map_err(|_| bad(format!("{key} is {text:?}; it must be a decision's number")))
    }

    /// A moment.
    pub(super) fn time(&self, key: &str) -> Result<Option<EpochMs>, Refusal> {
        let Some(text) = self.get(key) else { return Ok(None) };
        let msg = || {
            bad(format!(
                "{key} is {text:?}; it must be a time with a zone, such as \
                 2026-11-23T14:28:20.000Z (a + is written %2B)"
            ))
        };
        EpochMs::from_text(text).map(Some).ok_or_else(msg)
    }

    pub(super) fn state(&self) -> Result<Option<OrderState>, Refusal> {
        let Some(text) = self.get("state") else { return Ok(None) };
        let known = OrderState::from_text(text);
        known.map(Some).ok_or_else(|| {
            let names = OrderState::ALL.map(OrderState::as_str).join(", ");
            bad(format!("state is {text:?}; it must be one of {names}"))
        })
    }
}

/// Reads a query string by every rule there is: for the tests with bad input.
#[cfg(test)]
pub(crate) fn query_string_is_judged(text: &str) {
    if let Ok(query) = Query::parse(text, &["after", "limit", "state"]) {
        assert!(
            query.limit().is_ok_and(|limit| (1..=PAGE_MAX).contains(&limit))
                || query.get("limit").is_some()
        );
        assert!(query.state().is_ok() || query.get("state").is_some());
    }
}

/// A refusal of what was sent.
pub(super) fn bad(msg: impl Into<String>) -> Refusal {
    Refusal::new(RefusalCode::BadRequest, msg)
}

#[cfg(test)]
mod tests {
    use protocol::OrderState;

    use super::Query;

    #[test]
    fn parameters_are_known_given_once_and_in_their_bounds() {
        let allowed = ["state", "limit", "phone"];
        let query = Query::parse("state=placed&limit=500", &allowed).ok().unwrap();
        assert_eq!(query.state(), Ok(Some(OrderState::Placed)));
        assert_eq!((query.limit(), query.get("phone")), (Ok(500), None));
        let refused = |text: &str| {
            let query = match Query::parse(text, &allowed) {
                Ok(query) => query,
                Err(refusal) => return refusal.msg,
            };
            let state = query.state().map(|_| ());
            state.and_then(|()| query.limit().map(|_| ())).unwrap_err().msg
        };
        assert!(refused("stat=1").contains("\"stat\"; allowed: state, limit, phone"));
        assert!(refused("limit=1&limit=2").contains("limit is given twice"));
        for empty in ["phone=", "state=placed&phone", "state=", "limit="] {
            assert!(refused(empty).contains("is empty"), "{empty}");
        }
        assert!(refused("limit=0").contains("from 1 to 500"));
        assert!(refused("state=lost").contains("queued, unconfirmed"));
    }
}
