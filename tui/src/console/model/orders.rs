//! The orders that were loaded, page by page, and by what they are filtered. Asking for them is
//! `update`'s.

use std::time::Instant;

use protocol::{OrderState, OrderView, Phone, Unlisted, looks_like_phone, normal_phone};

use super::List;

/// A filter as it is typed: words that are a state, a phone number, a product or the beginning of
/// an order's id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OrdersFilter {
    pub(crate) state: Option<OrderState>,
    pub(crate) product: Option<String>,
    pub(crate) phone: Option<Phone>,
    pub(crate) id: Option<String>,
}

/// Fewer characters than this are not taken for an id's beginning unless `id:` is said.
const ID_CHARS_MIN: usize = 4;

impl OrdersFilter {
    /// Reads `failed`, `state:failed`, `pid_0001`, `prod:77`, `+86 152 0000 1111`, `phone:110`,
    /// `7d4483a4`, `id:7`, in any sequence. `is_product` tells which products there are.
    ///
    /// # Errors
    /// Names the word that can't be used, and what is allowed.
    pub(crate) fn parse(text: &str, is_product: impl Fn(&str) -> bool) -> Result<Self, String> {
        let mut filter = Self::default();
        let words: Vec<&str> = text.split_whitespace().collect();
        let mut rest = words.as_slice();
        while let Some((word, after)) = rest.split_first() {
            rest = after;
            // The parts of a number that is written with blanks.
            let digits = |rest: &[&str]| {
                rest.iter().take_while(|word| is_of_number(word) && !is_product(word)).count()
            };
            match word.split_once([':', '：']) {
                Some(("state", name)) => {
                    let state = OrderState::from_text(name);
                    filter.state = Some(state.ok_or_else(|| no_state(name))?);
                }
                Some(("prod", id)) => filter.product = Some(id.to_owned()),
                Some(("id", id)) => filter.id = Some(id.to_owned()),
                // As it was typed: the daemon knows whether its profile takes other forms.
                Some(("phone", number)) => {
                    let (more, others) = rest.split_at(digits(rest));
                    filter.phone = Some([&[number], more].concat().join(" ").into());
                    rest = others;
                }
                _ if OrderState::from_text(word).is_some() => {
                    filter.state = OrderState::from_text(word);
                }
                _ if is_product(word) => filter.product = Some((*word).to_owned()),
                _ if is_of_number(word) => {
                    let (more, others) = rest.split_at(digits(rest));
                    let whole = [&[*word], more].concat().join(" ");
                    filter.number(&whole)?;
                    rest = others;
                }
                _ if begins_id(word) => filter.id = Some((*word).to_owned()),
                _ => return Err(no_word(word)),
            }
        }
        Ok(filter)
    }

    /// Digits and what stands between them: a phone number, or else an id that has no letter yet.
    fn number(&mut self, whole: &str) -> Result<(), String> {
        match normal_phone(whole, |_| false) {
            Ok(phone) => self.phone = Some(phone),
            // The first group of an id and its dash.
            Err(_) if whole.is_ascii() && whole.find('-') == Some(8) && begins_id(whole) => {
                self.id = Some(whole.to_owned());
            }
            Err(why) => {
                return Err(format!("{why}; or say id:{whole} or prod:{whole}"));
            }
        }
        Ok(())
    }

    /// In words; a phone number is masked as everywhere.
    pub(crate) fn told(&self) -> Option<String> {
        let state = self.state.map(|state| format!("state {}", state.as_str()));
        let product = self.product.as_ref().map(|id| format!("product {id}"));
        let phone = self.phone.as_ref().map(|phone| format!("phone {phone}"));
        let id = self.id.as_ref().map(|id| format!("id {id}"));
        let parts: Vec<String> = [state, product, phone, id].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

/// Whether a word is nothing but digits and what people put between and before them.
fn is_of_number(word: &str) -> bool {
    // Six more digits make an attempt at a number of whatever is one but for its length.
    word.chars().any(char::is_numeric) && looks_like_phone(&format!("{word}000000"))
}

/// Whether a word may be the beginning of an order's id.
fn begins_id(word: &str) -> bool {
    let digits = word.chars().filter(|c| *c != '-').count();
    ID_CHARS_MIN <= digits && word.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

fn no_word(word: &str) -> String {
    let states: Vec<&str> = OrderState::ALL.iter().map(|state| state.as_str()).collect();
    format!(
        "{word:?} is no state ({}), no product here, no phone number and no beginning of an \
         order's id (0-9, a-f); prod:{word} or id:{word} looks for it all the same",
        states.join(", ")
    )
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
    /// What the list lacks, as the daemon says.
    pub(crate) unlisted: Vec<Unlisted>,
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

    fn read(text: &str) -> Result<OrdersFilter, String> {
        OrdersFilter::parse(text, |word| ["pid_0001", "77", "cafe"].contains(&word))
    }

    #[test]
    fn words_are_understood_by_their_look() {
        let filter = read("failed pid_0001 15200001111").unwrap();
        assert_eq!(filter.state, Some(OrderState::Failed));
        assert_eq!(filter.told().unwrap(), "state failed, product pid_0001, phone 152****1111");
        let filter = read("prod:failed phone:110").unwrap();
        assert_eq!(filter.product.as_deref(), Some("failed"));
        assert_eq!(filter.phone, Some("110".into()));
        assert_eq!(read("  ").unwrap().told(), None);
        assert!(read("state:sold").unwrap_err().contains("dead_letter"));
    }

    #[test]
    fn a_number_is_one_however_it_is_written() {
        for typed in [
            "15200001111",
            "+8615200001111",
            "+86 152 0000 1111",
            "152 0000 1111",
            "152-0000-1111",
            "8615200001111",
            "0086 152 0000 1111",
            "１５２００００１１１１",
        ] {
            let filter = read(&format!("placed {typed} pid_0001")).unwrap();
            assert_eq!(filter.phone, Some("15200001111".into()), "{typed}");
            assert_eq!(filter.product.as_deref(), Some("pid_0001"), "{typed}");
        }
        assert_eq!(read("phone:152 0000 1111").unwrap().phone.unwrap().whole(), "152 0000 1111");
        for typed in ["1520000", "152000011112", "15200001111 15200001112", "+1 202 555 0100"] {
            let told = read(typed).unwrap_err();
            assert!(told.contains("is no phone number") && told.contains("id:"), "{told}");
        }
        assert_eq!(read("77 failed").unwrap().product.as_deref(), Some("77"));
    }

    #[test]
    fn an_id_and_its_beginning_are_no_product() {
        let whole = "7d4483a4-1b2c-8567-8901-123456789abc";
        for typed in [whole, "7d4483a4", "7D44", "7d4483a41b2c", "12345678-1234", "dead"] {
            let filter = read(typed).unwrap();
            assert_eq!((filter.id.as_deref(), filter.product), (Some(typed), None), "{typed}");
        }
        assert_eq!(read("id:7").unwrap().told().unwrap(), "id 7");
        assert_eq!(read("cafe").unwrap().product.as_deref(), Some("cafe"), "there is one");
        let told = read("pid_0009").unwrap_err();
        assert!(told.contains("\"pid_0009\"") && told.contains("prod:pid_0009"), "{told}");
    }
}
