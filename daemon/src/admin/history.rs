//! One order's way as it is shown: each step of a store's history in a sentence.

use domain::ports::lists::{Happened, OrderDetail, Step};
use protocol::{HistoryStep, OrderHistory, Phone};

/// A history as it is shown, and what is shown of it on demand only.
pub(super) struct Told {
    /// The history, without the phone number.
    pub(super) history: OrderHistory,
    /// The buyer's whole phone number; `None` where it isn't known.
    pub(super) phone: Option<Phone>,
}

impl From<OrderDetail> for Told {
    fn from(detail: OrderDetail) -> Self {
        let OrderDetail { order, phone, steps } = detail;
        let steps = steps.iter().map(told).collect();
        Self { history: OrderHistory { order, phone: None, steps }, phone }
    }
}

fn told(step: &Step) -> HistoryStep {
    HistoryStep { at: step.at, step: step.what.kind(), detail: sentence(&step.what) }
}

fn sentence(what: &Happened) -> String {
    match what {
        Happened::Accepted { prod_id, price } => {
            let price = price.map_or_else(String::new, |money| format!(" for {money}"));
            format!("the buyer asked for {prod_id}{price}")
        }
        Happened::Queued => "the queue had it durably".to_owned(),
        Happened::Unconfirmed { tries, cause } => {
            format!("the send's result is unknown after {tries} tries: {cause}")
        }
        Happened::PutOff { attempts, cause, next } => {
            let next = next.to_wire();
            format!("try {attempts} to decide it failed: {cause}; the next is at {next}")
        }
        Happened::SetAside { letter, redeliveries, reason } => {
            format!("dead letter {letter} after {redeliveries} redeliveries: {reason}")
        }
        Happened::Resent(letter) => {
            format!("an operator put dead letter {letter} back into the queue")
        }
        Happened::Discarded(letter) => format!("an operator discarded dead letter {letter}"),
        Happened::Placed { product } => format!("it got a unit of {product}"),
        Happened::Failed { reason } => {
            format!("it got no unit: {}", reason.as_deref().unwrap_or("no reason"))
        }
        Happened::Duplicate(live) => format!("set aside: the buyer has order {live}"),
        Happened::DuplicateSetAside(other) => {
            format!("order {other} of the same buyer was set aside")
        }
        Happened::Finished => "it was delivered".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::lists::Happened;
    use protocol::{EpochMs, Money};

    use super::sentence;

    #[test]
    fn each_step_has_its_sentence() {
        let price = Some(Money::from_milli(1_200_000));
        let cause = || "the disk is full".to_owned();
        let id = || "a".to_owned();
        for (what, told) in [
            (
                Happened::Accepted { prod_id: id().into(), price },
                "the buyer asked for a for 1200.000",
            ),
            (Happened::Accepted { prod_id: id().into(), price: None }, "the buyer asked for a"),
            (Happened::Queued, "the queue had it durably"),
            (
                Happened::Unconfirmed { tries: 3, cause: cause() },
                "the send's result is unknown after 3 tries: the disk is full",
            ),
            (
                Happened::PutOff { attempts: 1, cause: cause(), next: EpochMs(1_000_000) },
                "try 1 to decide it failed: the disk is full; the next is at \
                 1970-01-01T00:16:40.000+0000",
            ),
            (
                Happened::SetAside { letter: 7, redeliveries: 2, reason: cause() },
                "dead letter 7 after 2 redeliveries: the disk is full",
            ),
            (Happened::Resent(7), "an operator put dead letter 7 back into the queue"),
            (Happened::Discarded(7), "an operator discarded dead letter 7"),
            (Happened::Placed { product: id() }, "it got a unit of a"),
            (Happened::Failed { reason: Some(cause()) }, "it got no unit: the disk is full"),
            (Happened::Failed { reason: None }, "it got no unit: no reason"),
            (Happened::Duplicate(id().into()), "set aside: the buyer has order a"),
            (Happened::DuplicateSetAside(id().into()), "order a of the same buyer was set aside"),
            (Happened::Finished, "it was delivered"),
        ] {
            assert_eq!(sentence(&what), told);
        }
    }
}
