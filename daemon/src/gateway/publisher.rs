//! Publishes claimed orders by group commit: the orders that wait when a batch is done become the
//! next batch, with no artificial delay. Where enough wait, another batch is sent beside those
//! under way. The publisher ends every claim itself, so that a buyer who hangs up changes nothing:
//! each order ends stored, abandoned, or with the confirmer.

use std::mem;
use std::sync::Arc;

use domain::ports::{Cause, Outgoing, Producer, Published};
use instruments::panics::{Panicked, contain};
use instruments::streak::{InRun, Streak};
use instruments::vitals::Pulse;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{debug, error, info, warn};

use crate::gateway::claim::Claim;
use crate::gateway::confirmer::Doubts;
use crate::tunable::Tunable;

/// The claims and orders of one batch, side by side. Later batches use the same memory: the system
/// has to clear memory that is newly allocated.
#[derive(Default)]
struct Batch {
    claims: Vec<Claim>,
    orders: Vec<Outgoing>,
}

/// Publishes until every sender of `claims` is gone and everything in the channel is published.
/// `pulse` beats with the batches.
pub async fn run(
    mut claims: mpsc::Receiver<(Claim, Outgoing)>,
    producer: Arc<dyn Producer>,
    doubts: Arc<Doubts>,
    batch_max: impl Into<Tunable>,
    pulse: Arc<Pulse>,
) {
    let batch_max = batch_max.into();
    let (mut in_flight, mut taken) = (JoinSet::new(), Vec::new());
    let mut spare: Vec<Batch> = Vec::new();
    let streak = Arc::<Streak>::default();
    loop {
        let may_send = in_flight.is_empty()
            || in_flight.len() < producer.batches_in_flight_max()
                && producer.batch_min_beside_another() <= claims.len();
        tokio::select! {
            biased;
            Some(done) = in_flight.join_next() => {
                spare.extend(done);
                beat(&pulse, &in_flight);
            }
            count = claims.recv_many(&mut taken, batch_max.count()), if may_send => {
                if count == 0 {
                    break;
                }
                let mut batch = spare.pop().unwrap_or_default();
                for (claim, order) in taken.drain(..) {
                    batch.claims.push(claim);
                    batch.orders.push(order);
                }
                if in_flight.is_empty() {
                    pulse.begin();
                }
                let (producer, doubts) = (Arc::clone(&producer), Arc::clone(&doubts));
                in_flight.spawn(publish(batch, producer, doubts, Arc::clone(&streak)));
            }
        }
    }
    in_flight.join_all().await;
}

/// A batch is done. The publisher is alive as long as one batch after the other ends.
fn beat(pulse: &Pulse, in_flight: &JoinSet<Batch>) {
    if in_flight.is_empty() {
        pulse.rest();
    } else {
        pulse.begin();
    }
}

/// Has a batch published. After a panic in the queue's client the results are unknown; neither the
/// claims nor the task are lost.
pub(super) async fn published(
    producer: &dyn Producer,
    orders: Arc<Vec<Outgoing>>,
) -> Vec<Published> {
    contain(producer.publish(orders).as_mut()).await.unwrap_or_else(|Panicked(why)| {
        error!(why, "publishing ended in disorder");
        Vec::new()
    })
}

/// Publishes a batch, ends its claims and gives its room back.
async fn publish(
    mut batch: Batch,
    producer: Arc<dyn Producer>,
    doubts: Arc<Doubts>,
    streak: Arc<Streak>,
) -> Batch {
    let orders = Arc::new(mem::take(&mut batch.orders));
    let results = published(&*producer, Arc::clone(&orders)).await;
    let missing = std::iter::repeat_with(|| {
        Published::Unknown(Cause("the queue gave no result for this order".to_owned()))
    });
    let (mut rejected, mut unknown) = (0_usize, Vec::new());
    let mut why = None;
    let results = results.into_iter().chain(missing);
    for ((claim, order), result) in batch.claims.drain(..).zip(&*orders).zip(results) {
        match result {
            Published::Stored => claim.store(order),
            Published::Rejected(_, cause) => {
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
    complain(&streak, rejected, unknown.len(), why.as_ref());
    doubts.take(unknown).await;
    // The queue may have kept the vector: then there is none to use again.
    batch.orders = Arc::try_unwrap(orders).unwrap_or_default();
    batch.orders.clear();
    batch
}

fn complain(streak: &Streak, rejected: usize, unknown: usize, why: Option<&Cause>) {
    let Some(cause) = why else {
        if streak.succeeded() == InRun::First {
            info!("orders are published again");
        }
        return;
    };
    match streak.failed() {
        InRun::First => warn!(rejected, unknown, %cause, "orders could not be published"),
        InRun::Further => debug!(rejected, unknown, %cause, "more orders could not be published"),
    }
}
