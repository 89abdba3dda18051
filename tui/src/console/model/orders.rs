//! The orders that were loaded, page by page, and by what they are filtered. Asking for them is
//! `update`'s.

use std::time::Instant;

use protocol::{OrderState, OrderView, mask_phone};

use super::List;

/// A filter as it is typed: words that are a state, a phone number or a product.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OrdersFilter {
    pub(crate) state: Option<OrderState>,
    pub(crate) product: Option<String>,
    pub(crate) phone: Option<String>,
}

/// Fewer digits than this are a product's id rather than a phone number.
const PHONE_DIGITS_MIN: usize = 7;

impl OrdersFilter {
    /// Reads `failed`, `state:failed`, `pid_0001`, `prod:77`, `15200001111`, `phone:110`, in any
    /// sequence. The error names the word that can't be used.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut filter = Self::default();
        for word in text.split_whitespace() {
            match word.split_once(':') {
                Some(("state", name)) => {
                    let state = OrderState::from_text(name);
                    filter.state = Some(state.ok_or_else(|| no_state(name))?);
                }
                Some(("prod", id)) => filter.product = Some(id.to_owned()),
                Some(("phone", number)) => filter.phone = Some(number.to_owned()),
                _ => filter.guess(word),
            }
        }
        Ok(filter)
    }

    fn guess(&mut self, word: &str) {
        let digits = word.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(state) = OrderState::from_text(word) {
            self.state = Some(state);
        } else if digits && PHONE_DIGITS_MIN <= word.len() {
            self.phone = Some(word.to_owned());
        } else {
            self.product = Some(word.to_owned());
        }
    }

    /// In words; a phone number is masked as everywhere.
    pub(crate) fn told(&self) -> Option<String> {
        let state = self.state.map(|state| format!("state {}", state.as_str()));
        let product = self.product.as_ref().map(|id| format!("product {id}"));
        let phone = self.phone.as_ref().map(|phone| format!("phone {}", mask_phone(phone)));
        let parts: Vec<String> = [state, product, phone].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

fn no_state(name: &str) -> String {
    let all: Vec<&str> = OrderState::ALL.iter().map(|state| state.as_str()).collect();
    format!("{name:?} is no state; there are {}", all.join(", "))
}

/// What was loaded.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    pub(crate) filter: OrdersFilter,
    /// Newest first; `None` until some were loaded.
    pub(crate) rows: Option<Vec<OrderView>>,
    /// Where to go on; `None` when all are there.
    pub(crate) next: Option<String>,
    /// Whether more than the first page is there: it isn't loaded again by itself then.
    pub(crate) is_deep: bool,
    /// Why they couldn't be loaded.
    pub(crate) fault: Option<String>,
    /// The number of the question whose answer is awaited; an answer to another is dropped.
    pub(crate) asked: u64,
    pub(crate) is_loading: bool,
    pub(crate) asked_at: Option<Instant>,
    /// How many orders there had been when they were asked for last.
    pub(crate) count_then: u64,
    pub(crate) list: List,
}

#[cfg(test)]
mod tests {
    use protocol::OrderState;

    use super::OrdersFilter;

    #[test]
    fn words_are_understood_by_their_look() {
        let filter = OrdersFilter::parse("failed pid_0001 15200001111").unwrap();
        assert_eq!(filter.state, Some(OrderState::Failed));
        assert_eq!(filter.told().unwrap(), "state failed, product pid_0001, phone 152****1111");
        let filter = OrdersFilter::parse("prod:failed phone:110").unwrap();
        assert_eq!(filter.product.as_deref(), Some("failed"));
        assert_eq!(filter.phone.as_deref(), Some("110"));
        assert_eq!(OrdersFilter::parse("  ").unwrap().told(), None);
        assert!(OrdersFilter::parse("state:sold").unwrap_err().contains("dead_letter"));
    }
}
