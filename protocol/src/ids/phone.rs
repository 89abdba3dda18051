//! A buyer's phone number.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::mask::mask_phone;

/// A buyer's phone number, or whatever text a message has in its place. `Debug` and `Display` mask
/// it, so that it stands whole in no log, list or sentence by accident: [`Phone::whole`] is the one
/// way to the text. JSON has the whole number both ways, as the contract demands of messages,
/// answers and decisions. Cloning one allocates nothing.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Phone(SmolStr);

impl Phone {
    /// The whole number, for the queue, the database, its buyer's own answer and an operator who
    /// may see it.
    #[must_use]
    pub fn whole(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Phone {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Phone {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

/// Masked: `152****8881`. Short or unusual texts lose more, never less: at most three leading and
/// four trailing characters show, and under eight characters nothing does.
impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&mask_phone(self.whole()))
    }
}

/// Masked, as by `Display`.
impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Phone;
    use crate::{Decision, OrderMessage, Outcome, Seq};

    const NUMBER: &str = "15200008881";

    #[test]
    fn shows_masked_and_travels_whole() {
        let phone = Phone::from(NUMBER);
        assert_eq!((phone.to_string(), format!("{phone:?}")), masked(&["152****8881"; 2]));
        assert_eq!(format!("{phone:<13}|"), "152****8881  |");
        assert_eq!(phone.whole(), NUMBER);
        let json = serde_json::to_string(&phone).unwrap();
        assert_eq!(json, r#""15200008881""#);
        assert_eq!(serde_json::from_str::<Phone>(&json).unwrap(), phone);
        assert_eq!(Phone::from("1520000").to_string(), "****");
    }

    fn masked(texts: &[&str; 2]) -> (String, String) {
        (texts[0].to_owned(), texts[1].to_owned())
    }

    #[test]
    fn what_holds_one_masks_it() {
        let message = OrderMessage {
            order_id: "a".into(),
            phone: NUMBER.into(),
            prod_id: "pid_0001".into(),
            charge_money: "1".to_owned(),
        };
        let decision = Decision {
            seq: Seq(1),
            order_id: "a".into(),
            prod_id: "pid_0001".into(),
            phone: NUMBER.into(),
            outcome: Outcome::Placed,
            reason: None,
            live_order_id: None,
        };
        for shown in [format!("{message:?}"), format!("{decision:#?}")] {
            assert!(shown.contains("152****8881") && !shown.contains(NUMBER), "{shown}");
        }
    }
}
