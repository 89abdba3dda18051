//! A consumer's deliveries: those that can be read are decided, the others, and those that fail by
//! themselves, become dead letters in the same transaction.

use std::borrow::Cow;

use domain::batch::Candidate;
use domain::outcomes::Outcomes;
use domain::ports::Delivery;
use protocol::OrderMessage;

use crate::Store;
use crate::engine::error::{JobError, WriteError};
use crate::engine::mishaps::Mishaps;
use crate::engine::tx::Tx;
use crate::sale::batches::decide_all;
use crate::sale::dead_letters::{self, DeadLetter};
use crate::sale::outcomes;

/// Decides the deliveries in the next transaction; see [`domain::ports::Sale::decide`].
pub(crate) async fn decided(
    store: &Store,
    deliveries: Vec<Delivery>,
) -> Result<Outcomes, WriteError> {
    // Decoded here, on the caller's thread: the writer's time is everybody's.
    let read: Vec<_> = deliveries.into_iter().map(read).collect();
    store.writer().write(read.len(), move |tx| decide_deliveries(tx, &read)).await
}

/// A delivery, and its message or why there is none.
pub(crate) type Read = (Delivery, Result<Candidate<'static>, String>);

pub(crate) fn read(delivery: Delivery) -> Read {
    let Delivery { asked_at, queued_at, .. } = delivery;
    let message = OrderMessage::decode(&delivery.body);
    let read =
        message.map(|message| Candidate { message: Cow::Owned(message), asked_at, queued_at });
    (delivery, read.map_err(|malformed| malformed.to_string()))
}

pub(crate) fn decide_deliveries(tx: &Tx<'_>, deliveries: &[Read]) -> Result<Outcomes, JobError> {
    let (mut outcomes, mut mishaps) = (Outcomes::default(), Mishaps::default());
    let mut candidates = Vec::with_capacity(deliveries.len());
    let mut sources = Vec::with_capacity(deliveries.len());
    for (delivery, read) in deliveries {
        tx.note_delivery(delivery.redeliveries);
        match read {
            Ok(candidate) => {
                candidates.push(candidate.lent());
                sources.push(delivery);
            }
            Err(reason) => {
                bury(tx, delivery, None, reason, (&mut outcomes, &mut mishaps))?;
            }
        }
    }
    let decided = decide_all(tx, &candidates)?;
    for (at, fault) in &decided.at_fault {
        if let (Some(source), Some(candidate)) = (sources.get(*at), candidates.get(*at)) {
            let reason = fault.to_string();
            let message = Some(&*candidate.message);
            bury(tx, source, message, &reason, (&mut outcomes, &mut mishaps))?;
        }
    }
    let outcomes = outcomes.plus(&decided.outcomes);
    outcomes::store(tx, &outcomes)?;
    Ok(outcomes)
}

fn bury(
    tx: &Tx<'_>,
    delivery: &Delivery,
    message: Option<&OrderMessage>,
    reason: &str,
    counts: (&mut Outcomes, &mut Mishaps),
) -> Result<(), JobError> {
    let letter = DeadLetter {
        origin: &delivery.origin,
        message,
        body: &delivery.body,
        reason,
        redeliveries: delivery.redeliveries,
        asked_at: delivery.asked_at,
        queued_at: delivery.queued_at,
    };
    dead_letters::bury(tx, &letter, counts)
}
