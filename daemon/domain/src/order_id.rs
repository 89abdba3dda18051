//! Order ids: deterministic, so that a repeated charge gets the same id over restarts and gateways
//! without shared memory; keyed, so that nobody can try phone numbers against an id found in a log.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use protocol::{OrderId, Phone, ProdId};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The secret behind the ids. Gateways on one topic must share it.
#[derive(Clone)]
pub struct OrderIdKey(Zeroizing<Vec<u8>>);

impl OrderIdKey {
    /// A key from its bytes; [`OrderIdKey::BYTES_MIN`] or more are wanted.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Fewer bytes could be guessed.
    pub const BYTES_MIN: usize = 32;

    /// The id of this buyer's order for the product. `attempt` is the number of this buyer's failed
    /// orders for it: a new try is a new order, a repeated try is the same one.
    #[must_use]
    pub fn order_id(&self, prod_id: &ProdId, phone: &Phone, attempt: u32) -> OrderId {
        // HMAC takes keys of any length; the empty one stands in for an error that can't occur.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return OrderId::from_uuid([0; 16]);
        };
        for part in [prod_id.as_str(), phone.whole()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.update(&attempt.to_be_bytes());
        let digest = mac.finalize().into_bytes();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        OrderId::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid().into_bytes())
    }
}

impl fmt::Debug for OrderIdKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OrderIdKey(…)")
    }
}

/// The beginning of an order's id as somebody typed it, the whole of it included: blanks around it
/// are dropped, and neither case nor dashes make a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdPrefix {
    typed: String,
    plain: String,
}

impl IdPrefix {
    /// What was typed; `None` when nothing is left of it.
    #[must_use]
    pub fn read(typed: &str) -> Option<Self> {
        let typed = typed.trim().to_owned();
        let plain = plain(&typed);
        (!plain.is_empty()).then_some(Self { typed, plain })
    }

    /// Whether the id begins with it.
    #[must_use]
    pub fn fits(&self, order_id: &str) -> bool {
        let mut rest = order_id.chars().filter(|c| *c != '-').flat_map(char::to_lowercase);
        self.plain.chars().all(|wanted| rest.next() == Some(wanted))
    }

    /// The beginnings of ids that fit, as ids are spelt: for look-ups in an index, which knows
    /// texts only. What is found by one must still be asked whether it [fits](Self::fits), and an
    /// id that is spelt in yet another way is found by none.
    #[must_use]
    pub fn spellings(&self) -> Vec<String> {
        let mut dashed = String::with_capacity(self.plain.len() + 4);
        for (at, c) in self.plain.chars().enumerate() {
            if matches!(at, 8 | 12 | 16 | 20) {
                dashed.push('-');
            }
            dashed.push(c);
        }
        let mut spellings = vec![self.typed.clone()];
        for spelling in [&self.typed, &dashed, &self.plain] {
            spellings.extend([spelling.to_lowercase(), spelling.to_uppercase()]);
        }
        spellings.sort_unstable();
        spellings.dedup();
        spellings
    }
}

fn plain(id: &str) -> String {
    id.chars().filter(|c| *c != '-').flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use protocol::OrderId;

    use super::{IdPrefix, OrderIdKey};

    #[test]
    fn a_beginning_is_the_same_however_it_is_spelt() {
        let id = "7d4483a4-1b2c-8567-8901-123456789abc";
        for typed in ["7", " 7d4483a4 ", "7D4483A4-1B", "7d4483a41b2c8567", id, &id.to_uppercase()]
        {
            let prefix = IdPrefix::read(typed).unwrap();
            assert!(prefix.fits(id) && prefix.fits(&id.to_uppercase()), "{typed}");
            assert!(prefix.fits(&id.replace('-', "")), "{typed}");
            let found = prefix.spellings().iter().any(|spelling| id.starts_with(spelling));
            assert!(found, "{typed}: {:?}", prefix.spellings());
        }
        for typed in ["7e", "7d4483a4-1b2c-8567-8901-123456789abc0"] {
            assert!(!IdPrefix::read(typed).unwrap().fits(id), "{typed}");
        }
        assert_eq!((IdPrefix::read(" "), IdPrefix::read("--")), (None, None));
        let java = IdPrefix::read("SK_2026").unwrap();
        assert!(java.fits("SK_20261130") && java.spellings().contains(&"SK_2026".to_owned()));
    }

    #[test]
    fn repeats_agree_and_everything_else_differs() {
        let key = OrderIdKey::new(vec![7; 32]);
        let other = OrderIdKey::new(vec![8; 32]);
        let id = key.order_id(&"pid_0001".into(), &"15200008881".into(), 0);
        assert_eq!(id, key.order_id(&"pid_0001".into(), &"15200008881".into(), 0));
        let all = [
            id,
            key.order_id(&"pid_0001".into(), &"15200008881".into(), 1),
            key.order_id(&"pid_0001".into(), &"15200008882".into(), 0),
            key.order_id(&"pid_0002".into(), &"15200008881".into(), 0),
            key.order_id(&"pid_00011".into(), &"5200008881".into(), 0),
            other.order_id(&"pid_0001".into(), &"15200008881".into(), 0),
        ];
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }

    #[test]
    fn is_a_version_8_uuid_and_survives_its_text() {
        let id =
            OrderIdKey::new(vec![7; 32]).order_id(&"pid_0001".into(), &"15200008881".into(), 0);
        let text = id.to_string();
        assert_eq!((text.len(), &text[14..15]), (36, "8"));
        assert_eq!(OrderId::from(text.as_str()), id);
        let upper = text.to_uppercase();
        assert_eq!(OrderId::from(upper.as_str()).to_string(), upper);
    }

    #[test]
    fn the_key_is_not_printed() {
        assert_eq!(format!("{:?}", OrderIdKey::new(vec![7; 32])), "OrderIdKey(…)");
    }
}
