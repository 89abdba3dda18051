//! What an operator may do with dead letters: resend one, or all of them one after the other, or
//! give one up. The pace at which many go back is reckoned here. Finding letters, and deciding
//! those that are due, is the store's business.

use std::num::NonZeroU32;

use protocol::{EpochMs, OrderId, OrderMessage, Phone, ProdId};
use serde_json::{Value, json};

/// Letters that one command resends at most: they are marked in one transaction, and the consumer
/// walks over those that aren't due yet. The answer says how many are left; the next command takes
/// them.
pub const RESENT_MAX: u32 = 10_000;

/// A dead letter that nobody has dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its number.
    pub id: u64,
    /// The order that the store found in it when it was set aside.
    pub order_id: Option<OrderId>,
    /// The order's product, likewise.
    pub prod_id: Option<ProdId>,
    /// The order's buyer, likewise.
    pub phone: Option<Phone>,
    /// What came.
    pub body: Vec<u8>,
    /// Why it was set aside.
    pub reason: String,
    /// When the buyer asked, as far as is known.
    pub asked_at: EpochMs,
    /// When the queue had it, where that is known.
    pub queued_at: Option<EpochMs>,
}

/// How a dead letter was dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// It went back and is not the one to wait for: another of its order was on its way already,
    /// or took its place when it failed again.
    Resent,
    /// Discarded.
    Discarded,
    /// Its order was decided: it was resent, or came again.
    Decided,
}

impl Resolution {
    /// As it stands in the database and in the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resent => "resent",
            Self::Discarded => "discarded",
            Self::Decided => "decided",
        }
    }
}

/// Why nothing is done with a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is none of this number that isn't dealt with.
    Unknown {
        /// The number.
        id: u64,
    },
    /// It holds no readable order: it can't end otherwise than it did.
    NotResendable {
        /// Its number.
        id: u64,
    },
    /// Letters may not go back at this rate.
    Rate {
        /// So many a second were asked for.
        asked: u32,
        /// So many a second are allowed.
        most: u32,
    },
}

/// The open letter of this number.
///
/// # Errors
/// `Unknown` where the store has found none.
pub fn open(id: u64, found: Option<Letter>) -> Result<Letter, Refusal> {
    found.ok_or(Refusal::Unknown { id })
}

/// How many letters go back a second: as many as asked for, else as many as are allowed.
///
/// # Errors
/// `Rate` for none, and for more than are allowed.
pub fn rate(asked: Option<u32>, most: u32) -> Result<NonZeroU32, Refusal> {
    let per_s = asked.unwrap_or(most);
    let refusal = Refusal::Rate { asked: per_s, most };
    NonZeroU32::new(per_s).filter(|per_s| per_s.get() <= most).ok_or(refusal)
}

impl Letter {
    /// The order in it, if there is a readable one.
    #[must_use]
    pub fn message(&self) -> Option<OrderMessage> {
        self.order_id.as_ref().and_then(|_| OrderMessage::decode(&self.body).ok())
    }

    /// The order in it, which is put back.
    ///
    /// # Errors
    /// `NotResendable` where there is no readable one.
    pub fn resendable(&self) -> Result<OrderMessage, Refusal> {
        self.message().ok_or(Refusal::NotResendable { id: self.id })
    }

    /// The order that is given up with it: the one in it or, where its body can't be read, the one
    /// that the store found. `None` where it never was an order.
    #[must_use]
    pub fn order(&self) -> Option<OrderMessage> {
        let named = || {
            Some(OrderMessage {
                order_id: self.order_id.clone()?,
                phone: self.phone.clone()?,
                prod_id: self.prod_id.clone()?,
                charge_money: String::new(),
            })
        };
        self.message().or_else(named)
    }

    /// As the audit log keeps it: a format of the database.
    #[must_use]
    pub fn in_short(&self, resolution: Option<Resolution>) -> Value {
        json!({
            "order_id": self.order_id,
            "reason": self.reason,
            "resolution": resolution.map(Resolution::as_str),
        })
    }
}

/// When letters that are put back together are due: one after the other, behind those that are on
/// their way already.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    per_s: NonZeroU32,
    first_ms: i64,
    sent: u32,
}

impl Pace {
    /// Begins at `now`, or behind the last that is on its way.
    #[must_use]
    pub fn new(per_s: NonZeroU32, now: EpochMs, last_due: Option<EpochMs>) -> Self {
        let gap_ms = 1_000 / i64::from(per_s.get());
        let first_ms = last_due.map_or(0, |last| last.0 - now.0 + gap_ms);
        Self { per_s, first_ms, sent: 0 }
    }

    /// Milliseconds from now until the next is due; `None` when [`RESENT_MAX`] were sent.
    #[must_use]
    pub fn next_wait_ms(&self) -> Option<i64> {
        (self.sent < RESENT_MAX).then(|| self.wait_ms(self.sent))
    }

    /// Notes that the next one was put back.
    pub const fn note_sent(&mut self) {
        self.sent += 1;
    }

    /// How many were put back.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.into()
    }

    /// Milliseconds from now until the last of those put back is due.
    #[must_use]
    pub fn over_ms(&self) -> u64 {
        let last = self.sent.checked_sub(1);
        last.and_then(|last| u64::try_from(self.wait_ms(last)).ok()).unwrap_or(0)
    }

    fn wait_ms(&self, before: u32) -> i64 {
        self.first_ms + i64::from(before) * 1_000 / i64::from(self.per_s.get())
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use protocol::{EpochMs, ORDER_TOPIC, OrderMessage};

    use super::{Letter, Pace, RESENT_MAX, Refusal, open, rate};

    fn message() -> OrderMessage {
        OrderMessage {
            order_id: "a".into(),
            phone: "15200000001".into(),
            prod_id: "p".into(),
            charge_money: "1".to_owned(),
        }
    }

    fn letter() -> Letter {
        let OrderMessage { order_id, phone, prod_id, .. } = message();
        Letter {
            id: 7,
            order_id: Some(order_id),
            prod_id: Some(prod_id),
            phone: Some(phone),
            body: message().encode(ORDER_TOPIC),
            reason: "poisonous".to_owned(),
            asked_at: EpochMs(1),
            queued_at: None,
        }
    }

    #[test]
    fn what_holds_a_readable_order_goes_back_and_everything_can_be_given_up() {
        assert_eq!(open(7, None), Err(Refusal::Unknown { id: 7 }));
        let whole = letter();
        assert_eq!(whole.resendable(), Ok(message()));
        assert_eq!(whole.order(), Some(message()));
        // The body was damaged since: the store knows still whose order it was.
        let damaged = Letter { body: b"{".to_vec(), ..letter() };
        assert_eq!(damaged.resendable(), Err(Refusal::NotResendable { id: 7 }));
        let named = OrderMessage { charge_money: String::new(), ..message() };
        assert_eq!(damaged.order(), Some(named));
        // It never was one, whatever can be read in it now.
        let none = Letter { order_id: None, ..letter() };
        assert_eq!(none.resendable(), Err(Refusal::NotResendable { id: 7 }));
        assert_eq!(none.order(), None);
    }

    #[test]
    fn the_rate_is_from_one_to_what_is_allowed() {
        assert_eq!(rate(None, 100).map(NonZeroU32::get), Ok(100));
        assert_eq!(rate(Some(100), 100).map(NonZeroU32::get), Ok(100));
        for asked in [0, 101] {
            assert_eq!(rate(Some(asked), 100), Err(Refusal::Rate { asked, most: 100 }));
        }
    }

    #[test]
    fn each_is_due_at_its_time_behind_those_on_their_way() {
        let (two, now) = (NonZeroU32::new(2).unwrap(), EpochMs(1_000));
        let mut pace = Pace::new(two, now, None);
        assert_eq!((pace.next_wait_ms(), pace.over_ms()), (Some(0), 0));
        for wait_ms in [0, 500, 1_000] {
            assert_eq!(pace.next_wait_ms(), Some(wait_ms));
            pace.note_sent();
        }
        assert_eq!((pace.sent(), pace.over_ms()), (3, 1_000));
        let behind = Pace::new(two, now, Some(EpochMs(4_000)));
        assert_eq!(behind.next_wait_ms(), Some(3_500));
        let mut full = Pace { sent: RESENT_MAX - 1, ..pace };
        full.note_sent();
        assert_eq!(full.next_wait_ms(), None);
    }
}
