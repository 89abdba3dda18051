//! Publishes claimed orders by group commit: whatever waits when a batch is done becomes the next
//! one, with no artificial delay. It owns the end of every claim, so that a buyer who hangs up
//! changes nothing: each order ends stored, abandoned, or with the confirmer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{debug, error, info, warn};

use crate::contain::{Panicked, contain};
use crate::dial::Dial;
use crate::gateway::claim::Claim;
use crate::gateway::confirmer::Doubts;
use crate::queue::{Cause, Outgoing, Producer, Published};
use crate::vitals::Pulse;

/// Publishes until every sender of `claims` is gone and all of theirs is sent. `pulse` beats with
/// the batches.
pub async fn run(
    mut claims: mpsc::Receiver<(Claim, Outgoing)>,
    producer: Arc<dyn Producer>,
    doubts: Arc<Doubts>,
    batch_max: impl Into<Dial>,
    pulse: Arc<Pulse>,
) {
    let batch_max = batch_max.into();
    let mut in_flight = JoinSet::new();
    let failing = Arc::<AtomicBool>::default();
    loop {
        if in_flight.len() < producer.batches_in_flight_max() {
            let mut batch = Vec::new();
            tokio::select! {
                biased;
                Some(_done) = in_flight.join_next() => beat(&pulse, &in_flight),
                taken = claims.recv_many(&mut batch, batch_max.count()) => {
                    if taken == 0 {
                        break;
                    }
                    if in_flight.is_empty() {
                        pulse.begin();
                    }
                    let (producer, doubts) = (Arc::clone(&producer), Arc::clone(&doubts));
                    in_flight.spawn(publish(batch, producer, doubts, Arc::clone(&failing)));
                }
            }
        } else {
            in_flight.join_next().await;
            beat(&pulse, &in_flight);
        }
    }
    in_flight.join_all().await;
}

/// A batch is done. As long as one after the other ends, all is well.
fn beat(pulse: &Pulse, in_flight: &JoinSet<()>) {
    if in_flight.is_empty() {
        pulse.rest();
    } else {
        pulse.begin();
    }
}

async fn publish(
    claims: Vec<(Claim, Outgoing)>,
    producer: Arc<dyn Producer>,
    doubts: Arc<Doubts>,
    failing: Arc<AtomicBool>,
) {
    let (claims, orders): (Vec<Claim>, Vec<Outgoing>) = claims.into_iter().unzip();
    let orders: Arc<[Outgoing]> = orders.into();
    let batch = Arc::clone(&orders);
    // A panic in a queue's client costs certainty, and not the claims.
    let results =
        contain(producer.publish(batch).as_mut()).await.unwrap_or_else(|Panicked(why)| {
            error!(why, "publishing ended in disorder");
            Vec::new()
        });
    let missing = std::iter::repeat_with(|| {
        Published::Unknown(Cause("the queue gave no result for this order".to_owned()))
    });
    let (mut rejected, mut unknown) = (0_usize, Vec::new());
    let mut why = None;
    let results = results.into_iter().chain(missing);
    for ((claim, order), result) in claims.into_iter().zip(&*orders).zip(results) {
        match result {
            Published::Stored => claim.store(order),
            Published::Rejected(cause) => {
                claim.reject(order, &cause);
                rejected += 1;
                why = Some(cause);
            }
            Published::Unknown(cause) => {
                unknown.push((claim, order.clone(), cause.clone()));
                why = Some(cause);
            }
        }
    }
    complain(&failing, rejected, unknown.len(), why.as_ref());
    doubts.take(unknown).await;
}

/// Only the first failure of a row is worth a warning: a full disk fails every batch, and a log on
/// the same disk must not make it worse.
fn complain(failing: &AtomicBool, rejected: usize, unknown: usize, why: Option<&Cause>) {
    match (why, failing.swap(why.is_some(), Ordering::Relaxed)) {
        (Some(cause), false) => {
            warn!(rejected, unknown, %cause, "orders could not be published");
        }
        (Some(cause), true) => {
            debug!(rejected, unknown, %cause, "more orders could not be published");
        }
        (None, true) => info!("orders are published again"),
        (None, false) => {}
    }
}
